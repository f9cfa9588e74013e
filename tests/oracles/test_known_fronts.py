"""Claims about known fronts, tested with jobs of the analytic suite, most of them with fewer steps."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from mobench.jobs import plan as plans
from mobench.jobs import suite as suites
from mobench.jobs.resolve import make_dataset
from mobench.learning.preferences import dense_rays, finite_rays
from mobench.metrics.indicators import hypervolume
from mobench.plugins import registry
from mobench.records.record import Record
from mobench.runs.execution import execute

pytestmark = pytest.mark.slow

SUITE = suites.load("analytic")
N_STEPS = {
    ("dtlz2", "tche"): 2000,
    ("zdt1", "cpmtl-ls"): 2000,
    ("vlmop2", "tche"): 500,
    ("vlmop2", "cpmtl-moo"): 500,
    **dict.fromkeys([("zdt1", "epo"), ("zdt1", "tche"), ("zdt1", "phn-epo")], 500),
    **dict.fromkeys([("zdt2", "epo"), ("zdt2", "phn-hvi"), ("zdt2", "phn-ls"), ("zdt2", "cpmtl-ls")], 500),
    ("zdt2", "ls"): 300,
    **{
        ("vlmop2", solver): 300
        for solver in (
            "epo", "phn-epo", "pmtl", "phn-hvi", "stche", "pamal",
            "mgda", "pcgrad", "cagrad", "nash-mtl", "imtl-g", "upgrad", "rlw", "dwa", "uw",
        )
    },
}  # fmt: skip
"""Length of a job: that of the suite where a claim needs it, fewer where the claim holds long before, else half of it.

Jobs with 300 and 500 steps reach their bounds with room: hypervolumes within 0.3 % where 1 % is claimed, distances of
less than a fifth of those claimed.
"""


@cache
def record(dataset: str, solver: str) -> Record:
    """The record of a solver's job in the analytic suite, seed 0."""
    chosen = suites.overridden(
        SUITE, datasets=[dataset], solvers=[solver], seeds=[0], budget={"steps": N_STEPS.get((dataset, solver), 1000)}
    )
    (job,) = plans.plan(chosen).jobs
    result = execute(job, threads=1)
    assert result.status == "completed", result.failure
    return result


def value_of(dataset: str, solver: str, name: str) -> float:
    value = record(dataset, solver).indicators["test"][name]
    assert value is not None
    return value


@cache
def exact(dataset: str, n_rays: int) -> float:
    """Hypervolume of the front's own points on the rays: there max_i r_i f_i is least along the front."""
    (job,) = plans.plan(suites.overridden(SUITE, datasets=[dataset], solvers=["ls"], seeds=[0])).jobs
    problem = make_dataset(job.dataset)
    front = problem.known_front(40_000)
    assert front is not None
    m = len(problem.objectives)
    rays = finite_rays(m) if n_rays == 5 else dense_rays(m)
    on_rays = (rays.double()[:, None] * front[None]).amax(2).argmin(1)
    return hypervolume(front[on_rays].numpy(), problem.protocol.reference)


@pytest.mark.parametrize("solver", ["epo", "phn-epo"])
def test_epo_meets_the_rays_of_vlmop2(solver: str) -> None:
    assert value_of("vlmop2", solver, "non_uniformity") < 1e-3


@pytest.mark.parametrize("solver", ["cpmtl-moo", "pmtl"])
def test_decomposition_points_along_its_preferences(solver: str) -> None:
    """Mean cos(L, p) with five reference directions, p along 1/r."""
    front = record("vlmop2", solver).fronts["test"]
    losses, p = np.array(front.losses), 1 / np.array(front.preferences)
    cosines = (losses * p).sum(1) / np.linalg.norm(losses, axis=1) / np.linalg.norm(p, axis=1)
    assert cosines.mean() >= 0.995


