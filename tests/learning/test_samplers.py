"""Samplers: distributions against closed forms, schedules by hand, and jobs that choose one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mobench.errors import IncompatibleError, OptionError, UnknownNameError
from mobench.interfaces import Dirichlet, Problem, Sampler, SamplerContext, Seeds, Setting, seeded
from mobench.jobs.job import Budget, Job
from mobench.jobs.resolve import every_option, make_solver, resolve
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.preferences import check_on_simplex, finite_rays
from mobench.learning.samplers import FixedRays
from mobench.runs.execution import execute
from mobench_analytic.point import Point
from mobench_analytic.problems import VLMOP2
from mobench_linear.linear import Linear
from mobench_phn.phn import PHN
from mobench_samplers.annealed import Annealed, AnnealedDirichlet
from mobench_samplers.arc import Arc

SAMPLERS = (Dirichlet, Arc, Annealed, AnnealedDirichlet)


def started(sampler: Sampler, m: int = 2, k: int = 4, seed: int = 0, alpha: float = 0.2, total: int = 100) -> Sampler:
    sampler.start(SamplerContext(m, k, seed, alpha, total_steps=total))
    return sampler


@given(
    m=st.integers(2, 8), k=st.integers(1, 20), alpha=st.floats(0.01, 5), seed=st.integers(0, 1000),
    step=st.integers(0, 99), cls=st.sampled_from(SAMPLERS),
)  # fmt: skip
@settings(deadline=None, max_examples=100)
def test_drawn_preferences_are_on_the_simplex(
    m: int, k: int, alpha: float, seed: int, step: int, cls: type[Sampler]
) -> None:
    k = k + 1 if cls is Annealed and m == 2 else math.comb(m + 1, 2) if cls is Annealed else k
    preferences = started(cls(), m, k, seed, alpha).sample(step)
    assert preferences.shape == (k, m)
    assert bool((preferences > 0).all())
    check_on_simplex(preferences, tolerance=1e-9)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_dirichlet_has_its_moments(alpha: float) -> None:
    """Var r_i = (1/m)(1 − 1/m) / (mα + 1)."""
    preferences = started(Dirichlet(), 3, 100_000, seed=1, alpha=alpha).sample(0)
    variance = (1 / 3) * (2 / 3) / (3 * alpha + 1)
    torch.testing.assert_close(preferences.mean(0), torch.full((3,), 1 / 3, dtype=torch.float64), atol=5e-3, rtol=0)
    torch.testing.assert_close(preferences.var(0), torch.full((3,), variance, dtype=torch.float64), atol=0, rtol=0.03)


def test_dirichlet_draws_what_it_drew_before_there_were_samplers() -> None:
    """Records from before state no sampler: the draws are these, by the arithmetic of that time, to the bit."""
    generator = seeded(3)
    sampler = started(Dirichlet(), 3, 7, seed=3, alpha=0.2)
    for step in range(5):
        gamma = torch._standard_gamma(torch.full((7, 3), 0.2, dtype=torch.float64), generator=generator)
        r = gamma.clamp_min(torch.finfo(torch.float64).tiny)
        r = (r / r.sum(1, keepdim=True)).clamp_min(1e-6)
        assert torch.equal(sampler.sample(step), r / r.sum(1, keepdim=True))


def test_angles_on_the_arc_are_uniform() -> None:
    """Kolmogorov-Smirnov distance of 100,000 angles from the uniform distribution; 1.63/√n is its 99 % quantile."""
    preferences = started(Arc(), 2, 100_000, seed=1).sample(0)
    angles = torch.atan2(preferences[:, 1], preferences[:, 0]).sort().values / (math.pi / 2)
    expected = torch.linspace(0, 1, len(angles), dtype=torch.float64)
    assert float((angles - expected).abs().max()) < 1.63 / len(angles) ** 0.5


def test_directions_on_the_sphere_have_the_moments_of_a_uniform_distribution() -> None:
    """The squares of a uniform unit vector have mean 1/m and variance 2(m − 1) / (m²(m + 2))."""
    preferences = started(Arc(), 5, 100_000, seed=1).sample(0)
    squares = preferences.square() / preferences.square().sum(1, keepdim=True)
    assert squares.mean(0).tolist() == pytest.approx([0.2] * 5, abs=0.005)
    assert squares.var(0).tolist() == pytest.approx([2 * 4 / (25 * 7)] * 5, rel=0.03)


def test_the_annealed_schedule_starts_at_the_centre_and_moves_to_the_vertices() -> None:
    """r ∝ x^(5t), x from 0.01 to 0.99 in equal steps."""
    sampler = started(Annealed(), 2, 5, total=10)
    torch.testing.assert_close(sampler.sample(0), torch.full((5, 2), 0.5, dtype=torch.float64))
    x = torch.linspace(0.01, 0.99, 5, dtype=torch.float64)
    for step in (2, 7):
        raised, other = x ** (5 * step / 10), (1 - x) ** (5 * step / 10)
        expected = (raised / (raised + other)).flip(0)
        torch.testing.assert_close(sampler.sample(step)[:, 0], expected, atol=2e-6, rtol=0)
    distances = [(sampler.sample(step) - 0.5).abs().max(1).values.mean() for step in range(10)]
    assert distances == sorted(distances)


def test_the_annealed_schedule_of_three_objectives_is_a_lattice() -> None:
    """Six points: the vertices and the middles of the edges; t = 1/5 takes them as they are."""
    preferences = started(Annealed(margin=0.0), 3, 6, total=5).sample(1)
    expected = {(2, 0, 0), (0, 2, 0), (0, 0, 2), (1, 1, 0), (1, 0, 1), (0, 1, 1)}
    assert {tuple(round(2 * float(v)) for v in row) for row in preferences} == expected


def test_the_concentration_of_the_annealed_dirichlet_falls_linearly() -> None:
    """Var r_1 = ¼ / (2c + 1) for m = 2, with c = 1 − t + 0.001."""
    sampler = started(AnnealedDirichlet(), 2, 100_000, total=100)
    for step in (0, 50, 99):
        expected = 0.25 / (2 * (1 - step / 100 + 0.001) + 1)
        assert float(sampler.sample(step)[:, 0].var()) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("cls", SAMPLERS)
def test_a_sampler_leaves_the_global_random_state_alone_and_goes_on_from_its_own(cls: type[Sampler]) -> None:
    before = torch.get_rng_state()
    sampler = started(cls(), seed=3)
    sampler.sample(0)
    state = sampler.state_dict()
    other = started(cls(), seed=99)
    other.load_state_dict(state)
    assert torch.equal(other.sample(1), sampler.sample(1))
    assert torch.equal(torch.get_rng_state(), before)


def test_fixed_rays_are_all_given_at_every_step() -> None:
    rays = finite_rays(2)
    assert FixedRays(rays).sample(0) is rays


def test_a_context_states_the_progress_of_training_and_refuses_a_budget_in_seconds() -> None:
    context = SamplerContext(2, 1, total_steps=8)
    assert [context.progress(step) for step in (0, 2, 8, 9)] == [0, 0.25, 1, 1]
    with pytest.raises(ValueError, match="needs_total_steps"):
        SamplerContext(2, 1).progress(0)


@dataclass(eq=False)
class RecordingSampler(Sampler):
    """Record the arguments of every call."""

    def start(self, context: SamplerContext) -> None:
        self.context, self.steps = context, list[int]()

    def sample(self, step: int) -> Tensor:
        self.steps.append(step)
        return torch.full((self.context.n_preferences, self.context.n_objectives), 0.5)


def test_the_solver_tells_its_sampler_the_step_and_the_context() -> None:
    problem, sampler = Problem(VLMOP2(), Point()), RecordingSampler()
    solver = GradientSolver(PHN(), Linear(), GradientOptions(n_preferences=3, alpha=0.7), sampler)
    solver.start(problem, Setting(finite_rays(2), Seeds(preferences=5), 2, 9))
    for _ in range(3):
        solver.step(problem.prepare(problem.dataset.load("train")))
    assert sampler.steps == [0, 1, 2]
    assert sampler.context == SamplerContext(2, 3, 5, 0.7, 2, 9)


def job(solver: str = "phn-ls", budget: Budget | None = None, **settings: Any) -> Job:
    values = {name.replace("__", "."): value for name, value in settings.items()}
    return resolve("vlmop2", "point", solver, values, budget or Budget(steps=10, batch_size=1))


def test_jobs_with_the_default_sampler_keep_the_ids_that_they_had_before_there_were_samplers() -> None:
    assert job().id == job(sampler="dirichlet").id == job(solver__sampler="dirichlet").id
    stated = job().model_dump_json()
    assert "sampler" not in stated
    assert (job("ls").id, job().id) == ("1c27fcc1430bf34b", "330d10d0303fbcd2")


def test_a_chosen_sampler_is_in_the_identity_with_its_options() -> None:
    jobs = [job(n_preferences=4, **more) for more in (
        {}, {"sampler": "arc"}, {"sampler": "annealed"}, {"sampler": "annealed", "power": 3.0},
        {"sampler": "annealed", "sampler__margin": 0.1},
    )]  # fmt: skip
    assert len({sampled_job.id for sampled_job in jobs}) == 5
    assert jobs[3].solver.sampler is not None
    assert (jobs[3].solver.sampler.version, jobs[3].solver.sampler.options) == ("1", {"power": 3.0, "margin": 0.01})
    assert every_option(jobs[3])["sampler.power"] == 3.0
    assert every_option(jobs[0])["solver.sampler"] == "dirichlet"
    for sampled_job in jobs:
        assert Job.model_validate_json(sampled_job.model_dump_json()) == sampled_job


def test_a_job_trains_with_its_sampler() -> None:
    solver = make_solver(job(n_preferences=4, sampler="annealed", power=3.0).solver)
    assert isinstance(solver, GradientSolver)
    solver.start(Problem(VLMOP2(), Point()), Setting(finite_rays(2), Seeds(), 1, 10))
    assert isinstance(solver.sampler, Annealed)
    assert solver.sampler.power == 3.0
    assert solver.sampler.sample(0).tolist() == [[0.5, 0.5]] * 4


def test_another_sampler_trains_another_network() -> None:
    records = [execute(job(sampler=name)) for name in ("dirichlet", "arc", "annealed-dirichlet")]
    assert [record.status for record in records] == ["completed"] * 3
    assert len({str(record.fronts["test"].losses) for record in records}) == 3


@pytest.mark.parametrize(
    ("solver", "budget", "sampler_settings", "reason"),
    [
        ("ls", Budget(steps=1), {"sampler": "arc"}, "trains its own rays, so sampler 'arc' would have no effect"),
        ("phn-ls", Budget(seconds=1), {"sampler": "annealed-dirichlet"}, "the budget is in seconds: give epochs or"),
        ("phn-ls", Budget(steps=1), {"sampler": "annealed"}, "n_preferences is 1: set it to 2 or more"),
        ("phn-ls", Budget(steps=1), {"sampler": "annealed", "margin": 0.499, "n_preferences": 0 + 2}, None),
    ],
)
def test_what_a_sampler_does_not_support_is_declined_before_the_job(
    solver: str, budget: Budget, sampler_settings: dict[str, Any], reason: str | None
) -> None:
    if reason is None:
        assert job(solver, budget, **sampler_settings).solver.sampler is not None
        return
    with pytest.raises(IncompatibleError, match=reason):
        job(solver, budget, **sampler_settings)


def test_the_lattices_of_three_objectives_are_named_where_another_number_is_given() -> None:
    with pytest.raises(IncompatibleError, match="lattices of 3, 6, 10, 15 … preferences for 3 objectives"):
        resolve("dtlz2", "point", "phn-ls", {"sampler": "annealed", "n_preferences": 5}, Budget(steps=1))


def test_unknown_samplers_and_options_are_named() -> None:
    with pytest.raises(UnknownNameError, match="arc"):
        job(sampler="ark")
    with pytest.raises(OptionError, match="sampler"):
        job(sampler=3)
    with pytest.raises(OptionError, match="power"):
        job(sampler="annealed", n_preferences=2, sampler__powr=1)
