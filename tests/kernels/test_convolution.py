"""Convolutions and pools of images that lie side by side, against the library's in float64."""

from __future__ import annotations

import platform
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from mobench.kernels import compiled
from mobench.kernels.batch_last import batch_last, functions, is_batch_last, shared_out, why_not
from mobench.kernels.convolution import conv2d
from mobench.kernels.dispatch import Kernels
from mobench.kernels.pooling import max_pool2d


def refuse(*args: object) -> None:
    raise AssertionError("the library was asked")


@st.composite
def convolutions(draw: st.DrawFn) -> dict[str, Any]:
    """Every kind that the kernel takes: odd images, borders, groups, more channels than fit into registers."""
    groups = draw(st.integers(1, 3))
    kernel = draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    padding = tuple(draw(st.integers(0, k - 1)) for k in kernel)
    sides = [draw(st.integers(max(1, k - 2 * p), 9)) for k, p in zip(kernel, padding, strict=True)]
    images = draw(st.integers(2, 70))
    channels, filters = (groups * draw(st.integers(1, most)) for most in (4, 15))
    return {
        "x": (images, channels, *sides),
        "w": (filters, channels // groups, *kernel),
        "bias": draw(st.booleans()),
        "padding": padding,
        "groups": groups,
        "seed": draw(st.integers(0, 2**31)),
    }


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(convolutions())
def test_values_and_gradients_are_the_librarys(case: dict[str, Any]) -> None:
    assert why_not() == ""
    torch.manual_seed(case["seed"])
    x, w = batch_last(torch.randn(case["x"])), torch.randn(case["w"])
    bias = torch.randn(len(w)) if case["bias"] else None
    given_tensors = [t.requires_grad_() for t in (x, w, bias) if t is not None]
    y = conv2d(refuse, x, w, bias, 1, case["padding"], 1, case["groups"])
    assert is_batch_last(y) or min(y.shape[1:]) == 1
    exact = [t.detach().double().requires_grad_() for t in given_tensors]
    its_bias = exact[2] if bias is not None else None
    expected = functional.conv2d(exact[0], exact[1], its_bias, 1, case["padding"], 1, case["groups"])
    torch.testing.assert_close(y.double(), expected, rtol=1e-4, atol=1e-4)
    cotangent = torch.randn_like(y)
    gradients = torch.autograd.grad(y, given_tensors, cotangent)
    for gradient, exact_gradient in zip(
        gradients, torch.autograd.grad(expected, exact, cotangent.double()), strict=True
    ):
        torch.testing.assert_close(gradient.double(), exact_gradient, rtol=1e-4, atol=1e-3)


BASELINES = {"x86_64": ("x86-64", "x86-64-v3")}


@pytest.mark.slow
@pytest.mark.parametrize("baseline", BASELINES.get(platform.machine(), ()))
def test_vectors_of_any_width_give_the_same(baseline: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Compile for vectors of 4 and of 8, as other processors have them."""
    torch.manual_seed(0)
    x, g = batch_last(torch.randn(37, 4, 9, 8)), batch_last(torch.randn(37, 14, 4, 4))
    w, bias = torch.randn(14, 2, 4, 3), torch.randn(14)

    def all_of_it() -> list[Tensor]:
        leaves = [t.clone(memory_format=torch.preserve_format).requires_grad_() for t in (x, w, bias)]
        y = max_pool2d(refuse, conv2d(refuse, *leaves, padding=(1, 1), groups=2), 2)
        return [y.detach(), *torch.autograd.grad(y, leaves, g)]

    expected = all_of_it()
    flags = tuple(f"-march={baseline}" if f.startswith("-march") else f for f in compiled.FLAGS)
    monkeypatch.setattr(compiled, "FLAGS", flags)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    try:
        clear()
        for actual_tensor, expected_tensor in zip(all_of_it(), expected, strict=True):
            torch.testing.assert_close(actual_tensor, expected_tensor, rtol=1e-4, atol=1e-4)
        assert len(list(tmp_path.rglob("*.so"))) == 1
    finally:
        clear()


def clear() -> None:
    for cached in (compiled.library, compiled.missing, functions):
        cached.cache_clear()


def test_only_what_is_asked_for_is_differentiated() -> None:
    x, w = batch_last(torch.randn(3, 2, 5, 5)), torch.randn(4, 2, 3, 3)
    for tensor in (x, w):
        tensor.requires_grad_()
        y = conv2d(refuse, x, w)
        [gradient] = torch.autograd.grad(y.square().sum(), [tensor])
        [expected] = torch.autograd.grad(functional.conv2d(x, w).square().sum(), [tensor])
        torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-4)
        tensor.requires_grad_(False)


def test_threads_change_no_bit() -> None:
    torch.manual_seed(0)
    x, w = batch_last(torch.randn(150, 3, 8, 8)).requires_grad_(), torch.randn(5, 3, 3, 3, requires_grad=True)
    before, results = torch.get_num_threads(), []
    try:
        for n in (1, 2, 4):
            torch.set_num_threads(n)
            y = max_pool2d(refuse, conv2d(refuse, x, w, padding=1), 2)
            results.append([y, *torch.autograd.grad(y.square().sum(), [x, w])])
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for other in results[1:] for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize(
    ("x", "w", "options"),
    [
        ((4, 2, 9, 9), (4, 2, 3, 3), {"stride": 2}),
        ((4, 2, 9, 9), (4, 2, 3, 3), {"dilation": 2}),
        ((4, 2, 9, 9), (4, 2, 3, 3), {"padding": 3}),
        ((4, 2, 9, 9), (4, 2, 3, 3), {"padding": "same"}),
        ((4, 80, 4, 4), (80, 80, 3, 3), {}),
        ((1, 2, 9, 9), (4, 2, 3, 3), {}),
    ],
)
def test_the_rest_is_the_librarys(x: Any, w: Any, options: dict[str, Any]) -> None:
    images, kernels = batch_last(torch.randn(x)), torch.randn(w)
    with pytest.raises(AssertionError, match="the library was asked"):
        conv2d(refuse, images, kernels, **options)
    with Kernels():
        actual = functional.conv2d(images, kernels, **options)
    torch.testing.assert_close(actual, functional.conv2d(images, kernels, **options))


def test_other_layouts_and_precisions_are_the_librarys() -> None:
    x, w = torch.randn(4, 2, 9, 9), torch.randn(4, 2, 3, 3)
    for images, kernels in ((x, w), (x.to(memory_format=torch.channels_last), w), (batch_last(x).double(), w.double())):
        with pytest.raises(AssertionError, match="the library was asked"):
            conv2d(refuse, images, kernels)
        with pytest.raises(AssertionError, match="the library was asked"):
            max_pool2d(refuse, images[:, :, :7].requires_grad_(), 2)


def test_a_wrong_shape_is_told_by_the_library() -> None:
    with Kernels(), pytest.raises(RuntimeError, match="channels"):
        functional.conv2d(batch_last(torch.randn(4, 3, 9, 9)), torch.randn(4, 2, 3, 3))
    with Kernels(), pytest.raises(RuntimeError, match="Kernel size"):
        functional.conv2d(batch_last(torch.randn(4, 2, 2, 2)), torch.randn(4, 2, 3, 3))


def loss(x: Tensor, w: Tensor) -> Tensor:
    with Kernels():
        y: Tensor = functional.max_pool2d(functional.conv2d(x, w, padding=1).relu(), 2).square().sum()
    return y


def plainly(x: Tensor, w: Tensor) -> Tensor:
    y: Tensor = functional.max_pool2d(functional.conv2d(x, w, padding=1).relu(), 2).square().sum()
    return y


def test_gradients_pass_through_vmap() -> None:
    torch.manual_seed(0)
    x, w = batch_last(torch.randn(6, 2, 5, 4)), torch.randn(3, 4, 2, 3, 3)
    gradients = torch.vmap(torch.func.grad(loss, argnums=(0, 1)), in_dims=(None, 0))(x, w)
    expected = [torch.func.grad(plainly, argnums=(0, 1))(x, kernel) for kernel in w]
    for a, b in zip(gradients, zip(*expected, strict=True), strict=True):
        torch.testing.assert_close(a, torch.stack(b), rtol=1e-4, atol=1e-4)


def test_many_gradients_are_taken_at_once() -> None:
    torch.manual_seed(0)
    x, w = batch_last(torch.randn(6, 2, 5, 4)), torch.randn(4, 2, 3, 3, requires_grad=True)
    y = max_pool2d(refuse, conv2d(refuse, x, w), 2)
    cotangents = torch.randn(3, *y.shape)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="There is a performance drop", category=UserWarning)
        [gradients] = torch.autograd.grad(y, [w], cotangents, is_grads_batched=True, retain_graph=True)
    separate_gradients = [torch.autograd.grad(y, [w], cotangent, retain_graph=True)[0] for cotangent in cotangents]
    torch.testing.assert_close(gradients, torch.stack(separate_gradients))


def test_second_derivatives_are_the_librarys() -> None:
    torch.manual_seed(0)
    x, w = batch_last(torch.randn(4, 2, 5, 4)), torch.randn(4, 2, 3, 3)
    seconds = []
    for function in (loss, plainly):
        leaves = [t.clone().requires_grad_() for t in (x, w)]
        first = torch.autograd.grad(function(*leaves), leaves, create_graph=True)
        seconds.append(torch.autograd.grad(sum(g.square().sum() for g in first), leaves))  # type: ignore[arg-type]
    for actual_tensor, expected_tensor in zip(*seconds, strict=True):
        torch.testing.assert_close(actual_tensor, expected_tensor, rtol=1e-3, atol=1e-3)


@settings(max_examples=80, deadline=None)
@given(st.integers(2, 4), st.integers(2, 40), st.integers(1, 3), st.integers(4, 9), st.integers(4, 9), st.booleans())
def test_pools_are_the_librarys_to_the_bit(
    size: int, images: int, channels: int, height: int, width: int, rounded: bool
) -> None:
    torch.manual_seed(images)
    x = batch_last(torch.randn(images, channels, height, width))
    if rounded:  # equal values: the first of them is the maximum
        x = x.round()
    x[0, 0, 0, 0] = torch.nan
    gradients = []
    for pool in (lambda t: max_pool2d(refuse, t, size), lambda t: functional.max_pool2d(t, size)):
        leaf = x.clone().requires_grad_()
        y = pool(leaf)
        y.backward(torch.arange(y.numel(), dtype=torch.float32).view_as(y))
        gradients.append((y, leaf.grad))
    for actual_tensor, expected_tensor in zip(*gradients, strict=True):
        torch.testing.assert_close(actual_tensor, expected_tensor, rtol=0, atol=0, equal_nan=True)


def test_pools_without_gradients_are_the_same() -> None:
    x = batch_last(torch.randn(20, 3, 7, 6))
    with torch.no_grad():
        pooled = max_pool2d(refuse, x, 3)
    assert torch.equal(pooled, functional.max_pool2d(x, 3))
    assert torch.equal(
        torch.vmap(lambda images: max_pool2d(refuse, images, 3))(torch.stack([x, x])), torch.stack([pooled] * 2)
    )


def test_parts_cover_every_image_once_and_begin_at_blocks() -> None:
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3, 8):
            torch.set_num_threads(threads)
            for n in (1, 31, 32, 33, 256):
                parts = shared_out(lambda start, end: (start, end), n, 32)
                assert len(parts) <= threads
                assert [s % 32 for s, _ in parts] == [0] * len(parts)  # type: ignore[misc]
                assert [i for s, e in parts for i in range(s, e)] == list(range(n))  # type: ignore[misc]
    finally:
        torch.set_num_threads(before)


def test_a_block_is_a_few_vectors() -> None:
    assert functions().mobench_block() in (8, 16, 32)
