"""Decomposition: its dual against clarabel, its claims, and VLMOP2."""

from __future__ import annotations

import dataclasses
import io
import math
from typing import Any

import cvxpy as cp
import pytest
import torch
from torch import Tensor

from mobench.errors import IncompatibleError
from mobench.interfaces import BalancerContext, Problem, own_gram
from mobench.jobs.job import Budget
from mobench.jobs.resolve import resolve
from mobench.learning.preferences import dense_rays
from mobench.numerics import objective_gradients
from mobench.numerics.min_norm_point import min_norm
from mobench.testing import properties
from mobench_analytic.point import Point
from mobench_analytic.problems import VLMOP2
from mobench_pmtl.decomposition import (
    Decomposition,
    constraints,
    is_outside,
    loss_direction,
    program_weights,
    reference_directions,
)

MS = [2, 3, 4, 5, 6, 7, 8]


def decomposition_weights(
    losses: Tensor, preferences: Tensor, gram: Tensor, directions: Tensor, epsilon: float
) -> Tensor:
    """Return the weights [K, m] of the program in which only violated constraints are descended outside a cell."""
    normals, values = constraints(losses, preferences, directions)
    return program_weights(normals, values, gram, is_outside(values), epsilon)


def test_losses_should_point_along_the_inverse_preference() -> None:
    p = loss_direction(torch.tensor([[0.75, 0.25]]))
    torch.testing.assert_close(p, torch.tensor([[1.0, 3.0]], dtype=torch.float64) / math.sqrt(10))


def test_reference_directions() -> None:
    five = reference_directions(2, 5)
    torch.testing.assert_close(torch.atan2(five[:, 1], five[:, 0]), torch.arange(5).double() * math.pi / 8)
    for m in MS[1:]:
        u = reference_directions(m, 5)
        assert len(u) >= 5
        assert bool((u >= 0).all())
        torch.testing.assert_close(u.norm(dim=1), torch.ones(len(u), dtype=torch.float64))


FORMS: list[dict[str, Any]] = [
    {},
    {"outside": "start-phase"},
    {"outside": "start-phase", "start_epochs": 0.0},
    {"directions": "rays"},
    {"outside": "start-phase", "start_epochs": 0.0, "directions": "rays"},
]


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("m", MS)
def test_properties(m: int, form: dict[str, Any]) -> None:
    properties.assert_well_behaved(Decomposition(**form), m)
    properties.assert_indifferent_to_scale(Decomposition(**form), m)
    properties.assert_permutation_equivariant(Decomposition(**form), m)


@pytest.mark.parametrize("m", MS)
def test_the_direction_descends_every_active_constraint_and_loss(m: int) -> None:
    """Outside the cell every violated constraint; inside, every loss and every nearly violated one."""
    phases = {True: 0, False: 0}
    u = reference_directions(m, 5)
    for case in properties.cases(m, seed=m):
        losses = case.losses.clone()
        p = loss_direction(case.preferences)
        losses[::2] = 0.7 * p[::2]  # on the preference's own ray: inside the cell
        g = case.gradients / case.gradients.norm(dim=2).amax(1).clamp_min(1e-300)[:, None, None]
        alpha = decomposition_weights(losses, case.preferences, g @ g.transpose(1, 2), u, 1e-3)
        d = torch.einsum("km,kmn->kn", alpha, g)
        slopes = torch.einsum("kmn,kn->km", g, d)
        normals = u[None] - p[:, None]
        values = torch.einsum("kjm,km->kj", normals, losses) / losses.norm(dim=1, keepdim=True)
        constraint_slopes = torch.einsum("kjm,km->kj", normals, slopes)
        real = normals.abs().amax(2) > 1e-9
        for k in range(len(losses)):
            outside = bool((real[k] & (values[k] > 0)).any())
            phases[outside] += 1
            active = real[k] & (values[k] > 0 if outside else values[k] >= -1e-3)
            assert float(constraint_slopes[k][active].min() if bool(active.any()) else 0) > -1e-7, case.name
            if not outside:
                assert float(slopes[k].min()) > -1e-7, case.name
    assert min(phases.values()) > 30


