"""Decomposition: its dual against clarabel, its claims, and VLMOP2."""

from __future__ import annotations

import math

import cvxpy as cp
import pytest
import torch
from torch import Tensor

from mobench.interfaces import Problem
from mobench.learning.gradients import objective_gradients, own_gram
from mobench.learning.min_norm import min_norm
from mobench.learning.preferences import dense_rays
from mobench.testing import properties
from mobench_analytic.point import Point
from mobench_analytic.problems import VLMOP2
from mobench_pmtl.decomposition import (
    Decomposition,
    decomposition_weights,
    loss_direction,
    reference_directions,
)

MS = [2, 3, 4, 5, 6, 7, 8]


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


@pytest.mark.parametrize("m", MS)
def test_properties(m: int) -> None:
    properties.assert_well_behaved(Decomposition(), m)
    properties.assert_indifferent_to_scale(Decomposition(), m)
    properties.assert_permutation_equivariant(Decomposition(), m)


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
        away = u[None] - p[:, None]
        values = torch.einsum("kjm,km->kj", away, losses) / losses.norm(dim=1, keepdim=True)
        constraint_slopes = torch.einsum("kjm,km->kj", away, slopes)
        real = away.abs().amax(2) > 1e-9
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
        ours = properties.direction(case, alpha).square().sum(1)
        for k in range(len(losses)):
            away = u - p[k]
            values = away @ losses[k] / losses[k].norm()
            rows = away[values > 0]
            if not len(rows):
                rows = torch.cat([torch.eye(m, dtype=torch.float64), away[values >= -1e-3]])
            weights = cp.Variable(len(rows), nonneg=True)
            directions = (rows @ case.gradients[k]).numpy()
            problem = cp.Problem(cp.Minimize(cp.sum_squares(directions.T @ weights)), [cp.sum(weights) == 1])
            problem.solve(solver=cp.CLARABEL)
            assert float(ours[k]) <= problem.value + 1e-6, case.name


@pytest.mark.parametrize("m", MS)
def test_deep_inside_a_cell_it_is_min_norm(m: int) -> None:
    """Without a nearly violated constraint nothing but the losses is left."""
    for case in properties.cases(m, seed=m):
        p = loss_direction(case.preferences)
        away = reference_directions(m, 5)[None] - p[:, None]
        inside = (torch.einsum("kjm,km->kj", away, p) < -1e-3).all(1)
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
        losses = problem.losses([problem.outputs({"u": one}, batch.inputs) for one in u], batch)
        gradients = objective_gradients(losses, {"u": u})
        alpha = balancer(losses.detach(), rays, own_gram(gradients))
        x = x - lr * torch.einsum("km,kmn->kn", alpha, gradients["u"])
    return x, losses.detach()


@pytest.mark.parametrize(("n_directions", "least"), [(5, 0.995), (10, 0.998)])
def test_twenty_five_preferences_of_vlmop2_end_in_their_cells(n_directions: int, least: float) -> None:
    rays = dense_rays(2, 25).double()
    x, losses = vlmop2_descent(rays, n_directions, 1000, 0.5)
    cosines = (losses * loss_direction(rays)).sum(1) / losses.norm(dim=1)
    assert float(cosines.mean()) >= least
    t = x.mean(1, keepdim=True)
    assert float((x - t).norm(dim=1).max()) < 1e-3, "on the segment between the two centres"
