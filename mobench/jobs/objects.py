"""The objects that a job is run with: its dataset, its model and its solver."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from mobench.interfaces import Dataset, Model, Solver
from mobench.jobs.job import Job
from mobench.jobs.resolve import make_dataset, make_model, make_solver


@dataclass(frozen=True)
class JobObjects:
    """What a job is run with: its dataset, and functions that return its model and a new solver."""

    dataset: Dataset
    new_model: Callable[[], Model]
    new_solver: Callable[[], Solver]


def make_objects(job: Job) -> JobObjects:
    """Return the objects of a job whose parts are registered."""
    return JobObjects(make_dataset(job.dataset), partial(make_model, job.model), partial(make_solver, job.solver))
