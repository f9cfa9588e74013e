from __future__ import annotations

import torch

from mobench.interfaces import own_gram
from mobench.learning.gradients import combine, parameter_gram, pull_back
from mobench.numerics import objective_gradients


def losses_of(weights: dict[str, torch.Tensor]) -> torch.Tensor:
    """Two losses for each of K sets: |a|² + b₀ and Σ a b₀."""
    a, b = weights["a"], weights["b"]
    return torch.stack([a.square().sum((1, 2)) + b[:, 0], a.sum((1, 2)) * b[:, 0]], dim=1)


def leaves() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {
        "a": torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True),
        "b": torch.randn(3, 1, dtype=torch.float64, requires_grad=True),
    }


def test_gradients_of_each_set_by_hand() -> None:
    weights = leaves()
    gradients = objective_gradients(losses_of(weights), weights)
    a, b = weights["a"].detach(), weights["b"].detach()
    torch.testing.assert_close(gradients["a"][:, 0], 2 * a)
    torch.testing.assert_close(gradients["a"][:, 1], b[:, :, None].expand_as(a))
    torch.testing.assert_close(gradients["b"][:, 0], torch.ones_like(b))
    torch.testing.assert_close(gradients["b"][:, 1], a.sum((1, 2))[:, None])


def test_a_weight_that_no_loss_reads_has_gradient_zero() -> None:
    weights = {**leaves(), "idle": torch.ones(3, 4, dtype=torch.float64, requires_grad=True)}
    gradients = objective_gradients(losses_of(weights), weights)
    assert gradients["idle"].shape == (3, 2, 4)
    assert not gradients["idle"].any()


def test_combine_weighs_rows() -> None:
    weights = leaves()
    gradients = objective_gradients(losses_of(weights), weights)
    alpha = torch.tensor([[1.0, 0.0], [0.25, 0.75], [-1.0, 2.0]], dtype=torch.float64)
    combined = combine(gradients, alpha)
    for k in range(3):
        for name, g in gradients.items():
            torch.testing.assert_close(combined[name][k], alpha[k, 0] * g[k, 0] + alpha[k, 1] * g[k, 1])


def test_gradients_reach_what_made_the_weights_and_weights_that_nobody_made() -> None:
    generating, specific = torch.ones(3, requires_grad=True), torch.ones(2, 3, requires_grad=True)
    turned = torch.ones(3, 2, requires_grad=True)
    for times in (1, 2):  # added to what is there, as torch does
        gradients = {"made": torch.ones(2, 3), "own": torch.full((2, 3), 5.0), "turned": torch.ones(2, 3).t()}
        pull_back({"made": 2 * generating.expand(2, 3), "own": specific, "turned": turned}, gradients)
        assert generating.grad is not None
        assert specific.grad is not None
        assert turned.grad is not None
        assert torch.equal(generating.grad, torch.full((3,), 4.0 * times))
        assert torch.equal(specific.grad, torch.full((2, 3), 5.0 * times))
        assert turned.grad.stride() == turned.stride()


def test_own_gram_is_the_product_of_flat_rows() -> None:
    weights = leaves()
    gradients = objective_gradients(losses_of(weights), weights)
    flat = torch.cat([g.flatten(2) for g in gradients.values()], dim=2)
    torch.testing.assert_close(own_gram(gradients), flat @ flat.transpose(1, 2))


def test_parameter_gram_of_shared_parameters() -> None:
    p = torch.nn.Parameter(torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64))
    q = torch.nn.Parameter(torch.tensor([0.5], dtype=torch.float64))
    losses = torch.stack([torch.stack([p.square().sum(), p.sum() * q[0]]), torch.stack([q[0], p[0] * 2])])
    grads = torch.tensor(
        [[[2.0, 4.0, 6.0, 0.0], [0.5, 0.5, 0.5, 6.0]], [[0.0, 0.0, 0.0, 1.0], [2.0, 0.0, 0.0, 0.0]]],
        dtype=torch.float64,
    )
    torch.testing.assert_close(parameter_gram(losses, [p, q]), grads @ grads.transpose(1, 2))
