"""A model around any torch module, and sizes of weights as outputs of a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mobench.errors import IncompatibleError, ShapeError
from mobench.fronts.identity import RESETS
from mobench.fronts.losses import PENALTY
from mobench.interfaces import Dataset, Inputs, Model, tensors_of

EPSILON = 1e-12
"""Added to sums of squares below a root, whose gradient at zero would be infinite."""


class ModuleModel(Model):
    """A model around a torch module, or around a function without arguments that returns one.

    source: a module is an architecture: each network is a copy whose layers start again, with `reset_parameters`.
        Parameters of modules without this method keep the values of `source`. A class or function is called for each
        network.
    pretrained: every network starts at the weights of `source`, and nothing is reset.
    """

    takes_head_shapes: ClassVar[bool] = False
    takes_named_inputs: ClassVar[bool] = True

    def __init__(self, source: nn.Module | Callable[[], nn.Module], pretrained: bool = False) -> None:
        self.source = source
        self.pretrained = pretrained

    def new_module(self) -> nn.Module:
        """Return a module as the user wrote it, initialised from torch's global random state."""
        if isinstance(self.source, nn.Module):
            module = deepcopy(self.source)
            if not self.pretrained:
                reset(module)
            return module
        module = self.source()
        if not isinstance(module, nn.Module):
            raise IncompatibleError(
                f"model returned {type(module).__name__}: pass a torch module, or a class or function without "
                "arguments that returns one"
            )
        return module

    def build(self, dataset: Dataset) -> nn.Module:
        return HeadedNetwork(self.new_module(), dict(dataset.heads))


class HeadedNetwork(nn.Module):
    """A module whose outputs are returned by head.

    It accepts a mapping of heads, a tuple in the order of the heads, and one tensor, whose last axis is split by the
    widths of the heads. Other outputs raise a ShapeError.

    heads: name -> width; empty: any mapping, or one tensor for the head "output".
    """

    def __init__(self, network: nn.Module, heads: Mapping[str, int]) -> None:
        super().__init__()
        self.network = network
        self.heads = dict(heads)

    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        return by_head(self.network(inputs), self.heads)


def by_head(outputs: Any, heads: Mapping[str, int]) -> dict[str, Tensor]:
    """Return the outputs of a module by head. heads: name -> width. Raises: ShapeError."""
    if not heads:
        outputs = {"output": outputs} if isinstance(outputs, Tensor) else outputs
        if isinstance(outputs, Mapping) and all(isinstance(output, Tensor) for output in outputs.values()):
            return {str(name): _with_axis(output) for name, output in outputs.items()}
        raise _unsuitable(outputs, heads)
    names, widths = list(heads), list(heads.values())
    if isinstance(outputs, Tensor):
        outputs = _with_axis(outputs)
        if outputs.shape[-1] != sum(widths):
            raise _unsuitable(outputs, heads)
        outputs = dict(zip(names, outputs.split(widths, -1), strict=True))
    elif isinstance(outputs, Sequence) and len(outputs) == len(names):
        outputs = dict(zip(names, outputs, strict=True))
    if not isinstance(outputs, Mapping) or not all(isinstance(outputs.get(name), Tensor) for name in names):
        raise _unsuitable(outputs, heads)
    named = {name: _with_axis(outputs[name]) for name in names}
    if any(named[name].shape[-1] != width for name, width in heads.items()):
        raise _unsuitable(outputs, heads)
    return named


def _with_axis(output: Tensor) -> Tensor:
    return output.unsqueeze(-1) if output.ndim == 1 else output


def _unsuitable(outputs: Any, heads: Mapping[str, int]) -> ShapeError:
    if isinstance(outputs, Mapping):
        returned = "a mapping with " + ", ".join(f"{name!r} {_shape(output)}" for name, output in outputs.items())
    elif isinstance(outputs, Sequence):
        returned = f"{type(outputs).__name__} of {', '.join(map(_shape, outputs))}"
    else:
        returned = _shape(outputs)
    if not heads:
        return ShapeError(
            f"the module returned {returned}: return one tensor [B, width], or a mapping of tensors by head; or state "
            "heads={'name': width} in mobench.dataset"
        )
    stated = ", ".join(f"{name!r} [B, {width}]" for name, width in heads.items())
    return ShapeError(
        f"the module returned {returned}: return a mapping with the heads {stated}, a tuple of them in this order, or "
        f"one tensor [B, {sum(heads.values())}] that is split by the widths of the heads"
    )


