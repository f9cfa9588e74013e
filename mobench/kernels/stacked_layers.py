"""Replacements of layer operations under `stacked_call`: one kernel per layer for K nets.

For convolutions, pools and normalisations, vmap moves K to the first dimension of the images, which copies them.
Here K stays next to the channels, [B, K·C, H, W], from the first convolution to the last pool, without copies. A
replacement gets the operation and its arguments as the module's code called it, with the shapes of one net. It returns
the result, or NotImplemented to leave the operation to vmap.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from mobench.kernels.dispatch import by_kernel
from mobench.kernels.strategy import Stacking

Rule = Callable[[int, tuple[int | None, ...], tuple[Tensor, ...]], tuple[Tensor, int]]


class _AtOnce(torch.autograd.Function):
    """An operation with a custom vmap rule, which consists of differentiable operations."""

    @staticmethod
    def forward(plain: Callable[..., Tensor], rule: Rule, *tensors: Tensor) -> Tensor:
        return plain(*tensors)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.plain = inputs[0]
        ctx.save_for_backward(*inputs[2:])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        # reached only by layers that do not depend on a weight set: recompute the output and differentiate it
        with torch.enable_grad():
            again = [t.detach().requires_grad_(t.requires_grad) for t in ctx.saved_tensors]
            output = ctx.plain(*again)
        differentiated = [t for t in again if t.requires_grad]
        gradients = iter(torch.autograd.grad(output, differentiated, gradient))
        return (None, None, *(next(gradients) if t.requires_grad else None for t in again))

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], plain: Callable[..., Tensor], rule: Rule, *tensors: Tensor
    ) -> tuple[Tensor, int]:
        return rule(info.batch_size, in_dims[2:], tensors)


def _beside_channels(x: Tensor, dim: int | None, k: int) -> Tensor:
    """Return a batched [B, C, ...] as [B, K·C, ...]; a view if a custom rule produced it."""
    if dim is None:
        return x.repeat(1, k, *[1] * (x.ndim - 2))
    return x.movedim(dim, 1).flatten(1, 2)


def _joined(vector: Tensor | None, dim: int | None, k: int) -> Tensor | None:
    """Return a batched [C] as [K·C]."""
    if vector is None:
        return None
    return vector.repeat(k) if dim is None else vector.movedim(dim, 0).flatten(0, 1)


def _apart(y: Tensor, k: int) -> tuple[Tensor, int]:
    return y.view(len(y), k, -1, *y.shape[2:]), 1


def _convolution(
    stacking: Stacking,
    func: Any,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    if input.ndim != weight.ndim:
        return NotImplemented

    def plain(x: Tensor, w: Tensor, *b: Tensor, groups: int = groups) -> Tensor:
        result: Tensor = by_kernel(func, x, w, b[0] if b else None, stride, padding, dilation, groups)
        return result

    def rule(k: int, dims: tuple[int | None, ...], tensors: tuple[Tensor, ...]) -> tuple[Tensor, int]:
        (x, w, *b), (dx, dw, *db) = tensors, dims
        if dw is None:  # one kernel for K times as many images
            assert dx is not None
            folded = x.movedim(dx, 0)
            biased = [] if not b or db[0] is not None else b
            y = plain(folded.flatten(0, 1), w, *biased)
            y = y.view(*folded.shape[:2], *y.shape[1:])
            if b and not biased:
                y = y + b[0].movedim(db[0] or 0, 0).reshape(k, 1, -1, *[1] * (y.ndim - 3))
            return y, 0
        kernels = w.movedim(dw, 0)
        biases = _joined(b[0], db[0], k) if b else None
        rest = () if biases is None else (biases,)
        if dx is None and groups == 1:  # one wide convolution
            return _apart(plain(x, kernels.flatten(0, 1), *rest), k)
        if stacking == "split":
            stacked_x = x.movedim(dx, 0) if dx is not None else x.expand(k, *x.shape)
            pieces = [() if biases is None else (biases.view(k, -1)[i],) for i in range(k)]
            return _apart(torch.cat([plain(stacked_x[i], kernels[i], *pieces[i]) for i in range(k)], dim=1), k)
        return _apart(plain(_beside_channels(x, dx, k), kernels.flatten(0, 1), *rest, groups=k * groups), k)

    return _AtOnce.apply(plain, rule, input, weight, *([] if bias is None else [bias]))


def _pool(stacking: Stacking, func: Any, input: Tensor, *args: Any, **kwargs: Any) -> Any:
    spatial = int(func.__name__[-2])
    if input.ndim != spatial + 2 or kwargs.get("return_indices"):
        return NotImplemented

    def plain(x: Tensor) -> Tensor:
        result: Tensor = by_kernel(func, x, *args, **kwargs)
        return result

    def rule(k: int, dims: tuple[int | None, ...], tensors: tuple[Tensor, ...]) -> tuple[Tensor, int]:
        return _apart(plain(_beside_channels(tensors[0], dims[0], k)), k)

    return _AtOnce.apply(plain, rule, input)


def _batch_norm(
    stacking: Stacking,
    func: Any,
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    *rest: Any,
    **more: Any,
) -> Any:
    if running_mean is not None or running_var is not None:
        return NotImplemented

    def normalise(x: Tensor, *scale: Tensor) -> Tensor:
        w, b = scale if scale else (None, None)
        result: Tensor = functional.batch_norm(x, None, None, w, b, training, *rest, **more)
        return result

    return _normalised(normalise, input, weight, bias)


def _group_norm(
    stacking: Stacking,
    func: Any,
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Any:
    channels = input.shape[1]

    def normalise(x: Tensor, *scale: Tensor) -> Tensor:
        w, b = scale if scale else (None, None)
        return functional.group_norm(x, num_groups * (x.shape[1] // channels), w, b, eps)

    return _normalised(normalise, input, weight, bias)


def _normalised(
    normalise: Callable[..., Tensor], x: Tensor, weight: Tensor | None, bias: Tensor | None
) -> Tensor | Any:
    if (weight is None) != (bias is None):
        return NotImplemented

    def rule(k: int, dims: tuple[int | None, ...], tensors: tuple[Tensor, ...]) -> tuple[Tensor, int]:
        scale = [_joined(t, d, k) for t, d in zip(tensors[1:], dims[1:], strict=True)]
        return _apart(normalise(_beside_channels(tensors[0], dims[0], k), *scale), k)

    return _AtOnce.apply(normalise, rule, x, *([] if weight is None or bias is None else [weight, bias]))


def _lstm_cell(
    stacking: Stacking,
    func: Any,
    input: Tensor,
    hx: tuple[Tensor, Tensor],
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Compute an LSTM cell from basic operations, because the fused cell has no vmap rule."""
    h, c = hx
    gates = functional.linear(input, w_ih, b_ih) + functional.linear(h, w_hh, b_hh)
    i, f, g, o = gates.chunk(4, dim=-1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def _lstm(
    stacking: Stacking,
    func: Any,
    input: Tensor,
    hx: tuple[Tensor, ...],
    params: Any,
    has_biases: Any,
    *rest: Any,
) -> Any:
    """Run layers and directions one after the other; packed sequences and projections are left to vmap."""
    if not isinstance(params, list | tuple) or len(rest) != 5:
        return NotImplemented
    n_layers, dropout, training, bidirectional, batch_first = rest
    n_directions, n_tensors = 1 + bool(bidirectional), 4 if has_biases else 2
    if len(params) != n_layers * n_directions * n_tensors:
        return NotImplemented
    steps = list(input.unbind(1 if batch_first else 0))
    ends: list[tuple[Tensor, Tensor]] = []
    for layer in range(n_layers):
        directions = []
        for direction in range(n_directions):
            index = layer * n_directions + direction
            weights = params[index * n_tensors : (index + 1) * n_tensors]
            state, seen = (hx[0][index], hx[1][index]), []
            for step in reversed(steps) if direction else steps:
                state = _lstm_cell(stacking, func, step, state, *weights)
                seen.append(state[0])
            directions.append(seen[::-1] if direction else seen)
            ends.append(state)
        steps = [torch.cat(both, dim=-1) for both in zip(*directions, strict=True)]
        if dropout and training and layer < n_layers - 1:
            steps = [functional.dropout(step, dropout) for step in steps]
    h, c = (torch.stack(states) for states in zip(*ends, strict=True))
    return torch.stack(steps, dim=1 if batch_first else 0), h, c


_POOLS = ("max_pool", "avg_pool", "adaptive_avg_pool", "adaptive_max_pool")
LAYERS: dict[str, Callable[..., Any]] = {
    **{f"conv{n}d": _convolution for n in (1, 2, 3)},
    **{f"{pool}{n}d": _pool for pool in _POOLS for n in (1, 2, 3)},
    "batch_norm": _batch_norm,
    "group_norm": _group_norm,
    "lstm_cell": _lstm_cell,
    "lstm": _lstm,
}
"""Name of a torch function -> its replacement."""
