"""Backward passes from given gradients, against torch's own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mobench.numerics.autograd_graph import backward_from


def graph(seed: int) -> tuple[list[nn.Parameter], list[Tensor], list[Tensor]]:
    """Return parameters, tensors of several shapes computed from them, and gradients of these tensors."""
    draw = torch.Generator().manual_seed(seed)
    parameters = [nn.Parameter(torch.randn(shape, generator=draw)) for shape in ((3, 4), (4,), (5, 3))]
    hidden = torch.tanh(parameters[0] * parameters[1])
    tensors = [hidden, parameters[2] @ hidden, parameters[1] * 2, parameters[2]]
    return parameters, tensors, [torch.randn(tensor.shape, generator=draw) for tensor in tensors]


def grads(parameters: list[nn.Parameter]) -> list[list[float] | None]:
    return [None if p.grad is None else p.grad.flatten().tolist() for p in parameters]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("chosen", [None, [0], [1, 2]])
def test_gradients_are_those_of_torch_to_the_bit(seed: int, chosen: list[int] | None) -> None:
    parameters, tensors, gradients = graph(seed)
    torch.autograd.backward(tensors, gradients, inputs=None if chosen is None else [parameters[i] for i in chosen])
    others, tensors, gradients = graph(seed)
    backward_from(tensors, gradients, inputs=None if chosen is None else [others[i] for i in chosen])
    assert grads(others) == grads(parameters)


def test_a_retained_graph_serves_a_second_pass_and_gradients_add_up() -> None:
    parameters, tensors, gradients = graph(0)
    backward_from(tensors, gradients, retain_graph=True)
    once = [p.grad.clone() for p in parameters if p.grad is not None]
    backward_from(tensors, gradients)
    for parameter, gradient in zip(parameters, once, strict=True):
        torch.testing.assert_close(parameter.grad, 2 * gradient)
    with pytest.raises(RuntimeError, match="second time"):
        backward_from(tensors[:1], gradients[:1])


def test_tensors_without_a_graph_are_refused() -> None:
    with pytest.raises(RuntimeError, match="does not require grad"):
        backward_from([torch.ones(2)], [torch.ones(2)])
