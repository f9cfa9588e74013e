"""Aligned-MTL against SciPy's polar decomposition and TorchJD."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from scipy.linalg import polar, svdvals
from torchjd.aggregation import AlignedMTLWeighting

from mobench.interfaces import inner_products
from mobench.testing import properties
from mobench.testing.families import gradient_families
from mobench_aligned_mtl.aligned import AlignedMTL, aligned_weights

Scale = Literal["min", "median", "rmse"]


@pytest.mark.parametrize("m", [1, 2, 3, 5])
def test_properties(m: int) -> None:
    properties.assert_well_behaved(AlignedMTL(), m)
    properties.assert_permutation_equivariant(AlignedMTL(), m)
    properties.assert_indifferent_to_scale(AlignedMTL(), m)


@pytest.mark.parametrize("m", [1, 2, 4, 7])
def test_the_direction_is_the_sum_of_the_columns_of_the_polar_factor(m: int) -> None:
    """The nearest matrix with orthonormal columns, times the smallest singular value."""
    for name in ("random", "conflicting"):
        g = gradient_families(m, n_cases=5)[name]
        directions = (aligned_weights(inner_products(g), "min")[:, None] @ g)[:, 0]
        for k in range(5):
            matrix = g[k].numpy().T
            unitary, _ = polar(matrix)
            expected = torch.from_numpy(svdvals(matrix).min() * unitary.sum(1))
            torch.testing.assert_close(directions[k], expected, atol=1e-10, rtol=1e-8)


@pytest.mark.parametrize("scale", ["min", "median", "rmse"])
@pytest.mark.parametrize("m", [2, 3, 4, 7])
def test_weights_are_m_times_those_of_torchjd(m: int, scale: Scale) -> None:
    gram = inner_products(gradient_families(m, n_cases=5)["random"])
    expected = torch.stack([m * AlignedMTLWeighting(scale_mode=scale)(matrix) for matrix in gram])
    torch.testing.assert_close(aligned_weights(gram, scale), expected, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("scale", ["min", "median", "rmse"])
def test_directions_that_no_gradient_has_are_left_out(scale: Scale) -> None:
    """Of two equal gradients, one singular value exists: √2 times the length, so the sum of both remains as it is."""
    g = torch.tensor([[[3.0, 4.0], [3.0, 4.0]]], dtype=torch.float64)
    torch.testing.assert_close(aligned_weights(inner_products(g), scale), torch.ones(1, 2).double())
    with_zero = torch.tensor([[[3.0, 4.0], [0.0, 0.0]]], dtype=torch.float64)
    torch.testing.assert_close(aligned_weights(inner_products(with_zero), scale), torch.tensor([[1.0, 0.0]]).double())
    torch.testing.assert_close(aligned_weights(torch.zeros(1, 3, 3), scale), torch.ones(1, 3).double())


def test_orthogonal_gradients_become_as_long_as_the_shortest() -> None:
    weights = aligned_weights(torch.diag(torch.tensor([4.0, 9.0, 36.0]))[None], "min")
    torch.testing.assert_close(weights, torch.tensor([[1.0, 2 / 3, 1 / 3]], dtype=torch.float64))