@pytest.mark.parametrize("m", [2, 3, 5])
def test_the_dual_is_as_short_as_clarabels(m: int) -> None:
    u = reference_directions(m, 5)
    for case in properties.cases(m, n_cases=6, seed=20 + m):
        if any(word in case.name for word in ("huge", "tiny", "large")):
            continue
        p = loss_direction(case.preferences)
        losses = case.losses.clone()
        losses[::2] = 0.7 * p[::2]
        alpha = decomposition_weights(losses, case.preferences, case.gram, u, 1e-3)
        squared_norms = properties.direction(case, alpha).square().sum(1)
        for k in range(len(losses)):
            normals = u - p[k]
            values = normals @ losses[k] / losses[k].norm()
            rows = normals[values > 0]
            if not len(rows):
                rows = torch.cat([torch.eye(m, dtype=torch.float64), normals[values >= -1e-3]])
            weights = cp.Variable(len(rows), nonneg=True)
            directions = (rows @ case.gradients[k]).numpy()
            problem = cp.Problem(cp.Minimize(cp.sum_squares(directions.T @ weights)), [cp.sum(weights) == 1])
            problem.solve(solver=cp.CLARABEL)
            assert float(squared_norms[k]) <= problem.value + 1e-6, case.name


@pytest.mark.parametrize("m", MS)
def test_deep_inside_a_cell_it_is_min_norm(m: int) -> None:
    """The program has only the losses if no constraint is nearly violated."""
    for case in properties.cases(m, seed=m):
        p = loss_direction(case.preferences)
        normals = reference_directions(m, 5)[None] - p[:, None]
        inside = (torch.einsum("kjm,km->kj", normals, p) < -1e-3).all(1)
        alpha = decomposition_weights(0.7 * p, case.preferences, case.gram, reference_directions(m, 5), 1e-3)
        torch.testing.assert_close(
            properties.direction(case, alpha)[inside], properties.direction(case, min_norm(case.gram))[inside]
        )


def vlmop2_descent(rays: Tensor, n_directions: int, n_steps: int, lr: float) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    problem = Problem(VLMOP2(), Point(), dtype=torch.float64)
    x = torch.stack([next(problem.new_target().parameters()).detach() for _ in rays])
    balancer = properties.started(Decomposition(n_directions=n_directions, epsilon=0.0), 2, len(rays))
    batch = problem.dataset.load("train")
    losses = torch.empty(0)
    for _ in range(n_steps):
        u = x.clone().requires_grad_()
        losses = problem.losses([problem.outputs({"u": point}, batch.inputs) for point in u], batch)
        gradients = objective_gradients(losses, {"u": u})
        alpha = balancer(losses.detach(), rays, own_gram(gradients))
        x = x - lr * torch.einsum("km,kmn->kn", alpha, gradients["u"])
    return x, losses.detach()


@pytest.mark.slow
@pytest.mark.parametrize(("n_directions", "least"), [(5, 0.995), (10, 0.998)])
def test_twenty_five_preferences_of_vlmop2_end_in_their_cells(n_directions: int, least: float) -> None:
    rays = dense_rays(2, 25).double()
    x, losses = vlmop2_descent(rays, n_directions, 1000, 0.5)
    cosines = (losses * loss_direction(rays)).sum(1) / losses.norm(dim=1)
    assert float(cosines.mean()) >= least
    t = x.mean(1, keepdim=True)
    assert float((x - t).norm(dim=1).max()) < 1e-3, "on the segment between the two centres"


def outside_states(m: int, seed: int) -> properties.Case:
    """One batch of a well-scaled family with losses outside the cell of every preference."""
    (case, *_) = (c for c in properties.cases(m, seed=seed) if c.name == "random gradients")
    p = loss_direction(case.preferences)
    even = reference_directions(m, 5)
    nearest = even[(p @ even.T).argmin(1)]  # the direction that is furthest from p: its own cell is not that of p
    return dataclasses.replace(case, losses=nearest + 0.1)


