"""What a generator is: a recipe for the network that holds a whole Pareto set."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from mobench.errors import ShapeError
from mobench.interfaces.dataset import Dataset
from mobench.interfaces.problem import Problem
from mobench.interfaces.samples import Outputs

Predictor = Callable[[Tensor], Outputs]
"""A network for one preference, ready for inputs [B, ...]."""


@runtime_checkable
class ParetoSet(Protocol):
    """What a solver hands over for judging: a predictor for every preference it can serve."""

    @property
    def rays(self) -> Tensor | None:
        """The only preferences [R, m] that it can serve; None where it serves every one."""

    @property
    def n_stored_parameters(self) -> int:
        """Numbers to be stored in order to serve all preferences."""

    def serve(self, preference: Tensor) -> Predictor:
        """The predictor for one preference [m]; the time this takes is the switch latency."""


class ParetoNetwork(nn.Module):
    """Preferences and inputs to outputs; its parameters are what is trained.

    A subclass implements `forward`, or derives from WeightNetwork. What has weights of its own, and makes no others,
    is run by `Problem.outputs_of_network`, as the job's strategy says.
    """

    @property
    def rays(self) -> Tensor | None:
        return None

    @property
    def n_stored_parameters(self) -> int:
        return sum(p.numel() for p in self.parameters())

    def forward(self, inputs: Tensor, preferences: Tensor) -> Sequence[Outputs]:
        """K outputs for inputs [B, ...] and preferences [K, m]."""
        raise TypeError(f"{type(self).__name__} has no forward: implement it, or derive from WeightNetwork")

    def serve(self, preference: Tensor) -> Predictor:
        return lambda inputs: self(inputs, preference[None])[0]


class WeightNetwork(ParetoNetwork):
    """A ParetoNetwork that works by making K named weight sets of the target network."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.problem = problem

    @property
    def n_stored_parameters(self) -> int:
        """The trained numbers, and the target's constants once."""
        return sum(p.numel() for p in self.parameters()) + self.problem.state.n_constants

    def weights(self, preferences: Tensor) -> dict[str, Tensor]:
        """Target weights for K preferences: name -> [K, *shape of that tensor].

        A generator that `keeps_statistics` returns running statistics of the K sets by name as well.
        """
        raise TypeError(f"{type(self).__name__} has no weights: implement weights(preferences)")

    def outputs(self, weights: Mapping[str, Tensor], inputs: Tensor) -> Sequence[Outputs]:
        """K outputs of the target network under K weight sets."""
        return self.problem.outputs_of_sets(weights, inputs)

    def forward(self, inputs: Tensor, preferences: Tensor) -> Sequence[Outputs]:
        return self.outputs(self.weights(preferences), inputs)

    def serve(self, preference: Tensor) -> Predictor:
        weights = {name: w[0] for name, w in self.weights(preference[None]).items()}
        return lambda inputs: self.problem.outputs(weights, inputs)

    @property
    def serves_one_set(self) -> bool:
        """Whether a prediction is the target network under `weights(preference)`, and nothing besides."""
        own = type(self)
        return (
            own.serve is WeightNetwork.serve
            and own.forward is WeightNetwork.forward
            and own.outputs is WeightNetwork.outputs
        )

    def gram(self, preferences: Tensor, weights: Mapping[str, Tensor], cotangents: Mapping[str, Tensor]) -> Tensor:
        """Gram matrices [K, m, m] of the loss gradients with respect to the trained parameters, in float64.

        weights:    what `weights(preferences)` returned, its graph still attached.
        cotangents: name -> [K, m, *shape]: gradients of the m losses of set k with respect to
                    the generated weights of set k.

        This general road pulls all cotangents of one preference back at once and keeps
        m × |parameters| numbers; a subclass that knows its structure overrides it
        (algorithm: arXiv 2010.04104 takes the same matrix one row at a time).
        """
        names = list(cotangents)
        parameters = [p for p in self.parameters() if p.requires_grad]
        n_sets, m = next(iter(cotangents.values())).shape[:2]
        grams = []
        for k in range(n_sets):
            rows = torch.autograd.grad(
                [weights[n][k] for n in names],
                parameters,
                [cotangents[n][k] for n in names],
                is_grads_batched=True,
                retain_graph=True,
                allow_unused=True,
            )
            grams.append(inner_products(torch.cat([row.reshape(m, -1) for row in rows if row is not None], dim=1)))
        return torch.stack(grams)


class Generator(ABC):
    """Builds Pareto networks. A generator plugin is a frozen dataclass; its fields are its options.

    finite: True where the network serves only the rays it was built for (a stack of nets).
    keeps_statistics: True where the network keeps running statistics of batch normalisation for each set of weights
        that it serves; other generators are declined for models with such layers.
    """

    finite: ClassVar[bool] = False
    keeps_statistics: ClassVar[bool] = False

    def check(self, dataset: Dataset) -> None:  # noqa: B027 - most generators serve every dataset
        """Raise IncompatibleError, with the reason, for a dataset it cannot serve; before any job is run."""

    @abstractmethod
    def build(self, problem: Problem, rays: Tensor) -> ParetoNetwork:
        """A fresh network on `problem`'s device, initialised from torch's global random state.

        rays: [R, m], the preferences a finite generator trains; others need not look.

        Raises: IncompatibleError, with the reason, for a problem it cannot serve.
        """


def inner_products(rows: Tensor) -> Tensor:
    """Gram matrices [..., m, m] in float64 of gradients [..., m, n] in any precision.

    Summed in float32, the Gram matrix of dependent gradients has negative eigenvalues of about 1e-7,
    and programs that are bounded and feasible for every set of gradients are neither any more.
    """
    exact = rows.double()
    return exact @ exact.transpose(-1, -2)


def own_gram(gradients: Mapping[str, Tensor]) -> Tensor:
    """Gram matrices [K, m, m] in float64 of gradients with respect to the weights: name -> [K, m, *shape]."""
    return torch.stack([inner_products(g.flatten(2)) for g in gradients.values()]).sum(0)


def check_preferences(preferences: Tensor, n_objectives: int) -> None:
    """Raise ShapeError unless preferences are [K, n_objectives]."""
    if preferences.ndim != 2 or preferences.shape[1] != n_objectives:
        raise ShapeError(
            f"preferences have shape {tuple(preferences.shape)}: pass [K, {n_objectives}], "
            "one row per preference and one column per objective"
        )
