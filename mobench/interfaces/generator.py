"""Generator interface: builds the network that represents a Pareto set."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from mobench.errors import IncompatibleError, ShapeError
from mobench.interfaces.dataset import Dataset
from mobench.interfaces.model import Model
from mobench.interfaces.problem import Problem
from mobench.interfaces.samples import Inputs, Outputs
from mobench.interfaces.target_state import PretrainedWeights

Predictor = Callable[[Inputs], Outputs]
"""Predictor for one preference: maps inputs [B, ...], or named inputs, to outputs."""


@runtime_checkable
class ParetoSet(Protocol):
    """The result of a solver: a predictor for every preference that it supports."""

    @property
    def rays(self) -> Tensor | None:
        """The preferences [R, m] that it supports; None if it supports all preferences."""

    @property
    def n_stored_parameters(self) -> int:
        """Number of values that must be stored in order to serve all preferences."""

    def serve(self, preference: Tensor) -> Predictor:
        """Return the predictor for one preference [m]; the time of this call is the switch latency."""


@runtime_checkable
class PointSet(Protocol):
    """The result of a solver that learns several points without preferences: a predictor for each point.

    Nothing that depends on preferences is computed for it: controllability, non-uniformity, seconds to switch.
    """

    @property
    def n_points(self) -> int:
        """Number of points."""

    @property
    def n_stored_parameters(self) -> int:
        """Number of values that must be stored in order to serve all points."""

    def predictor(self, index: int) -> Predictor:
        """Return the predictor of point `index`, from 0 to n_points − 1."""


class ParetoNetwork(nn.Module):
    """A network that maps preferences and inputs to outputs; its parameters are trained.

    A subclass implements `forward`, or derives from WeightNetwork. Modules that use their own parameters instead of
    generated weights are run with `Problem.outputs_of_network`, which applies the job's strategy.
    """

    @property
    def rays(self) -> Tensor | None:
        return None

    @property
    def n_stored_parameters(self) -> int:
        return sum(p.numel() for p in self.parameters())

    def forward(self, inputs: Inputs, preferences: Tensor) -> Sequence[Outputs]:
        """Return K outputs for inputs [B, ...], or named inputs, and preferences [K, m]."""
        raise TypeError(f"{type(self).__name__} has no forward: implement it, or derive from WeightNetwork")

    def serve(self, preference: Tensor) -> Predictor:
        return lambda inputs: self(inputs, preference[None])[0]

    def after_backward(self, step: int, total_steps: int | None) -> None:
        """Change the gradients of a training step before the optimiser uses them.

        For example, add the gradient of a penalty on the parameters, or set the gradients of frozen ones to None. What
        it draws must depend on the step alone, so that a resumed training is the same.

        step: number of the step, from 0.
        total_steps: None if the budget is in seconds.
        """


class WeightNetwork(ParetoNetwork):
    """A ParetoNetwork that generates K named weight sets of the target network."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.problem = problem

    @property
    def n_stored_parameters(self) -> int:
        """Number of trained values, plus the target network's constants and pretrained weights once."""
        pretrained = sum(module.n_values for module in self.modules() if isinstance(module, PretrainedWeights))
        return sum(p.numel() for p in self.parameters()) + self.problem.state.n_constants + pretrained

    def weights(self, preferences: Tensor) -> dict[str, Tensor]:
        """Return target weights for K preferences: name -> [K, *shape of that tensor].

        A generator with `keeps_statistics` also returns the running statistics of the K sets by name.
        """
        raise TypeError(f"{type(self).__name__} has no weights: implement weights(preferences)")

    def outputs(self, weights: Mapping[str, Tensor], inputs: Inputs) -> Sequence[Outputs]:
        """Return K outputs of the target network under K weight sets."""
        return self.problem.outputs_of_sets(weights, inputs)

    def forward(self, inputs: Inputs, preferences: Tensor) -> Sequence[Outputs]:
        return self.outputs(self.weights(preferences), inputs)

    def serve(self, preference: Tensor) -> Predictor:
        weights = {name: w[0] for name, w in self.weights(preference[None]).items()}
        return lambda inputs: self.problem.outputs(weights, inputs)

    @property
    def serves_one_set(self) -> bool:
        """Whether a prediction is exactly the output of the target network under `weights(preference)`."""
        cls = type(self)
        return (
            cls.serve is WeightNetwork.serve
            and cls.forward is WeightNetwork.forward
            and cls.outputs is WeightNetwork.outputs
        )

    def gram(self, preferences: Tensor, weights: Mapping[str, Tensor], cotangents: Mapping[str, Tensor]) -> Tensor:
        """Return Gram matrices [K, m, m] of the loss gradients with respect to the trained parameters, in float64.

        weights:    the result of `weights(preferences)`, with its graph attached.
        cotangents: name -> [K, m, *shape]: gradients of the m losses of set k with respect to
                    the generated weights of set k.

        This general implementation pulls back all cotangents of one preference at once and stores
        m × |parameters| values. A subclass can override it with a method that uses its structure
        (algorithm: arXiv 2010.04104 computes the same matrix one row at a time).
        """
        return pulled_gram(weights, cotangents, [p for p in self.parameters() if p.requires_grad])


