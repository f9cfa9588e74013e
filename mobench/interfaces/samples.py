"""Samples of a dataset, and the outputs of a target network for a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from mobench.errors import ShapeError

Outputs = Mapping[str, Tensor]
"""Outputs of a target network: head name -> [B, ...]."""

Inputs = Any
"""Inputs of samples: a tensor [N, ...], or named tensors, name -> [N, ...]. The type is Any, so that code for datasets
with one tensor needs no distinction; models and generators for named tensors declare `takes_named_inputs`."""


@dataclass(frozen=True)
class Samples:
    """Inputs and targets of N samples, stored in memory as the dataset returns them.

    inputs:  [N, ...], or named tensors, name -> [N, ...]: token ids and a mask, nodes and edges of padded graphs.
             Integers stay integers (`Dataset.prepare` converts a batch to floats).
    targets: name -> [N, ...]: labels, sensitive attributes, regression targets. Missing labels are NaN, or a value or
             mask that the losses know (`mobench.measures.masked_mean`).
    """

    inputs: Inputs
    targets: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.inputs, Tensor) and not self.inputs:
            raise ShapeError("the samples have no inputs: pass a tensor [N, ...], or named tensors, name -> [N, ...]")
        n = len(self)
        for name, tensor in self.inputs.items() if isinstance(self.inputs, Mapping) else ():
            if len(tensor) != n:
                raise ShapeError(
                    f"input {name!r} has {len(tensor)} rows, the first input has {n}: pass one row per sample"
                )
        for name, target in self.targets.items():
            if len(target) != n:
                raise ShapeError(
                    f"target {name!r} has {len(target)} rows, the inputs have {n}: pass one target per sample"
                )

    def __len__(self) -> int:
        return len(next(tensors_of(self.inputs)))

    def take(self, index: Tensor | slice) -> Samples:
        """Return the samples at `index`, a tensor of positions or a slice."""
        return self.map(lambda tensor: tensor[index])

    def subset(self, index: Tensor | slice) -> Samples:
        """Return the samples at `index`; samples that stay on disk are not read."""
        return self.take(index)

    def batches(self, indices: Iterable[Tensor | slice]) -> Iterator[Samples]:
        """Yield the samples at each index, in order; samples that stay on disk may be read ahead."""
        for index in indices:
            yield self.take(index)

    def to(self, device: torch.device | str) -> Samples:
        """Return the same samples on `device`. Copies from page-locked memory to a GPU are not waited for."""
        to_gpu = torch.device(device).type == "cuda"
        return self.map(lambda tensor: tensor.to(device, non_blocking=to_gpu and tensor.is_pinned()))

    def map(self, function: Callable[[Tensor], Tensor]) -> Samples:
        """Return samples whose tensors, inputs and targets, are the results of a function."""
        targets = {name: function(target) for name, target in self.targets.items()}
        return Samples(map_inputs(function, self.inputs), targets)

    def by_task(self, function: Callable[[Samples], Samples]) -> Samples:
        """Return the result of a function; for `TaskSamples`, the results of each task."""
        return function(self)

    @staticmethod
    def cat(batches: Sequence[Samples]) -> Samples:
        """Return the samples of all batches, one batch after the other."""
        inputs = [batch.inputs for batch in batches]
        first = inputs[0]
        if isinstance(first, Mapping):
            joined: Inputs = {name: torch.cat([named[name] for named in inputs]) for name in first}
        else:
            joined = torch.cat(inputs)
        names = batches[0].targets
        return Samples(joined, {name: torch.cat([batch.targets[name] for batch in batches]) for name in names})


class TaskInputs(dict[str, Inputs]):
    """Inputs of several tasks: name of the objective -> its inputs, with numbers of rows of their own."""


class TaskSamples(Samples):
    """Samples of several tasks, each with inputs, targets and a length of its own.

    tasks: name of the objective -> its samples, in memory or stored. `inputs` are the `TaskInputs` of all tasks;
           `targets` is empty, because the loss of an objective receives the samples of its task.

    The length is that of the longest task. `take` applies a slice to each task, so a task may be used up before others.
    """

    tasks: Mapping[str, Samples]

    def __init__(self, tasks: Mapping[str, Samples]) -> None:
        if not tasks:
            raise ShapeError("there are no tasks: pass the samples of each objective, name -> Samples")
        object.__setattr__(self, "tasks", dict(tasks))
        object.__setattr__(self, "targets", {})

    @property
    def inputs(self) -> TaskInputs:
        return TaskInputs({name: samples.inputs for name, samples in self.tasks.items()})

    def __len__(self) -> int:
        return max(map(len, self.tasks.values()))

    def take(self, index: Tensor | slice) -> Samples:
        """Return the samples of each task in a slice.

        Raises: ShapeError for a tensor of positions, which differ between tasks.
        """
        if not isinstance(index, slice):
            raise ShapeError("positions of samples differ between tasks: take from the samples of each task in `tasks`")
        return self.by_task(lambda samples: samples.take(index))

    def subset(self, index: Tensor | slice) -> Samples:
        """Return the samples of each task in a slice. Raises: ShapeError for a tensor of positions."""
        if not isinstance(index, slice):
            return self.take(index)
        return self.by_task(lambda samples: samples.subset(index))

    def map(self, function: Callable[[Tensor], Tensor]) -> Samples:
        return self.by_task(lambda samples: samples.map(function))

    def by_task(self, function: Callable[[Samples], Samples]) -> Samples:
        return TaskSamples({name: function(samples) for name, samples in self.tasks.items()})


def map_inputs(function: Callable[[Tensor], Tensor], inputs: Inputs) -> Inputs:
    """Return inputs whose tensors are the results of a function."""
    if isinstance(inputs, Mapping):
        mapped = {name: map_inputs(function, tensor) for name, tensor in inputs.items()}
        return TaskInputs(mapped) if isinstance(inputs, TaskInputs) else mapped
    return function(inputs)


def tensors_of(inputs: Inputs) -> Iterator[Tensor]:
    """Yield the tensors of inputs, in order."""
    if isinstance(inputs, Mapping):
        for tensor in inputs.values():
            yield from tensors_of(tensor)
    else:
        yield inputs
