"""Combinations of the gradients of K × m losses, Gram matrices, and the pull-back to trained parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mobench.interfaces import inner_products
from mobench.learning.divergence import are_deferred
from mobench.numerics.autograd_graph import backward_from

TURN = 1e-4
"""Largest angle in radians by which the rounding of weights may turn a direction."""


def rounded_weights(alpha: Tensor, gram: Tensor, dtype: torch.dtype) -> Tensor:
    """Return balancer weights α [K, m] in `dtype`, or unchanged if rounding would turn the direction Σ α_i ∇L_i.

    gram: [K, m, m] in float64.

    Where checks are deferred, they are unchanged, because the decision would wait for the device.

    Rounding changes the direction by up to the rounding error of its terms α_i ∇L_i. A direction that is much shorter
    than its terms (for nearly dependent gradients, or near a Pareto stationary point) could then conflict with
    gradients that it does not conflict with under the exact weights.
    """
    if alpha.dtype == dtype or are_deferred():
        return alpha
    terms = (alpha.abs() * gram.diagonal(dim1=1, dim2=2).clamp_min(0).sqrt()).sum(1)
    squared_length = ((alpha[:, None] @ gram)[:, 0] * alpha).sum(1)
    is_turned = squared_length < (terms * (torch.finfo(dtype).eps / TURN)).square()
    return alpha if bool(is_turned.any()) else alpha.to(dtype)


def combine(gradients: Mapping[str, Tensor], alpha: Tensor) -> dict[str, Tensor]:
    """Return Σ_i α_i ∇L_i for each of K sets: name -> [K, *shape].

    gradients: name -> [K, m, *shape].
    alpha:     α [K, m].

    The sum is computed in the dtype of α and returned in the dtype of the gradients.
    """
    # batched products, because einsum takes three times as long on small tensors
    return {
        name: (alpha[:, None] @ g.flatten(2).to(alpha.dtype))[:, 0].view(len(alpha), *g.shape[2:]).to(g.dtype)
        for name, g in gradients.items()
    }


def pull_back(generated: Mapping[str, Tensor], gradients: Mapping[str, Tensor]) -> None:
    """Accumulate gradients in the .grad of the parameters that generated the weights.

    generated, gradients: name -> [K, *shape].

    Weights that are parameters themselves get the gradient tensor as their .grad without a copy. A backward pass
    would copy it, which takes 4 % of an iteration with 25 points.
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
        backward_from([generated[n] for n in behind], [gradients[n] for n in behind])


def parameter_gram(losses: Tensor, parameters: Sequence[nn.Parameter]) -> Tensor:
    """Return Gram matrices [K, m, m] in float64 of losses [K, m] with respect to shared parameters.

    Used for networks that do not generate weights (the preference is an input). Takes K·m backward
    passes and stores the m gradients of one preference at a time. The graph is retained.
    """
    grams = []
    for row in losses:
        gradients = [torch.autograd.grad(loss, parameters, retain_graph=True, materialize_grads=True) for loss in row]
        rows = [torch.stack(g).flatten(1) for g in zip(*gradients, strict=True)]
        grams.append(torch.stack([inner_products(r) for r in rows]).sum(0))
    return torch.stack(grams)
