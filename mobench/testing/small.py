"""Plugins in their small configurations, built and trained in seconds for tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from mobench import options
from mobench.errors import DataError, IncompatibleError, OptionError, PluginError
from mobench.interfaces import (
    Balancer,
    Dataset,
    Generator,
    Model,
    ParetoNetwork,
    Problem,
    Sampler,
    Seeds,
    Setting,
    Solver,
)
from mobench.learning.batches import Batches
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.loop import Limit, train
from mobench.learning.preferences import dense_rays, finite_rays
from mobench.learning.samplers import DEFAULT
from mobench.plugins import Entry, Kind, Pair, Spec, registry
from mobench.testing.isolation import watched
from mobench.testing.outcomes import Declined, demand

__all__ = [
    "N_STEPS", "Declined", "accepts", "batch_of", "built", "load", "problem_of", "small", "small_datasets",
    "solver_for", "start", "trained", "trained_losses", "watched_solver",
]  # fmt: skip

N_STEPS = 4


def small(entry: Entry) -> Any:
    """Build an object of an entry's class in its small configuration.

    Raises: Declined for an entry without a class of its own.
    """
    if not isinstance(entry.spec, Spec):
        raise Declined(f"{entry.kind} {entry.name!r} names no class of its own")
    return options.build(entry.load(), {**entry.spec.defaults, **entry.spec.small})


def _registered(kind: Kind) -> Iterator[Any]:
    """Yield a small object of every registered name, those of mobench first. Broken plugins are skipped."""
    entries = registry().entries[kind].values()
    for entry in sorted(entries, key=lambda entry: entry.plugin.distribution != "mobench"):
        try:
            yield small(entry)
        except (PluginError, OptionError):
            continue


def small_datasets() -> Iterator[Dataset]:
    """Yield every registered dataset in its small configuration, those with several objectives first.

    Datasets whose files are missing are skipped.
    """
    datasets: list[Dataset] = list(_registered("dataset"))
    # a preference has an effect only if there are several objectives
    for dataset in sorted(datasets, key=lambda d: len(d.objectives) == 1):
        try:
            dataset.load("train")
        except DataError:
            continue
        yield dataset


def load(dataset: Dataset, split: Any) -> Any:
    """Load a split. Raises: Declined if its files are missing."""
    try:
        return dataset.load(split)
    except DataError as error:
        raise Declined(str(error)) from error


def accepts(part: Model | Generator, dataset: Dataset) -> bool:
    """Return whether `part.check` accepts the dataset."""
    try:
        part.check(dataset)
    except IncompatibleError:
        return False
    return True


def served(part: Model | Generator) -> Dataset:
    """Return the first small dataset that a model or generator accepts. Raises: Declined if there is none."""
    found = next((dataset for dataset in small_datasets() if accepts(part, dataset)), None)
    if found is None:
        raise Declined("it serves none of the registered datasets whose files are here")
    return found


def problem_of(dataset: Dataset, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> Problem:
    """Build a problem from the dataset and the first registered model that accepts it.

    Raises: Declined if there is no such model.
    """
    model = next((model for model in _registered("model") if accepts(model, dataset)), None)
    if model is None:
        raise Declined(f"no registered model serves {type(dataset).__name__}")
    return Problem(dataset, model, device, dtype)


def built(
    entry: Entry, seed: int = 0, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> tuple[Problem, ParetoNetwork, Tensor]:
    """Build a generator's network on the first small dataset that it accepts.

    Returns the problem, the network and preferences [K, m] to call it with.
    """
    generator: Generator = small(entry)
    dataset = served(generator)
    torch.manual_seed(seed)
    problem = problem_of(dataset, dtype, device)
    rays = finite_rays(problem.n_objectives).to(device, dtype)
    network = generator.build(problem, rays)
    return problem, network, rays if network.rays is not None else dense_rays(problem.n_objectives, 5).to(device, dtype)


def _solver(entry: Entry) -> tuple[Solver, Generator | None]:
    """Build a solver in its small configuration. Returns the solver, and for a pair also its generator."""
    if not isinstance(entry.spec, Pair):
        return small(entry), None
    known = registry()
    parts: dict[str, dict[str, Any]] = {"solver": {}, "generator": {}, "balancer": {}, "sampler": {}}
    for key, value in entry.spec.defaults.items():
        role, _, name = key.partition(".")
        demand(
            role in parts, f"default {key!r} names no part: write solver., generator., balancer. or sampler. in front"
        )
        parts[role][name] = value

    def part(kind: Kind, name: str) -> Any:
        found = known.get(kind, name)
        given = found.spec if isinstance(found.spec, Spec) else Spec(name, "")
        return options.build(found.load(), {**given.defaults, **parts[kind], **given.small}, f"{kind} {name!r}")

    generator: Generator = part("generator", entry.spec.generator)
    balancer: Balancer = part("balancer", entry.spec.balancer)
    training = options.build(GradientOptions, parts["solver"])
    sampler: Sampler | None = None if training.sampler == DEFAULT else part("sampler", training.sampler)
    return GradientSolver(generator, balancer, training, sampler), generator


def solver_for(entry: Entry, seed: int = 0, dtype: torch.dtype = torch.float32) -> tuple[Solver, Problem]:
    """Return a solver in its small configuration and the first problem that it accepts."""
    solver, problem, _ = watched_solver(entry, seed, dtype)
    return solver, problem


def watched_solver(
    entry: Entry, seed: int = 0, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> tuple[Solver, Problem, list[Any]]:
    """Return a solver, the first problem that it accepts, and a list that records which splits it loads.

    Raises: Declined if the solver accepts no registered dataset with any model.
    """
    reason = "none is registered whose files are here"
    for dataset in small_datasets():
        seen, loaded = watched(dataset)
        for model in _registered("model"):
            solver, generator = _solver(entry)
            if not accepts(model, seen) or not (generator is None or accepts(generator, seen)):
                continue
            torch.manual_seed(seed)
            problem = Problem(seen, model, device, dtype)
            try:
                start(solver, problem)
            except IncompatibleError as error:
                reason = str(error)
                continue
            loaded.clear()
            return _solver(entry)[0], problem, loaded
    raise Declined(f"it serves no registered dataset with any model: {reason}")


def start(solver: Solver, problem: Problem, seed: int = 0) -> None:
    """Call `solver.start` in the same way as the training loop."""
    torch.manual_seed(seed)
    seeds = Seeds(seed, seed, seed, seed)
    solver.start(problem, Setting(finite_rays(problem.n_objectives), seeds, N_STEPS, N_STEPS))


def batch_of(problem: Problem, step: int) -> Any:
    """Return the batch of a step, as the training loop does."""
    return problem.prepare(Batches(load(problem.dataset, "train"), 16, 0).at(step))


def trained(solver: Solver, problem: Problem, n_steps: int, seed: int = 0) -> None:
    """Train a solver with the training loop of mobench."""
    training = train(
        solver,
        problem,
        load(problem.dataset, "train"),
        limit=Limit(steps=n_steps),
        batch_size=16,
        seeds=Seeds(seed, seed, seed, seed),
        rays=finite_rays(problem.n_objectives),
    )
    demand(
        training.status == "completed",
        f"training ended with {training.message}: keep losses and weights finite from the first step on",
    )


def trained_losses(entry: Entry, n_steps: int, seed: int) -> Tensor:
    """Train for `n_steps` steps and return the losses of the next step."""
    solver, problem = solver_for(entry, seed)
    trained(solver, problem, n_steps, seed)
    return solver.step(batch_of(problem, n_steps))
