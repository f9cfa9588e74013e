"""Dataset `celeba`: attributes of faces, each a binary task."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import torch
from annotated_types import Ge, Gt
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from mobench import files
from mobench.errors import DataError, OptionError, nearest
from mobench.interfaces import Dataset, Metric, Objective, Outputs, Protocol, Samples, Split, StoredSamples
from mobench.options import option
from mobench.user_folders import require
from mobench_photos.measures import balanced_accuracy
from mobench_photos.photos import Photos, spread

ATTRIBUTES = (
    "5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive", "Bags_Under_Eyes", "Bald", "Bangs", "Big_Lips", "Big_Nose",
    "Black_Hair", "Blond_Hair", "Blurry", "Brown_Hair", "Bushy_Eyebrows", "Chubby", "Double_Chin", "Eyeglasses",
    "Goatee", "Gray_Hair", "Heavy_Makeup", "High_Cheekbones", "Male", "Mouth_Slightly_Open", "Mustache", "Narrow_Eyes",
    "No_Beard", "Oval_Face", "Pale_Skin", "Pointy_Nose", "Receding_Hairline", "Rosy_Cheeks", "Sideburns", "Smiling",
    "Straight_Hair", "Wavy_Hair", "Wearing_Earrings", "Wearing_Hat", "Wearing_Lipstick", "Wearing_Necklace",
    "Wearing_Necktie", "Young",
)  # fmt: skip
"""In the order of list_attr_celeba.txt."""
PARTITION: dict[Split, int] = {"train": 0, "val": 1, "test": 2}
"""Split -> its number in list_eval_partition.txt."""
MAX_BYTES = 2**26
"""Of a list: more than twice the size of list_attr_celeba.txt."""


@dataclass(frozen=True)
class CelebA(Dataset):
    """202,599 aligned faces of 178×218 pixels with 40 binary attributes; each attribute is an objective.

    The splits are those of list_eval_partition.txt: 162,770 photos for training, 19,867 for validation, 19,962 for
    testing. The loss of an attribute is its binary cross-entropy. Photos stay on disk and
    are resized to a square when they are read.
    """

    folder: str = option("", "folder with img_align_celeba and the lists; empty: celeba below the data folders")
    tasks: tuple[str, ...] = option((), "names of the attributes that are objectives; none: all 40")
    size: Annotated[int, Ge(8)] = option(64, "height and width of the resized photos, in pixels")
    limit: Annotated[int, Gt(0)] | None = option(None, "use this many photos of each split, evenly spread; none: all")

    def __post_init__(self) -> None:
        for name in self.tasks:
            if name not in ATTRIBUTES:
                hint = nearest(name, ATTRIBUTES) or f"; accepted: {', '.join(ATTRIBUTES)}"
                raise OptionError(f"there is no attribute {name!r}{hint}")
        if len(set(self.tasks)) < len(self.tasks):
            raise OptionError(f"tasks {', '.join(self.tasks)} name one twice: name each once")

    @property
    def chosen(self) -> tuple[str, ...]:
        """Names of the attributes that are objectives."""
        return self.tasks or ATTRIBUTES

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return tuple(
            Objective(
                name,
                _loss(name),
                (Metric("accuracy", _accuracy(name)), Metric("balanced accuracy", balanced_accuracy(name))),
                "nats",
                "categorical",
            )
            for name in self.chosen
        )

    @property
    def heads(self) -> Mapping[str, int]:
        return dict.fromkeys(self.chosen, 1)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (3, self.size, self.size)

    @property
    def protocol(self) -> Protocol:
        m = len(self.chosen)
        return Protocol("celeba-1", reference=(1.0,) * m, ideal=(0.0,) * m, nadir=(math.log(2),) * m, subset="random")

    def load(self, split: Split) -> Samples:
        folder = require("celeba", self.folder)
        table = _table(folder, *(_time(folder / name) for name in ("list_attr_celeba.txt", "list_eval_partition.txt")))
        rows = np.flatnonzero(table.partition == PARTITION[split])
        rows = rows[spread(len(rows), self.limit).numpy()]
        labels = torch.from_numpy(table.labels[rows].astype(np.int64))
        targets = {name: labels[:, ATTRIBUTES.index(name)].clone() for name in self.chosen}
        names = [f"img_align_celeba/{name}" for name in table.names[rows].tolist()]
        return StoredSamples(Photos(folder, names, targets, self.size))


@dataclass(frozen=True)
class _Table:
    """Both lists: names of files [N], labels [N, 40] of 0 and 1, and the number of the split [N]."""

    names: NDArray[np.str_]
    labels: NDArray[np.int8]
    partition: NDArray[np.int8]


def _time(path: Path) -> int:
    return path.stat().st_mtime_ns


@lru_cache(maxsize=1)
def _table(folder: Path, attributes_ns: int, partition_ns: int) -> _Table:
    """Return both lists of a folder; they are kept, because a job loads three splits of them.

    Raises: DataError if a list is damaged, or if the lists differ in their photos.
    """
    attributes = _rows(folder / "list_attr_celeba.txt", n_columns=1 + len(ATTRIBUTES), n_skipped=2)
    count, header = _lines(folder / "list_attr_celeba.txt")[:2]
    if tuple(header.split()) != ATTRIBUTES or count.strip() != str(len(attributes)):
        raise _damaged("list_attr_celeba.txt", f"its first lines state {count.strip()[:20]!r} and {header[:40]!r}")
    partition = _rows(folder / "list_eval_partition.txt", n_columns=2, n_skipped=0)
    names = attributes[:, 0].astype(np.str_)
    if not np.array_equal(names, partition[:, 0].astype(np.str_)):
        raise _damaged("list_eval_partition.txt", "its photos are not those of list_attr_celeba.txt, in their order")
    if not (all(map(_is_plain, names.tolist())) and len(names)):
        raise _damaged("list_attr_celeba.txt", "it has no photos, or one outside img_align_celeba")
    labels, split = attributes[:, 1:], partition[:, 1]
    for file, values, accepted in (
        ("list_attr_celeba.txt", labels, {"-1", "1"}),
        ("list_eval_partition.txt", split, {"0", "1", "2"}),
    ):
        unknown = set(np.unique(values.astype(np.str_)).tolist()) - accepted
        if unknown:
            raise _damaged(file, f"it has the value {min(unknown)[:20]!r}, accepted are {', '.join(sorted(accepted))}")
    return _Table(names, (labels == "1").astype(np.int8), split.astype(np.int8))


def _rows(path: Path, n_columns: int, n_skipped: int) -> NDArray[np.object_]:
    """Return the fields of a list [rows, n_columns] as texts."""
    text = "\n".join(_lines(path)[n_skipped:])
    try:
        frame = pd.read_csv(io.StringIO(text), sep=r"\s+", header=None, dtype=str, keep_default_na=False)
    except (ValueError, pd.errors.ParserError) as error:
        raise _damaged(path.name, " ".join(str(error).split())[:120]) from error
    if frame.shape[1] != n_columns or (frame == "").to_numpy().any():
        raise _damaged(path.name, f"its rows have {frame.shape[1]} fields, {n_columns} are expected")
    return frame.to_numpy(dtype=object)


def _lines(path: Path) -> list[str]:
    try:
        lines = files.read(path, MAX_BYTES).decode("ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(path.name, " ".join(str(error).split())[:120]) from error
    return lines if len(lines) > 1 else [*lines, "", ""]


def _is_plain(name: str) -> bool:
    """Return whether a name is that of a file in the folder of photos."""
    return "/" not in name and "\\" not in name and name.endswith(".jpg")


def _damaged(file: str, reason: str) -> DataError:
    return DataError(
        f"{file} is not the list of CelebA ({reason}): a list as torchvision.datasets.CelebA has it is expected; "
        "download it again"
    )


def _loss(name: str) -> Callable[[Outputs, Samples], Tensor]:
    return lambda outputs, batch: binary_cross_entropy_with_logits(
        outputs[name][:, 0], batch.targets[name].to(outputs[name])
    )


def _accuracy(name: str) -> Callable[[Outputs, Samples], Tensor]:
    return lambda outputs, batch: ((outputs[name][:, 0] > 0) == (batch.targets[name] == 1)).to(outputs[name]).mean()
