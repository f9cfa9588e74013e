"""Registered plugins in their small configurations, and the datasets that a model or generator accepts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from mobench import options
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


def registered(kind: Kind) -> Iterator[Any]:
    """Yield a small object of every registered name, those of mobench first. Broken plugins are skipped."""
    return (instance for _, instance in _with_distributions(kind))


def _with_distributions(kind: Kind) -> Iterator[tuple[str, Any]]:
    """Yield the distribution and a small object of every registered name, as `registered`."""
    entries = registry().entries[kind].values()
    for entry in sorted(entries, key=lambda entry: entry.plugin.distribution != "mobench"):
        try:
            yield entry.plugin.distribution, small(entry)
        except (PluginError, OptionError):
            continue


def small_datasets(
    accepts: Callable[[Dataset], bool] = lambda dataset: True, distribution: str | None = None
) -> Iterator[Dataset]:
    """Yield registered datasets in their small configuration, those with several objectives first.

    Datasets for which `accepts` is false are skipped before anything is loaded, those without their files after that.

    distribution: name of the distribution whose datasets come before all others.
    """
    datasets: list[tuple[str, Dataset]] = list(_with_distributions("dataset"))
    # a preference has an effect only if there are several objectives
    datasets.sort(key=lambda pair: (pair[0] != distribution, len(pair[1].objectives) == 1))
    for _, dataset in datasets:
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
