"""The combination of a dataset and a model: the m losses as a function of named weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from mobench.errors import IncompatibleError, ShapeError
from mobench.interfaces.dataset import Dataset, Protocol
from mobench.interfaces.model import Model
from mobench.interfaces.objective import Objective
from mobench.interfaces.samples import Outputs, Samples
from mobench.interfaces.target_state import TargetState, statistics_declined
from mobench.kernels.batch_last import batch_last
from mobench.kernels.dispatch import Kernels
from mobench.kernels.stacked import StackedOutputs, stacked_call
from mobench.kernels.strategy import Stacking, Strategy

Weights = Mapping[str, Tensor]
"""Named weights: name -> tensor with the shape of the target network's parameter of that name."""


class Problem:
    """The losses of a target network on a dataset, functional in the network's weights.

    The parameters stored in the target network are never trained through this object; they define
    names, shapes and initial values. `outputs` runs the network with weights from another source
    (a hypernetwork, a stack of nets, an optimiser), so gradients flow back to that source.

    Frozen parameters (`requires_grad=False`) and constant buffers keep their values in the target network; all weight
    sets share them. Running statistics, for example of batch normalisation, belong to one weight set. The caller
    passes them by name together with the weights, and training updates them in place.
    """

    def __init__(
        self,
        dataset: Dataset,
        model: Model,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        strategy: Strategy = Strategy(),  # noqa: B008 - frozen
    ) -> None:
        self.dataset = dataset
        self.model = model
        self.device = torch.device(device)
        self.dtype = dtype
        self.strategy = strategy
        self.target = self.new_target()
        self._state: TargetState | None = None

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return self.dataset.objectives

    @property
    def n_objectives(self) -> int:
        return len(self.dataset.objectives)

    @property
    def protocol(self) -> Protocol:
        return self.dataset.protocol

    @property
    def shapes(self) -> dict[str, torch.Size]:
        """The target's trainable tensors: name -> shape."""
        return {name: p.shape for name, p in self.state.trained.items()}

    @property
    def n_target_parameters(self) -> int:
        """Number of trainable values of the target network."""
        return sum(shape.numel() for shape in self.shapes.values())

    @property
    def n_served_parameters(self) -> int:
        """Number of values of one served network: trainable values, constants and running statistics."""
        return self.n_target_parameters + self.state.n_constants + self.state.n_statistics

    @property
    def state(self) -> TargetState:
        """The target's tensors by role: trained parameters, constants and running statistics."""
        if self._state is None or self._state.target is not self.target:
            self._state = TargetState(self.target)
        return self._state

    def new_target(self) -> nn.Module:
        """Return a new target network, initialised from torch's global random state."""
        return self.model.build(self.dataset).to(device=self.device, dtype=self.dtype)

    def new_weights(self) -> dict[str, Tensor]:
        """Return the trainable tensors of a new target network, initialised from torch's global random state."""
        return {name: p.detach() for name, p in self.new_target().named_parameters() if p.requires_grad}

    def train(self, mode: bool = True) -> None:
        """Set the target network to training or evaluation mode (dropout, batch norm)."""
        self.target.train(mode)

    def prepare(self, batch: Samples) -> Samples:
        """Prepare a batch and move it to this problem's device; real-valued tensors get the problem's dtype."""
        batch = self.dataset.prepare(batch.to(self.device))
        return Samples(self._laid_out(self._cast(batch.inputs)), {k: self._cast(v) for k, v in batch.targets.items()})

    def outputs(self, weights: Weights, inputs: Tensor) -> Outputs:
        """Return the target network's outputs under one set of named weights.

        Raises: IncompatibleError if the target keeps running statistics and `weights` does not contain them.
        """
        statistics, passed = self.state.statistics, dict(weights)
        if not statistics.keys() <= passed.keys():
            raise IncompatibleError(statistics_declined(self.state.layers, "the maker of these weights"))
        with Kernels():
            outputs: Outputs = functional_call(self.target, passed, (inputs,))
        for name in statistics:
            if passed[name] is not weights[name]:  # assigned in forward, not changed in place
                weights[name].copy_(passed[name].detach())
        return outputs

    def outputs_of_network(self, network: nn.Module, inputs: Tensor) -> Outputs:
        """Return the outputs of a module that uses its own parameters, for real-valued inputs.

        inputs: prepared inputs, or inputs computed from prepared ones. Images get the memory layout of the strategy.

        Operations use the same kernels as in `outputs`.
        """
        with Kernels():
            outputs: Outputs = network(self._laid_out(inputs))
        return outputs

    def outputs_of_sets(self, weights: Weights, inputs: Tensor, stacking: Stacking | None = None) -> Sequence[Outputs]:
        """Return the outputs under K weight sets, name -> [K, *shape].

        stacking: how the K sets are run; None uses the strategy's value. Sets with running statistics are always run
            one after the other.
        """
        n_sets = len(next(iter(weights.values())))
        how = self.strategy.stacking if stacking is None else stacking
        if how == "separate" or n_sets == 1 or self.state.statistics:
            return [self.outputs({n: w[k] for n, w in weights.items()}, inputs) for k in range(n_sets)]
        return StackedOutputs(stacked_call(self.target, weights, inputs, how))

    def losses(self, outputs: Sequence[Outputs], batch: Samples) -> Tensor:
        """Return the losses [K, m] of K outputs on one prepared batch.

        Raises: ShapeError if an objective's loss is not a scalar.
        """
        return torch.stack(self.each_loss(outputs, batch), dim=1)

    def each_loss(self, outputs: Sequence[Outputs], batch: Samples) -> list[Tensor]:
        """Return the m columns [K] of `losses` as separate tensors.

        A backward pass from one column then visits only the branch of that objective.
        """
        if isinstance(outputs, StackedOutputs):
            heads = list(outputs.stacked)

            def of_one(*own: Tensor) -> tuple[Tensor, ...]:
                return self._losses_of_one(dict(zip(heads, own, strict=True)), batch)

            return list(torch.vmap(of_one, randomness="different")(*outputs.stacked.values()))
        each = [self._losses_of_one(one, batch) for one in outputs]
        return [torch.stack(column) for column in zip(*each, strict=True)]

    def _losses_of_one(self, outputs: Outputs, batch: Samples) -> tuple[Tensor, ...]:
        values = tuple(objective.loss(outputs, batch) for objective in self.objectives)
        for objective, value in zip(self.objectives, values, strict=True):
            if value.ndim != 0:
                raise ShapeError(
                    f"the loss of objective {objective.name!r} has shape {tuple(value.shape)}: "
                    "return a scalar, the mean over the batch"
                )
        return values

    def _laid_out(self, inputs: Tensor) -> Tensor:
        # convolutions keep the layout of their input
        if inputs.ndim != 4 or self.strategy.layout == "contiguous" or not inputs.is_floating_point():
            return inputs
        if self.strategy.layout == "batch_last":
            return batch_last(inputs)
        if inputs.shape[1] == 1 and inputs.is_contiguous():  # same memory, other strides
            return inputs.as_strided(inputs.shape, (inputs.stride(0), 1, inputs.stride(2), 1))
        return inputs.to(memory_format=torch.channels_last)

    def _cast(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.dtype) if tensor.is_floating_point() else tensor
