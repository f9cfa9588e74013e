"""Cost of serving a Pareto set: seconds to switch preference, seconds per sample, memory."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from mobench.interfaces import ParetoSet, PointSet, Problem, Samples
from mobench.metrics.evaluation import evaluating


def switch_seconds(pareto_set: ParetoSet | PointSet, rays: Tensor, problem: Problem, repeats: int = 11) -> float | None:
    """Return the median seconds from a new preference to its predictor; None for points without preferences."""
    if isinstance(pareto_set, PointSet):
        return None
    at = rays.to(problem.device, problem.dtype)
    with torch.no_grad(), evaluating(problem, pareto_set), problem.autocast():
        return statistics.median(
            _timed(partial(pareto_set.serve, at[k % len(at)]), problem.device) for k in range(repeats)
        )


def inference_seconds_per_sample(
    pareto_set: ParetoSet | PointSet, rays: Tensor, problem: Problem, samples: Samples, repeats: int = 5
) -> float:
    """Return the median seconds per sample of one batch; the switch of the preference is not included."""
    batch = problem.prepare(problem.parts(samples)[0][1])  # of several tasks, the first
    with torch.no_grad(), evaluating(problem, pareto_set), problem.autocast():
        if isinstance(pareto_set, PointSet):
            predict = pareto_set.predictor(pareto_set.n_points // 2)
        else:
            predict = pareto_set.serve(rays.to(problem.device, problem.dtype)[len(rays) // 2])
        seconds = statistics.median(_timed(lambda: predict(batch.inputs), problem.device) for _ in range(repeats))
    return seconds / len(batch)


def peak_bytes(device: torch.device) -> int:
    """Return the peak memory of this process: memory allocated by torch on CUDA, otherwise resident memory."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB


def _timed(work: Callable[[], object], device: torch.device) -> float:
    _wait(device)
    began = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - began


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
