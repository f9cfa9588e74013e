"""The backward pass of one step: gradients of the losses, combined as the balancer says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from mobench.errors import MobenchError, NonFiniteError
from mobench.interfaces import Balancer, Outputs, ParetoNetwork, Problem, Samples, WeightNetwork
from mobench.interfaces.generator import pulled_gram
from mobench.learning.finite import check_gradients, check_losses, is_finite
from mobench.learning.gradients import combine, objective_gradients, parameter_gram, pull_back, rounded_weights
from mobench.learning.representation import representation_of
from mobench.learning.task_parameters import TaskParameters, declared_weights, reached_parameters, task_parameters


class Backward(ABC):
    """Computes the losses [K, m] of a step and sets the .grad of the trained parameters."""

    def __init__(self, problem: Problem, balancer: Balancer, network: ParetoNetwork) -> None:
        self.problem = problem
        self.balancer = balancer
        self.trained = [p for p in network.parameters() if p.requires_grad]

    @abstractmethod
    def __call__(self, preferences: Tensor, batch: Samples) -> Tensor:
        """Return the losses [K, m] of the batch under preferences [K, m], detached."""

    def _each_loss(self, outputs: Sequence[Outputs], batch: Samples) -> list[Tensor]:
        each = self.problem.each_loss(outputs, batch)
        if not any(loss.requires_grad for loss in each):
            names = " and ".join(repr(o.name) for o in self.problem.objectives)
            raise MobenchError(
                f"nothing can be trained: the loss of objective {names} has no gradient; compute it from the "
                "outputs by differentiable operations (no detach, item, argmax or rounding)"
            )
        return each

    def _alpha(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        # NaN would destroy the weights permanently: stop before the optimiser's step
        names = [o.name for o in self.problem.objectives]
        check_losses(losses, names)
        if gram is not None:
            check_gradients(gram, names)
        alpha = self.balancer(losses, preferences, gram)
        if not is_finite(alpha):
            raise NonFiniteError(f"the balancer's weights are {alpha.tolist()} for losses {losses.tolist()}")
        return alpha


class BackwardThroughWeights(Backward):
    """The backward pass of a network that generates weights of the target network.

    The generated weights are detached from the network's graph and used as leaves, so that the m backward passes
    through the target network end there. The combined gradient is then pulled back through the network once.
    """

    def __init__(self, problem: Problem, balancer: Balancer, network: WeightNetwork) -> None:
        super().__init__(problem, balancer, network)
        self.network = network
        self._roles: TaskParameters | None = None

    def __call__(self, preferences: Tensor, batch: Samples) -> Tensor:
        generated = self.network.weights(preferences)
        statistics = self.problem.state.statistics  # updated in place, not trained
        leaves = {name: w.detach().requires_grad_() for name, w in generated.items() if name not in statistics}
        each = self._each_loss(self.network.outputs({**generated, **leaves}, batch.inputs), batch)
        losses = torch.stack(each, dim=1)
        seen = losses.detach()
        if not self.balancer.needs_gram:
            alpha = self._alpha(seen, preferences, None).to(seen.dtype)
            names = list(leaves)
            found = torch.autograd.grad((alpha * losses).sum(), [leaves[n] for n in names], materialize_grads=True)
            pull_back(generated, dict(zip(names, found, strict=True)))
            return seen
        if self.balancer.scope != "all" and self._roles is None:
            declared = declared_weights(self.problem)
            self._roles = task_parameters(each, leaves, generated, self.trained, declared)
        if self.balancer.scope == "representation":
            self._combine_representation(each, seen, preferences, generated, leaves)
            return seen
        # a loss without a graph gets its zero gradients only as a column of the stacked losses
        whole = all(loss.requires_grad for loss in each)
        gradients = objective_gradients(each if whole else losses, leaves)
        if self._roles is None or not self._roles.parameters:
            gram = self.network.gram(preferences, generated, gradients)
            pull_back(generated, combine(gradients, self._rounded(seen, preferences, gram)))
        else:
            self._combine_shared(self._roles, seen, preferences, generated, gradients)
        return seen

    def _rounded(self, losses: Tensor, preferences: Tensor, gram: Tensor) -> Tensor:
        return rounded_weights(self._alpha(losses, preferences, gram), gram, losses.dtype)

    def _combine_shared(
        self,
        roles: TaskParameters,
        losses: Tensor,
        preferences: Tensor,
        generated: dict[str, Tensor],
        gradients: dict[str, Tensor],
    ) -> None:
        """Set the gradients from weights that the balancer computes for the shared parameters."""
        shared = [p for i, p in enumerate(self.trained) if i not in roles.parameters]
        if roles.is_mixed:
            gram = pulled_gram(generated, gradients, shared)
        else:
            only_shared = {n: torch.zeros_like(g) if n in roles.separate else g for n, g in gradients.items()}
            gram = self.network.gram(preferences, generated, only_shared)
        alpha = self._rounded(losses, preferences, gram)
        own = {name: gradients[name][:, i] for name, i in roles.weights.items()}
        if self.balancer.own_parameters == "weighted":
            scale = alpha.to(losses.dtype)
            own = {n: g * scale[:, roles.weights[n]].view(-1, *[1] * (g.ndim - 1)) for n, g in own.items()}
        combined = combine({n: g for n, g in gradients.items() if n not in roles.separate}, alpha)
        if not roles.is_mixed:
            pull_back(generated, {**combined, **{name: own[name] for name in roles.separate}})
            return
        names = list(combined)
        torch.autograd.backward([generated[n] for n in names], [combined[n] for n in names], True, inputs=shared)
        own_parameters = [self.trained[i] for i in roles.parameters]
        torch.autograd.backward([generated[n] for n in own], list(own.values()), inputs=own_parameters)

    def _combine_representation(
        self,
        each: Sequence[Tensor],
        losses: Tensor,
        preferences: Tensor,
        generated: dict[str, Tensor],
        leaves: dict[str, Tensor],
    ) -> None:
        """Set the gradients from weights that the balancer computes for the shared representation."""
        assert self._roles is not None
        roles = self._roles
        own_leaves = {name: leaves[name] for name in roles.weights}
        representation = representation_of(each, {n: w for n, w in leaves.items() if n not in roles.weights})
        gram, own = representation.gradients(each, own_leaves)
        alpha = self._alpha(losses, preferences, gram).to(losses.dtype)
        if self.balancer.own_parameters == "weighted":
            own = {name: alpha[0, roles.weights[name]] * gradient for name, gradient in own.items()}
        pull_back(generated, {**representation.combined(alpha), **own})


class BackwardThroughOutputs(Backward):
    """The backward pass of a network that takes the preference as an input and generates no weights."""

    def __init__(self, problem: Problem, balancer: Balancer, network: ParetoNetwork) -> None:
        super().__init__(problem, balancer, network)
        self.network = network
        self._own: dict[int, int] | None = None

    def __call__(self, preferences: Tensor, batch: Samples) -> Tensor:
        each = self._each_loss(self.network(batch.inputs, preferences), batch)
        losses = torch.stack(each, dim=1)
        seen = losses.detach()
        if self._own is None:
            is_split = self.balancer.needs_gram and self.balancer.scope != "all"
            self._own = reached_parameters(each, self.trained) if is_split else {}
        shared = [p for i, p in enumerate(self.trained) if i not in self._own]
        gram = parameter_gram(losses, shared or self.trained) if self.balancer.needs_gram else None
        if gram is not None and not shared:
            gram = torch.zeros_like(gram)
        total = (self._alpha(seen, preferences, gram).to(seen.dtype) * losses).sum()
        if not self._own or self.balancer.own_parameters == "weighted":
            total.backward()  # type: ignore[no-untyped-call]
            return seen
        if shared:
            total.backward(inputs=shared, retain_graph=True)  # type: ignore[no-untyped-call]
        for i, column in enumerate(each):
            own = [self.trained[index] for index, objective in self._own.items() if objective == i]
            if own:
                column.sum().backward(inputs=own, retain_graph=True)  # type: ignore[no-untyped-call]
        return seen