@pytest.mark.parametrize("dataset", ["vlmop2", "zdt1", "zdt2"])
@pytest.mark.parametrize("solver", ["phn-epo", "epo", "tche"])
def test_methods_that_seek_the_rays_have_the_hypervolume_of_the_rays_points(dataset: str, solver: str) -> None:
    """Within one per cent, on convex and concave fronts."""
    hypervolume = value_of(dataset, solver, "hypervolume")
    assert hypervolume == pytest.approx(exact(dataset, 25 if solver == "phn-epo" else 5), rel=0.01)


@pytest.mark.parametrize("solver", ["epo", "tche"])
def test_three_objectives(solver: str) -> None:
    """DTLZ2: six rays on the sphere."""
    assert value_of("dtlz2", solver, "hypervolume") == pytest.approx(exact("dtlz2", 5), rel=0.02)


@pytest.mark.parametrize("dataset", ["vlmop2", "zdt2"])
def test_maximising_hypervolume_is_at_least_as_good_as_the_rays(dataset: str) -> None:
    assert value_of(dataset, "phn-hvi", "hypervolume") > 0.99 * exact(dataset, 25)


@pytest.mark.parametrize("solver", ["ls", "phn-ls", "cpmtl-ls"])
def test_linear_scalarisation_cannot_cover_a_concave_front(solver: str) -> None:
    """ZDT2: every weighted sum is least at an end, so points gather at both or one, and nothing lies between."""
    front = np.array(record("zdt2", solver).fronts["test"].losses)
    between = (front[:, 0] > 0.1) & (front[:, 0] < 0.9) & (front[:, 1] < 1.05)
    assert between.mean() <= 0.1
    assert value_of("zdt2", solver, "hypervolume") < 0.6 * exact("zdt2", 25)
    assert value_of("zdt2", solver, "igd_plus") > 0.1


def test_linear_scalarisation_covers_a_convex_front() -> None:
    """The same solvers on ZDT1: the failure above is the front's shape, not the training."""
    assert value_of("zdt1", "cpmtl-ls", "hypervolume") > 0.96 * 0.8765


@pytest.mark.parametrize("solver", ["mgda", "pcgrad", "cagrad", "nash-mtl", "imtl-g", "upgrad", "rlw", "dwa", "uw"])
def test_methods_without_a_preference_reach_one_point_of_the_front(solver: str) -> None:
    """VLMOP2: generational distance to the known front."""
    point_record = record("vlmop2", solver)
    assert len(point_record.fronts["test"].losses) == 1
    assert value_of("vlmop2", solver, "gd") < 5e-3


@pytest.mark.parametrize("solver", ["epo", "pmtl", "tche", "stche", "phn-epo", "phn-hvi", "cpmtl-moo", "pamal"])
def test_methods_with_a_preference_are_controlled_by_it(solver: str) -> None:
    assert value_of("vlmop2", solver, "controllability") > 0.95
    assert value_of("vlmop2", solver, "gd") < 2e-2


def elsewhere() -> set[str]:
    """Solvers that other suites compare: with tasks, noise, or one objective."""
    suites_with_tests = [suites.load(name) for name in ("compression", "roles")]
    named_solvers = {solver for suite in suites_with_tests for entry in suite.entries for solver in entry.solvers}
    return (named_solvers | {"static-cifar"}) - {"ls", "phn-ls", "ensemble"}


def test_the_suite_holds_every_solver_that_needs_no_inputs() -> None:
    """The solver that is left out is declined, with a reason."""
    missing = set(registry().names("solver")) - set(SUITE.solver_names) - elsewhere()
    mixed = suites.overridden(SUITE, datasets=["vlmop2"], solvers=["ls", *missing], seeds=[0])
    plan = plans.plan(mixed)
    assert {job.solver.name for job in plan.jobs} == {"ls"}
    assert len(plan.declined) == len(missing)
    assert all("no preference can be joined" in line for line in plan.declined)


def test_the_methods_suite_holds_every_solver() -> None:
    assert set(suites.load("methods").solver_names) == set(registry().names("solver")) - elsewhere()
