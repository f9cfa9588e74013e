"""Gradients of K × m losses, one for each loss, and the parameters that only one loss reaches.

The training step of mobench uses these functions, and solvers with a step of their own may use them too. None of them
changes `.grad`. The graph of the losses is retained unless stated otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mobench.errors import ShapeError
from mobench.numerics.autograd_graph import leaf_ids


def jacobian(losses: Tensor, parameters: Sequence[Tensor]) -> Tensor:
    """Return the gradients [K, m, n] of losses [K, m] with respect to n values of shared parameters.

    parameters: tensors that require gradients, with n values in total. The values are in the order of the parameters,
        each flattened; `split_vectors` reverses this.

    A loss that does not depend on a parameter has zeros there. Takes K·m backward passes and stores all gradients.

    Raises: ShapeError if the losses are not [K, m], or if there are no parameters.
    """
    if losses.ndim != 2 or not parameters:
        raise ShapeError(
            f"losses of shape {tuple(losses.shape)} and {len(parameters)} parameters were given: pass losses [K, m], "
            "for example problem.losses(outputs, batch), and at least one parameter"
        )
    rows = [
        [torch.autograd.grad(loss, parameters, retain_graph=True, materialize_grads=True) for loss in row]
        for row in losses
    ]
    return torch.stack([torch.stack([torch.cat([g.flatten() for g in grads]) for grads in row]) for row in rows])


def objective_gradients(losses: Tensor | Sequence[Tensor], weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the gradients of the m losses of each of K weight sets with respect to the weights of that set.

    losses:  [K, m], or the m columns [K] as separate tensors, which avoids passing zeros through parts that
             only other losses depend on. Loss (k, i) depends only on weight set k.
    weights: name -> [K, *shape], leaves of the graph of `losses`. The graph is not retained.
    Returns: name -> [K, m, *shape].

    m backward passes are sufficient for all K sets: the gradient of the sum over k of loss i with respect to
    set k is the gradient of loss (k, i).
    """
    columns = losses.unbind(1) if isinstance(losses, Tensor) else losses
    names, leaves = list(weights), list(weights.values())
    cotangent, last = torch.ones_like(columns[0]), len(columns) - 1
    rows = [
        torch.autograd.grad(column, leaves, cotangent, retain_graph=i < last, materialize_grads=True)
        for i, column in enumerate(columns)
    ]
    return {name: torch.stack([row[j] for row in rows], dim=1) for j, name in enumerate(names)}


def task_specific(columns: Sequence[Tensor], parameters: Sequence[Tensor]) -> dict[int, int]:
    """Return the task-specific parameters of a network: index in `parameters` -> index of its objective.

    columns: the m losses, each of any shape, for example `problem.each_loss(outputs, batch)`.

    A parameter is task-specific if exactly one loss reaches it; the others are shared. With one loss, all are shared.
    """
    if len(columns) < 2:
        return {}
    reached = [leaf_ids(column) for column in columns]
    objectives_of = [[i for i, ids in enumerate(reached) if id(parameter) in ids] for parameter in parameters]
    return {index: objectives[0] for index, objectives in enumerate(objectives_of) if len(objectives) == 1}


def split_vectors(vectors: Tensor, shapes: Sequence[torch.Size]) -> list[Tensor]:
    """Split vectors [K, n] into tensors [K, *shape], one for each shape, in this order."""
    pieces = torch.split(vectors, [shape.numel() for shape in shapes], dim=1)
    return [piece.reshape(len(vectors), *shape) for piece, shape in zip(pieces, shapes, strict=True)]
