"""The rays of a job: the preferences on which its Pareto set is evaluated and trained."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mobench.jobs.job import Job
from mobench.learning.preferences import dense_rays, finite_rays


@dataclass(frozen=True)
class JobRays:
    """Preferences [R, m] of a job: `dense` to evaluate a continuous set, `finite` to train a finite set."""

    dense: Tensor
    finite: Tensor


def job_rays(job: Job, n_objectives: int) -> JobRays:
    """Return the explicit rays of a job, or the rays that its `n_rays` and `n_finite` define."""
    if job.rays is not None:
        rays = torch.tensor(job.rays)
        return JobRays(rays, rays)
    return JobRays(dense_rays(n_objectives, job.n_rays), finite_rays(n_objectives, job.n_finite))
