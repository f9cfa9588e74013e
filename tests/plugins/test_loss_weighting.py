"""Random weighting, dynamic weight average, uncertainty weighting: none of them uses gradients."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import gaussian_nll_loss

from mobench.errors import OptionError
from mobench.interfaces import (
    Balancer,
    BalancerContext,
    Likelihood,
    Objective,
    Problem,
    Seeds,
    Setting,
)
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.preferences import finite_rays
from mobench.testing import properties
from mobench_analytic.point import Point
from mobench_analytic.problems import VLMOP2
from mobench_dwa.dwa import DWA
from mobench_linear.stack import Stack
from mobench_multimnist.dataset import MultiMnist
from mobench_networks.lenet import LeNet
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


def started(
    balancer: Balancer, m: int = 3, steps_per_epoch: int = 2, likelihoods: tuple[Likelihood | None, ...] = ()
) -> Balancer:
    bounds = torch.full((m,), 2.0)
    balancer.start(
        BalancerContext(1, m, bounds, 0 * bounds, seed=0, steps_per_epoch=steps_per_epoch, likelihoods=likelihoods)
    )
    return balancer


def weigh(balancer: Balancer, losses: list[float]) -> torch.Tensor:
    return balancer(torch.tensor([losses]), torch.full((1, len(losses)), 1 / len(losses)), None)


def test_random_weights_are_a_softmax_of_normals() -> None:
    """log α differences of a softmax of normals are normal with variance 2."""
    balancer = started(RandomWeighting(), 2)
    alpha = balancer(torch.ones(20_000, 2), torch.ones(20_000, 2) / 2, None).double()
    torch.testing.assert_close(alpha.sum(1), torch.ones(20_000).double())
    gap = (alpha[:, 0] / alpha[:, 1]).log()
    assert float(gap.mean()) == pytest.approx(0, abs=0.04)
    assert float(gap.var()) == pytest.approx(2, rel=0.04)


def test_dynamic_weights_follow_the_rates_of_the_last_two_epochs() -> None:
    balancer = started(DWA(temperature=2.0), 2)
    for losses in ([4.0, 1.0], [2.0, 3.0], [1.0, 1.0], [2.0, 3.0]):  # epoch means (3, 2) and (1.5, 2)
        assert weigh(balancer, losses).tolist() == [[1.0, 1.0]]
    expected = 2 * torch.softmax(torch.tensor([[0.5, 1.0]]) / 2, 1)
    torch.testing.assert_close(weigh(balancer, [9.0, 9.0]), expected)
    torch.testing.assert_close(weigh(balancer, [9.0, 9.0]), expected)
    # epoch means (1.5, 2) and (9, 9)
    torch.testing.assert_close(weigh(balancer, [1.0, 1.0]), 2 * torch.softmax(torch.tensor([[6.0, 4.5]]) / 2, 1))


def test_uncertainty_weights_come_to_rest_where_the_variance_is_twice_the_loss() -> None:
    balancer = started(Uncertainty(rate=0.05))
    for _ in range(1500):
        alpha = weigh(balancer, [0.1, 1.0, 5.0])
    torch.testing.assert_close(alpha, 1 / (2 * torch.tensor([[0.1, 1.0, 5.0]])), rtol=1e-3, atol=0)


def test_uncertainty_takes_the_papers_gradient() -> None:
    """∂/∂s of exp(−s) L + s/2, against autograd, through one step of Adam."""
    balancer = started(Uncertainty(rate=0.1), 2)
    assert isinstance(balancer, Uncertainty)
    s = torch.zeros(1, 2, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([s], lr=0.1)
    for losses in ([0.3, 2.0], [0.2, 1.0], [0.1, 3.0]):
        optimiser.zero_grad()
        (torch.exp(-s) * torch.tensor([losses]).double() + s / 2).sum().backward()
        torch.testing.assert_close(weigh(balancer, losses).double(), torch.exp(-s.detach()), atol=1e-6, rtol=1e-6)
        optimiser.step()
        torch.testing.assert_close(balancer.log_variances.detach(), s.detach())


def test_a_squared_error_has_the_gaussian_likelihood_and_a_cross_entropy_the_categorical() -> None:
    """−log p of a Gaussian with variance exp(s) is (y − f)² / 2 exp(s) + s/2: torch's own, through steps of Adam."""
    likelihoods: tuple[Likelihood | None, ...] = ("gaussian", "categorical", None)
    balancer = started(Uncertainty(rate=0.1), 3, likelihoods=likelihoods)
    assert isinstance(balancer, Uncertainty)
    s = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([s], lr=0.1)
    zero = torch.zeros((), dtype=torch.float64)
    for squared, entropy, other in ([0.3, 2.0, 0.7], [0.2, 1.0, 0.1], [0.1, 3.0, 2.0]):
        residual = torch.tensor(squared**0.5, dtype=torch.float64, requires_grad=True)
        optimiser.zero_grad()
        loss = gaussian_nll_loss(residual, zero, s[0].exp(), eps=0.0)
        loss = loss + (-s[1:]).exp() @ torch.tensor([entropy, other]).double() + s[1:].sum() / 2
        loss.backward()
        (alpha,) = weigh(balancer, [squared, entropy, other]).double()
        assert residual.grad is not None
        # the gradient that reaches the network is α times that of the squared error
        assert float(alpha[0] * 2 * residual.detach()) == pytest.approx(float(residual.grad), rel=1e-6)
        torch.testing.assert_close(alpha[1:], torch.exp(-s.detach()[1:]), atol=1e-6, rtol=1e-6)
        optimiser.step()
        torch.testing.assert_close(balancer.log_variances.detach()[0], s.detach())


