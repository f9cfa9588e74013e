"""Evaluation of a trained Pareto set: the fronts, indicators and cost of a record."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mobench.errors import NonFiniteError
from mobench.events import EvaluationProgress
from mobench.interfaces import ParetoSet, PointSet, Problem, Samples, Split
from mobench.jobs.bounds import LARGEST
from mobench.jobs.job import Job
from mobench.jobs.rays import job_rays
from mobench.learning.loop import Training
from mobench.metrics import cost
from mobench.metrics.evaluation import KNOWN_FRONT_POINTS, FrontValues, at_rays, evaluate, indicators_of
from mobench.metrics.subset import subset_of
from mobench.records.record import Cost, RecordedFront


def judge(
    job: Job,
    pareto_set: ParetoSet | PointSet,
    problem: Problem,
    splits: dict[Split, Samples],
    finite: Tensor,
    training: Training,
    tell: Callable[[EvaluationProgress], None],
) -> dict[str, Any]:
    """Evaluate a trained Pareto set. Returns the fields "fronts", "indicators", "cost" and "notes" of its record.

    finite: [R, m], the rays of finite Pareto sets. Continuous sets are also evaluated at them. A PointSet has no rays:
            its fronts have no preferences, and it has indicators at equal K if it has at most R points.
    tell:   called with an event for each split.

    Metric values that are not finite are None in the fronts; "notes" lists these metrics.

    Raises: NonFiniteError if a loss is not finite, with the split, the objective and the preference.
    """
    protocol = problem.dataset.protocol
    began = time.perf_counter()
    dense = job_rays(job, problem.n_objectives).dense
    own_rays = None if isinstance(pareto_set, PointSet) else pareto_set.rays
    rays = dense if own_rays is None else own_rays.cpu()
    all_rays = rays if own_rays is not None else _union(rays, finite)
    # evaluate the training split on as many samples as the validation split has: its front shows
    # the fit, and should not cost more than the rest of the evaluation
    splits = {**splits, "train": subset_of(splits["train"], max(1, len(splits["val"])), protocol)}
    known_front = problem.dataset.known_front(KNOWN_FRONT_POINTS)
    front_of_truth = None if known_front is None else known_front.double().numpy()
    fronts: dict[str, FrontValues] = {}
    for done, (split, samples) in enumerate(splits.items()):
        tell(EvaluationProgress(split, done / len(splits)))
        fronts[split] = evaluate(pareto_set, problem, samples, all_rays if split == "test" else rays)
        _check_front(fronts[split], split, [o.name for o in problem.objectives])
    few: FrontValues | None = fronts["test"]
    if isinstance(pareto_set, PointSet):
        few = few if pareto_set.n_points <= len(finite) else None
    else:
        few = fronts["test"] if own_rays is not None else at_rays(fronts["test"], finite)
        fronts["test"] = at_rays(fronts["test"], rays)
    indicators = {s: indicators_of(f, protocol, front_of_truth) for s, f in fronts.items()}
    if few is not None:
        indicators[f"test@{len(few.losses)}"] = indicators_of(few, protocol, front_of_truth)
    return {
        "fronts": {s: _front(f, len(splits[s])) for s, f in fronts.items()},  # type: ignore[index]
        "notes": _missing_metrics(fronts),
        "indicators": indicators,
        "cost": _cost(job, pareto_set, problem, splits["test"], rays, training, time.perf_counter() - began),
    }


def _cost(
    job: Job,
    pareto_set: ParetoSet | PointSet,
    problem: Problem,
    samples: Samples,
    rays: Tensor,
    training: Training,
    evaluation_seconds: float,
) -> Cost:
    batch = samples.take(slice(0, job.budget.batch_size))
    return Cost(
        training_seconds=training.seconds,
        training_core_seconds=training.core_seconds,
        evaluation_seconds=evaluation_seconds,
        steps=training.steps,
        epochs=training.epochs,
        stored_parameters=pareto_set.n_stored_parameters,
        served_parameters=problem.n_served_parameters,
        n_models=_n_models(pareto_set),
        peak_bytes=cost.peak_bytes(problem.device),
        switch_seconds=cost.switch_seconds(pareto_set, rays, problem),
        inference_seconds_per_sample=cost.inference_seconds_per_sample(pareto_set, rays, problem, batch),
        resumed=training.resumed,
        repeated_steps=training.repeated,
    )


def _n_models(pareto_set: ParetoSet | PointSet) -> int:
    if isinstance(pareto_set, PointSet):
        return pareto_set.n_points
    return 1 if pareto_set.rays is None else len(pareto_set.rays)


def _union(rays: Tensor, other_rays: Tensor) -> Tensor:
    """Concatenate `rays` and those of `other_rays` that are not among `rays`."""
    distances = (other_rays[:, None] - rays[None]).abs().amax(2).amin(1)
    return torch.cat([rays, other_rays[distances > 1e-6]])


def _front(front: FrontValues, n_samples: int) -> RecordedFront:
    return RecordedFront(
        preferences=[] if np.isnan(front.preferences).any() else front.preferences.tolist(),
        losses=front.losses.tolist(),
        metrics={name: [v if _is_number(v) else None for v in values] for name, values in front.metrics.items()},
        n_samples=n_samples,
    )


def _check_front(front: FrontValues, split: str, names: Sequence[str]) -> None:
    """Raise NonFiniteError, with the objective and the preference or point, unless every loss of a front is finite."""
    what = "points" if np.isnan(front.preferences).any() else "preferences"
    for name, values in zip(names, front.losses.T, strict=True):
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            first = bad[0] + 1 if what == "points" else [round(float(r), 3) for r in front.preferences[bad[0]]]
            raise NonFiniteError(
                f"trained to the end, but on the {split} split the loss of objective {name!r} is {values[bad[0]]} at "
                f"{len(bad)} of {len(values)} {what}, the first {first}: look for NaN and infinity in the split's "
                "samples, and for roots, logarithms and divisions in what is computed from them"
            )


def _is_number(value: float) -> bool:
    """Return whether a record can store a value of a metric."""
    return bool(abs(value) <= LARGEST)


def _missing_metrics(fronts: Mapping[str, FrontValues]) -> dict[str, str]:
    """Return a note on metrics with non-finite values: their names, splits and numbers of preferences; {} if none."""
    missing = [
        f"{name} on {split} at {n} of {len(values)} preferences"
        for split, front in fronts.items()
        for name, values in front.metrics.items()
        if (n := sum(not _is_number(value) for value in values))
    ]
    return {"metrics_missing": f"not a finite number: {'; '.join(missing)}"} if missing else {}
