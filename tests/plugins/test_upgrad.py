from __future__ import annotations

import cvxpy as cp
import pytest
import torch

from mobench.testing import properties
from mobench_upgrad.upgrad import UPGrad, upgrad_weights

MS = [2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("m", MS)
def test_properties(m: int) -> None:
    properties.assert_well_behaved(UPGrad(), m)
    properties.assert_permutation_equivariant(UPGrad(), m)
    properties.assert_indifferent_to_scale(UPGrad(), m)
    properties.assert_descends(UPGrad(), m)


@pytest.mark.parametrize("m", MS)
def test_projections_are_as_short_as_clarabels(m: int) -> None:
    """min vᵀCv with v ≥ e_i for each i: the projection is unique, so directions must agree."""
    root, start, v = cp.Parameter((m, 12)), cp.Parameter(m), cp.Variable(m)
    problem = cp.Problem(cp.Minimize(cp.sum_squares(root.T @ v)), [v >= start])
    for case in properties.cases(m, n_cases=2, seed=m):
        if any(word in case.name for word in ("huge", "tiny", "large", "few")):
            continue  # clarabel's tolerance is absolute; the properties above cover these
        ours = properties.direction(case, upgrad_weights(case.gram))
        for k in range(2):
            root.value = case.gradients[k].numpy()
            theirs = torch.zeros(12, dtype=torch.float64)
            for i in range(m):
                start.value = torch.eye(m)[i].numpy()
                problem.solve(solver=cp.CLARABEL)
                theirs += case.gradients[k].T @ torch.from_numpy(v.value) / m
            torch.testing.assert_close(ours[k], theirs, atol=2e-4, rtol=2e-4)


@pytest.mark.parametrize("m", MS)
def test_projections_meet_their_optimality_conditions(m: int) -> None:
    """The part of gradient i outside the cone is orthogonal to its projection: 320 problems a size."""
    for case in properties.cases(m, seed=m):
        g = case.gradients / case.gradients.norm(dim=2).amax(1).clamp_min(1e-300)[:, None, None]
        alpha = upgrad_weights(g @ g.transpose(1, 2))
        assert float(alpha.min()) >= 1 / m - 1e-12
        slopes = torch.einsum("kmn,kn->km", g, properties.direction(case, alpha)) / g.norm(dim=2).clamp_min(1e-300)
        assert float(slopes.min()) > -1e-6 * float(case.gradients.norm(dim=2).max().clamp_min(1)), case.name


def test_two_opposite_pulls_by_hand() -> None:
    """g₁ = (1, 0), g₂ = (−1, 1): projections (½, ½) and (0, 1), so d = (¼, ¾)."""
    g = torch.tensor([[[1.0, 0.0], [-1.0, 1.0]]], dtype=torch.float64)
    alpha = upgrad_weights(g @ g.transpose(1, 2))
    torch.testing.assert_close(torch.einsum("km,kmn->kn", alpha, g), torch.tensor([[0.25, 0.75]], dtype=torch.float64))
