"""The Pareto hypernetwork; its gradient and Gram matrix are tested in learning/test_chain_rule."""

from __future__ import annotations

import pytest
import torch

from mobench.errors import ShapeError
from mobench.interfaces import Problem
from mobench.learning.preferences import dense_rays, finite_rays
from mobench_multimnist.dataset import MultiMnist
from mobench_networks.lenet import LeNet
from mobench_phn.phn import PHN, ParetoHypernetwork


@pytest.fixture(scope="module")
def network() -> ParetoHypernetwork:
    torch.manual_seed(0)
    built = PHN().build(Problem(MultiMnist(source="embedded", pairs=20, test_pairs=5), LeNet()), finite_rays(2))
    assert isinstance(built, ParetoHypernetwork)
    return built


def test_it_has_the_papers_parameters(network: ParetoHypernetwork) -> None:
    """MLP 2→100→100→100, then 100 → 31,910."""
    by_hand = (2 * 100 + 100) + 2 * (100 * 100 + 100) + (100 * 31_910 + 31_910)
    assert network.n_stored_parameters == by_hand == 3_243_410


def test_weights_have_the_targets_names_and_shapes(network: ParetoHypernetwork) -> None:
    weights = network.weights(dense_rays(2, 3))
    assert {n: tuple(w.shape) for n, w in weights.items()} == {
        n: (3, *shape) for n, shape in network.problem.shapes.items()
    }


def test_each_tensor_is_a_linear_head_on_the_trunk(network: ParetoHypernetwork) -> None:
    rays = dense_rays(2, 4)
    h = network.trunk(rays)
    first = network.problem.shapes["conv1.weight"].numel()
    by_hand = h @ network.heads.weight[:first].T + network.heads.bias[:first]
    torch.testing.assert_close(network.weights(rays)["conv1.weight"].flatten(1), by_hand)


def test_k_preferences_at_once_are_k_alone(network: ParetoHypernetwork) -> None:
    rays, inputs = dense_rays(2, 5), torch.rand(3, 1, 36, 36)
    together = network(inputs, rays)
    for k in range(5):
        torch.testing.assert_close(network.serve(rays[k])(inputs)["left"], together[k]["left"], rtol=1e-4, atol=1e-5)


def test_the_preference_changes_the_outputs(network: ParetoHypernetwork) -> None:
    inputs = torch.rand(3, 1, 36, 36)
    a, b = (network.serve(r)(inputs)["left"] for r in finite_rays(2, 2))
    assert float((a - b).detach().abs().max()) > 1e-4


def test_preferences_of_another_number_of_objectives_are_refused(network: ParetoHypernetwork) -> None:
    with pytest.raises(ShapeError, match=r"pass \[K, 2\]"):
        network.weights(torch.tensor([[0.2, 0.3, 0.5]]))
