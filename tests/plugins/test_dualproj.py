"""DualProj by its optimality conditions, against TorchJD and by hand."""

from __future__ import annotations

import pytest
import torch
from torchjd.aggregation import DualProjWeighting
from torchjd.linalg import QuadprogProjector

from mobench.interfaces import inner_products
from mobench.testing import properties
from mobench.testing.families import gradient_families
from mobench_upgrad.dualproj import DualProj, dualproj_weights

MS = [1, 2, 3, 5, 8]


@pytest.mark.parametrize("m", MS)
def test_properties(m: int) -> None:
    properties.assert_well_behaved(DualProj(), m)
    properties.assert_permutation_equivariant(DualProj(), m)
    properties.assert_indifferent_to_scale(DualProj(), m)
    properties.assert_descends(DualProj(), m)


@pytest.mark.parametrize("m", MS)
def test_the_projection_meets_its_optimality_conditions(m: int) -> None:
    """y = ḡ + Gᵀx is the projection of ḡ iff x ≥ 0, Gy ≥ 0 and x · Gy = 0."""
    for name, g in gradient_families(m, seed=m).items():
        gram = inner_products(g)
        x = dualproj_weights(gram) - 1 / m
        size = g.norm(dim=2)
        slopes = (
            (gram @ (x + 1 / m)[:, :, None])[:, :, 0] / size.clamp_min(1e-300) / size.amax(1, True).clamp_min(1e-300)
        )
        assert float(x.min()) >= -1e-16, name
        assert float(slopes.min()) > -1e-10, name
        share = x * size / size.amax(1, True).clamp_min(1e-300)
        assert float((share * slopes).sum(1).abs().max()) < 1e-8, name


@pytest.mark.parametrize("m", MS)
def test_the_direction_is_that_of_torchjd(m: int) -> None:
    weighting = DualProjWeighting(projector=QuadprogProjector(norm_eps=0.0, reg_eps=0.0))
    for name in ("random", "conflicting"):
        g = gradient_families(m, n_cases=5)[name]
        gram = inner_products(g)
        expected = torch.stack([weighting(matrix) for matrix in gram])
        torch.testing.assert_close(dualproj_weights(gram), expected, atol=1e-6, rtol=1e-6)


def test_a_mean_that_conflicts_with_one_gradient_loses_its_part_along_it() -> None:
    """g = (4, 0) and (−1, 1): the mean (1.5, 0.5) conflicts with the second gradient, d = (1, 1)."""
    g = torch.tensor([[[4.0, 0.0], [-1.0, 1.0]]], dtype=torch.float64)
    weights = dualproj_weights(inner_products(g))
    torch.testing.assert_close((weights[:, None] @ g)[0, 0], torch.tensor([1.0, 1.0]).double())
    torch.testing.assert_close(weights, torch.tensor([[0.5, 1.0]]).double())