def test_the_variance_of_a_squared_error_comes_to_rest_at_the_loss() -> None:
    balancer = started(Uncertainty(rate=0.05), 2, likelihoods=("gaussian", "categorical"))
    assert isinstance(balancer, Uncertainty)
    for _ in range(1500):
        weigh(balancer, [0.3, 0.3])
    torch.testing.assert_close(
        balancer.log_variances.detach().exp(), torch.tensor([[0.3, 0.6]]).double(), rtol=1e-3, atol=0
    )


def test_a_solver_tells_its_balancer_what_the_objectives_state() -> None:
    class Listens(Uncertainty):
        def start(self, context: BalancerContext) -> None:
            likelihoods.append(context.likelihoods)
            super().start(context)

    likelihoods: list[tuple[Likelihood | None, ...]] = []
    for dataset, model in ((VLMOP2(), Point()), (MultiMnist(source="embedded"), LeNet())):
        problem = Problem(dataset, model)
        GradientSolver(Stack(), Listens(), GradientOptions()).start(problem, Setting(finite_rays(2), Seeds(), 1, 1))
    assert likelihoods == [(None, None), ("categorical", "categorical")]


def test_an_unknown_likelihood_is_refused() -> None:
    with pytest.raises(OptionError, match="'gauss': 'categorical', 'gaussian' and None are accepted"):
        Objective("price", lambda outputs, batch: outputs["price"].mean(), likelihood="gauss")  # type: ignore[arg-type]


@pytest.mark.parametrize("cls", [RandomWeighting, DWA, Uncertainty])
def test_a_checkpoint_goes_on_as_if_never_interrupted(cls: type[Balancer]) -> None:
    losses = torch.rand(12, 3).tolist()
    uninterrupted = started(cls())
    expected = [weigh(uninterrupted, row) for row in losses]
    first, second = started(cls()), started(cls())
    for row in losses[:5]:
        weigh(first, row)
    second.load_state_dict(first.state_dict())
    for row, value in zip(losses[5:], expected[5:], strict=True):
        assert torch.equal(weigh(second, row), value)


@pytest.mark.parametrize("bad", [0.0, -0.4])
def test_a_loss_that_was_not_positive_has_no_rate(bad: float) -> None:
    """An example is ZDT3's second objective, which can be negative."""
    balancer = started(DWA(), 2, steps_per_epoch=1)
    for losses in ([0.5, bad], [0.5, bad - 0.1]):
        weigh(balancer, losses)
    assert weigh(balancer, [0.5, 0.5]).tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize("loss", [0.0, -1.0, 1e12])
def test_uncertainty_weights_stay_finite_whatever_a_loss_does(loss: float) -> None:
    balancer = started(Uncertainty(rate=1.0), 2)
    for _ in range(200):
        alpha = weigh(balancer, [loss, 1.0])
    assert bool((torch.isfinite(alpha) & (alpha > 0)).all())
