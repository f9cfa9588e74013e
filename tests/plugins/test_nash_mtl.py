from __future__ import annotations

import cvxpy as cp
import pytest
import torch

from mobench.testing import properties
from mobench_nash_mtl.nash import NashMTL, nash_weights

MS = [2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("m", MS)
def test_properties(m: int) -> None:
    properties.assert_well_behaved(NashMTL(), m)
    properties.assert_permutation_equivariant(NashMTL(), m, tolerance=1e-5)
    properties.assert_indifferent_to_scale(NashMTL(), m, tolerance=1e-5)


@pytest.mark.parametrize("m", MS)
def test_weights_are_the_bargaining_solution(m: int) -> None:
    """α_i (Cα)_i is one and the same number for all objectives, and α > 0: 320 problems a size."""
    for case in properties.cases(m, seed=m):
        alpha, residual = nash_weights(case.gram)
        assert float(residual.max()) < 1e-6, case.name
        there = case.gradients.norm(dim=2) > 0
        assert bool((alpha[there] > 0).all()), case.name
        assert not bool(alpha[~there].any()), case.name
        if case.name.startswith(("random", "tiny", "large", "one_huge", "equal losses", "one_tiny")) and m <= 8:
            shares = alpha * (case.gram @ alpha[:, :, None])[:, :, 0]
            torch.testing.assert_close(
                shares / shares.mean(1, keepdim=True), torch.ones_like(shares), atol=1e-5, rtol=0
            )


@pytest.mark.parametrize("m", MS)
def test_it_is_the_minimiser_that_clarabel_finds(m: int) -> None:
    """½ αᵀCα − Σ log α: as good on 20 problems a size (each clarabel run is an exponential cone program)."""
    (case, *_) = properties.cases(m, n_cases=20, seed=m)
    alpha, _ = nash_weights(case.gram)
    size = (case.gradients.square().sum(2).mean(1)).sqrt()
    unscaled = alpha / size[:, None]
    root, a = cp.Parameter((m, 12)), cp.Variable(m)
    problem = cp.Problem(cp.Minimize(0.5 * cp.sum_squares(root.T @ a) - cp.sum(cp.log(a))))
    for k in range(20):
        root.value = case.gradients[k].numpy()
        problem.solve(solver=cp.CLARABEL)
        d = case.gradients[k].T @ unscaled[k]
        assert float(0.5 * d @ d - unscaled[k].log().sum()) <= problem.value + 1e-6


@pytest.mark.parametrize("m", MS)
def test_no_conflict_where_a_solution_exists(m: int) -> None:
    for case in properties.cases(m, seed=m):
        if not case.name.startswith(("random", "one_huge", "parallel", "equal grad")):
            continue
        alpha, _ = nash_weights(case.gram)
        slopes = torch.einsum("kmn,kn->km", case.gradients, properties.direction(case, alpha))
        assert float(slopes.min()) > 0, case.name


@pytest.mark.parametrize("m", MS)
def test_scaling_one_gradient_leaves_the_direction_alone(m: int) -> None:
    for case in properties.cases(m, seed=m):
        if case.name != "random gradients":
            continue
        scaled = case.gradients.clone()
        scaled[:, 0] *= 100
        other = properties.Case("scaled", case.losses, case.preferences, scaled)
        one, two = (properties.direction(c, nash_weights(c.gram)[0]) for c in (case, other))
        torch.testing.assert_close(
            one / one.norm(dim=1, keepdim=True), two / two.norm(dim=1, keepdim=True), atol=1e-6, rtol=0
        )


def test_orthonormal_gradients_have_weight_one() -> None:
    torch.testing.assert_close(
        nash_weights(torch.eye(4)[None])[0], torch.ones(1, 4, dtype=torch.float64), atol=1e-6, rtol=0
    )


def test_the_residual_is_kept() -> None:
    balancer = properties.started(NashMTL(), 3)
    next(iter(properties.cases(3))).weights(balancer)
    assert isinstance(balancer, NashMTL)
    assert 0 < balancer.worst_residual < 1e-6
    other = NashMTL()
    other.load_state_dict(balancer.state_dict())
    assert other.worst_residual == balancer.worst_residual
