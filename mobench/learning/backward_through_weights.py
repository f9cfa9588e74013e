"""The backward pass of networks that generate weights of the target network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mobench.interfaces import Balancer, Outputs, Problem, Samples, WeightNetwork
from mobench.interfaces.generator import pulled_gram
from mobench.learning.backward import Backward
from mobench.learning.gradients import combine, pull_back, rounded_weights
from mobench.learning.representation import representation_of
from mobench.learning.task_parameters import ALL_SHARED, TaskParameters, declared_weights, task_parameters
from mobench.numerics import objective_gradients, split_vectors
from mobench.numerics.autograd_graph import backward_from


class BackwardThroughWeights(Backward):
    """The backward pass of a network that generates weights of the target network.

    The generated weights are detached from the network's graph and used as leaves, so that the m backward passes
    through the target network end there. The combined gradient is then pulled back through the network once.
    """

    def __init__(self, problem: Problem, balancer: Balancer, network: WeightNetwork) -> None:
        super().__init__(problem, balancer, network)
        self.network = network
        self._roles: TaskParameters | None = None

    def __call__(self, preferences: Tensor, batch: Samples, second: Samples | None = None) -> Tensor:
        generated = self._weights(preferences)
        statistics = self.problem.state.statistics  # updated in place, not trained
        leaves = {name: w.detach().requires_grad_() for name, w in generated.items() if name not in statistics}
        columns = self._each_loss(self._outputs_under({**generated, **leaves}, batch), batch)
        if not self._uses_gradients:
            losses = torch.stack(columns, dim=1)
            seen = losses.detach()
            alpha = self._alpha(seen, preferences, None).to(seen.dtype)
            names = list(leaves)
            gradients_of_leaves = torch.autograd.grad(
                (alpha * losses).sum(), [leaves[n] for n in names], materialize_grads=True
            )
            pull_back(generated, dict(zip(names, gradients_of_leaves, strict=True)))
            return seen
        if self._roles is None:
            declared = declared_weights(self.problem)
            self._roles = (
                task_parameters(columns, leaves, generated, self.trained, declared) if self._is_split else ALL_SHARED
            )
        if self.balancer.scope == "representation":
            return self._combine_representation(columns, preferences, generated, leaves)
        seen, gradients = _losses_and_gradients(columns, leaves)
        if second is not None:
            more = self._each_loss(self._outputs_under({**generated, **leaves}, second), second)
            return self._combine_two_batches(preferences, generated, (seen, gradients), more, leaves)
        if self.balancer.needs_gradients:
            self._combine_directions(seen, preferences, generated, gradients)
            return seen
        gram = self._gram(preferences, generated, gradients)
        alpha = rounded_weights(self._alpha(seen, preferences, gram), gram, seen.dtype)
        self._pull_back(generated, gradients, alpha)
        return seen

    def _outputs(self, preferences: Tensor, batch: Samples) -> Sequence[Outputs]:
        statistics = self.problem.state.statistics
        weights = self._weights(preferences)
        return self._outputs_under({n: w.clone() if n in statistics else w for n, w in weights.items()}, batch)

    def _weights(self, preferences: Tensor) -> Mapping[str, Tensor]:
        """Return the generated weights, name -> [K, *shape]; gradients with respect to them are in full precision."""
        with self.problem.autocast():
            generated = self.network.weights(preferences)
        return self.problem.full_precision(generated)

    def _outputs_under(self, weights: Mapping[str, Tensor], batch: Samples) -> Sequence[Outputs]:
        with self.problem.autocast():  # a network may compute more than the target network's outputs
            outputs = self.network.outputs(weights, batch.inputs)
        return self.problem.full_outputs(outputs)

    @property
    def _shared(self) -> list[nn.Parameter]:
        assert self._roles is not None
        return [p for i, p in enumerate(self.trained) if i not in self._roles.parameters]

    def _gram(self, preferences: Tensor, generated: Mapping[str, Tensor], gradients: Mapping[str, Tensor]) -> Tensor:
        """Return the Gram matrices [K, m, m] of the gradients with respect to the parameters in the scope."""
        assert self._roles is not None
        if self._roles.is_mixed:
            return pulled_gram(generated, gradients, self._shared)
        separate = self._roles.separate
        only_shared = {n: torch.zeros_like(g) if n in separate else g for n, g in gradients.items()}
        return self.network.gram(preferences, generated, only_shared)

    def _pull_back(self, generated: Mapping[str, Tensor], gradients: Mapping[str, Tensor], alpha: Tensor) -> None:
        """Set the gradients of shared parameters, Σ α_i ∇L_i, and of task-specific ones."""
        assert self._roles is not None
        roles = self._roles
        combined = combine({n: g for n, g in gradients.items() if n not in roles.separate}, alpha)
        own_gradients = self._own_gradients(gradients, alpha)
        if not roles.is_mixed:
            pull_back(generated, {**combined, **{name: own_gradients[name] for name in roles.separate}})
            return
        names = list(combined)
        shared = self._shared
        backward_from([generated[n] for n in names], [combined[n] for n in names], retain_graph=True, inputs=shared)
        task_specific = [self.trained[i] for i in roles.parameters]
        backward_from([generated[n] for n in own_gradients], list(own_gradients.values()), inputs=task_specific)

    def _own_gradients(self, gradients: Mapping[str, Tensor], alpha: Tensor | None) -> dict[str, Tensor]:
        """Return the gradient of every task-specific weight, of its own loss: name -> [K, *shape]."""
        assert self._roles is not None
        own_gradients = {name: gradients[name][:, i] for name, i in self._roles.weights.items()}
        if alpha is None or self.balancer.task_gradients == "plain":
            return own_gradients
        factors = {
            name: alpha[:, i].view(-1, *[1] * (own_gradients[name].ndim - 1)) for name, i in self._roles.weights.items()
        }
        return {name: gradient * factors[name].to(gradient.dtype) for name, gradient in own_gradients.items()}

    def _combine_two_batches(
        self,
        preferences: Tensor,
        generated: Mapping[str, Tensor],
        first: tuple[Tensor, dict[str, Tensor]],
        second: Sequence[Tensor],
        leaves: Mapping[str, Tensor],
    ) -> Tensor:
        """Set the gradients, means of both batches, and return the mean losses. second: the m losses [K]."""
        (seen, gradients), (more, others) = first, _losses_and_gradients(second, leaves)
        m = seen.shape[1]
        joined = {name: torch.cat([gradient, others[name]], dim=1) for name, gradient in gradients.items()}
        mean_losses, means = (seen + more) / 2, {n: (g + others[n]) / 2 for n, g in gradients.items()}
        gram = self._gram(preferences, generated, joined)[:, :m, m:]
        self._pull_back(generated, means, self._alpha(mean_losses, preferences, gram).to(seen.dtype))
        return mean_losses

    def _combine_directions(
        self, losses: Tensor, preferences: Tensor, generated: Mapping[str, Tensor], gradients: Mapping[str, Tensor]
    ) -> None:
        assert self._roles is not None
        names = [name for name in gradients if name not in self._roles.weights]
        if not names:  # no loss shares a weight with another
            pull_back(generated, self._own_gradients(gradients, None))
            return
        flat = torch.cat([gradients[name].flatten(2) for name in names], dim=2)
        pieces = split_vectors(
            self._directions(losses, preferences, flat), [generated[name].shape[1:] for name in names]
        )
        pull_back(generated, {**dict(zip(names, pieces, strict=True)), **self._own_gradients(gradients, None)})

    def _combine_representation(
        self,
        columns: Sequence[Tensor],
        preferences: Tensor,
        generated: Mapping[str, Tensor],
        leaves: Mapping[str, Tensor],
    ) -> Tensor:
        """Set the gradients from weights for the shared representation, and return the losses."""
        assert self._roles is not None
        own_leaves = {name: leaves[name] for name in self._roles.weights}
        shared = {name: leaf for name, leaf in leaves.items() if name not in self._roles.weights}
        losses = torch.stack([loss.detach() for loss in columns], dim=1)
        representation = representation_of(columns, shared)
        gram, own_gradients = representation.gradients(columns, own_leaves)
        alpha = self._alpha(losses, preferences, gram).to(losses.dtype)
        pull_back(generated, {**representation.combined(alpha), **self._own_gradients(own_gradients, alpha)})
        return losses


def _losses_and_gradients(columns: Sequence[Tensor], leaves: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the losses [K, m], detached, and their gradients: name -> [K, m, *shape]."""
    losses = torch.stack(list(columns), dim=1)
    # a loss without a graph gets its zero gradients only as a column of the stacked losses
    is_whole = all(loss.requires_grad for loss in columns)
    return losses.detach(), objective_gradients(columns if is_whole else losses, leaves)
