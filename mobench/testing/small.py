"""Plugins in their small configurations, built and trained in seconds for tests."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mobench import options
from mobench.errors import DataError, IncompatibleError
from mobench.interfaces import (
    Balancer,
    Dataset,
    Generator,
    Model,
    ParetoNetwork,
    Problem,
    Sampler,
    Samples,
    Seeds,
    Setting,
    Solver,
    TaskSamples,
)
from mobench.learning.batches import Batches
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.loop import Limit, train
from mobench.learning.preferences import dense_rays, finite_rays
from mobench.learning.samplers import DEFAULT
from mobench.plugins import Entry, Kind, Pair, Spec, registry
from mobench.random_state import seed_torch
from mobench.testing.candidates import accepts, registered, small, small_datasets
from mobench.testing.isolation import watched
from mobench.testing.outcomes import Declined, demand

__all__ = [
    "N_STEPS", "Declined", "accepts", "batch_of", "batches_of", "built", "first_samples", "load", "problem_for",
    "problem_of", "small", "small_datasets", "solver_for", "start", "trained", "trained_losses", "watched_solver",
]  # fmt: skip

N_STEPS = 4


def load(dataset: Dataset, split: Any) -> Any:
    """Load a split. Raises: Declined if its files are missing."""
    try:
        return dataset.load(split)
    except DataError as error:
        raise Declined(str(error)) from error


def first_samples(dataset: Dataset, n: int) -> Samples:
    """Return the first `n` training samples; those of the first task where each task has samples of its own."""
    samples: Samples = load(dataset, "train")
    part = next(iter(samples.tasks.values())) if isinstance(samples, TaskSamples) else samples
    return part.take(slice(0, n))


def problem_of(dataset: Dataset, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> Problem:
    """Build a problem from the dataset and the first registered model that accepts it.

    Raises: Declined if there is no such model.
    """
    model = next((model for model in registered("model") if accepts(model, dataset)), None)
    if model is None:
        raise Declined(f"no registered model serves {type(dataset).__name__}")
    return Problem(dataset, model, device, dtype)


def problem_for(
    generator: Generator,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    n_tensors: int = 1,
) -> Problem:
    """Build the first problem of a small dataset and a registered model that a generator accepts.

    n_tensors: smallest number of trained tensors of the target network.

    torch's random state is seeded before the problem is built. Raises: Declined if there is none.
    """
    reason = "none is registered whose files are here"
    models: list[Model] = registered("model")

    def serves(dataset: Dataset) -> bool:
        return accepts(generator, dataset) and any(accepts(model, dataset) for model in models)

    for dataset in small_datasets(serves):
        for model in models:
            if not accepts(model, dataset):
                continue
            seed_torch(seed)
            problem = Problem(dataset, model, device, dtype)
            try:
                generator.check_problem(problem)
            except IncompatibleError as error:
                reason = str(error)
                continue
            if len(problem.shapes) >= n_tensors:
                return problem
    raise Declined(f"it serves no registered dataset with any model: {reason}")


def built(
    entry: Entry, seed: int = 0, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
) -> tuple[Problem, ParetoNetwork, Tensor]:
    """Build a generator's network on the first small dataset that it accepts.

    Returns the problem, the network and preferences [K, m] to call it with.
    """
    generator: Generator = small(entry)
    problem = problem_for(generator, seed, dtype, device)
    rays = finite_rays(problem.n_objectives).to(device, dtype)
    network = generator.build(problem, rays)
    return problem, network, rays if network.rays is not None else dense_rays(problem.n_objectives, 5).to(device, dtype)


def _solver(entry: Entry) -> tuple[Solver, Generator | None]:
    """Build a solver in its small configuration. Returns the solver, and for a pair also its generator."""
    if not isinstance(entry.spec, Pair):
        return small(entry), None
    plugins = registry()
    parts: dict[str, dict[str, Any]] = {"solver": {}, "generator": {}, "balancer": {}, "sampler": {}}
    for key, value in entry.spec.defaults.items():
        role, _, name = key.partition(".")
        demand(
            role in parts, f"default {key!r} names no part: begin it with solver., generator., balancer. or sampler."
        )
        parts[role][name] = value

    def part(kind: Kind, name: str) -> Any:
        part_entry = plugins.get(kind, name)
        spec = part_entry.spec if isinstance(part_entry.spec, Spec) else Spec(name, "")
        return options.build(part_entry.load(), {**spec.defaults, **parts[kind], **spec.small}, f"{kind} {name!r}")

    generator: Generator = part("generator", entry.spec.generator)
    balancer: Balancer = part("balancer", entry.spec.balancer)
    training = options.build(GradientOptions, parts["solver"])
    sampler: Sampler | None = None if training.sampler == DEFAULT else part("sampler", training.sampler)
    return GradientSolver(generator, balancer, training, sampler), generator


def solver_for(
    entry: Entry, seed: int = 0, dtype: torch.dtype = torch.float32, min_samples: int = 1
) -> tuple[Solver, Problem]:
    """Return a solver in its small configuration and the first problem that it accepts.

    min_samples: smallest number of training samples of the problem.
    """
    solver, problem, _ = watched_solver(entry, seed, dtype, min_samples=min_samples)
    return solver, problem


def watched_solver(
    entry: Entry,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    min_samples: int = 1,
) -> tuple[Solver, Problem, list[Any]]:
    """Return a solver, the first problem that it accepts, and a list that records which splits it loads.

    Raises: Declined if the solver accepts no registered dataset with any model.
    """
    reason = "none is registered whose files are here"
    models: list[Model] = registered("model")
    _, generator = _solver(entry)
    parts = [] if generator is None else [generator]

    def serves(dataset: Dataset) -> bool:
        return all(accepts(part, dataset) for part in parts) and any(accepts(model, dataset) for model in models)

    for dataset in small_datasets(serves):
        if min_samples > 1 and len(dataset.load("train")) < min_samples:
            continue
        seen, loaded = watched(dataset)
        for model in models:
            if not accepts(model, seen):
                continue
            solver, _ = _solver(entry)
            seed_torch(seed)
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
    seed_torch(seed)
    seeds = Seeds(seed, seed, seed, seed)
    solver.start(problem, Setting(finite_rays(problem.n_objectives), seeds, N_STEPS, N_STEPS))


def batches_of(solver: Solver, problem: Problem, step: int) -> list[Any]:
    """Return the batches that a solver takes in one step, as the training loop does."""
    batches = Batches(load(problem.dataset, "train"), 16, 0)
    return [problem.prepare(batches.at(step, i)) for i in range(solver.n_batches)]


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
    return solver.step(*batches_of(solver, problem, n_steps))
