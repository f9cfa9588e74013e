"""Registered plugins in their small configurations, and the datasets that a model or generator accepts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mobench import options
from mobench.datafiles import folders, locate
from mobench.errors import DataError, IncompatibleError, OptionError, PluginError
from mobench.hookspecs import DataFile, UserFolder
from mobench.interfaces import Dataset, Generator, Model, Split, check_generator, check_model
from mobench.plugins import Entry, Kind, Spec, registry
from mobench.testing.outcomes import Declined
from mobench.user_folders import find, folders_by_name


def small(entry: Entry) -> Any:
    """Build an object of an entry's class in its small configuration.

    Raises: Declined for an entry without a class of its own.
    """
    if not isinstance(entry.spec, Spec):
        raise Declined(f"{entry.kind} {entry.name!r} has no class: it is a pair or a suite")
    return options.build(entry.load(), {**entry.spec.defaults, **entry.spec.small})


_OBJECTS: dict[Kind, tuple[list[tuple[Entry, type | None]], list[tuple[Entry, Any]]]] = {}
"""The entries of a kind with their classes, and their small objects, built once per import of their plugins."""


def registered(kind: Kind) -> list[Any]:
    """Return a small object of every registered name, those of mobench first. Broken plugins are skipped.

    The objects are shared by all checks, which must not change them. Datasets whose files are missing are last, because
    loading them tries to fetch the files, and so are models with pretrained weights, because they are large.
    """
    return [instance for _, instance in _with_entries(kind)]


def _with_entries(kind: Kind) -> list[tuple[Entry, Any]]:
    """Return the entry and the small object of every registered name, as `registered`."""
    absent = _datasets_without_files() if kind == "dataset" else frozenset()
    entries = sorted(
        registry().entries[kind].values(),
        key=lambda entry: (entry.name in absent, _may_be_pretrained(entry), entry.plugin.distribution != "mobench"),
    )
    classes = [(entry, _class_of(entry)) for entry in entries]
    known_classes, objects = _OBJECTS.get(kind, ([], []))
    same = (a is c and b is d for (a, b), (c, d) in zip(classes, known_classes, strict=False))
    if len(classes) == len(known_classes) and all(same):
        return objects
    objects = []
    for entry, cls in classes:
        if cls is None:
            continue
        with suppress(OptionError):
            objects.append((entry, small(entry)))
    _OBJECTS[kind] = (classes, objects)
    return objects


_SHARED: list[tuple[Entry, type, Dataset, dict[Split, Any]]] = []
"""The dataset that `shared_dataset` returned last: its entry, its class, itself, and the samples loaded so far."""


def shared_dataset(entry: Entry) -> Dataset:
    """Return the dataset of an entry in its small configuration, the same object for all checks that only read it.

    The dataset of one entry is kept, because a large table takes seconds to read.
    """
    if not (_SHARED and _SHARED[0][0] is entry and _SHARED[0][1] is entry.load()):
        _SHARED[:] = [(entry, entry.load(), small(entry), {})]
    return _SHARED[0][2]


def shared_samples(entry: Entry, split: Split) -> Any:
    """Return a split of `shared_dataset(entry)`, which is loaded once. Raises: Declined if its files are missing."""
    dataset = shared_dataset(entry)
    samples_by_split = _SHARED[0][3]
    if split not in samples_by_split:
        try:
            samples_by_split[split] = dataset.load(split)
        except DataError as error:
            raise Declined(str(error)) from error
    return samples_by_split[split]


def _class_of(entry: Entry) -> type | None:
    """Return the class of an entry; None if its plugin is broken."""
    try:
        return entry.load()
    except PluginError:
        return None


def _may_be_pretrained(entry: Entry) -> bool:
    """Return whether an entry is a model with an option to start at pretrained weights."""
    cls = _class_of(entry) if entry.kind == "model" else None
    return cls is not None and is_dataclass(cls) and any(field.name == "pretrained" for field in fields(cls))


def _datasets_without_files() -> frozenset[str]:
    """Return the datasets that have a data collection of their name with a missing file, or a missing user's folder.

    Files are looked for once per set of folders and registered files: thousands of checks ask, and the answer only
    decides which datasets come first.
    """
    return _without_files(tuple(folders()), tuple(registry().data_files), tuple(folders_by_name().items()))


@cache
def _without_files(
    searched: tuple[Path, ...], data_files: tuple[DataFile, ...], user_folders: tuple[tuple[str, UserFolder], ...]
) -> frozenset[str]:
    missing_files = {file.name for file in data_files if locate(file) is None}
    return frozenset(missing_files | {name for name, folder in user_folders if find(folder) is None})


def small_datasets(
    accepts: Callable[[Dataset], bool] = lambda dataset: True, distribution: str | None = None
) -> Iterator[Dataset]:
    """Yield registered datasets in their small configuration: first those with two objectives, then those with more.

    Datasets with one objective come last. Datasets for which `accepts` is false are skipped before anything is loaded,
    those whose files are missing after that. Each dataset is built again, because a plugin that is checked may change
    samples in place.

    distribution: name of the distribution whose datasets come before all others.
    """
    absent = _datasets_without_files()

    def order(pair: tuple[Entry, Dataset]) -> tuple[bool, bool, bool, int]:
        # a preference has an effect only if there are several objectives; few are fast
        n_objectives = len(pair[1].objectives)
        is_foreign = pair[0].plugin.distribution != distribution
        return is_foreign, pair[0].name in absent, n_objectives == 1, n_objectives

    for entry, dataset in sorted(_with_entries("dataset"), key=order):
        if not accepts(dataset):
            continue
        try:
            dataset.load("train")
        except DataError:
            continue
        yield small(entry)


def accepts(part: Model | Generator, dataset: Dataset) -> bool:
    """Return whether a model or generator accepts the dataset."""
    try:
        if isinstance(part, Model):
            check_model(part, dataset)
        else:
            check_generator(part, dataset)
    except IncompatibleError:
        return False
    return True


def served(entry: Entry) -> Dataset:
    """Return the first small dataset that a model or generator accepts, of its own distribution if there is one.

    Raises: Declined if there is none.
    """
    part: Model | Generator = small(entry)
    accepted = next(small_datasets(lambda dataset: accepts(part, dataset), entry.plugin.distribution), None)
    if accepted is None:
        raise Declined("it serves none of the registered datasets whose files are here")
    return accepted
