"""Rays of jobs: as many as asked for, their version in the identity, and those of earlier records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Annotated, Any

import pytest
import torch
from annotated_types import Ge
from torch import Tensor

from mobench import Protocol, Spec, hookimpl
from mobench.errors import MobenchError
from mobench.jobs import resolve
from mobench.jobs.job import Budget, Job
from mobench.jobs.rays import job_rays
from mobench.options import option
from mobench.plugins import Plugin, Registry
from mobench.records import imports, provenance
from mobench.reports.analysis.comparable import select
from mobench.reports.analysis.leaderboard import leaderboard
from mobench.runs.execution import execute
from mobench_analytic.problems import Analytic


@dataclass(frozen=True)
class Corners(Analytic):
    """f_i = ‖x − e_i‖², the i-th smallest at the i-th unit vector."""

    n_objectives: Annotated[int, Ge(2)] = option(8, "number of objectives")  # type: ignore[assignment]
    n_variables: Annotated[int, Ge(2)] = option(12, "length of x")
    bounds = None

    @property
    def protocol(self) -> Protocol:
        m = self.n_objectives
        return Protocol("corners-1", reference=(2.0,) * m, ideal=(0.0,) * m, nadir=(2.0,) * m)

    def values(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple((x - row).square().sum(-1) for row in torch.eye(self.n_objectives, self.n_variables))

    def known_front(self, n_points: int) -> None:
        return None


@pytest.fixture(autouse=True)
def corners_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    guest = ModuleType("guest")
    guest.mobench_datasets = hookimpl(lambda: [Spec("corners", f"{__name__}:Corners", version="1")])  # type: ignore[attr-defined]
    registry = Registry.discover()
    registry.add(Plugin("guest", "guest", "1.0"), guest)
    for module in (resolve, provenance):
        monkeypatch.setattr(module, "registry", lambda: registry)
    provenance._packages.cache_clear()
    yield
    provenance._packages.cache_clear()


def corners(m: int, **more: Any) -> Job:
    return resolve.resolve("corners", "point", "ls", {"n_objectives": m}, Budget(steps=3), **more)


def earlier(job: Job) -> Job:
    return job.model_copy(update={"rays_version": None})


def test_jobs_of_many_objectives_state_the_version_of_their_rays_and_others_keep_their_ids() -> None:
    job_preferences = [[0.25] * 4, [0.1, 0.2, 0.3, 0.4]]
    versions = [
        job.rays_version for job in (corners(2), corners(3), corners(4), corners(11), corners(4, rays=job_preferences))
    ]
    assert versions == [None, None, 2, 2, None]
    assert "rays_version" not in corners(3).model_dump_json()
    assert Job.model_validate_json(corners(4).model_dump_json()) == corners(4)
    assert earlier(corners(4)).id != corners(4).id


def test_jobs_of_many_objectives_have_as_many_rays_as_asked_for() -> None:
    rays = job_rays(corners(8), 8)
    assert (rays.dense.shape, rays.finite.shape) == ((25, 8), (5, 8))


def test_records_without_a_version_keep_the_lattice_that_they_were_made_with() -> None:
    rays = job_rays(earlier(corners(8)), 8)
    assert (len(rays.dense), len(rays.finite)) == (36, 36)
    assert rays.dense[0].tolist() == pytest.approx([0.9 + 0.0125] + [0.0125] * 7)


def test_rays_of_a_later_version_are_refused() -> None:
    with pytest.raises(MobenchError, match="version 3 of the rays"):
        job_rays(corners(4).model_copy(update={"rays_version": 3}), 4)


def test_imported_fronts_have_the_rays_of_the_records_beside_them() -> None:
    new, old = corners(5), earlier(corners(5))
    assert [imports.like(new.dataset, neighbour).rays_version for neighbour in (None, new, old)] == [2, 2, None]
    assert imports.like(corners(3).dataset).rays_version is None


def test_a_finite_set_trains_as_many_nets_as_asked_for_and_old_rays_are_not_mixed_with_new_ones() -> None:
    """Eight objectives used to train and evaluate 36 nets."""
    new, old = execute(corners(8)), execute(earlier(corners(8)))
    assert new.cost is not None
    assert old.cost is not None
    assert (new.cost.n_models, old.cost.n_models) == (5, 36)
    assert len(new.fronts["test"].losses) == 5
    selection = select([new, old])
    assert len(selection.records) == 1
    assert "rays is 25 and 5 at equal K" in selection.left_out[0]


@pytest.mark.slow
def test_a_record_has_the_error_of_an_approximate_hypervolume_and_the_table_says_so() -> None:
    record = execute(corners(11, n_rays=40, n_finite=40))
    values = record.indicators["test"]
    assert 0 < (values["hypervolume_error"] or 0) < 0.01 * (values["hypervolume"] or 0)
    assert any("hypervolume of ls is approximate" in note for note in leaderboard([record]).notes)
    assert "hypervolume_error" not in execute(corners(4)).indicators["test"]
