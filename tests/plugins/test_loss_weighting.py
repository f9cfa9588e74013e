"""Random weighting, dynamic weight average, uncertainty weighting: no gradient is looked at."""

from __future__ import annotations

import pytest
import torch

from mobench.interfaces import Balancer, BalancerContext
from mobench.testing import properties
from mobench_dwa.dwa import DWA
from mobench_random_weighting.random_weighting import RandomWeighting
from mobench_uncertainty.uncertainty import Uncertainty

MS = [2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("m", MS)
@pytest.mark.parametrize("balancer", [RandomWeighting(), DWA(), Uncertainty()])
def test_properties(balancer: Balancer, m: int) -> None:
    properties.assert_well_behaved(balancer, m)
    properties.assert_indifferent_to_scale(balancer, m)


@pytest.mark.parametrize("balancer", [DWA(), Uncertainty()])
def test_order_does_not_matter(balancer: Balancer) -> None:
    properties.assert_permutation_equivariant(balancer, 4)


def told(balancer: Balancer, m: int = 3, steps_per_epoch: int = 2) -> Balancer:
    two = torch.full((m,), 2.0)
    balancer.start(BalancerContext(1, m, two, 0 * two, seed=0, steps_per_epoch=steps_per_epoch))
    return balancer


def give(balancer: Balancer, losses: list[float]) -> torch.Tensor:
    return balancer(torch.tensor([losses]), torch.full((1, len(losses)), 1 / len(losses)), None)


def test_random_weights_are_a_softmax_of_normals() -> None:
    """log α differences of a softmax of normals are normal with variance 2."""
    balancer = told(RandomWeighting(), 2)
    drawn = balancer(torch.ones(20_000, 2), torch.ones(20_000, 2) / 2, None).double()
    torch.testing.assert_close(drawn.sum(1), torch.ones(20_000).double())
    gap = (drawn[:, 0] / drawn[:, 1]).log()
    assert float(gap.mean()) == pytest.approx(0, abs=0.04)
    assert float(gap.var()) == pytest.approx(2, rel=0.04)


def test_dynamic_weights_follow_the_rates_of_the_last_two_epochs() -> None:
    balancer = told(DWA(temperature=2.0), 2)
    for losses in ([4.0, 1.0], [2.0, 3.0], [1.0, 1.0], [2.0, 3.0]):  # epoch means (3, 2) and (1.5, 2)
        assert give(balancer, losses).tolist() == [[1.0, 1.0]]
    expected = 2 * torch.softmax(torch.tensor([[0.5, 1.0]]) / 2, 1)
    torch.testing.assert_close(give(balancer, [9.0, 9.0]), expected)
    torch.testing.assert_close(give(balancer, [9.0, 9.0]), expected)
    # epoch means (1.5, 2) and (9, 9)
    torch.testing.assert_close(give(balancer, [1.0, 1.0]), 2 * torch.softmax(torch.tensor([[6.0, 4.5]]) / 2, 1))


def test_uncertainty_weights_come_to_rest_where_the_variance_is_twice_the_loss() -> None:
    balancer = told(Uncertainty(rate=0.05))
    for _ in range(1500):
        alpha = give(balancer, [0.1, 1.0, 5.0])
    torch.testing.assert_close(alpha, 1 / (2 * torch.tensor([[0.1, 1.0, 5.0]])), rtol=1e-3, atol=0)


def test_uncertainty_takes_the_papers_gradient() -> None:
    """∂/∂s of exp(−s) L + s/2, against autograd, through one step of Adam."""
    balancer = told(Uncertainty(rate=0.1), 2)
    assert isinstance(balancer, Uncertainty)
    s = torch.zeros(1, 2, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([s], lr=0.1)
    for losses in ([0.3, 2.0], [0.2, 1.0], [0.1, 3.0]):
        optimiser.zero_grad()
        (torch.exp(-s) * torch.tensor([losses]).double() + s / 2).sum().backward()
        torch.testing.assert_close(give(balancer, losses).double(), torch.exp(-s.detach()), atol=1e-6, rtol=1e-6)
        optimiser.step()
        torch.testing.assert_close(balancer.log_variances.detach(), s.detach())


@pytest.mark.parametrize("cls", [RandomWeighting, DWA, Uncertainty])
def test_a_checkpoint_goes_on_as_if_never_interrupted(cls: type[Balancer]) -> None:
    losses = torch.rand(12, 3).tolist()
    whole = told(cls())
    expected = [give(whole, row) for row in losses]
    first, second = told(cls()), told(cls())
    for row in losses[:5]:
        give(first, row)
    second.load_state_dict(first.state_dict())
    for row, value in zip(losses[5:], expected[5:], strict=True):
        assert torch.equal(give(second, row), value)


@pytest.mark.parametrize("bad", [0.0, -0.4])
def test_a_loss_that_was_not_positive_has_no_rate(bad: float) -> None:
    """As ZDT3's second objective, which goes below 0."""
    balancer = told(DWA(), 2, steps_per_epoch=1)
    for losses in ([0.5, bad], [0.5, bad - 0.1]):
        give(balancer, losses)
    assert give(balancer, [0.5, 0.5]).tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize("loss", [0.0, -1.0, 1e12])
def test_uncertainty_weights_stay_finite_whatever_a_loss_does(loss: float) -> None:
    balancer = told(Uncertainty(rate=1.0), 2)
    for _ in range(200):
        alpha = give(balancer, [loss, 1.0])
    assert bool((torch.isfinite(alpha) & (alpha > 0)).all())
