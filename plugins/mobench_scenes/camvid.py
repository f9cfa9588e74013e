"""Dataset `camvid`: street scenes whose pixels count equally in one objective, and whose classes do in the other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mobench.errors import DataError
from mobench.interfaces import Metric, Objective, Protocol, Split
from mobench.options import option
from mobench.user_folders import require
from mobench_scenes import measures
from mobench_scenes.files import MISSING, averaged, centres, classes, factor, read_image
from mobench_scenes.scenes import Scenes, Side

CLASSES = (
    "sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist",
)  # fmt: skip
UNLABELLED = len(CLASSES)
"""Number of the class of pixels without a label, in the files."""


@dataclass(frozen=True)
class CamVid(Scenes):
    """701 street scenes of CamVid with 11 classes at every pixel: two losses of one segmentation, which conflict.

    `segmentation` is the mean cross-entropy over pixels, `balanced` the mean over classes of the mean over the class's
    pixels. The files are the user's, in the format of the SegNet tutorial: 367 scenes for training, 101 for validation,
    233 for testing.
    """

    size: tuple[Side, Side] = option((360, 480), "height and width of samples; those of the files, or a whole fraction")

    @property
    def channels(self) -> Mapping[str, int]:
        return {"segmentation": len(CLASSES)}

    @property
    def objectives(self) -> tuple[Objective, ...]:
        head, n_classes = "segmentation", len(CLASSES)
        return (
            measures.segmentation(head, n_classes),
            Objective(
                "balanced",
                measures.balanced_cross_entropy(head, n_classes),
                (Metric("accuracy", measures.balanced_accuracy(head, n_classes)),),
                "nats",
            ),
        )

    @property
    def protocol(self) -> Protocol:
        # each the loss of the constant prediction that is best for the other objective, on the training split
        nadir = (math.log(len(CLASSES)), 3.33)
        return Protocol("camvid-1", reference=(2.5, 3.5), ideal=(0.0, 0.0), nadir=nadir, subset="random")

    def rows(self, split: Split) -> ImageFolders:
        place = require("camvid", self.folder)
        images, labels = place / split, place / f"{split}annot"
        names = sorted(path.name for path in images.glob("*.png"))
        if not names or names != sorted(path.name for path in labels.glob("*.png")):
            raise DataError(
                f"{images} has {len(names)} PNG images, and {labels} has not one for each of the same name: copy both "
                "folders again"
            )
        return ImageFolders(images, labels, names, self.size)


class ImageFolders:
    """A map-style dataset of PNG images, and of labels in another folder under the same names."""

    def __init__(self, images: Path, labels: Path, names: Sequence[str], size: tuple[int, int]) -> None:
        self.images, self.labels, self.names, self.size = images, labels, list(names), size

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, position: int) -> tuple[Tensor, dict[str, Tensor]]:
        image_path, label_path = (folder / self.names[position] for folder in (self.images, self.labels))
        image, labels = read_image(image_path, "RGB"), read_image(label_path, "L")
        image = averaged(image, factor(image.shape, self.size, image_path))
        numbers = centres(labels, factor(labels.shape, self.size, label_path)).astype(np.int64)
        numbers = classes(np.where(numbers == UNLABELLED, MISSING, numbers), len(CLASSES), label_path)
        return torch.from_numpy(image), {"segmentation": torch.from_numpy(numbers)}
