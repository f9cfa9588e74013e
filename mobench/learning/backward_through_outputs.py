"""The backward pass of networks that take the preference as an input and generate no weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mobench.interfaces import Balancer, Outputs, ParetoNetwork, Problem, Samples
from mobench.learning.backward import Backward
from mobench.learning.gradients import parameter_gram
from mobench.numerics import jacobian, split_vectors, task_specific


class BackwardThroughOutputs(Backward):
    """The backward pass of a network that takes the preference as an input and generates no weights."""

    def __init__(self, problem: Problem, balancer: Balancer, network: ParetoNetwork) -> None:
        super().__init__(problem, balancer, network)
        self.network = network
        self._specific: dict[int, int] | None = None

    def __call__(self, preferences: Tensor, batch: Samples, second: Samples | None = None) -> Tensor:
        columns = self._each_loss(self._outputs(preferences, batch), batch)
        if self._specific is None:
            self._specific = task_specific(columns, self.trained) if self._uses_gradients and self._is_split else {}
        shared = [p for i, p in enumerate(self.trained) if i not in self._specific]
        if second is not None:
            more = self._each_loss(self._outputs(preferences, second), second)
            joined = torch.stack([*columns, *more], dim=1)
            m = len(columns)
            columns = [(first + further) / 2 for first, further in zip(columns, more, strict=True)]
        losses = torch.stack(columns, dim=1)
        seen = losses.detach()
        if self.balancer.needs_gradients and not shared:
            self._backward_of_own(columns, self.balancer.task_weights(None))
            return seen
        if self.balancer.needs_gradients:
            directions = self._directions(seen, preferences, jacobian(losses, shared))
            pieces = split_vectors(directions.sum(0, keepdim=True), [p.shape for p in shared])
            for parameter, piece in zip(shared, pieces, strict=True):
                parameter.grad = piece[0]
            self._backward_of_own(columns, self.balancer.task_weights(None))
            return seen
        gram = None
        if second is not None:
            gram = self._gram(joined, shared)[:, :m, m:]
        elif self.balancer.needs_gram:
            gram = self._gram(losses, shared)
        alpha = self._alpha(seen, preferences, gram).to(seen.dtype)
        total = (alpha * losses).sum()
        task_weights = self.balancer.task_weights(alpha) if self._specific else alpha
        if task_weights is alpha:
            total.backward()  # type: ignore[no-untyped-call]
            return seen
        if shared:
            total.backward(inputs=shared, retain_graph=True)  # type: ignore[no-untyped-call]
        self._backward_of_own(columns, task_weights)
        return seen

    def _outputs(self, preferences: Tensor, batch: Samples) -> Sequence[Outputs]:
        with self.problem.autocast():
            outputs = self.problem.outputs_by_task(lambda inputs: self.network(inputs, preferences), batch.inputs)
        return self.problem.full_outputs(outputs)

    def _gram(self, losses: Tensor, shared: Sequence[nn.Parameter]) -> Tensor:
        gram = parameter_gram(losses, shared or self.trained)
        return gram if shared else torch.zeros_like(gram)

    def _backward_of_own(self, columns: Sequence[Tensor], weights: Tensor | None) -> None:
        """Set the gradient of every task-specific parameter to that of its own loss, summed over the preferences.

        weights: factors [K, m] of the gradients; None if all are 1.
        """
        for i, column in enumerate(columns):
            own_parameters = [
                self.trained[index] for index, objective in (self._specific or {}).items() if objective == i
            ]
            if own_parameters:
                total = column.sum() if weights is None else (weights[:, i].to(column.dtype) * column).sum()
                total.backward(inputs=own_parameters, retain_graph=True)  # type: ignore[no-untyped-call]
