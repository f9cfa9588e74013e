"""Solver `ensemble`: several networks per ray, whose predictions are averaged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from mobench.errors import IncompatibleError, PreferenceError
from mobench.interfaces import Inputs, Outputs, ParetoNetwork, ParetoSet, Predictor, Problem, Setting
from mobench.options import option
from mobench_linear.stack import StackedNets
from mobench_linear.stack_solver import StackSolver


@dataclass(eq=False)
class DeepEnsemble(StackSolver):
    """Deep ensemble per ray (Lakshminarayanan, Pritzel & Blundell 2017, algorithm 1 without adversarial training).

    `members` networks with different initial weights minimise the weighted sum of each ray, on the same batches. A
    prediction is the mean of theirs: of the class probabilities if all losses are cross-entropies, as declared by
    `Objective.likelihood`, else of the outputs.
    """

    members: Annotated[int, Ge(1)] = option(5, "networks per ray")

    def n_weight_sets(self, n_rays: int) -> int:
        return n_rays * self.members

    def check(self, problem: Problem) -> None:
        kinds = {objective.likelihood == "categorical" for objective in problem.objectives}
        if len(kinds) > 1:
            raise IncompatibleError(
                "DeepEnsemble averages class probabilities or outputs, and this dataset has cross-entropies and other "
                "losses: choose objectives of one kind"
            )

    def initial_rays(self, problem: Problem, setting: Setting) -> Tensor:
        self.rays = setting.rays.to(problem.device, problem.dtype)
        return self.rays.repeat_interleave(self.members, dim=0)

    @property
    def pareto_set(self) -> ParetoSet:
        return AveragedPredictions(self.network, self.rays)


class AveragedPredictions(ParetoNetwork):
    """K rays [K, m] with equally many networks each, whose predictions are averaged."""

    def __init__(self, nets: StackedNets, rays: Tensor) -> None:
        super().__init__()
        self.nets, self._rays = nets, rays
        self.is_categorical = all(o.likelihood == "categorical" for o in nets.problem.objectives)

    @property
    def rays(self) -> Tensor:
        return self._rays

    @property
    def n_stored_parameters(self) -> int:
        return self.nets.n_stored_parameters

    def forward(self, inputs: Inputs, preferences: Tensor) -> Sequence[Outputs]:
        return [self.serve(preference)(inputs) for preference in preferences]

    def serve(self, preference: Tensor) -> Predictor:
        """Return the predictor of a ray. Raises: PreferenceError for a preference that no network was trained for."""
        distances = (self._rays - preference).abs().amax(1)
        if float(distances.min()) > 1e-5:
            raise PreferenceError(
                f"no ensemble was trained for preference {preference.tolist()}: this set serves "
                f"{self._rays.tolist()} only"
            )
        n_members = len(self.nets.rays) // len(self._rays)
        first = int(distances.argmin()) * n_members
        stacked = self.nets.weights(self.nets.rays)
        weights = {name: tensor[first : first + n_members] for name, tensor in stacked.items()}
        return lambda inputs: self._averaged(self.nets.problem.outputs_of_sets(weights, inputs))

    def _averaged(self, outputs: Sequence[Outputs]) -> Outputs:
        return {head: self._mean(torch.stack([member[head] for member in outputs])) for head in outputs[0]}

    def _mean(self, values: Tensor) -> Tensor:
        """Return the mean over members [E, B, ...]; of classes, the logarithm of the mean probability."""
        if not self.is_categorical:
            return values.mean(0)
        return values.log_softmax(2).logsumexp(0) - torch.tensor(float(len(values))).log().to(values)
