"""Registered plugins in their small configurations, and the datasets that a model or generator accepts."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

from mobench import options
from mobench.datafiles import collections, locate
from mobench.errors import DataError, IncompatibleError, OptionError, PluginError
from mobench.interfaces import Dataset, Generator, Model, check_generator, check_model
from mobench.plugins import Entry, Kind, Spec, registry
from mobench.testing.outcomes import Declined


def small(entry: Entry) -> Any:
    """Build an object of an entry's class in its small configuration.

    Raises: Declined for an entry without a class of its own.
    """
    if not isinstance(entry.spec, Spec):
        raise Declined(f"{entry.kind} {entry.name!r} has no class: it is a pair or a suite")
    return options.build(entry.load(), {**entry.spec.defaults, **entry.spec.small})


_INSTANCES: dict[Kind, tuple[list[Entry], list[tuple[str, Any]]]] = {}
"""The entries of a kind and their objects, which are built once because datasets keep what they have loaded."""


def registered(kind: Kind) -> list[Any]:
    """Return a small object of every registered name, those of mobench first. Broken plugins are skipped.

    The objects are shared by all checks: a check of one of these names builds an object of its own. Datasets whose
    files are missing are last, because loading them tries to fetch the files.
    """
    return [instance for _, instance in _with_distributions(kind)]


def _with_distributions(kind: Kind) -> list[tuple[str, Any]]:
    """Return the distribution and a small object of every registered name, as `registered`."""
    entries = sorted(
        registry().entries[kind].values(),
        key=lambda entry: (_lacks_files(entry), entry.plugin.distribution != "mobench"),
    )
    known_entries, instances = _INSTANCES.get(kind, ([], []))
    if len(known_entries) == len(entries) and all(map(operator.is_, known_entries, entries)):
        return instances
    instances = []
    for entry in entries:
        try:
            instances.append((entry.plugin.distribution, small(entry)))
        except (PluginError, OptionError):
            continue
    _INSTANCES[kind] = (entries, instances)
    return instances


def _lacks_files(entry: Entry) -> bool:
    """Return whether a dataset has a data collection of its name with a missing file."""
    return entry.kind == "dataset" and any(locate(file) is None for file in collections().get(entry.name, []))


def small_datasets(
    accepts: Callable[[Dataset], bool] = lambda dataset: True, distribution: str | None = None
) -> Iterator[Dataset]:
    """Yield registered datasets in their small configuration: first those with two objectives, then those with more.

    Datasets with one objective come last. Datasets for which `accepts` is false are skipped before anything is loaded,
    those without their files after that.

    distribution: name of the distribution whose datasets come before all others.
    """
    datasets: list[tuple[str, Dataset]] = _with_distributions("dataset")

    def position(candidate: tuple[str, Dataset]) -> tuple[bool, bool, int]:
        """Place datasets with few objectives first, but those with one last: there a preference has no effect."""
        n_objectives = len(candidate[1].objectives)
        return candidate[0] != distribution, n_objectives == 1, n_objectives

    for _, dataset in sorted(datasets, key=position):
        if not accepts(dataset):
            continue
        try:
            dataset.load("train")
        except DataError:
            continue
        yield dataset


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
