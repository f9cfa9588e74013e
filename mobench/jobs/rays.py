"""The rays of a job: the preferences on which its Pareto set is evaluated and trained."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mobench.errors import MobenchError
from mobench.jobs.job import Job
from mobench.learning.preferences import dense_rays, finite_rays, lattice_rays


@dataclass(frozen=True)
class JobRays:
    """Preferences [R, m] of a job: `dense` to evaluate a continuous set, `finite` to train a finite set."""

    dense: Tensor
    finite: Tensor


RAYS_VERSION = 2
"""Version of the rays of more than three objectives: 2 is space-filling; without a number, lattices.

A later version keeps the branches of the earlier ones in `job_rays`, so that their records can be reproduced.
"""


def rays_version(n_objectives: int) -> int | None:
    """Return the version of the rays that new jobs state; None for up to three objectives, whose rays never changed."""
    return RAYS_VERSION if n_objectives > 3 else None


def job_rays(job: Job, n_objectives: int) -> JobRays:
    """Return the explicit rays of a job, or the rays that its `n_rays`, `n_finite` and `rays_version` define.

    Raises: MobenchError for a job of a later version of mobench whose rays are not known here.
    """
    if job.rays is not None:
        rays = torch.tensor(job.rays)
        return JobRays(rays, rays)
    if (job.rays_version or 0) > RAYS_VERSION:
        raise MobenchError(
            f"the job was made with version {job.rays_version} of the rays, version {RAYS_VERSION} and earlier ones "
            "are known here: install a later release of mobench"
        )
    if n_objectives > 3 and job.rays_version is None:
        return JobRays(lattice_rays(n_objectives, job.n_rays), lattice_rays(n_objectives, 2))
    return JobRays(dense_rays(n_objectives, job.n_rays), finite_rays(n_objectives, job.n_finite, job.n_rays))
