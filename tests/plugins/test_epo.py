"""Exact Pareto optimal search against the programs of its paper, and on VLMOP2."""

from __future__ import annotations

from typing import Any

import cvxpy as cp
import numpy as np
import pytest
import torch
from torch import Tensor

from mobench.interfaces import Problem, inner_products, own_gram
from mobench.learning.preferences import dense_rays
from mobench.metrics.indicators import non_uniformity
from mobench.numerics import objective_gradients
from mobench.testing import properties
from mobench_analytic.point import Point
from mobench_analytic.problems import VLMOP2
from mobench_epo import epo
from mobench_epo.epo import EPO, epo_weights

MS = [2, 3, 4, 5, 6, 7, 8]


@pytest.mark.slow
@pytest.mark.parametrize("m", MS)
def test_properties(m: int) -> None:
    properties.assert_well_behaved(EPO(), m)
    properties.assert_indifferent_to_scale(EPO(), m)
    if m <= 4:  # beyond, the simplex method gives one of several optima
        properties.assert_permutation_equivariant(EPO(), m)


def by_the_paper(losses: Any, r: Any, c: Any) -> tuple[str, Any, Any, list[Any]]:
    """Mode, objective vector, alpha and constraints of one problem, written out as in the paper."""
    m = len(losses)
    rl = r * losses
    share = rl / rl.sum()
    mu = float((share * np.log(m * share)).sum())
    a = r * (np.log(m * share) - mu)
    ca = np.where(abs(c @ a) > 1e-13, c @ a, 0)
    alpha = cp.Variable(m, nonneg=True)
    constraints = [cp.sum(alpha) == 1]
    if mu > 1e-4:
        positive = ca > 0
        for j in range(m):
            if not positive.any() or j in np.flatnonzero(rl >= rl.max()):
                constraints.append(c[j] @ alpha >= 0)
            elif not positive[j]:
                constraints.append(c[j] @ alpha >= ca[j])
        return "balance", ca, alpha, constraints
    constraints += [c @ alpha >= 0, alpha @ ca >= min(float(ca.max()), 0.0)]
    return "descend", c.sum(0), alpha, constraints


@pytest.mark.slow
@pytest.mark.parametrize("m", MS)
def test_weights_solve_the_papers_program(m: int) -> None:
    """Feasible, and as good as clarabel's: 154 problems a size, 1,078 in all, degenerate ones among them."""
    modes: dict[str, int] = {"balance": 0, "descend": 0}
    for case in properties.cases(m, n_cases=14, seed=m):
        if any(word in case.name for word in ("tiny gradients", "large gradients", "one_huge", "one_tiny")):
            continue  # clarabel's tolerance is absolute; scale is tested above
        r = case.preferences
        losses = case.losses.clone()
        losses[::2] = 0.3 / r[::2]  # on the ray itself: these descend
        c = case.gram / case.gram.diagonal(dim1=1, dim2=2).amax(1).clamp_min(1e-300)[:, None, None]
        alpha, feasible = epo_weights(losses, r, c, 1e-4)
        for k in range(len(losses)):
            mode, objective, variable, constraints = by_the_paper(losses[k].numpy(), r[k].numpy(), c[k].numpy())
            modes[mode] += 1
            problem = cp.Problem(cp.Maximize(objective @ variable), constraints)
            problem.solve(solver=cp.CLARABEL)
            if not bool(feasible[k]):
                assert problem.status != "optimal", case.name
                continue
            assert problem.status in ("optimal", "optimal_inaccurate"), case.name
            assert float(objective @ alpha[k].numpy()) >= problem.value - 1e-6, case.name
            variable.value = alpha[k].numpy()
            assert all(float(np.max(constraint.violation())) < 1e-7 for constraint in constraints), case.name
    assert min(modes.values()) > 40


def test_what_has_no_solution_falls_back_and_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The programs of every family have a solution (next test), so this test uses a solver that finds none."""
    monkeypatch.setattr(epo, "simplex_lp_arrays", lambda c, a, b: (np.zeros_like(c), np.zeros(len(c), bool)))
    balancer = properties.started(EPO(), 3)
    (case, *_) = properties.cases(3)
    share = case.preferences * case.losses
    torch.testing.assert_close(case.weights(balancer), 3 * share / share.sum(1, keepdim=True))
    other = EPO()
    other.load_state_dict(balancer.state_dict())
    assert other.n_infeasible == 20


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("m", MS)
def test_every_family_has_a_solution(m: int, dtype: torch.dtype) -> None:
    for case in properties.cases(m, n_cases=100, seed=5):
        gram = inner_products(case.gradients.to(dtype))
        _, feasible = epo_weights(case.losses, case.preferences, gram, 1e-4)
        assert bool(feasible.all()), case.name


def test_a_step_balances_until_even_and_never_raises_the_largest() -> None:
    for case in properties.cases(2, seed=4):
        if case.name != "random gradients":
            continue
        alpha = case.weights(properties.started(EPO(), 2))
        slopes = torch.einsum("kmn,kn->km", case.gradients, properties.direction(case, alpha))
        largest = (case.preferences * case.losses).argmax(1, keepdim=True)
        assert float(slopes.gather(1, largest).min()) > -1e-9


@pytest.mark.parametrize("losses", [[0.0, 1.0], [-0.5, 1.0], [0.0, 0.0]])
def test_losses_of_zero_or_below_give_finite_weights(losses: list[float]) -> None:
    alpha = properties.started(EPO(), 2, 1)(torch.tensor([losses]), torch.tensor([[0.3, 0.7]]), torch.eye(2)[None])
    assert bool(torch.isfinite(alpha).all())
    torch.testing.assert_close(alpha.sum(1), torch.tensor([2.0], dtype=torch.float64))


def vlmop2_descent(rays: Tensor, n_steps: int, lr: float, **options: Any) -> tuple[Tensor, Tensor]:
    """x [K, n] and losses [K, 2] after plain gradient descent from one random start for each ray."""
    torch.manual_seed(0)
    problem = Problem(VLMOP2(), Point(), dtype=torch.float64)
    x = torch.stack([next(problem.new_target().parameters()).detach() for _ in rays])
    balancer = EPO(scale_by_m=False, **options)
    properties.started(balancer, 2, len(rays))
    batch = problem.dataset.load("train")
    losses = torch.empty(0)
    for _ in range(n_steps):
        leaves = {"u": x.clone().requires_grad_()}
        losses = problem.losses([problem.outputs({"u": leaves["u"][k]}, batch.inputs) for k in range(len(rays))], batch)
        gradients = objective_gradients(losses, leaves)
        alpha = balancer(losses.detach(), rays, own_gram(gradients))
        x = x - lr * torch.einsum("km,kmn->kn", alpha, gradients["u"])
    return x, losses.detach()


@pytest.mark.slow
def test_twenty_five_rays_of_vlmop2_are_met_exactly() -> None:
    rays = dense_rays(2, 25).double()
    x, losses = vlmop2_descent(rays, 300, 0.1)
    deviation = non_uniformity(losses.numpy(), rays.numpy())
    assert float(deviation.mean()) < 1e-4
    assert float(deviation.max()) < 1e-3
    t = x.mean(1, keepdim=True)
    assert float((x - t).norm(dim=1).max()) < 2e-2, "and lie on the Pareto set"
