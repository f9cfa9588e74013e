"""Conformance checks of loggers."""

from __future__ import annotations

import math
import warnings
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from mobench.events import JobEnded, TrainingProgress
from mobench.global_state import ENVIRONMENT, FILTERS, changes, snapshot
from mobench.interfaces import LoggedJob, LoggedRun, Logger
from mobench.plugins import Entry
from mobench.testing.candidates import small
from mobench.testing.outcomes import Declined, demand

OPTIONS = {"solver.lr": 1e-3, "solver.hidden": [8, 8], "solver.sampler": None, "budget.steps": 20, "model.flag": True}
"""Options with every type of JSON."""


def logs_jobs_of_every_end(entry: Entry) -> None:
    """It accepts jobs that run at once, losses that are not finite, failures and interruptions, and changes no state"""
    logger: Logger = small(entry)
    for package, command in logger.packages.items():
        if find_spec(package) is None:
            raise Declined(f"its package {package!r} is not installed: {command}")
    before = snapshot()
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder, warnings.catch_warnings():
        # of libraries about their own code
        warnings.simplefilter("ignore", DeprecationWarning)
        use(logger, Path(folder))
    # libraries that it imports may add filters and variables
    changed = changes(before, snapshot(), (ENVIRONMENT, FILTERS))
    demand(not changed, "; ".join(changed))


def use(logger: Logger, folder: Path) -> None:
    """Log four jobs that run at once: one completes, one diverges, one fails before training, one is interrupted."""
    completed, diverged, failed, interrupted = (
        LoggedJob(
            f"{i:016x}", f"data × é · solver+b · seed {i}", "data", "my-model", "a+b", i, ("loss (%)", "ä"), OPTIONS
        )
        for i in range(4)
    )
    logger.open(LoggedRun("a suite", folder / "records of a run"))
    for job in (completed, diverged, failed, interrupted):
        logger.start(job)
    logger.end(failed, JobEnded("failed", "the process died\n" + 1000 * "x"), {})
    for step in (1, 2):
        for job in (completed, diverged, interrupted):
            losses = (0.5 / step, math.nan if job is diverged else 1.0)
            volume = None if step == 1 else 0.25
            logger.progress(job, TrainingProgress(step, 2, step / 2, 1.0, 0.1, losses, volume, step == 2))
    logger.end(completed, JobEnded("completed", "", 0.25, 0.2), {"test@5/hypervolume": 0.25, "cost/steps": 2.0})
    logger.end(diverged, JobEnded("diverged", "loss is NaN"), {})
    logger.close()
