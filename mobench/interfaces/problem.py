"""The combination of a dataset and a model: the m losses as a function of named weights."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.func import functional_call

from mobench.errors import IncompatibleError, MobenchError, ShapeError
from mobench.interfaces.dataset import Dataset, Protocol
from mobench.interfaces.model import Model, check_declared
from mobench.interfaces.objective import Objective
from mobench.interfaces.samples import Inputs, Outputs, Samples, TaskInputs, TaskSamples, map_inputs
from mobench.interfaces.target_state import PretrainedWeights, TargetState, statistics_declined
from mobench.kernels.batch_last import batch_last
from mobench.kernels.dispatch import Kernels
from mobench.kernels.precision import DEFAULT, Precision, autocast
from mobench.kernels.stacked import StackedOutputs, stacked_call
from mobench.kernels.strategy import Stacking, Strategy

Weights = Mapping[str, Tensor]
"""Named weights: name -> tensor with the shape of the target network's parameter of that name."""


class Problem:
    """The losses of a target network on a dataset, functional in the network's weights.

    Raises: IncompatibleError if the dataset needs something that the model does not declare.

    The parameters stored in the target network are never trained through this object; they define
    names, shapes and initial values. `outputs` runs the network with weights from another source
    (a hypernetwork, a stack of nets, an optimiser), so gradients flow back to that source.

    Frozen parameters (`requires_grad=False`) and constant buffers keep their values in the target network; all weight
    sets share them. Running statistics, for example of batch normalisation, belong to one weight set. The caller
    passes them by name together with the weights, and training updates them in place.

    precision: "bf16" runs forward passes under torch's autocast; weights, outputs and losses stay in `dtype`.
    """

    def __init__(
        self,
        dataset: Dataset,
        model: Model,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        strategy: Strategy = Strategy(),  # noqa: B008 - frozen
        precision: Precision = DEFAULT,
    ) -> None:
        check_declared(model, dataset)
        self.dataset = dataset
        self.model = model
        self.device = torch.device(device)
        self.dtype = dtype
        self.strategy = strategy
        self.precision = precision
        self.target = self.build_target()
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

    def build_target(self) -> nn.Module:
        """Return a network that the model builds, initialised from torch's global random state."""
        return self.model.build(self.dataset).to(device=self.device, dtype=self.dtype)

    def new_target(self) -> nn.Module:
        """Return a target network at which training may start.

        It is initialised from torch's global random state. For a pretrained model it is a copy of `target`.
        """
        return deepcopy(self.target) if self.model.pretrained else self.build_target()

    def new_weights(self) -> dict[str, Tensor]:
        """Return the trainable tensors of a target network at which training may start, as in `new_target`."""
        return {name: p.detach() for name, p in self.new_target().named_parameters() if p.requires_grad}

    def pretrained_weights(self, names: Collection[str] | None = None) -> PretrainedWeights:
        """Return the trained tensors of the target network of a pretrained model; an empty module for other models.

        names: the tensors to return; None: all.
        """
        trained = self.state.trained if self.model.pretrained else {}
        return PretrainedWeights({name: p for name, p in trained.items() if names is None or name in names})

    def train(self, mode: bool = True) -> None:
        """Set the target network to training or evaluation mode (dropout, batch norm)."""
        self.target.train(mode)

    def prepare(self, batch: Samples) -> Samples:
        """Prepare a batch and move it to this problem's device; real-valued tensors get the problem's dtype."""
        return batch.by_task(self._prepared)

    def _prepared(self, batch: Samples) -> Samples:
        # a copy to the device need not be waited for
        batch = self.dataset.prepare(batch.map(lambda tensor: tensor.to(self.device, non_blocking=True)))
        inputs = map_inputs(lambda tensor: self._laid_out(self._cast(tensor)), batch.inputs)
        return Samples(inputs, {k: self._cast(v) for k, v in batch.targets.items()})

    def autocast(self) -> AbstractContextManager[object]:
        """Return the context of forward passes that do not go through `outputs`, such as those of a generator."""
        return autocast(self.device, self.precision)

    def full_precision(self, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Return weights or outputs that were computed under autocast in this problem's dtype."""
        if self.precision == DEFAULT:
            return tensors
        return {name: self._cast(tensor) for name, tensor in tensors.items()}

    def full_outputs(self, outputs: Sequence[Outputs]) -> Sequence[Outputs]:
        """Return K outputs in this problem's dtype, as `full_precision`."""
        if self.precision == DEFAULT:
            return outputs
        if isinstance(outputs, StackedOutputs):
            return StackedOutputs(self.full_precision(outputs.stacked))
        return [self.full_precision(outputs_of_set) for outputs_of_set in outputs]

    def outputs(self, weights: Weights, inputs: Inputs) -> Outputs:
        """Return the target network's outputs under one set of named weights.

        For `TaskInputs`, the network runs once per task, and the names of the outputs are "task/head".

        Raises: IncompatibleError if the target keeps running statistics and `weights` does not contain them.
        """
        if isinstance(inputs, TaskInputs):
            by_task = [self.outputs(weights, task_inputs) for task_inputs in inputs.values()]
            return _named_by_task(inputs, by_task)
        statistics, passed = self.state.statistics, dict(self.full_precision(weights))
        if not statistics.keys() <= passed.keys():
            raise IncompatibleError(statistics_declined(self.state.layers, "the maker of these weights"))
        with Kernels(), self.autocast():
            outputs: Outputs = functional_call(self.target, passed, (inputs,))
        for name in statistics:
            if passed[name] is not weights[name]:  # assigned in forward, not changed in place
                weights[name].copy_(passed[name].detach())
        return self.full_precision(outputs)

    def outputs_of_network(self, network: nn.Module, inputs: Inputs) -> Outputs:
        """Return the outputs of a module that uses its own parameters, for real-valued inputs.

        inputs: prepared inputs, or inputs computed from prepared ones. Images get the memory layout of the strategy.

        Operations use the same kernels as in `outputs`. The network itself is not split by task: `TaskInputs` go
        through `outputs` or `outputs_of_sets`.
        """
        with Kernels(), self.autocast():
            outputs: Outputs = network(map_inputs(self._laid_out, inputs))
        return self.full_precision(outputs)

    def outputs_of_sets(self, weights: Weights, inputs: Inputs, stacking: Stacking | None = None) -> Sequence[Outputs]:
        """Return the outputs under K weight sets, name -> [K, *shape].

        stacking: how the K sets are run; None uses the strategy's value. Sets with running statistics are always run
            one after the other.
        """
        if isinstance(inputs, TaskInputs):
            return self.outputs_by_task(lambda part: self.outputs_of_sets(weights, part, stacking), inputs)
        n_sets = len(next(iter(weights.values())))
        how = self.strategy.stacking if stacking is None else stacking
        if how == "separate" or n_sets == 1 or self.state.statistics:
            return [self.outputs({n: w[k] for n, w in weights.items()}, inputs) for k in range(n_sets)]
        with self.autocast():
            stacked = StackedOutputs(stacked_call(self.target, self.full_precision(weights), inputs, how))
        return self.full_outputs(stacked)

    def outputs_by_task(self, predict: Callable[[Inputs], Sequence[Outputs]], inputs: Inputs) -> Sequence[Outputs]:
        """Return K outputs of a function of inputs; for `TaskInputs`, called once per task, named "task/head"."""
        if not isinstance(inputs, TaskInputs):
            return predict(inputs)
        by_task = {task: predict(task_inputs) for task, task_inputs in inputs.items()}
        stacked = [outputs.stacked for outputs in by_task.values() if isinstance(outputs, StackedOutputs)]
        if len(stacked) == len(by_task):
            return StackedOutputs(_named_by_task(by_task, stacked))
        return [_named_by_task(by_task, outputs) for outputs in zip(*by_task.values(), strict=True)]

    def parts(self, samples: Samples) -> list[tuple[list[int], Samples]]:
        """Return the parts of samples that are evaluated separately, with the positions of their objectives.

        There is one part with all objectives, unless the samples are `TaskSamples`.

        Raises: ShapeError if the tasks are not the objectives.
        """
        if not isinstance(samples, TaskSamples):
            return [(list(range(self.n_objectives)), samples)]
        names = [objective.name for objective in self.objectives]
        if set(names) != samples.tasks.keys():
            raise ShapeError(
                f"the samples have the tasks {sorted(samples.tasks)}, the objectives are {sorted(names)}: give the "
                "samples of each objective under its name"
            )
        return [([i], samples.tasks[name]) for i, name in enumerate(names)]

    def check_trainable(self, losses: Sequence[Tensor]) -> None:
        """Raise MobenchError if no loss requires a gradient, so that a step would change nothing.

        losses: tensors of any shape, computed with gradients enabled.
        """
        if not any(loss.requires_grad for loss in losses):
            names = " and ".join(repr(objective.name) for objective in self.objectives)
            raise MobenchError(
                f"nothing can be trained: the loss of objective {names} has no gradient; compute it from the outputs "
                "by differentiable operations (no detach, item, argmax or rounding)"
            )

    def losses(
        self, outputs: Sequence[Outputs], batch: Samples, objectives: Sequence[Objective] | None = None
    ) -> Tensor:
        """Return the losses [K, m] of K outputs on one prepared batch.

        objectives: those whose losses are returned; None: all.

        Raises: ShapeError if an objective's loss is not a scalar.
        """
        columns = self.each_loss(outputs, batch, objectives)
        if not columns:
            return next(iter(outputs[0].values())).new_zeros(len(outputs), 0)
        return torch.stack(columns, dim=1)

    def each_loss(
        self, outputs: Sequence[Outputs], batch: Samples, objectives: Sequence[Objective] | None = None
    ) -> list[Tensor]:
        """Return the m columns [K] of `losses` as separate tensors.

        A backward pass from one column then visits only the branch of that objective.
        """
        chosen = self.objectives if objectives is None else objectives
        if not chosen:
            return []
        if isinstance(outputs, StackedOutputs):
            heads = list(outputs.stacked)

            def of_one(*tensors: Tensor) -> tuple[Tensor, ...]:
                return self._losses_of_one(dict(zip(heads, tensors, strict=True)), batch, chosen)

            return list(torch.vmap(of_one, randomness="different")(*outputs.stacked.values()))
        losses = [self._losses_of_one(outputs_of_set, batch, chosen) for outputs_of_set in outputs]
        return [torch.stack(column) for column in zip(*losses, strict=True)]

    def _losses_of_one(self, outputs: Outputs, batch: Samples, objectives: Sequence[Objective]) -> tuple[Tensor, ...]:
        values = tuple(objective.loss(*_of_task(outputs, batch, objective.name)) for objective in objectives)
        for objective, value in zip(objectives, values, strict=True):
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


def _of_task(outputs: Outputs, batch: Samples, task: str) -> tuple[Outputs, Samples]:
    """Return the outputs and samples that the loss of an objective receives: those of its task."""
    if not isinstance(batch, TaskSamples):
        return outputs, batch
    prefix = f"{task}/"
    task_outputs = {name.removeprefix(prefix): output for name, output in outputs.items() if name.startswith(prefix)}
    return task_outputs, batch.tasks[task]


def _named_by_task(tasks: Iterable[str], outputs: Iterable[Outputs]) -> dict[str, Tensor]:
    """Return the outputs of several tasks in one mapping, by "task/head"."""
    pairs = zip(tasks, outputs, strict=True)
    return {f"{task}/{head}": output for task, task_outputs in pairs for head, output in task_outputs.items()}
