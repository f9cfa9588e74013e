"""GradVac against TorchJD and PCGrad, and by its definition."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchjd.aggregation import GradVacWeighting

from mobench.interfaces import inner_products
from mobench.testing import properties
from mobench.testing.families import gradient_families
from mobench_gradvac.gradvac import GradVac, gradvac_weights
from mobench_pcgrad.pcgrad import pcgrad_weights


def grams(m: int, name: str = "conflicting") -> Tensor:
    return inner_products(gradient_families(m, seed=m)[name])


@pytest.mark.parametrize("m", [1, 2, 3, 5])
def test_properties(m: int) -> None:
    properties.assert_well_behaved(GradVac(), m)
    properties.assert_indifferent_to_scale(GradVac(), m)


@pytest.mark.parametrize("m", [2, 3, 5])
def test_weights_and_averages_are_those_of_torchjd(m: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten steps in a fixed order."""
    monkeypatch.setattr(torch, "randperm", torch.arange)
    reference, averages = GradVacWeighting(beta=0.3), torch.zeros(1, m, m).double()
    order = torch.arange(m).expand(1, m, m)
    for gram in (*grams(m)[:5], *grams(m, "random")[:5]):
        weights, averages = gradvac_weights(gram[None], order, averages, 0.3)
        torch.testing.assert_close(weights[0], reference(gram), atol=1e-6, rtol=1e-6)
        off_diagonal = ~torch.eye(m, dtype=torch.bool)
        torch.testing.assert_close(averages[0][off_diagonal], reference._phi_t[off_diagonal], atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("m", [2, 3, 6])
def test_the_first_step_is_that_of_pcgrad(m: int) -> None:
    order = torch.rand(20, m, m, generator=torch.Generator().manual_seed(m)).argsort(2)
    weights, _ = gradvac_weights(grams(m), order, torch.zeros(20, m, m), 0.0)
    torch.testing.assert_close(weights, pcgrad_weights(grams(m), order), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("target", [-0.9, -0.2, 0.0, 0.6, 0.99])
def test_a_gradient_takes_the_cosine_of_the_average(target: float) -> None:
    """Two gradients, of which only the first has an average above its cosine: equation 3 of the paper."""
    g = gradient_families(2)["random"]
    averages = torch.tensor([[1.0, target], [-1.0, 1.0]], dtype=torch.float64).expand(20, 2, 2)
    weights, after = gradvac_weights(inner_products(g), torch.arange(2).expand(20, 2, 2), averages, 0.25)
    before = torch.cosine_similarity(g[:, 0], g[:, 1])
    changed = g[:, 0] + (weights[:, 1:] - 1) * g[:, 1]
    cosines = torch.cosine_similarity(changed, g[:, 1])
    torch.testing.assert_close(cosines, before.clamp_min(target), atol=1e-6, rtol=0)
    torch.testing.assert_close(after[:, 0, 1], 0.75 * target + 0.25 * before)
    assert float(weights.min()) >= 1


def test_order_is_drawn_by_the_seed() -> None:
    first, second, third = (
        properties.started(GradVac(), 4, seed=seed)(torch.ones(20, 4).double(), torch.ones(20, 4), grams(4))
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, third)
