"""Stacked execution: run a torch module under K weight sets at once, with one kernel per expensive layer.

`torch.vmap` gives the correct result for every operation that it supports: the module's code sees
the shapes of one net. Its convolutions, pools and normalisations are slow, so these are replaced
(see `stacked_layers`).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.overrides import TorchFunctionMode

from mobench.kernels.stacked_layers import LAYERS
from mobench.kernels.strategy import Stacking


def stacked_call(module: nn.Module, weights: Mapping[str, Tensor], inputs: Tensor, stacking: Stacking) -> Any:
    """Return the module's outputs under K weight sets, each tensor [K, ...].

    weights: name -> [K, *shape]. inputs: [B, ...], the same for every net.

    The result equals K separate calls, except for the order of sums and the random numbers of dropout.

    Raises: the exceptions of vmap for unsupported code (data-dependent branches, running statistics).
    """
    names = list(weights)

    # separate tensors, because vmap traverses a dict four times per call
    def call(*tensors: Tensor) -> Any:
        return functional_call(module, dict(zip(names, tensors, strict=True)), (inputs,))

    with _Layers(stacking), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="There is a performance drop", category=UserWarning)
        return torch.vmap(call, randomness="different")(*weights.values())


class StackedOutputs(Sequence[Mapping[str, Tensor]]):
    """K outputs stored as one tensor [K, ...] per head; also a sequence of the K separate outputs."""

    def __init__(self, stacked: Mapping[str, Tensor]) -> None:
        self.stacked = dict(stacked)

    def __len__(self) -> int:
        return len(next(iter(self.stacked.values())))

    @overload
    def __getitem__(self, k: int) -> Mapping[str, Tensor]: ...
    @overload
    def __getitem__(self, k: slice) -> Sequence[Mapping[str, Tensor]]: ...
    def __getitem__(self, k: int | slice) -> Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]]:
        chosen = {name: tensor[k] for name, tensor in self.stacked.items()}
        return StackedOutputs(chosen) if isinstance(k, slice) else chosen

    def __iter__(self) -> Iterator[Mapping[str, Tensor]]:
        return (self[k] for k in range(len(self)))


def running_statistics(module: nn.Module) -> list[str]:
    """Return the names of layers whose running statistics change in training; each net needs its own statistics.

    The buffers of a layer that stays in evaluation mode during training are constants.
    """
    classes = (nn.modules.batchnorm._NormBase,)
    layers = {
        n: layer for n, layer in module.named_modules() if isinstance(layer, classes) and layer.track_running_stats
    }
    if not layers:
        return []
    modes = {submodule: submodule.training for submodule in module.modules()}
    module.train(True)
    changing = [name for name, layer in layers.items() if layer.training]
    for submodule, mode in modes.items():
        submodule.training = mode
    return changing


class _Layers(TorchFunctionMode):
    """Runs operations through the replacements in `LAYERS`; all others are left to vmap."""

    def __init__(self, stacking: Stacking) -> None:
        super().__init__()
        self.stacking = stacking

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        layer = LAYERS.get(getattr(func, "__name__", ""))
        if layer is not None:
            result = layer(self.stacking, func, *args, **(kwargs or {}))
            if result is not NotImplemented:
                return result
        return func(*args, **(kwargs or {}))
