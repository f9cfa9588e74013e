"""Solver `gmooar-hv` and `gmooar-u`: a conditioned network and the reference vectors at which it is trained."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import torch
from annotated_types import Ge, Gt, Interval
from torch import Tensor, nn

from mobench.errors import IncompatibleError, NonFiniteError
from mobench.interfaces import ParetoNetwork, Predictor, Problem, Samples, Setting, Solver, dirichlet, seeded
from mobench.numerics import Adam, Decay, check_schedule, learning_rate_factor
from mobench.options import option
from mobench_gmooar.film import Film
from mobench_hypervolume.hypervolume import hypervolume_gradient, layers

SMALLEST = 1e-6
"""Lower bound of the entries of reference vectors."""
SHORTEST = 1e-12


@dataclass(eq=False)
class GMOOAR(Solver):
    """Gradient-based optimisation with adaptive reference vectors (Chen & Kwok 2022, algorithm 1).

    A FiLM-conditioned network is trained at n reference vectors r_i on the simplex. Each step has two parts: a descent
    of Σ_i [r_i · f − `penalty` cos(r_i, f)] in the network's parameters on one batch, and a step of projected gradient
    descent in the vectors on a second batch, at the new parameters, which improves a measure of the whole set:

    "hypervolume": the hypervolume of the n points (equation 7);
    "uniformity":  −Σ_ij exp(−‖f_i − f_j‖² / `bandwidth`²) (equation 6).

    The result is the n points: the vectors are the solver's own, so they have no preferences of the user.
    """

    lr: Annotated[float, Gt(0)] = option(1e-3, "learning rate of the network, trained by Adam")
    vector_lr: Annotated[float, Gt(0)] = option(5e-3, "learning rate of the reference vectors")
    n_vectors: Annotated[int, Gt(1)] = option(8, "number of reference vectors")
    quality: Literal["hypervolume", "uniformity"] = option("hypervolume", "what the reference vectors improve")
    bandwidth: Annotated[float, Gt(0)] = option(0.1, "h, the distance of points below which uniformity separates them")
    penalty: Annotated[float, Ge(0)] = option(2.0, "factor of the cosine between losses and reference vector")
    hidden: Annotated[int, Gt(0)] = option(64, "width of the hidden layer of the conditioning network")
    milestones: tuple[Annotated[float, Interval(gt=0, lt=1)], ...] = option(
        (), "fractions of the budget after which both learning rates are multiplied by gamma"
    )
    gamma: Annotated[float, Gt(0)] = option(0.1, "factor of the learning rates at each milestone")
    lr_decay: Decay = option(
        "milestones", "fall of both learning rates: at the milestones, or a cosine to 0 over the budget", added=True
    )
    warmup: Annotated[float, Interval(ge=0, lt=1)] = option(
        0.0, "fraction of the budget during which both learning rates rise linearly", added=True
    )

    def n_weight_sets(self, n_rays: int) -> int:
        return self.n_vectors

    @property
    def n_batches(self) -> int:
        return 2

    def check(self, problem: Problem) -> None:
        if problem.state.statistics:
            raise IncompatibleError(
                "GMOOAR trains one network for all reference vectors, and running statistics belong to one of them: "
                "build the network with track_running_stats=False or GroupNorm"
            )
        Film(self.hidden).check_problem(problem)

    def start(self, problem: Problem, setting: Setting) -> None:
        self.check(problem)
        check_schedule(setting.total_steps, self.lr_decay, self.warmup)
        self.problem, self.total_steps, self.n_steps = problem, setting.total_steps, 0
        network = Film(self.hidden).build(problem, setting.rays)
        shape = self.n_vectors, problem.n_objectives
        drawn = dirichlet(torch.ones(shape, dtype=torch.float64), seeded(setting.seeds.preferences))
        self.points = ReferencePoints(network, drawn.to(problem.device, problem.dtype))
        self.reference = np.asarray(problem.protocol.reference, dtype=np.float64)
        self.adam = Adam(list(network.parameters()), lr=self.lr)

    def step(self, batch: Samples, *more: Samples) -> Tensor:
        network, vectors = self.points.network, self.points.vectors
        factor = learning_rate_factor(
            self.n_steps, self.total_steps, self.milestones, self.gamma, self.lr_decay, self.warmup
        )
        self.adam.param_groups[0]["lr"] = self.lr * factor
        self.adam.zero_grad(set_to_none=True)
        losses = self._losses(vectors, batch)
        self.problem.check_trainable([losses])
        if not bool(torch.isfinite(losses).all()):  # the training loop reports them; a step would spoil the weights
            return losses.detach()
        scalarised(losses, vectors, self.penalty).sum().backward()  # type: ignore[no-untyped-call]
        self.adam.step()
        movable = vectors.clone().requires_grad_()
        losses_after = self._losses(movable, more[0])
        if bool(torch.isfinite(losses_after).all()):
            slope = self.slope(losses_after.detach())
            (gradient,) = torch.autograd.grad(losses_after, movable, slope)
            if not bool(torch.isfinite(gradient).all()):
                raise NonFiniteError(
                    "the gradient of the reference vectors is not finite on the second batch, whose losses are: look "
                    "for roots and logarithms at 0 in losses, or lower the learning rate"
                )
            with torch.no_grad():
                vectors.copy_(on_simplex(vectors - self.vector_lr * factor * gradient))
        for parameter in network.parameters():
            parameter.grad = None
        self.n_steps += 1
        return losses.detach()

    def slope(self, losses: Tensor) -> Tensor:
        """Return ∂Q/∂f [n, m] of the measure Q that the reference vectors minimise, at losses [n, m].

        A point that is not below the reference point has no hypervolume, and descends its mean loss.
        """
        if self.quality == "uniformity":
            return uniformity_slope(losses.double(), self.bandwidth).to(losses)
        points = losses.double().cpu().numpy()
        slope = np.zeros_like(points)
        front = next(iter(layers(points)))  # dominated points have no hypervolume of their own
        slope[front] = hypervolume_gradient(points[front], self.reference)
        slope[(points >= self.reference).any(1)] = 1 / points.shape[1]
        return torch.from_numpy(slope).to(losses)

    def _losses(self, vectors: Tensor, batch: Samples) -> Tensor:
        return self.problem.losses(self.points.network(batch.inputs, vectors), batch)

    @property
    def pareto_set(self) -> ReferencePoints:
        return self.points

    def state_dict(self) -> dict[str, Any]:
        return {"points": self.points.state_dict(), "optimiser": self.adam.state_dict(), "n_steps": self.n_steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.points.load_state_dict(state["points"])
        # a copy, because torch keeps references to the step counters
        self.adam.load_state_dict(deepcopy(state["optimiser"]))
        self.n_steps = state["n_steps"]


class ReferencePoints(nn.Module):
    """A `PointSet`: a conditioned network at n reference vectors [n, m]."""

    vectors: Tensor

    def __init__(self, network: ParetoNetwork, vectors: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("vectors", vectors)

    @property
    def n_points(self) -> int:
        return len(self.vectors)

    @property
    def n_stored_parameters(self) -> int:
        return self.network.n_stored_parameters + self.vectors.numel()

    def predictor(self, index: int) -> Predictor:
        return self.network.serve(self.vectors[index])


def scalarised(losses: Tensor, vectors: Tensor, penalty: float) -> Tensor:
    """Return r · f − penalty · cos(r, f) [n] of losses and reference vectors [n, m] (equation 4)."""
    product = (losses * vectors).sum(1)
    lengths = losses.norm(dim=1).clamp_min(SHORTEST) * vectors.norm(dim=1)
    values: Tensor = product - penalty * product / lengths
    return values


def uniformity_slope(losses: Tensor, bandwidth: float) -> Tensor:
    """Return the gradient [n, m] of Σ_ij exp(−‖f_i − f_j‖² / h²) with respect to f_i."""
    differences = losses[:, None] - losses[None]
    kernel = torch.exp(-differences.square().sum(2) / bandwidth**2)
    return -4 / bandwidth**2 * (kernel[:, :, None] * differences).sum(1)


def on_simplex(vectors: Tensor) -> Tensor:
    """Return the nearest points [n, m] of the simplex whose entries are 1e-6 or more."""
    m = vectors.shape[1]
    room = 1 - m * SMALLEST
    shifted = (vectors.double() - SMALLEST) / room
    ordered = shifted.sort(dim=1, descending=True).values
    excess = (ordered.cumsum(1) - 1) / torch.arange(1, m + 1, device=vectors.device)
    n_positive = (ordered > excess).sum(1, keepdim=True)
    threshold = excess.gather(1, n_positive - 1)
    return ((shifted - threshold).clamp_min(0) * room + SMALLEST).to(vectors)
