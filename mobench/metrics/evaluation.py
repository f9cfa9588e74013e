"""Evaluation of a Pareto set on a split: losses, metrics and indicators of its front."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from mobench.arrays import FloatArray
from mobench.errors import PreferenceError
from mobench.interfaces import (
    Inputs,
    Objective,
    Outputs,
    ParetoSet,
    PointSet,
    Problem,
    Protocol,
    Samples,
    WeightNetwork,
    head_shape,
    tensors_of,
)
from mobench.metrics import indicators
from mobench.metrics.controllability import controllability
from mobench.metrics.totals import Totals, plain_losses

KNOWN_FRONT_POINTS = 1000
"""Number of points of a known Pareto front that indicators are computed against."""
RAYS_AT_ONCE = 4
"""Number of rays whose outputs for a batch are computed together. Another number may change the last bits of losses."""
BATCH_SIZE, INPUT_VALUES = 250, 2**20
"""Most samples evaluated at once, and most values of their inputs. Other values may change the last bits of losses."""
WEIGHT_BYTES = 2**28
"""Most bytes of the weights of all rays of one pass over a split, unless those of RAYS_AT_ONCE rays take more."""
OUTPUT_VALUES = 2**26
"""Most values of the outputs of one network for a batch, unless those of one sample are more."""
OF_PREFERENCES = ("r2", "non_uniformity", "controllability")
"""Beginnings of the names of indicators that depend on preferences."""


@dataclass(frozen=True)
class FrontValues:
    """Losses [R, m] at preferences [R, m], and metrics: "objective/metric" -> R values."""

    preferences: FloatArray
    losses: FloatArray
    metrics: dict[str, list[float]]


def evaluate(
    pareto_set: ParetoSet | PointSet,
    problem: Problem,
    samples: Samples,
    rays: Tensor,
    batch_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> FrontValues:
    """Return losses and metrics of every ray [R, m], averaged over the samples in float64.

    A `PointSet` is evaluated at its points; `rays` is ignored, and the preferences of the result are NaN.

    batch_size: samples of a batch. None: `BATCH_SIZE`, or fewer if their inputs have more than `INPUT_VALUES` numbers.
    progress: called with the number of finished rays and the total number of rays, after each pass over the samples.

    The samples are read and prepared once for all rays whose weights fit into `WEIGHT_BYTES` together, or for
    RAYS_AT_ONCE rays if a metric is pooled. Otherwise memory is bounded by one batch of RAYS_AT_ONCE rays; batches of
    250 LeNet images were 1.6 times as fast as batches of 1,000. Batches are smaller if the outputs have more than
    OUTPUT_VALUES values, as for predictions at every pixel. Networks are in evaluation mode during the call.
    """
    rows = []
    if isinstance(pareto_set, PointSet):
        places = torch.arange(pareto_set.n_points)
        preferences = np.full((pareto_set.n_points, problem.n_objectives), np.nan)
    else:
        places, preferences = rays.to(problem.device, problem.dtype), rays.double().cpu().numpy()
    with torch.no_grad(), evaluating(problem, pareto_set):
        for some_places in torch.split(places, _n_rays_per_pass(problem)):
            rows += _several_rays(pareto_set, problem, samples, some_places, batch_size)
            if progress is not None:
                progress(len(rows), len(places))
    values = torch.stack(rows).numpy()
    m = problem.n_objectives
    names = [f"{o.name}/{metric.name}" for o in problem.objectives for metric in o.metrics]
    metrics = {name: values[:, m + j].tolist() for j, name in enumerate(names)}
    return FrontValues(preferences, values[:, :m].copy(), metrics)


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


def indicators_of(front: FrontValues, protocol: Protocol, known_front: FloatArray | None) -> dict[str, float | None]:
    """Return all indicators of a single front, including those against the known front if there is one.

    The value is None if an indicator is undefined: spacing of fewer than two points, controllability of
    constants, non-uniformity of negative losses, indicators of preferences if these are unknown (NaN).
    The leaderboard computes IGD and related indicators against a pooled front. "hypervolume_error", the half
    width of a 95 % interval, is there only if the hypervolume is an approximation (see
    `indicators.hypervolume_with_error`).
    """
    if np.isnan(front.preferences).any():
        uniform = np.full(front.losses.shape, 1 / front.losses.shape[1])
        at_uniform = indicators_of(FrontValues(uniform, front.losses, front.metrics), protocol, known_front)
        return {name: None if name.startswith(OF_PREFERENCES) else value for name, value in at_uniform.items()}
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


def _predictor(
    pareto_set: ParetoSet | PointSet, problem: Problem, rays: Tensor
) -> Callable[[Inputs], Sequence[Outputs]]:
    """Return a function from inputs to one output per ray, or per point, in the precision of the problem.

    All weights are generated in advance.

    rays: [R, m], or the positions [R] of points of a PointSet.
    """
    with problem.autocast():
        predict = _predictor_of(pareto_set, problem, rays)

    def in_precision(inputs: Inputs) -> Sequence[Outputs]:
        with problem.autocast():
            outputs = predict(inputs)
        return problem.full_outputs(outputs)

    return in_precision


def _predictor_of(
    pareto_set: ParetoSet | PointSet, problem: Problem, rays: Tensor
) -> Callable[[Inputs], Sequence[Outputs]]:
    if isinstance(pareto_set, PointSet):
        point_predictors = [pareto_set.predictor(int(index)) for index in rays]
        return lambda inputs: [predict(inputs) for predict in point_predictors]
    # networks with their own `serve` (for example, averaging several nets) are called through it
    if isinstance(pareto_set, WeightNetwork) and pareto_set.serves_one_set:
        weights = pareto_set.weights(rays)
        return lambda inputs: problem.outputs_of_sets(weights, inputs, problem.strategy.evaluation)
    predictors = [pareto_set.serve(ray) for ray in rays]
    return lambda inputs: [predict(inputs) for predict in predictors]


def _n_rays_per_pass(problem: Problem) -> int:
    """Return for how many rays the samples are read at once, a multiple of RAYS_AT_ONCE."""
    if any(metric.pooled for objective in problem.objectives for metric in objective.metrics):
        return RAYS_AT_ONCE
    bytes_at_once = RAYS_AT_ONCE * problem.n_target_parameters * problem.dtype.itemsize
    return RAYS_AT_ONCE * max(1, WEIGHT_BYTES // max(1, bytes_at_once))


def _several_rays(
    pareto_set: ParetoSet | PointSet, problem: Problem, samples: Samples, rays: Tensor, batch_size: int | None
) -> list[Tensor]:
    """Return for each ray the losses and metrics [m + number of metrics] of the samples."""
    predictors = [_predictor(pareto_set, problem, some_rays) for some_rays in torch.split(rays, RAYS_AT_ONCE)]
    m = problem.n_objectives
    starts = np.cumsum([m, *(len(o.metrics) for o in problem.objectives)])
    rows = torch.zeros(len(rays), int(starts[-1]), dtype=torch.float64)
    for indices, part in problem.parts(samples):
        metrics = [j for i in indices for j in range(starts[i], starts[i + 1])]
        n_samples = batch_size or _batch_size(problem, part)
        values = _means(predictors, problem, part, [problem.objectives[i] for i in indices], len(rays), n_samples)
        rows[:, [*indices, *metrics]] = values
    return list(rows)


def _batch_size(problem: Problem, samples: Samples) -> int:
    """Return how many samples are evaluated at once, so that large inputs or outputs do not take much memory."""
    n_inputs = sum(tensor.numel() for tensor in tensors_of(samples.take(slice(0, 1)).inputs))
    n_outputs = sum(math.prod(head_shape(size)) for size in problem.dataset.heads.values())
    return max(1, min(BATCH_SIZE, INPUT_VALUES // max(1, n_inputs), OUTPUT_VALUES // max(1, n_outputs)))


def _means(
    predictors: Sequence[Callable[[Inputs], Sequence[Outputs]]],
    problem: Problem,
    samples: Samples,
    objectives: Sequence[Objective],
    n_rays: int,
    batch_size: int,
) -> Tensor:
    """Return the losses of objectives, then their metrics, on samples: [n_rays, losses + metrics].

    predictors: each returns the outputs of some of the rays, in order.
    """
    totals = [Totals(objectives) for _ in range(n_rays)]
    means = plain_losses(objectives)
    prepared: list[Samples] = []
    slices = [slice(start, start + batch_size) for start in range(0, len(samples), batch_size)]
    for stored in samples.batches(slices):
        batch = problem.prepare(stored)
        if totals[0].is_pooling:
            prepared.append(batch.to("cpu"))
        total_of_ray = iter(totals)
        for predict in predictors:
            outputs_of_rays = predict(batch.inputs)
            losses = problem.losses(outputs_of_rays, batch, means)
            for k, outputs in enumerate(outputs_of_rays):
                next(total_of_ray).add(outputs, batch, losses[k])
    split = joined(prepared) if prepared else None
    return torch.stack([total.values(split) for total in totals])


def joined(batches: Sequence[Samples]) -> Samples:
    """Concatenate batches."""
    return Samples.cat(batches)


@contextmanager
def evaluating(problem: Problem, pareto_set: ParetoSet | PointSet) -> Iterator[None]:
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
