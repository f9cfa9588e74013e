"""State of a target network that is neither generated nor trained: frozen parameters, buffers, running statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mobench.kernels.stacked import running_statistics


class TargetState:
    """The tensors of a target network, grouped by their role.

    trained:    parameters that require gradients; they are generated or trained, one tensor per weight set.
    constants:  frozen parameters, and buffers that training does not change; all weight sets share them.
    statistics: buffers of layers with running statistics, which training updates; each weight set has its own.
    """

    def __init__(self, target: nn.Module) -> None:
        self.target = target
        self.layers = running_statistics(target)
        parameters, buffers = dict(target.named_parameters()), dict(target.named_buffers())
        owned = {f"{layer}.{name}" if layer else name for layer in self.layers
                 for name, _ in target.get_submodule(layer).named_buffers(recurse=False)}  # fmt: skip
        self.trained = {name: p for name, p in parameters.items() if p.requires_grad}
        self.statistics = {name: buffer for name, buffer in buffers.items() if name in owned}
        frozen = {name: p for name, p in parameters.items() if not p.requires_grad}
        self.constants = {**frozen, **{name: b for name, b in buffers.items() if name not in owned}}

    @property
    def n_constants(self) -> int:
        """Number of values in frozen parameters and in constant buffers that are part of the state dict."""
        stored = self.target.state_dict(keep_vars=True)
        return sum(tensor.numel() for name, tensor in self.constants.items() if name in stored)

    @property
    def n_statistics(self) -> int:
        """Number of means and variances of one weight set; batch counters are not used in predictions."""
        return sum(tensor.numel() for tensor in self.statistics.values() if tensor.is_floating_point())

    def copy(self) -> dict[str, Tensor]:
        """Return copies of constants and statistics: name -> tensor."""
        return {name: tensor.detach().clone() for name, tensor in {**self.constants, **self.statistics}.items()}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Overwrite constants and statistics with the result of `copy`.

        Raises: ValueError if names or shapes differ.
        """
        own = {**self.constants, **self.statistics}
        if {name: tensor.shape for name, tensor in own.items()} != {name: t.shape for name, t in state.items()}:
            raise ValueError(
                f"frozen parameters and buffers of the target network are {sorted(state) or 'missing'}, "
                f"the model has {sorted(own) or 'none'}"
            )
        with torch.no_grad():
            for name, tensor in own.items():
                tensor.copy_(state[name])


class Statistics(nn.Module):
    """Running statistics of K weight sets: one buffer [K, *shape] for each buffer of the target's normalisation layers.

    nets: K mappings, name -> initial value.
    """

    def __init__(self, nets: Sequence[Mapping[str, Tensor]]) -> None:
        super().__init__()
        self._names = list(nets[0])
        for i, name in enumerate(self._names):  # names of buffers must not contain dots
            self.register_buffer(str(i), torch.stack([net[name].detach() for net in nets]))

    def named(self, index: Tensor | None = None) -> dict[str, Tensor]:
        """Return the buffers, name -> [K, *shape]; with an index, a copy of the selected sets."""
        tensors = dict(zip(self._names, self.buffers(), strict=True))
        return tensors if index is None else {name: tensor[index] for name, tensor in tensors.items()}


class PretrainedWeights(nn.Module):
    """Weights θ₀ of a pretrained target network, as buffers, to which a generator adds what it generates.

    Generators that start at zero then start at the pretrained network. Without pretrained weights there are no buffers,
    and `plus` returns its argument.

    weights: name -> [*shape]; empty for a model that is not pretrained.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._names = list(weights)
        for i, name in enumerate(self._names):  # names of buffers must not contain dots
            self.register_buffer(str(i), weights[name].detach().clone())

    @property
    def n_values(self) -> int:
        """Number of stored values."""
        return sum(buffer.numel() for buffer in self.buffers())

    def plus(self, generated: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return θ₀ + generated weights: name -> [K, *shape]."""
        if not self._names:
            return generated
        return {**generated, **{n: b + generated[n] for n, b in zip(self._names, self.buffers(), strict=True)}}


def statistics_declined(layers: Sequence[str], who: str) -> str:
    """Return the error message for a target with running statistics whose weight sets have no statistics.

    layers: names of the layers with running statistics.
    who:    the source of the weights, for the message.
    """
    return (
        f"layer {layers[0]!r} of the target network keeps running statistics, which belong to one set of weights, and "
        f"{who} keeps none for each set: use normalisation by the batch (track_running_stats=False) or GroupNorm in "
        "the model, or a generator with statistics for each net, such as stack"
    )
