"""Evaluation of a Pareto set on a split: losses, metrics and indicators of its front."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mobench.errors import PreferenceError
from mobench.interfaces import Outputs, ParetoSet, Problem, Protocol, Samples, WeightNetwork
from mobench.metrics import indicators
from mobench.metrics.controllability import controllability

KNOWN_FRONT_POINTS = 1000
"""Number of points of a known Pareto front that indicators are computed against."""
RAYS_AT_ONCE = 4

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FrontValues:
    """Losses [R, m] at preferences [R, m], and metrics: "objective/metric" -> R values."""

    preferences: Array
    losses: Array
    metrics: dict[str, list[float]]


def evaluate(
    pareto_set: ParetoSet,
    problem: Problem,
    samples: Samples,
    rays: Tensor,
    batch_size: int = 250,
    progress: Callable[[int, int], None] | None = None,
) -> FrontValues:
    """Return losses and metrics of every ray [R, m], averaged over the samples in float64.

    progress: called with the number of finished rays and the total number of rays.

    Memory is bounded by one batch of RAYS_AT_ONCE rays; batches of 250 LeNet images were 1.6 times as
    fast as batches of 1,000. Networks are in evaluation mode during the call.
    """
    rows = []
    with torch.no_grad(), evaluating(problem, pareto_set):
        for some_rays in torch.split(rays.to(problem.device, problem.dtype), RAYS_AT_ONCE):
            rows += _several_rays(pareto_set, problem, samples, some_rays, batch_size)
            if progress is not None:
                progress(len(rows), len(rays))
    values = torch.stack(rows).numpy()
    m = problem.n_objectives
    names = [f"{o.name}/{metric.name}" for o in problem.objectives for metric in o.metrics]
    metrics = {name: values[:, m + j].tolist() for j, name in enumerate(names)}
    return FrontValues(rays.double().cpu().numpy(), values[:, :m].copy(), metrics)


def at_rays(front: FrontValues, rays: Tensor) -> FrontValues:
    """Return the rows of a front for some of its rays.

    Raises: PreferenceError if the front was not evaluated at one of the rays.
    """
    distances = np.abs(front.preferences[None] - rays.double().cpu().numpy()[:, None]).max(axis=2)
    if (distances.min(axis=1) > 1e-6).any():
        raise PreferenceError("the front was not evaluated at every ray asked for: evaluate it there first")
    index = distances.argmin(axis=1)
    metrics = {name: [values[i] for i in index] for name, values in front.metrics.items()}
    return FrontValues(front.preferences[index], front.losses[index], metrics)


def indicators_of(front: FrontValues, protocol: Protocol, known_front: Array | None) -> dict[str, float | None]:
    """Return all indicators of a single front, including those against the known front if there is one.

    The value is None if an indicator is undefined: spacing of fewer than two points, controllability of
    constants, non-uniformity of negative losses. The leaderboard computes IGD and related indicators
    against a pooled front. "hypervolume_error", the half width of a 95 % interval, is there only if the
    hypervolume is an approximation (see `indicators.hypervolume_with_error`).
    """
    losses = front.losses
    volume, volume_error = indicators.hypervolume_with_error(losses, protocol.reference)
    deviation = indicators.non_uniformity(losses, front.preferences)
    values: dict[str, float | None] = {
        "hypervolume": volume,
        **({"hypervolume_error": volume_error} if volume_error else {}),
        "n_non_dominated": float(indicators.n_non_dominated(losses)),
        "spacing": indicators.spacing(losses),
        "r2": indicators.r2(losses, front.preferences, protocol.ideal),
        "non_uniformity": _finite(deviation.mean()),
        "non_uniformity_worst": _finite(deviation.max()),
    }
    per_objective = controllability(losses, front.preferences)
    defined = [c for c in per_objective if c is not None]
    values["controllability"] = float(np.mean(defined)) if defined else None
    values |= {f"controllability_{i}": c for i, c in enumerate(per_objective)}
    if known_front is not None:
        values |= {
            "igd": indicators.igd(losses, known_front),
            "igd_plus": indicators.igd_plus(losses, known_front),
            "gd": indicators.gd(losses, known_front),
            "gd_plus": indicators.gd_plus(losses, known_front),
            "epsilon": indicators.additive_epsilon(losses, known_front),
        }
    return values


def _predictor(pareto_set: ParetoSet, problem: Problem, rays: Tensor) -> Callable[[Tensor], Sequence[Outputs]]:
    """Return a function from inputs to one output per ray; all weights are generated in advance."""
    # networks with their own `serve` (for example, averaging several nets) are called through it
    if isinstance(pareto_set, WeightNetwork) and pareto_set.serves_one_set:
        weights = pareto_set.weights(rays)
        return lambda inputs: problem.outputs_of_sets(weights, inputs, problem.strategy.evaluation)
    predictors = [pareto_set.serve(ray) for ray in rays]
    return lambda inputs: [predict(inputs) for predict in predictors]


def _several_rays(
    pareto_set: ParetoSet, problem: Problem, samples: Samples, rays: Tensor, batch_size: int
) -> list[Tensor]:
    """Return for each ray the means [m + number of metrics] over the samples."""
    predict = _predictor(pareto_set, problem, rays)
    metrics = [metric for o in problem.objectives for metric in o.metrics]
    pooling = any(metric.pooled for metric in metrics)
    collected: list[list[Outputs]] = [[] for _ in rays]
    prepared: list[Samples] = []
    sums = torch.zeros(len(rays), problem.n_objectives + len(metrics), dtype=torch.float64)
    for start in range(0, len(samples), batch_size):
        batch = problem.prepare(samples.take(slice(start, start + batch_size)))
        if pooling:
            prepared.append(batch.to("cpu"))
        outputs_of_rays = predict(batch.inputs)
        losses = problem.losses(outputs_of_rays, batch)
        for k, outputs in enumerate(outputs_of_rays):
            values = [losses.new_zeros(()) if metric.pooled else metric.measure(outputs, batch) for metric in metrics]
            row = torch.stack([*losses[k], *(value.to(losses.dtype) for value in values)])
            sums[k] += row.double().cpu() * len(batch)
            if pooling:
                collected[k].append({name: output.cpu() for name, output in outputs.items()})
    means = sums / len(samples)
    if pooling:
        split = joined(prepared)
        for k, of_ray in enumerate(collected):
            pooled = {name: torch.cat([outputs[name] for outputs in of_ray]) for name in of_ray[0]}
            for j, metric in enumerate(metrics, start=problem.n_objectives):
                if metric.pooled:
                    means[k, j] = metric.measure(pooled, split).double()
    return list(means)


def joined(batches: Sequence[Samples]) -> Samples:
    """Concatenate batches."""
    names = batches[0].targets
    return Samples(
        torch.cat([batch.inputs for batch in batches]),
        {name: torch.cat([batch.targets[name] for batch in batches]) for name in names},
    )


@contextmanager
def evaluating(problem: Problem, pareto_set: ParetoSet) -> Iterator[None]:
    """Put the networks in evaluation mode while the block runs: no prediction changes their running statistics."""
    modules = [problem.target, *([pareto_set] if isinstance(pareto_set, nn.Module) else [])]
    modes = [module.training for module in modules]
    for module in modules:
        module.eval()
    try:
        yield
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.train(mode)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
