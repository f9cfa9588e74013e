"""Datasets `nyuv2` and `cityscapes`, in the preprocessed format of LibMTL and MTAN: a .npy file per scene and map."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from mobench.errors import DataError
from mobench.files import is_readable_dir
from mobench.interfaces import Objective, Protocol, Split
from mobench.options import option
from mobench.user_folders import require
from mobench_regression.splits import drawn
from mobench_scenes import measures
from mobench_scenes.files import averaged, centres, classes, factor, numbered, read_array
from mobench_scenes.scenes import Scenes, Side

BLOCK = 10
"""Scenes with consecutive numbers that are in the same split."""


@dataclass(frozen=True)
class ArrayScenes(Scenes):
    """Scenes in the folders train and val, each with the folders image, depth, a folder of labels, perhaps normal.

    The folder val is the test split. A fifth of the folder train is the validation split, in blocks of ten consecutive
    numbers.
    """

    split_seed: int = option(0, "of the validation split; the same for all seeds of a job")

    name: ClassVar[str]

    @property
    def label_folders(self) -> tuple[str, ...]:
        """Names of the folder of labels, of which the first that is there is read."""
        return ("label",)

    def rows(self, split: Split) -> ArrayFolders:
        place = require(self.name, self.folder) / ("val" if split == "test" else "train")
        label_folder = self.label_folder(place)
        folders = {"image": place / "image", "segmentation": place / label_folder}
        folders |= {name: place / name for name in self.channels if name != "segmentation"}
        numbers = numbered(folders["image"])
        for folder in folders.values():
            if numbered(folder) != numbers:
                raise DataError(
                    f"{folder} has other numbers than {folders['image']}: each scene needs a file of the same number "
                    "in both, so unpack the archive again"
                )
        if split != "test":
            blocks = np.arange(len(numbers)) // BLOCK
            numbers = [numbers[i] for i in drawn(blocks, self.split_seed, test=0.0)[split]]
        return ArrayFolders(folders, numbers, self.size, self.channels["segmentation"])

    def label_folder(self, place: Path) -> str:
        """Return the name of the folder of labels, the first that is there."""
        name = next((name for name in self.label_folders if is_readable_dir(place / name)), None)
        if name is None:
            raise DataError(
                f"{place} has no folder {' or '.join(self.label_folders)}: use the labels of "
                f"{self.channels['segmentation']} classes, or set n_classes"
            )
        return name


@dataclass(frozen=True)
class NyuV2(ArrayScenes):
    """1,449 indoor scenes of NYUv2: 13 classes, depth in metres and surface normals of every pixel.

    The files are the user's, in the preprocessed format of LibMTL and MTAN. 795 scenes are for training and validation,
    654 for testing.
    """

    name = "nyuv2"

    @property
    def channels(self) -> Mapping[str, int]:
        return {"segmentation": 13, "depth": 1, "normal": 3}

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return (
            measures.segmentation("segmentation", self.channels["segmentation"]),
            measures.depth("depth", "m"),
            measures.normals("normal"),
        )

    @property
    def protocol(self) -> Protocol:
        return Protocol(
            "nyuv2-1",
            reference=(2.6, 2.0, 1.0),
            ideal=(0.0, 0.0, 0.0),
            nadir=(math.log(13), 1.5, 1.0),
            subset="random",
        )


@dataclass(frozen=True)
class Cityscapes(ArrayScenes):
    """3,475 street scenes of Cityscapes: 7 (or 2 or 19) classes and the inverse depth of every pixel.

    The files are the user's, in the preprocessed format of LibMTL and MTAN. 2,975 scenes are for training and
    validation, 500 for testing.
    """

    size: tuple[Side, Side] = option((128, 256), "height and width of samples; those of the files, or a whole fraction")
    n_classes: Literal[2, 7, 19] = option(7, "number of classes: labels are read from label_2, label_7 or label_19")

    name = "cityscapes"

    @property
    def label_folders(self) -> tuple[str, ...]:
        return ("label_7", "label") if self.n_classes == 7 else (f"label_{self.n_classes}",)

    @property
    def channels(self) -> Mapping[str, int]:
        return {"segmentation": self.n_classes, "depth": 1}

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return (measures.segmentation("segmentation", self.n_classes), measures.depth("depth", "inverse depth"))

    @property
    def protocol(self) -> Protocol:
        uniform = math.log(self.n_classes)
        return Protocol(
            "cityscapes-1",
            reference=(math.ceil(10 * uniform) / 10, 0.1),
            ideal=(0.0, 0.0),
            nadir=(uniform, 0.1),
            subset="random",
        )


class ArrayFolders:
    """A map-style dataset of scenes, each map of which is a file N.npy in the folder of the map.

    folders:   "image" and the names of the labels -> folder.
    numbers:   numbers of the scenes, in order.
    size:      height and width of the samples.
    n_classes: number of classes of "segmentation".
    """

    def __init__(
        self, folders: Mapping[str, Path], numbers: Sequence[int], size: tuple[int, int], n_classes: int
    ) -> None:
        self.folders, self.numbers, self.size, self.n_classes = dict(folders), list(numbers), size, n_classes

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, position: int) -> tuple[Tensor, dict[str, Tensor]]:
        number = self.numbers[position]
        paths = {name: folder / f"{number}.npy" for name, folder in self.folders.items()}
        maps = {name: read_array(path, _CHANNELS[name]) for name, path in paths.items()}
        factors = {name: factor(map_.shape, self.size, paths[name]) for name, map_ in maps.items()}
        image = averaged(maps["image"], factors["image"])
        labels: dict[str, Any] = {name: centres(maps[name], factors[name]) for name in maps if name != "image"}
        labels["segmentation"] = classes(labels["segmentation"], self.n_classes, paths["segmentation"])
        # only positive values are depths
        labels["depth"] = np.maximum(labels["depth"][..., 0], measures.NO_DEPTH).astype(np.float32)
        if "normal" in labels:
            labels["normal"] = np.ascontiguousarray(np.moveaxis(unit(labels["normal"]), -1, 0))
        return torch.from_numpy(image), {name: torch.from_numpy(values) for name, values in labels.items()}


_CHANNELS = {"image": 3, "segmentation": None, "depth": 1, "normal": 3}


def unit(vectors: Any) -> Any:
    """Return vectors [..., 3] of length 1, float32; the zero vector, which is no label, stays zero."""
    wide = vectors.astype(np.float64)
    x, y, z = (wide[..., i] for i in range(3))
    length = np.sqrt(x * x + y * y + z * z)[..., None]
    return (wide / np.where(length > 0, length, 1.0)).astype(np.float32)