def _shape(output: Any) -> str:
    return f"a tensor {list(output.shape)}" if isinstance(output, Tensor) else type(output).__name__


def reset(module: nn.Module) -> None:
    """Initialise all layers that have `reset_parameters`, inner ones first, from torch's global random state."""
    for layer in reversed(list(module.modules())):
        for name in RESETS:
            method = getattr(layer, name, None)
            if callable(method):
                method()
                break


@dataclass(frozen=True)
class Penalty:
    """A size of the weights that a network returns as an output.

    costs: layer -> multiply-adds of one of its output units for one sample; for kind "flops".
    """

    name: str
    kind: str
    costs: Mapping[str, float] | None = None


class PenalisedModel(Model):
    """A model whose networks also return sizes of their weights, as outputs [B, 1]."""

    takes_head_shapes: ClassVar[bool] = True
    takes_named_inputs: ClassVar[bool] = True

    def __init__(self, model: Model, penalties: Sequence[Penalty]) -> None:
        self.model = model
        self.penalties = tuple(penalties)
        self.pretrained = model.pretrained

    def check(self, dataset: Dataset) -> None:
        self.model.check(dataset)

    def build(self, dataset: Dataset) -> nn.Module:
        return PenalisedNetwork(self.model.build(dataset), self.penalties)

    def task_parameters(self, dataset: Dataset) -> Mapping[str, str]:
        return {f"network.{name}": task for name, task in self.model.task_parameters(dataset).items()}

    def weight_bounds(self, dataset: Dataset) -> tuple[float, float] | None:
        return self.model.weight_bounds(dataset)


class PenalisedNetwork(nn.Module):
    """A network that adds sizes of its trained parameters to its outputs.

    They are computed from the parameters in `forward`, so that they follow generated and stacked weights.
    """

    def __init__(self, network: nn.Module, penalties: Sequence[Penalty]) -> None:
        super().__init__()
        self.network = network
        self.penalties = tuple(penalties)
        self.trained = frozenset(name for name, p in network.named_parameters() if p.requires_grad)

    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        outputs = dict(self.network(inputs))
        n = next(tensors_of(inputs)).shape[0]  # len would fix the size in an exported network
        for penalty in self.penalties:
            outputs[PENALTY.format(penalty.name)] = self.size_of(penalty).expand(n, 1)
        return outputs

    def size_of(self, penalty: Penalty) -> Tensor:
        """Return the size of the weights, a scalar."""
        parameters = dict(self.network.named_parameters())
        if penalty.kind != "flops":
            power = 1 if penalty.kind == "l1" else 2
            return torch.stack([parameters[name].abs().pow(power).sum() for name in sorted(self.trained)]).sum()
        sizes = []
        for layer, cost in (penalty.costs or {}).items():
            weight = parameters[f"{layer}.weight" if layer else "weight"]
            sizes.append(cost * (weight.flatten(1).square().sum(1) + EPSILON).sqrt().sum())
        return torch.stack(sizes).sum()


def multiply_adds(network: nn.Module, inputs: Inputs) -> dict[str, float]:
    """Return layer -> multiply-adds of one output unit for one sample, for linear layers and convolutions.

    inputs: prepared inputs, on which the network runs once in evaluation mode.

    Raises: IncompatibleError for a network without such layers.
    """
    costs: dict[str, float] = {}
    n = len(next(tensors_of(inputs)))
    handles = []
    for name, layer in network.named_modules():
        is_convolution = isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d)
        if isinstance(layer, nn.Linear) or is_convolution:

            def count(layer: Any, args: Any, output: Tensor, name: str = name, axis: int = 1 if is_convolution else -1):  # type: ignore[no-untyped-def]
                positions = output.numel() / (n * output.shape[axis])
                costs[name] = costs.get(name, 0.0) + positions * layer.weight[0].numel()

            handles.append(layer.register_forward_hook(count))
    mode = network.training
    try:
        with torch.no_grad():
            network.eval()(inputs)
    finally:
        network.train(mode)
        for handle in handles:
            handle.remove()
    if not costs:
        raise IncompatibleError(
            "flops() found no linear layer and no convolution that the network runs: use l1() or l2(), or a network "
            "with such layers"
        )
    return costs
