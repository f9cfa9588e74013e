"""Cache of measured strategies in the user's cache folder: each workload is measured once per machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import torch

from mobench import files
from mobench.errors import OptionError
from mobench.interfaces import Layout, Strategy
from mobench.jobs.job import Job
from mobench.learning.measured_strategy import Choice
from mobench.records.provenance import processor
from mobench.user_cache import user_cache_dir

MAX_BYTES = 2**16


def remembered(
    job: Job, n_sets: int, device: str, threads: int, measure: Callable[[], Choice], depends_on_solver: bool = False
) -> Choice:
    """Return the cached choice for this workload, or call `measure()` and cache its result.

    depends_on_solver: whether solvers and generators have choices of their own; otherwise they share those of the
        target network.

    If the cache cannot be read or written, or if other users can write to it, the choice is measured.
    """
    cache_dir = folder()
    if cache_dir is None:
        return measure()
    path = cache_dir / f"{_key(job, n_sets, device, threads, depends_on_solver)}.json"
    try:
        cached = json.loads(files.read_ours(path, MAX_BYTES))
        return Choice(Strategy.from_dict(cached["strategy"]), str(cached["remark"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OptionError):
        choice = measure()
    _keep(path, {"strategy": choice.strategy.to_dict(), "remark": choice.remark})
    return choice


def folder() -> Path | None:
    """Return the folder of cached choices, which may be deleted at any time; None if no home folder is known."""
    return user_cache_dir("strategies")


def _key(job: Job, n_sets: int, device: str, threads: int, depends_on_solver: bool) -> str:
    parts: list[Any] = [
        job.dataset.model_dump(mode="json"), job.model.model_dump(mode="json"), job.budget.batch_size,
        n_sets, device, threads, processor(), torch.__version__, get_args(Layout), job.budget.precision,
    ]  # fmt: skip
    if depends_on_solver:
        generator = job.solver.generator
        parts += [job.solver.name, job.solver.version, generator and generator.model_dump(mode="json")]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _keep(path: Path, content: dict[str, Any]) -> None:
    with suppress(OSError):
        files.write_ours(path, json.dumps(content).encode())
