"""Datasets `office31` and `office-home`: the same kinds of objects in several domains, each with photos of its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import torch
from annotated_types import Ge, Gt
from torch import Tensor
from torch.nn.functional import cross_entropy

from mobench import files
from mobench.errors import DataError
from mobench.interfaces import Dataset, Metric, Objective, Outputs, Protocol, Samples, Split, StoredSamples, TaskSamples
from mobench.options import option
from mobench.user_folders import require
from mobench_photos.photos import SUFFIXES, Photos, spread

TRAIN, VALIDATION = (3, 5), (1, 5)
"""Shares of the photos of a class, rounded down; the rest is for testing."""
MAX_LIST_BYTES = 2**22

Photo = tuple[str, str]
"""Path of a photo relative to the folder of the dataset, and its class."""


@dataclass(frozen=True)
class OfficeDataset(Dataset):
    """Photos of objects in several domains. The classification of the photos of one domain is one objective.

    domains: objective -> names that the folder of the domain may have.
    n_classes: number of classes, which are folders and the same in all domains.
    photos_below: folder between a domain and its classes; empty if there is none.
    """

    folder: str = option("", "folder with a folder per domain; empty: that of the dataset's name below the data")
    lists: str = option(
        "", "folder with the lists of LibMTL, such as its examples/office/data_txt/office-31; empty: splits are drawn"
    )
    split_seed: int = option(0, "of drawn splits; the same for all seeds of a job")
    size: Annotated[int, Ge(8)] = option(224, "height and width of the resized photos, in pixels")
    limit: Annotated[int, Gt(0)] | None = option(
        None, "use this many photos of each split and domain, evenly spread; none: all"
    )

    name: ClassVar[str]
    domains: ClassVar[Mapping[str, tuple[str, ...]]]
    n_classes: ClassVar[int]
    photos_below: ClassVar[str] = ""

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return tuple(
            Objective(domain, _loss(domain), (Metric("accuracy", _accuracy(domain)),), "nats", "categorical")
            for domain in self.domains
        )

    @property
    def heads(self) -> Mapping[str, int]:
        return dict.fromkeys(self.domains, self.n_classes)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (3, self.size, self.size)

    @property
    def protocol(self) -> Protocol:
        m, chance = len(self.domains), math.log(self.n_classes)
        return Protocol(
            f"{self.name}-1", reference=(1.5 * chance,) * m, ideal=(0.0,) * m, nadir=(chance,) * m, subset="random"
        )

    def load(self, split: Split) -> Samples:
        root = require(self.name, self.folder)
        place_of = {domain: self._place(root, names) for domain, names in self.domains.items()}
        photos_of = {domain: _photos(root, place) for domain, place in place_of.items()}
        classes = sorted({label for photos in photos_of.values() for _, label in photos})
        for domain, photos in photos_of.items():
            lacking = sorted(set(classes) - {label for _, label in photos})
            if lacking or len(classes) != self.n_classes:
                raise DataError(
                    f"the domains of {str(root)!r} have {len(classes)} classes, {domain} has none of "
                    f"{', '.join(map(repr, lacking[:3])) or 'no class'}: {self.n_classes} classes with photos, the "
                    "same in all domains, are expected; unpack the archive again"
                )
        parts = {domain: self._part(domain, place_of[domain], photos, split) for domain, photos in photos_of.items()}
        return TaskSamples({domain: self._samples(root, domain, photos, classes) for domain, photos in parts.items()})

    def _place(self, root: Path, names: Sequence[str]) -> Path:
        """Return the folder with the classes of a domain. Raises: DataError if there is none."""
        place = next((root / name for name in names if files.is_readable_dir(root / name)), None)
        if place is not None and self.photos_below and files.is_readable_dir(place / self.photos_below):
            place = place / self.photos_below
        if place is None:
            raise DataError(
                f"the folder {str(root)!r} has no folder {' or '.join(map(repr, names))}: DOMAIN/CLASS/PHOTO.jpg or "
                f"DOMAIN/images/CLASS/PHOTO.jpg is expected, with the domains {', '.join(self.domains)}; unpack the "
                "archive again"
            )
        return place

    def _part(self, domain: str, place: Path, photos: Sequence[Photo], split: Split) -> list[Photo]:
        if not self.lists:
            return drawn_by_class(photos, self.split_seed)[split]
        part = self._listed(domain, split)
        by_end = {_end(path): (path, label) for path, label in photos}
        unknown = next((path for path in part if _end(path) not in by_end), None)
        if unknown is not None:
            raise DataError(
                f"the list of {domain} names {unknown[:80]!r}, which is not below {str(place)!r}: lists of the photos "
                "in folder are expected; set lists to the lists of this dataset"
            )
        return [by_end[_end(path)] for path in part]

    def _listed(self, domain: str, split: Split) -> list[str]:
        """Return the paths that the list of a split names. Raises: DataError if there is no such list."""
        candidates = [Path(self.lists) / f"{name}_{split}.txt" for name in self.domains[domain]]
        path = next((path for path in candidates if files.is_readable_file(path)), None)
        if path is None:
            raise DataError(
                f"the folder {self.lists!r} has no list {' or '.join(path.name for path in candidates)}: lists of "
                "LibMTL are expected, one per domain and split; set lists to the folder with them, or leave it empty"
            )
        try:
            lines = files.read(path, MAX_LIST_BYTES).decode().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"the list {path.name} cannot be read ({error}): download it again") from error
        paths = [line.rpartition(" ")[0] for line in lines if line.strip()]
        if not all(len(Path(path).parts) > 1 for path in paths) or len(set(map(_end, paths))) < len(paths):
            raise DataError(
                f"the list {path.name} has a line without CLASS/PHOTO and a number, or names a photo twice: a list of "
                "LibMTL is expected; download it again"
            )
        return paths

    def _samples(self, root: Path, domain: str, photos: Sequence[Photo], classes: Sequence[str]) -> Samples:
        chosen = [photos[i] for i in spread(len(photos), self.limit).tolist()]
        labels = torch.tensor([classes.index(label) for _, label in chosen], dtype=torch.long)
        return StoredSamples(Photos(root, [path for path, _ in chosen], {domain: labels}, self.size))


@dataclass(frozen=True)
class Office31(OfficeDataset):
    """4,110 photos of 31 kinds of objects in offices: from a shop, a reflex camera (dslr) and a webcam."""

    name = "office31"
    domains = {name: (name,) for name in ("amazon", "dslr", "webcam")}  # noqa: RUF012
    n_classes = 31
    photos_below = "images"


@dataclass(frozen=True)
class OfficeHome(OfficeDataset):
    """15,588 pictures of 65 kinds of objects in offices and homes: art, clip art, products and photos."""

    name = "office-home"
    domains = {  # noqa: RUF012
        "art": ("Art",),
        "clipart": ("Clipart",),
        "product": ("Product",),
        "real-world": ("Real World", "Real_World", "RealWorld"),
    }
    n_classes = 65


def drawn_by_class(photos: Sequence[Photo], seed: int) -> dict[Split, list[Photo]]:
    """Return the photos of each split: of each class three fifths for training, one for validation, the rest for tests.

    Shares are rounded down, as in the lists of LibMTL. The numbers of photos are equal, the photos are not.
    """
    by_class: dict[str, list[Photo]] = {}
    for photo in sorted(photos):
        by_class.setdefault(photo[1], []).append(photo)
    parts: dict[Split, list[Photo]] = {"train": [], "val": [], "test": []}
    random = np.random.default_rng(seed)
    for _, of_class in sorted(by_class.items()):
        n = len(of_class)
        n_train, n_val = (n * a // b for a, b in (TRAIN, VALIDATION))
        order = [of_class[i] for i in random.permutation(n)]
        parts["train"] += order[:n_train]
        parts["val"] += order[n_train : n_train + n_val]
        parts["test"] += order[n_train + n_val :]
    return parts


def _photos(root: Path, place: Path) -> list[Photo]:
    """Return the photos below the classes of a domain, sorted by path."""
    return [
        (path.relative_to(root).as_posix(), folder.name)
        for folder in sorted(path for path in place.iterdir() if path.is_dir())
        for path in sorted(folder.iterdir(), key=str)
        if path.suffix.lower() in SUFFIXES
    ]


def _end(path: str) -> str:
    """Return class and name of a photo, which identify it in its domain."""
    return "/".join(Path(path).parts[-2:])


def _loss(name: str) -> Callable[[Outputs, Samples], Tensor]:
    return lambda outputs, batch: cross_entropy(outputs[name], batch.targets[name])


def _accuracy(name: str) -> Callable[[Outputs, Samples], Tensor]:
    return lambda outputs, batch: (outputs[name].argmax(1) == batch.targets[name]).to(outputs[name]).mean()
