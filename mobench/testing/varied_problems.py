"""Problems of datasets with different shapes, on which checks test that a plugin is declined before it is built."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from mobench.errors import DataError, IncompatibleError
from mobench.interfaces import Dataset, Model, Problem, Split, head_shape
from mobench.random_state import seed_torch
from mobench.testing.candidates import accepts, registered
from mobench.testing.isolation import watched
from mobench.testing.outcomes import demand
from mobench.text import first_line

LARGEST = 100_000
"""Trained values of the largest target network that these checks build."""

_SIZES: dict[tuple[type[Model], str], int] = {}
"""(model class, shapes of the dataset) -> trained values of its target network, so that large ones are built once."""


@dataclass(frozen=True)
class VariedProblem:
    """A problem, what is special about it, and the splits that were loaded since it was built."""

    problem: Problem
    description: str
    loaded: list[Split] = field(default_factory=list)

    def is_accepted(self, check: Callable[[], None], check_name: str) -> bool:
        """Return whether a check of a plugin accepts the problem.

        Raises: AssertionError if the check loads data.
        """
        self.loaded.clear()
        try:
            check()
            accepted = True
        except IncompatibleError:
            accepted = False
        demand(
            not self.loaded,
            f"{check_name} loads the split {str(next(iter(self.loaded), ''))!r} of a dataset with {self.description}: "
            "decide by input_shape, heads, objectives and the target network",
        )
        return accepted

    def demand_that_it_is_built(self, build: Callable[[], object], build_name: str, check_name: str) -> None:
        """Raise AssertionError if a problem that was accepted cannot be built. Missing data files are no failure."""
        try:
            build()
        except DataError:
            return
        except Exception as error:
            raise AssertionError(
                f"{check_name} accepts a dataset with {self.description}, and {build_name} raises "
                f"{type(error).__name__}: {first_line(error)[:160]}: raise IncompatibleError with the reason in "
                f"{check_name}, which is called before any job is run"
            ) from error


def varied_problems() -> Iterator[VariedProblem]:
    """Yield a problem for each combination of shapes of the registered datasets and each model that accepts it.

    Shapes are the same if inputs and heads have as many axes, and there is one objective, or two, or more. Networks
    with more than `LARGEST` trained values are left out.
    """
    seen: set[tuple[type[Model], str]] = set()
    for dataset in registered("dataset"):
        try:
            description = _description(dataset)
        except DataError:
            continue
        for model in registered("model"):
            key = type(model), description
            if key in seen or _SIZES.get(key, 0) > LARGEST or not accepts(model, dataset):
                continue
            seen.add(key)
            copy, loaded = watched(dataset)
            seed_torch(0)
            try:
                problem = Problem(copy, model)
            except (DataError, IncompatibleError):
                continue
            _SIZES[key] = problem.n_target_parameters
            if _SIZES[key] <= LARGEST:
                yield VariedProblem(problem, f"{description} and the model {type(model).__name__}", loaded)


def _description(dataset: Dataset) -> str:
    """Describe what a plugin may decline: named inputs, numbers of axes, and one or several objectives."""
    shape = dataset.input_shape
    if isinstance(shape, Mapping):
        inputs = f"the inputs {', '.join(sorted(shape))}"
    else:
        inputs = f"inputs of {len(shape)} axes" if 0 not in shape else "no inputs"
    n_axes = sorted({len(head_shape(size)) for size in dataset.heads.values()})
    n_objectives = {1: "one objective", 2: "two objectives"}.get(len(dataset.objectives), "several objectives")
    return f"{inputs}, heads of {' and '.join(map(str, n_axes))} axes, {n_objectives}"