class Generator(ABC):
    """Builds Pareto networks. A generator plugin is a frozen dataclass; its fields are its options.

    finite: True if the network supports only the rays that it was built for (a stack of nets).
    keeps_statistics: True if the network keeps running statistics of batch normalisation for each weight set; other
        generators are declined for models with such layers.
    takes_named_inputs: whether the network takes named tensors as inputs. None: a WeightNetwork does, another network
        is declined for datasets with named inputs.
    starts_pretrained: True if a new network predicts what the target network of a pretrained model predicts, for every
        preference; other generators are declined for such models. `Problem.new_weights` and
        `Problem.pretrained_weights` return the weights to start from.
    """

    finite: ClassVar[bool] = False
    keeps_statistics: ClassVar[bool] = False
    takes_named_inputs: ClassVar[bool | None] = None
    starts_pretrained: ClassVar[bool] = False

    def check(self, dataset: Dataset) -> None:  # noqa: B027 - most generators serve every dataset
        """Raise IncompatibleError, with the reason, if the dataset is not supported; called before any job is run."""

    def check_problem(self, problem: Problem) -> None:  # noqa: B027 - most generators serve every target network
        """Raise IncompatibleError, with the reason, if the target network is not supported, for example its layers.

        Called before any job is run, after `check`, and again by the solver.
        """

    @abstractmethod
    def build(self, problem: Problem, rays: Tensor) -> ParetoNetwork:
        """Return a new network on the problem's device, initialised from torch's global random state.

        rays: [R, m], the preferences that a finite generator trains; other generators ignore them.

        Raises: IncompatibleError, with the reason, if the problem is not supported.
        """


def check_start(generator: Generator, model: Model) -> None:
    """Raise IncompatibleError if the model is pretrained and the generator does not start at its weights."""
    if model.pretrained and not generator.starts_pretrained:
        raise IncompatibleError(
            f"{type(model).__name__} is pretrained, and {type(generator).__name__} does not start from the weights of "
            "the model: choose a generator with starts_pretrained = True, such as stack, or a model that is not "
            "pretrained"
        )


def check_generator(generator: Generator, dataset: Dataset, network: ParetoNetwork | None = None) -> None:
    """Raise IncompatibleError unless the generator serves the dataset: what it declares, then its own `check`.

    network: the network that it built; None: it is not built yet.
    """
    takes_named = generator.takes_named_inputs
    if takes_named is None:
        takes_named = network is None or isinstance(network, WeightNetwork)
    if isinstance(dataset.input_shape, Mapping) and not takes_named:
        raise IncompatibleError(
            f"{type(generator).__name__} takes one tensor, this dataset has the named inputs "
            f"{', '.join(map(repr, dataset.input_shape))}: choose a generator of weights"
        )
    generator.check(dataset)


def inner_products(rows: Tensor) -> Tensor:
    """Return Gram matrices [..., m, m] in float64 of gradients [..., m, n] in any precision.

    A Gram matrix of dependent gradients that is summed in float32 has negative eigenvalues of about 1e-7.
    Programs that are bounded and feasible for exact Gram matrices can then be unbounded or infeasible.
    """
    exact = rows.double()
    return exact @ exact.transpose(-1, -2)


def pulled_gram(
    weights: Mapping[str, Tensor], cotangents: Mapping[str, Tensor], parameters: Sequence[nn.Parameter]
) -> Tensor:
    """Return Gram matrices [K, m, m] in float64 of the loss gradients with respect to `parameters`.

    weights, cotangents: as in `WeightNetwork.gram`. The graph of the weights is retained.
    """
    names = list(cotangents)
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


def own_gram(gradients: Mapping[str, Tensor]) -> Tensor:
    """Return Gram matrices [K, m, m] in float64 of gradients with respect to the weights: name -> [K, m, *shape]."""
    return torch.stack([inner_products(g.flatten(2)) for g in gradients.values()]).sum(0)


def check_preferences(preferences: Tensor, n_objectives: int) -> None:
    """Raise ShapeError unless preferences have shape [K, n_objectives]."""
    if preferences.ndim != 2 or preferences.shape[1] != n_objectives:
        raise ShapeError(
            f"preferences have shape {tuple(preferences.shape)}: pass [K, {n_objectives}], "
            "one row per preference and one column per objective"
        )
