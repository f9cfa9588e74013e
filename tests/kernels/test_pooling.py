"""Max-pooling without indices: equal to the library to the bit, by another algorithm."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch.nn import functional

from mobench.kernels.dispatch import Kernels
from mobench.kernels.pooling import FULL, max_pool2d

CASES: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((2,), {}),
    ((3,), {}),
    ((2, 2), {}),
    (((2, 2),), {}),
    ((2,), {"stride": 2}),
    ((2,), {"stride": 1}),
    ((3,), {"padding": 1}),
    ((2,), {"ceil_mode": True}),
    ((2,), {"dilation": 2}),
    (((2, 3),), {}),
    ((9,), {}),
]


@pytest.mark.parametrize(("args", "kwargs"), CASES)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_values_are_the_librarys_to_the_bit(args: Any, kwargs: Any, layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 4, 11, 10).to(memory_format=layout)
    x[0, 0, 0, 0] = torch.nan
    expected = functional.max_pool2d(x, *args, **kwargs)
    with torch.no_grad(), Kernels():
        pooled = functional.max_pool2d(x, *args, **kwargs)
    torch.testing.assert_close(pooled, expected, rtol=0, atol=0, equal_nan=True)


def test_the_library_is_asked_only_where_it_is_faster_or_knows_more() -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("asked")

    x = torch.randn(2, FULL, 6, 6, requires_grad=True)
    assert max_pool2d(refuse, x, 2).shape == (2, FULL, 3, 3)
    wide = x.contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        assert max_pool2d(refuse, wide, 2).shape == (2, FULL, 3, 3)
    with pytest.raises(AssertionError, match="asked"):
        max_pool2d(refuse, wide, 2)
    with pytest.raises(AssertionError, match="asked"):
        max_pool2d(refuse, x, 3)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("channels", [1, 3, 20])
def test_gradients_are_the_librarys_to_the_bit(channels: int, layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    data = torch.randn(3, channels, 8, 6).to(memory_format=layout)
    gradients = []
    for mode in (nullcontext(), Kernels()):
        x = data.clone().requires_grad_()
        with mode:
            y = functional.max_pool2d(x, 2)
        (y * torch.arange(y.numel()).view_as(y)).sum().backward()
        gradients.append(x.grad)
    assert torch.equal(*gradients)


def test_one_of_equal_values_gets_the_whole_gradient() -> None:
    x = torch.ones(2, 3, 4, 4, requires_grad=True)
    with Kernels():
        functional.max_pool2d(x, 2).sum().backward()
    assert x.grad is not None
    first = torch.zeros(2, 3, 4, 4)
    first[:, :, ::2, ::2] = 1
    assert torch.equal(x.grad, first)


def test_gradients_pass_through_vmap() -> None:
    torch.manual_seed(0)
    x = torch.randn(5, 2, 3, 4, 4)

    def loss(image: torch.Tensor) -> torch.Tensor:
        with Kernels():
            return functional.max_pool2d(image.relu(), 2).square().sum()

    gradients = torch.vmap(torch.func.grad(loss))(x)
    assert torch.equal(gradients, torch.stack([torch.func.grad(loss)(image) for image in x]))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_second_derivatives_are_right(layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4, 6, dtype=torch.double).contiguous(memory_format=layout).requires_grad_()

    def function(x: torch.Tensor) -> torch.Tensor:
        with Kernels():
            pooled: torch.Tensor = functional.max_pool2d(x, 2).square()
        return pooled

    assert torch.autograd.gradcheck(function, x)
    assert torch.autograd.gradgradcheck(function, x)
