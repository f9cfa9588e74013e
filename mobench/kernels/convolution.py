"""Convolutions in the layout "batch_last", vectorised over images instead of channels.

torch's kernels process 16 channels at a time and pad the rest; with LeNet's 10 and 20 channels, two fifths of the
work are wasted. Vectors of images need no padding. On [256, 1, 36, 36] and [256, 10, 14, 14] of that net, AVX-512,
one thread, the five passes of a step take 24.3 ms channels last, 29.7 ms contiguous and 15.2 ms here,
the speed of torch's products of square matrices.
"""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor

from mobench.kernels import batch_last
from mobench.kernels.precision import is_autocast

MANY = 64
"""Limit of the channels: above MANY² input × output channels, torch needs no padding and uses the cache better."""

TwoSizes = tuple[int, int]
SizesOfCall = ctypes.c_long * 10


def conv2d(
    func: Any,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """Return the result of `func`, torch's conv2d; batch-last inputs with stride and dilation 1 use the C kernel.

    The kernel computes in float32, so under autocast torch's operation is used.
    """
    pad = _pair(padding)
    if (
        pad is not None
        and _pair(stride) == _pair(dilation) == (1, 1)
        and batch_last.is_batch_last(input)
        and _fits(input, weight, bias, pad, groups)
        and not is_autocast(input.device)
        and not batch_last.why_not()
    ):
        return _Convolution.apply(input, weight, bias, pad, groups)
    return func(input, weight, bias, stride, padding, dilation, groups)


def _pair(value: Any) -> TwoSizes | None:
    if isinstance(value, int):
        return value, value
    if isinstance(value, tuple | list) and len(value) in (1, 2) and all(isinstance(v, int) for v in value):
        return value[0], value[-1]
    return None


def _fits(x: Tensor, weight: Tensor, bias: Tensor | None, pad: TwoSizes, groups: int) -> bool:
    if weight.ndim != 4 or weight.dtype != x.dtype or weight.device != x.device:
        return False
    if bias is not None and (bias.dtype != x.dtype or bias.shape != weight.shape[:1] or bias.device != x.device):
        return False
    filters, channels, *kernel = weight.shape
    sizes = zip(x.shape[2:], kernel, pad, strict=True)
    return (
        channels * groups == x.shape[1]
        and filters % groups == 0
        and 0 < channels * filters // groups <= MANY**2
        and all(0 <= p < k <= n + 2 * p for n, k, p in sizes)
    )


class _Convolution(torch.autograd.Function):
    """y [N, O, H', W'] of x [N, C, H, W], w [O, C / groups, kernel] and bias [O] or None."""

    @staticmethod
    def forward(x: Tensor, w: Tensor, bias: Tensor | None, pad: TwoSizes, groups: int) -> Tensor:
        high, wide = (n + 2 * p - k + 1 for n, p, k in zip(x.shape[2:], pad, w.shape[2:], strict=True))
        y = batch_last.empty(len(x), len(w), high, wide)
        _convolve(x, w, bias, y, pad, groups, transposed=False)
        return y

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, w, _, ctx.pad, ctx.groups = inputs
        ctx.save_for_backward(x, w)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, w = ctx.saved_tensors
        for_x, for_w, for_bias, *_ = ctx.needs_input_grad
        if not batch_last.are_numbers(gradient, x, w):
            at_x, at_w, at_bias = torch.ops.aten.convolution_backward(
                gradient, x, w, [len(w)] if for_bias else None, [1, 1], list(ctx.pad), [1, 1], False, [0, 0],
                ctx.groups, [for_x, for_w, for_bias],
            )  # fmt: skip
            return at_x, at_w, at_bias, None, None
        gradient, at_x, at_w = batch_last.batch_last(gradient), None, None
        if for_x:
            at_x = batch_last.empty(*x.shape)
            other = (w.shape[2] - 1 - ctx.pad[0], w.shape[3] - 1 - ctx.pad[1])
            _convolve(gradient, w, None, at_x, other, ctx.groups, transposed=True)
        if for_w:
            at_w = _kernel_gradient(x, gradient, w, ctx.pad, ctx.groups)
        return at_x, at_w, gradient.sum((0, 2, 3)) if for_bias else None, None, None

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[Any, ...],
        x: Tensor,
        w: Tensor,
        bias: Tensor | None,
        pad: TwoSizes,
        groups: int,
    ) -> tuple[Tensor, int]:
        # in this layout, the additional dimension cannot be folded into the batch or the channels
        n = info.batch_size
        unstacked = (
            [t] * n if t is None or d is None else t.unbind(d) for t, d in zip((x, w, bias), in_dims, strict=False)
        )
        return torch.stack([_Convolution.apply(*tensors, pad, groups) for tensors in zip(*unstacked, strict=True)]), 0


def _convolve(
    x: Tensor, w: Tensor, bias: Tensor | None, y: Tensor, pad: TwoSizes, groups: int, transposed: bool
) -> None:
    c, x, w = batch_last.functions(), batch_last.batch_last(x), w.contiguous()
    at_bias = None if bias is None else bias.contiguous()
    shape = SizesOfCall(*x.shape, y.shape[1], *w.shape[2:], *pad, groups)
    _enough(
        batch_last.shared_out(
            lambda start, end: c.mobench_convolution(
                x.data_ptr(), w.data_ptr(), None if at_bias is None else at_bias.data_ptr(), y.data_ptr(),
                shape, transposed, start, end,
            ),
            len(x),
            c.mobench_block(),
        )
    )  # fmt: skip


def _kernel_gradient(x: Tensor, gradient: Tensor, w: Tensor, pad: TwoSizes, groups: int) -> Tensor:
    c = batch_last.functions()
    block = c.mobench_block()
    shape = SizesOfCall(*x.shape, len(w), *w.shape[2:], *pad, groups)
    parts = torch.empty(-(-len(x) // block), *w.shape)
    _enough(
        batch_last.shared_out(
            lambda start, end: c.mobench_kernel_gradient(
                x.data_ptr(), gradient.data_ptr(), parts.data_ptr(), shape, start, end
            ),
            len(x),
            block,
        )
    )
    return parts.sum(0)


def _enough(codes: list[object]) -> None:
    if any(codes):
        raise MemoryError("a convolution has no memory left for its blocks of images: train with a smaller batch")
