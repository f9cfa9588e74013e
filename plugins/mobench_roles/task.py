"""Generator `task`: soft sharing, where one hypernetwork generates separate weights for every task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from annotated_types import Gt, Len
from torch import Tensor, nn

from mobench.interfaces import Generator, Inputs, Outputs, ParetoNetwork, Predictor, Problem, check_preferences
from mobench.options import option
from mobench_roles.maker import WeightMaker


@dataclass(frozen=True)
class TaskConditioned(Generator):
    """Map [task embedding; preference] to the weights of a complete target network, of which one head is used.

    The tasks are the dataset's heads. With hard sharing all tasks have one body. Here each task has
    its own body, and all tasks train the shared hypernetwork (arXiv 2306.06955, section 3).
    """

    takes_named_inputs: ClassVar[bool] = True
    starts_pretrained: ClassVar[bool] = True

    embedding: Annotated[int, Gt(0)] = option(8, "length of a task's embedding")
    hidden: Annotated[tuple[Annotated[int, Gt(0)], ...], Len(1)] = option((100,), "widths of the hidden layers")
    features: Annotated[int, Gt(0)] = option(50, "length of what the heads read")

    def build(self, problem: Problem, rays: Tensor) -> ParetoNetwork:
        return TaskConditionedNetwork(problem, self).to(device=problem.device, dtype=problem.dtype)


class TaskConditionedNetwork(ParetoNetwork):
    """One set of weights for each task and preference."""

    def __init__(self, problem: Problem, options: TaskConditioned) -> None:
        super().__init__()
        self.problem = problem
        self.tasks = list(problem.dataset.heads)
        self.embeddings = nn.Parameter(torch.randn(len(self.tasks), options.embedding))
        self.maker = WeightMaker(problem, options.embedding + problem.n_objectives, options.hidden, options.features)

    @property
    def n_stored_parameters(self) -> int:
        return super().n_stored_parameters + self.problem.state.n_constants

    def weights(self, preference: Tensor) -> dict[str, Tensor]:
        """Return the weights of every task for one preference [m]: name -> [tasks, *shape]."""
        inputs = torch.cat([self.embeddings, preference.expand(len(self.tasks), -1)], dim=1)
        weights: dict[str, Tensor] = self.maker(inputs)
        return weights

    def forward(self, inputs: Inputs, preferences: Tensor) -> Sequence[Outputs]:
        check_preferences(preferences, self.problem.n_objectives)
        return [self._outputs(self.weights(preference), inputs) for preference in preferences]

    def serve(self, preference: Tensor) -> Predictor:
        weights = self.weights(preference)
        return lambda inputs: self._outputs(weights, inputs)

    def _outputs(self, weights: dict[str, Tensor], inputs: Inputs) -> Outputs:
        return {
            task: self.problem.outputs({name: w[t] for name, w in weights.items()}, inputs)[task]
            for t, task in enumerate(self.tasks)
        }