def joint_rows(normals: Tensor, losses: Tensor, epsilon: float) -> Tensor:
    """B of the paper's program for one preference: the losses, and the active constraints."""
    values = normals @ losses / losses.norm()
    real = normals.abs().amax(1) > 1e-9
    return torch.cat([torch.eye(len(losses), dtype=torch.float64), normals[real & (values >= -epsilon)]])


@pytest.mark.parametrize("directions", ["even", "rays"])
@pytest.mark.parametrize("m", [2, 3, 5])
def test_after_the_start_phase_losses_and_constraints_share_one_program(m: int, directions: Any) -> None:
    """The paper's form against clarabel: the shortest convex combination of all ∇L_i and the active ∇G_j."""
    case = outside_states(m, seed=30 + m)
    balancer = Decomposition(outside="start-phase", start_epochs=0.0, directions=directions)
    alpha = properties.started(balancer, m, len(case.losses))(case.losses, case.preferences, case.gram)
    squared_norms = properties.direction(case, alpha).square().sum(1)
    p = loss_direction(case.preferences)
    u = p if directions == "rays" else reference_directions(m, 5)
    for k in range(len(p)):
        rows = joint_rows(u - p[k], case.losses[k], 1e-3) @ case.gradients[k]
        weights = cp.Variable(len(rows), nonneg=True)
        problem = cp.Problem(cp.Minimize(cp.sum_squares(rows.numpy().T @ weights)), [cp.sum(weights) == 1])
        problem.solve(solver=cp.CLARABEL)
        assert float(squared_norms[k]) == pytest.approx(problem.value, abs=1e-6)


def test_the_joint_program_raises_no_loss_outside_the_cell_and_constraints_alone_do() -> None:
    raised = {"constraints": 0, "start-phase": 0}
    n_states = 0
    for seed in range(20):
        case = outside_states(2, seed)
        n_states += len(case.losses)
        for form in raised:
            balancer = properties.started(Decomposition(outside=form, start_epochs=0.0), 2, len(case.losses))
            alpha = balancer(case.losses, case.preferences, case.gram)
            slopes = torch.einsum("kmn,kn->km", case.gradients, properties.direction(case, alpha))
            raised[form] += int((slopes < -1e-7).any(1).sum())
    assert raised["start-phase"] == 0
    assert raised["constraints"] > 0.9 * n_states


def start_phase(start_epochs: float, steps_per_epoch: int = 1, k: int = 2) -> Decomposition:
    balancer = Decomposition(outside="start-phase", start_epochs=start_epochs)
    zeros = torch.zeros(2, dtype=torch.float64)
    balancer.start(BalancerContext(k, 2, zeros + 2, zeros, steps_per_epoch=steps_per_epoch))
    return balancer


INSIDE, OUTSIDE = [0.7, 0.7], [0.1, 1.0]  # of the cell of (.5, .5)
GRAM = torch.tensor([[1.0, -0.2], [-0.2, 2.0]], dtype=torch.float64)


def is_alone(balancer: Decomposition, losses: list[list[float]], preferences: list[list[float]]) -> list[bool]:
    """Return whether the weights of a step depend only on the violated constraints."""
    l, r = (torch.tensor(rows, dtype=torch.float64) for rows in (losses, preferences))  # noqa: E741
    gram = GRAM.expand(len(l), 2, 2)
    decomposition = decomposition_weights(l, r, gram, reference_directions(2, 5), 1e-3)
    return [bool(torch.equal(a, b)) for a, b in zip(balancer(l, r, gram), decomposition, strict=True)]


def test_the_start_phase_ends_for_each_preference_at_its_first_step_inside_the_cell() -> None:
    balancer, r = start_phase(start_epochs=5), [[0.5, 0.5], [0.5, 0.5]]
    assert is_alone(balancer, [OUTSIDE, OUTSIDE], r) == [True, True]
    balancer(torch.tensor([INSIDE, OUTSIDE]).double(), torch.tensor(r).double(), GRAM.expand(2, 2, 2))
    assert is_alone(balancer, [OUTSIDE, OUTSIDE], r) == [False, True], "back outside: the joint program"


