"""The shared representation: the last tensors from which all losses are computed, and gradients with respect to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, Node

from mobench.errors import IncompatibleError
from mobench.interfaces import inner_products
from mobench.numerics.autograd_graph import nodes_behind


@dataclass
class Representation:
    """The shared representation of one forward pass at one preference (MGDA-UB, arXiv 1810.04650, section 3.3).

    edges:  the tensors of the representation, as edges of the autograd graph.
    shared: name -> leaf [1, *shape] from which the representation is computed.
    rows:   gradients of the m losses with respect to each edge, set by `gradients`.
    """

    edges: list[GradientEdge]
    shared: Mapping[str, Tensor]
    rows: list[Tensor]

    def gradients(self, columns: Sequence[Tensor], leaves: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the Gram matrix [1, m, m] of the representation, and the gradients of the `leaves`.

        columns: the m losses [1].
        leaves:  name -> leaf [1, *shape] that one loss reaches; its gradients are [1, m, *shape].

        The m backward passes end at the representation.
        """
        names, n_edges = list(leaves), len(self.edges)
        inputs: Any = [*self.edges, *(leaves[name] for name in names)]
        per_loss = [
            torch.autograd.grad(column, inputs, torch.ones_like(column), retain_graph=True, materialize_grads=True)
            for column in columns
        ]
        self.rows = [torch.stack([row[j] for row in per_loss]) for j in range(n_edges)]
        gram = torch.stack([inner_products(rows.flatten(1)) for rows in self.rows]).sum(0)
        own_rows = {n: torch.stack([row[n_edges + j] for row in per_loss], dim=1) for j, n in enumerate(names)}
        return gram[None], own_rows

    def combined(self, alpha: Tensor) -> dict[str, Tensor]:
        """Return the gradients of the shared leaves for weights α [1, m]: one backward pass from the representation."""
        at_edges = [torch.einsum("m,m...->...", alpha[0], rows) for rows in self.rows]
        names = list(self.shared)
        gradients = torch.autograd.grad(self.edges, [self.shared[n] for n in names], at_edges, materialize_grads=True)
        return dict(zip(names, gradients, strict=True))


def representation_of(columns: Sequence[Tensor], shared: Mapping[str, Tensor]) -> Representation:
    """Return the shared representation of m losses [1].

    It consists of the tensors that all losses depend on and that are used directly by operations on which only some
    losses depend.

    Raises: IncompatibleError if there is no such tensor, or if a loss depends on a shared parameter in another way.
    """
    roots = [column.grad_fn for column in columns]
    behind = [set() if root is None else set(nodes_behind(root)) for root in roots]
    common: set[Node] = set.intersection(*behind)
    edges: dict[tuple[Node, int], GradientEdge] = {}
    for node in set.union(*behind) - common:
        for following, index in node.next_functions:
            if following in common:
                edges[following, index] = GradientEdge(following, index)
    is_parameter = any(getattr(node, "variable", None) is not None for node, _ in edges)
    partly_shared = {id(getattr(node, "variable", None)) for node in set.union(*behind) - common}
    if not edges or is_parameter or any(id(leaf) in partly_shared for leaf in shared.values()):
        raise IncompatibleError(
            "the losses are not computed from shared parameters through a common representation: set balancer.scope "
            "to 'shared' or 'all', or choose a model with a shared trunk and a head for each objective"
        )
    return Representation(list(edges.values()), shared, [])
