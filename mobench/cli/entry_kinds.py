"""Kinds of registered names: what a solver learns, and what a dataset is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_type_hints

from mobench.errors import MobenchError
from mobench.hookspecs import Pair, Spec
from mobench.plugins import Entry, registry

if TYPE_CHECKING:
    from mobench.interfaces import Dataset

PER_PREFERENCE, ALL_PREFERENCES, POINTS = "per-preference", "all-preferences", "points"
"""A network for each preference, one network for all of them, and points that belong to no preference."""
LIKELIHOODS = {"categorical": "classification", "gaussian": "regression"}
"""Likelihood of an objective -> kind of task."""
SHAPES = {1: "tables", 3: "pictures"}
"""Number of axes of an input -> kind of data."""


def kinds_of(entry: Entry) -> set[str]:
    """Return the kinds of a solver, a generator or a dataset; for other entries the name of its plugin.

    The name of a plugin is a kind of each of its names, for example fairness or engineering. The class of the entry is
    imported. A dataset that cannot be created without options has no other kind.
    """
    try:
        return {entry.plugin.name} | _derived(entry)
    except MobenchError:
        return {entry.plugin.name}


def n_objectives_of(entry: Entry) -> int | None:
    """Return the number of objectives of a dataset with its default options; None if it cannot be created."""
    dataset = _dataset(entry)
    return None if dataset is None else len(dataset.objectives)


def _derived(entry: Entry) -> set[str]:
    if entry.kind == "generator":
        return {PER_PREFERENCE if entry.load().finite else ALL_PREFERENCES}
    if entry.kind == "solver":
        return {_kind_of_solver(entry)}
    dataset = _dataset(entry)
    return set() if dataset is None else _kinds_of_dataset(dataset)


def _kind_of_solver(entry: Entry) -> str:
    if isinstance(entry.spec, Pair):
        generator = registry().get("generator", entry.spec.generator)
        return PER_PREFERENCE if generator.load().finite else ALL_PREFERENCES
    cls: Any = entry.load()
    returned = get_type_hints(cls.pareto_set.fget)["return"]
    # a set that belongs to preferences serves them (`mobench.ParetoSet`)
    if not hasattr(returned, "serve"):
        return POINTS
    solver = cls(**entry.spec.defaults) if isinstance(entry.spec, Spec) else cls()
    return PER_PREFERENCE if solver.n_weight_sets(2) > 1 else ALL_PREFERENCES


def _kinds_of_dataset(dataset: Dataset) -> set[str]:
    kinds = {LIKELIHOODS[o.likelihood] for o in dataset.objectives if o.likelihood in LIKELIHOODS}
    shape = dataset.input_shape
    if shape == (0,):
        return {*kinds, "functions"}
    return {*kinds, SHAPES[len(shape)]} if isinstance(shape, tuple) and len(shape) in SHAPES else kinds


def _dataset(entry: Entry) -> Dataset | None:
    from mobench.options import build

    if entry.kind != "dataset" or not isinstance(entry.spec, Spec):
        return None
    try:
        dataset: Dataset = build(entry.load(), entry.spec.defaults)
    except MobenchError:
        return None
    return dataset
