"""Plugins in configurations small enough to be tested in seconds, built and trained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from mobench import options
from mobench.errors import DataError, IncompatibleError
from mobench.interfaces import Balancer, Dataset, Generator, Model, ParetoNetwork, Problem, Seeds, Setting, Solver
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.loop import Batches, Limit, train
from mobench.learning.preferences import dense_rays, finite_rays
from mobench.plugins import Entry, Pair, Spec, registry

N_STEPS = 4


class Declined(Exception):
    """A check that cannot be made here, with the reason."""


def small(entry: Entry) -> Any:
    """An object of an entry's class in its small configuration."""
    assert isinstance(entry.spec, Spec)
    return options.build(entry.load(), {**entry.spec.defaults, **entry.spec.small})


def small_datasets() -> Iterator[Dataset]:
    """Every registered dataset in its small configuration whose files are here, several objectives first."""
    datasets: list[Dataset] = [small(entry) for entry in registry().entries["dataset"].values()]
    # a preference says something only where there are several
    for dataset in sorted(datasets, key=lambda d: len(d.objectives) == 1):
        try:
            dataset.load("train")
        except DataError:
            continue
        yield dataset


def load(dataset: Dataset, split: Any) -> Any:
    """A split. Raises: Declined where its files are not here."""
    try:
        return dataset.load(split)
    except DataError as error:
        raise Declined(str(error)) from error


def accepts(part: Model | Generator, dataset: Dataset) -> bool:
    """True where `part.check` has no objection."""
    try:
        part.check(dataset)
    except IncompatibleError:
        return False
    return True


def problem_of(dataset: Dataset, dtype: torch.dtype = torch.float32) -> Problem:
    """The dataset with the first registered model that serves it."""
    models = (small(entry) for entry in registry().entries["model"].values())
    model = next((model for model in models if accepts(model, dataset)), None)
    if model is None:
        raise Declined(f"no registered model serves {type(dataset).__name__}")
    return Problem(dataset, model, dtype=dtype)


def built(entry: Entry, seed: int = 0, dtype: torch.dtype = torch.float32) -> tuple[Problem, ParetoNetwork, Tensor]:
    """A generator's network on the first small dataset that it serves, and preferences for it."""
    generator: Generator = small(entry)
    torch.manual_seed(seed)
    problem = problem_of(next(d for d in small_datasets() if accepts(generator, d)), dtype)
    rays = finite_rays(problem.n_objectives).to(dtype)
    network = generator.build(problem, rays)
    return problem, network, rays if network.rays is not None else dense_rays(problem.n_objectives, 5).to(dtype)


def solver_for(entry: Entry, seed: int = 0) -> tuple[Solver, Problem]:
    """A solver in its small configuration, and the first problem that it serves."""
    known = registry()
    if isinstance(entry.spec, Pair):
        generator = small(known.get("generator", entry.spec.generator))
        balancer: Balancer = small(known.get("balancer", entry.spec.balancer))
        own = {k.removeprefix("solver."): v for k, v in entry.spec.defaults.items() if k.startswith("solver.")}
        solver: Solver = GradientSolver(generator, balancer, options.build(GradientOptions, own))
        dataset = next(d for d in small_datasets() if accepts(generator, d))
    else:
        solver, dataset = small(entry), next(small_datasets())
    torch.manual_seed(seed)
    return solver, problem_of(dataset)


def start(solver: Solver, problem: Problem, seed: int = 0) -> None:
    """Tell the solver what is ahead, as the loop does."""
    torch.manual_seed(seed)
    seeds = Seeds(seed, seed, seed, seed)
    solver.start(problem, Setting(finite_rays(problem.n_objectives), seeds, N_STEPS, N_STEPS))


def batch_of(problem: Problem, step: int) -> Any:
    """The batch of a step, as the loop would take it."""
    return problem.prepare(Batches(load(problem.dataset, "train"), 16, 0).at(step))


def trained(solver: Solver, problem: Problem, n_steps: int, seed: int = 0) -> None:
    """Train through the core's own loop."""
    training = train(
        solver,
        problem,
        load(problem.dataset, "train"),
        limit=Limit(steps=n_steps),
        batch_size=16,
        seeds=Seeds(seed, seed, seed, seed),
        rays=finite_rays(problem.n_objectives),
    )
    assert training.status == "completed", training.message
    assert training.steps == n_steps


def trained_losses(entry: Entry, n_steps: int, seed: int) -> Tensor:
    """Losses of the next step after a short training."""
    solver, problem = solver_for(entry, seed)
    trained(solver, problem, n_steps, seed)
    return solver.step(batch_of(problem, n_steps))