@pytest.mark.parametrize(("epochs", "steps_per_epoch", "n_steps"), [(2.0, 3, 6), (0.5, 3, 2), (0.0, 3, 0), (4.0, 1, 4)])
def test_the_start_phase_lasts_so_many_epochs_at_most(epochs: float, steps_per_epoch: int, n_steps: int) -> None:
    balancer, r = start_phase(epochs, steps_per_epoch), [[0.5, 0.5], [0.5, 0.5]]
    states = [is_alone(balancer, [OUTSIDE, OUTSIDE], r)[0] for _ in range(n_steps + 3)]
    assert states == [True] * n_steps + [False] * 3


def test_a_preference_that_is_drawn_anew_has_a_start_phase_of_its_own() -> None:
    balancer = start_phase(start_epochs=3, k=1)
    balancer(torch.tensor([INSIDE]).double(), torch.tensor([[0.5, 0.5]]).double(), GRAM[None])
    assert is_alone(balancer, [OUTSIDE], [[0.45, 0.55]]) == [True]
    assert is_alone(balancer, [OUTSIDE], [[0.5, 0.5]]) == [True]
    assert is_alone(balancer, [OUTSIDE], [[0.45, 0.55]]) == [False], "the epochs are over"


def test_the_start_phase_resumes_from_its_state() -> None:
    first, r = start_phase(start_epochs=4), [[0.5, 0.5], [0.4, 0.6]]
    first(torch.tensor([INSIDE, OUTSIDE]).double(), torch.tensor(r).double(), GRAM.expand(2, 2, 2))
    buffer = io.BytesIO()
    torch.save(first.state_dict(), buffer)
    resumed = start_phase(start_epochs=4)
    resumed.load_state_dict(torch.load(io.BytesIO(buffer.getvalue()), weights_only=True))
    for _ in range(5):
        assert is_alone(resumed, [OUTSIDE, OUTSIDE], r) == is_alone(first, [OUTSIDE, OUTSIDE], r)


def test_with_rays_as_directions_a_cell_is_what_is_nearest_to_its_own_ray() -> None:
    rays = torch.tensor([[0.2, 0.8], [0.45, 0.55], [0.8, 0.2]], dtype=torch.float64)
    p = loss_direction(rays)
    balancer = properties.started(Decomposition(directions="rays"), 2, 3)
    torch.testing.assert_close(  # on its own ray nothing is violated: the min-norm weights
        balancer(p, rays, GRAM.expand(3, 2, 2)), min_norm(GRAM.expand(3, 2, 2))
    )
    normals, values = constraints(p[[1, 2, 0]], rays, p)
    for k, at in enumerate([1, 2, 0]):
        assert (values[k] > 0).tolist() == [
            bool((p[j] - p[k]) @ p[at] > 0) for j in range(3)
        ], "another ray is nearer"  # fmt: skip
    assert normals.shape == (3, 3, 2)


def test_rays_as_directions_need_two_preferences() -> None:
    with pytest.raises(IncompatibleError, match="set n_preferences to 2 or more, or directions=even"):
        properties.started(Decomposition(directions="rays"), 2, 1)


@pytest.mark.parametrize("solver", ["pmtl", "cpmtl-moo"])
def test_the_forms_are_jobs_of_their_own_and_the_default_is_the_job_that_it_was(solver: str) -> None:
    def balancer_options(settings: dict[str, Any]) -> dict[str, Any]:
        balancer = resolve("vlmop2", "point", solver, settings, Budget(steps=1)).solver.balancer
        assert balancer is not None
        return balancer.options

    before = {"n_directions": 5, "epsilon": 1e-3}
    assert balancer_options({"outside": "constraints", "directions": "even", "start_epochs": 2}) == before
    assert balancer_options({"outside": "start-phase"}) == before | {"outside": "start-phase"}
