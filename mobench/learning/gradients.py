"""From K × m losses to a direction: per-objective gradients, Gram matrices, one weighted pull-back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mobench.interfaces import inner_products


def objective_gradients(losses: Tensor | Sequence[Tensor], weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Gradients of the m losses of each of K weight sets with respect to that set's own weights.

    losses:  [K, m], or the m columns [K] by themselves, which spares a pass of zeros through what only
             the other losses depend on. Loss (k, i) depends on weight set k only.
    weights: name -> [K, *shape], leaves of the graph of `losses`.
    Returns: name -> [K, m, *shape].

    m backward passes serve all K sets: the sum over k of loss i has, with respect to set k,
    the gradient of loss (k, i) alone.
    """
    columns = losses.unbind(1) if isinstance(losses, Tensor) else losses
    names, leaves = list(weights), list(weights.values())
    ones, last = torch.ones_like(columns[0]), len(columns) - 1
    rows = [
        torch.autograd.grad(column, leaves, ones, retain_graph=i < last, materialize_grads=True)
        for i, column in enumerate(columns)
    ]
    return {name: torch.stack([row[j] for row in rows], dim=1) for j, name in enumerate(names)}


TURN = 1e-4
"""Angle, in radians, by which the rounding of weights may turn a direction."""


def rounded_weights(alpha: Tensor, gram: Tensor, dtype: torch.dtype) -> Tensor:
    """Balancer weights α [K, m] in `dtype`, or unchanged where that rounding would turn the direction Σ α_i ∇L_i.

    gram: [K, m, m] in float64.

    Rounding moves the direction by up to the rounding of its terms α_i ∇L_i. A direction much shorter than its terms
    (of nearly dependent gradients, or near a Pareto stationary point) would then conflict with gradients that
    its weights keep it clear of.
    """
    if alpha.dtype == dtype:
        return alpha
    terms = (alpha.abs() * gram.diagonal(dim1=1, dim2=2).clamp_min(0).sqrt()).sum(1)
    squared_length = ((alpha[:, None] @ gram)[:, 0] * alpha).sum(1)
    is_turned = squared_length < (terms * (torch.finfo(dtype).eps / TURN)).square()
    return alpha if bool(is_turned.any()) else alpha.to(dtype)


def combine(gradients: Mapping[str, Tensor], alpha: Tensor) -> dict[str, Tensor]:
    """Σ_i α_i ∇L_i for each of K sets: name -> [K, *shape] from name -> [K, m, *shape], α [K, m].

    The sum is computed in the dtype of α and returned in that of the gradients.
    """
    # as batched products: einsum takes three times as long on small tensors
    return {
        name: (alpha[:, None] @ g.flatten(2).to(alpha.dtype))[:, 0].view(len(alpha), *g.shape[2:]).to(g.dtype)
        for name, g in gradients.items()
    }


def pull_back(generated: Mapping[str, Tensor], gradients: Mapping[str, Tensor]) -> None:
    """Adds to the .grad of whatever made the weights: name -> [K, *shape], both.

    Weights that nobody made, but that are trained themselves, take their gradient as it is, the very tensor: a
    backward pass from them would copy it, and take 4 % of an iteration of 25 points.
    """
    behind = []
    for name, gradient in gradients.items():
        weight = generated[name]
        trained = weight.is_leaf and weight.requires_grad and weight.grad is None
        if trained and weight.stride() == gradient.stride():
            weight.grad = gradient
        else:
            behind.append(name)
    if behind:
        torch.autograd.backward([generated[n] for n in behind], [gradients[n] for n in behind])


def parameter_gram(losses: Tensor, parameters: Sequence[nn.Parameter]) -> Tensor:
    """Gram matrices [K, m, m] in float64 of losses [K, m] with respect to shared parameters.

    The road for networks that make no weights (a preference as an input): K·m backward passes,
    of which one preference's m gradients are held at a time. The graph is kept.
    """
    grams = []
    for row in losses:
        gradients = [torch.autograd.grad(loss, parameters, retain_graph=True, materialize_grads=True) for loss in row]
        rows = [torch.stack(g).flatten(1) for g in zip(*gradients, strict=True)]
        grams.append(torch.stack([inner_products(r) for r in rows]).sum(0))
    return torch.stack(grams)
