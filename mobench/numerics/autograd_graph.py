"""The autograd graph of a tensor: its nodes and its leaves."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor
from torch.autograd.graph import Node


def leaf_ids(tensor: Tensor) -> set[int]:
    """Return the ids of the leaf tensors that require gradients in the graph of a tensor."""
    if tensor.grad_fn is None:
        return {id(tensor)} if tensor.requires_grad else set()
    variables = (getattr(node, "variable", None) for node in nodes_behind(tensor.grad_fn))
    return {id(variable) for variable in variables if variable is not None}


def nodes_behind(root: Node) -> Iterator[Node]:
    """Yield every node of the graph of `root`, including `root`, once."""
    waiting, seen = [root], {root}
    while waiting:
        node = waiting.pop()
        yield node
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                waiting.append(following)
