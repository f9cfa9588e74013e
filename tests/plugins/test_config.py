"""ConFIG against TorchJD, and by its definition."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchjd.aggregation import ConFIG as TheirConFIG

from mobench.interfaces import inner_products
from mobench.testing import properties
from mobench.testing.families import gradient_families
from mobench_config.config import ConFIG, config_weights
from mobench_imtl_g.imtl import imtl_weights

MS = [1, 2, 3, 5, 8]


def direction(g: Tensor) -> Tensor:
    return (config_weights(inner_products(g))[:, None] @ g)[:, 0]


@pytest.mark.parametrize("m", MS)
def test_properties(m: int) -> None:
    properties.assert_well_behaved(ConFIG(), m)
    properties.assert_permutation_equivariant(ConFIG(), m)
    properties.assert_indifferent_to_scale(ConFIG(), m)
    properties.assert_indifferent_to_units(ConFIG(), m)
    properties.assert_descends(ConFIG(), m, families=["random", "conflicting", "zero gradients", "one_huge gradients"])


@pytest.mark.parametrize("m", MS)
def test_cosines_are_equal_and_the_length_is_the_sum_of_the_projections(m: int) -> None:
    """Definition of the paper; the lengths of the gradients differ by a factor of 1000."""
    lengths = torch.logspace(-2, 1, m, dtype=torch.float64)[:, None]
    for name in ("random", "conflicting"):
        g = lengths * gradient_families(m)[name]
        d = direction(g)
        unit = d / d.norm(dim=1, keepdim=True)
        cosines = (g @ unit[:, :, None])[:, :, 0] / g.norm(dim=2)
        torch.testing.assert_close(cosines, cosines[:, :1].expand_as(cosines), atol=1e-9, rtol=0)
        assert float(cosines.min()) > 0
        torch.testing.assert_close(d.norm(dim=1), torch.einsum("kmn,kn->k", g, unit), rtol=1e-9, atol=0)


@pytest.mark.parametrize("m", MS)
@pytest.mark.parametrize("name", ["random", "conflicting", "zero", "parallel", "opposite", "equal", "few_weights"])
def test_the_direction_is_that_of_torchjd(name: str, m: int) -> None:
    """Dependent gradients take the least-squares solution of the pseudo-inverse."""
    g = gradient_families(m, n_cases=4)[name]
    expected = torch.stack([TheirConFIG()(matrix) for matrix in g])
    if name == "opposite" and m == 2:
        expected = torch.zeros_like(expected)  # of rounding errors in TorchJD
    torch.testing.assert_close(direction(g), expected, atol=1e-8, rtol=1e-8)


def test_two_gradients_have_the_line_of_imtl_g() -> None:
    g = gradient_families(2)["conflicting"]
    other = (imtl_weights(inner_products(g))[:, None] @ g)[:, 0]
    cosine = torch.cosine_similarity(direction(g), other)
    torch.testing.assert_close(cosine, torch.ones_like(cosine), atol=1e-9, rtol=0)
