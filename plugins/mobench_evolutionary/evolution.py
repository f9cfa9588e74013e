"""Base class of the evolutionary solvers: weights as vectors, evaluation, budget, and the state of an algorithm."""

from __future__ import annotations

import json
import warnings
from abc import abstractmethod
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
import torch
from annotated_types import Ge, Gt, Interval
from torch import Tensor

from mobench.errors import IncompatibleError
from mobench.interfaces import Problem, Samples, Setting, Solver
from mobench.options import option
from mobench_evolutionary.points import PopulationPoints, RealArray, named_weights, spread_subset

if TYPE_CHECKING:
    from pymoo.algorithms.base.genetic import GeneticAlgorithm
    from pymoo.core.population import Population

MOST_VALUES = 10_000_000
"""Largest number of values of a population, 80 MB; variation holds about ten arrays of this size."""
LARGE_POPULATION = 200
"""Upper bound of the default size of a population with the rays of a usual suite."""
SMALLEST_POPULATION = 4
VALUES_AT_ONCE = 200_000
"""Number of weights that are evaluated together."""
MOST_AT_ONCE = 64


@dataclass(eq=False)
class Evolution(Solver):
    """An evolutionary algorithm of pymoo on the flattened weights of the target network, without gradients.

    One evaluation is the m losses of one weight vector on the batch of the step, and each step is one generation. By
    default a step makes R (1 + 2 m) evaluations, where R is the number of rays that finite solvers train. This is the
    cost of one step of R networks with m backward passes, if a backward pass costs two forward passes.

    If an epoch is a single batch, the losses of the parents stay valid, and all evaluations are offspring. Otherwise
    the parents are evaluated again on the batch of each step, because only losses on the same samples can be
    compared; half of the evaluations are then parents, and the population is half as large.

    The result is a `PointSet` of non-dominated members of the population.
    """

    steps_to_learn: ClassVar[int | None] = 40
    most_objectives: ClassVar[int | None] = None
    """Largest number of objectives that the algorithm serves; None: no limit."""

    population: Annotated[int, Interval(ge=0, le=10_000)] = option(
        0, "size of the population; 0: R (1 + 2 m), or half of it if the parents are evaluated again"
    )
    n_points: Annotated[int, Ge(1)] = option(25, "largest number of points of the result, spread over the front")
    width: Annotated[float, Gt(0)] = option(
        4.0, "half of the search interval of a weight, in units of the largest initial weight of its tensor"
    )

    @abstractmethod
    def algorithm(self, n_population: int, n_objectives: int, sampling: Any) -> GeneticAlgorithm:
        """Return pymoo's algorithm. sampling: the initial weight vectors, or pymoo's operator that draws them."""

    def memory(self) -> dict[str, RealArray]:
        """Return what the algorithm remembers of earlier losses in addition to its population."""
        return {}

    def restore_memory(self, memory: dict[str, RealArray]) -> None:
        """Restore what `memory` returned. An empty `memory` forgets all earlier losses but those of the population."""

    def n_weight_sets(self, n_rays: int) -> int:
        return self.population or n_rays

    def check(self, problem: Problem) -> None:
        name, m = type(self).__name__, problem.n_objectives
        if m == 1:
            raise IncompatibleError(
                f"{name} looks for a front, and the dataset has one objective: choose another solver"
            )
        if self.most_objectives is not None and m > self.most_objectives:
            raise IncompatibleError(
                f"{name} serves at most {self.most_objectives} objectives, this dataset has {m}: choose nsga2, nsga3 "
                "or moead"
            )
        if problem.state.statistics:
            layers = ", ".join(sorted(set(problem.state.layers)))
            raise IncompatibleError(
                f"{name} changes weights without training, and the network keeps running statistics ({layers}): build "
                "it with track_running_stats=False or GroupNorm"
            )
        if problem.model.pretrained:
            raise IncompatibleError(
                f"{name} starts from networks that differ, and {type(problem.model).__name__} is pretrained: choose a "
                "model without pretrained weights"
            )
        self._check_size(self.population or LARGE_POPULATION, problem.n_target_parameters)

    def _check_size(self, n_population: int, n_weights: int) -> None:
        if n_population * n_weights > MOST_VALUES:
            raise IncompatibleError(
                f"{type(self).__name__} would keep {n_population} × {n_weights:,} weights, accepted are "
                f"{MOST_VALUES:,}: choose a smaller network or set a smaller population"
            )

    def start(self, problem: Problem, setting: Setting) -> None:
        from pymoo.core.problem import Problem as Box
        from pymoo.core.termination import NoTermination
        from pymoo.functions import FunctionLoader

        self.check(problem)
        # it prints a note if pymoo was installed without its compiled functions
        with redirect_stdout(StringIO()):
            FunctionLoader.get_instance()
        self.problem, self.shapes = problem, problem.shapes
        self.reevaluates = setting.steps_per_epoch > 1
        n_evaluations = len(setting.rays) * (1 + 2 * problem.n_objectives)
        size = self.population or n_evaluations // (2 if self.reevaluates else 1)
        size = max(SMALLEST_POPULATION, problem.n_objectives, size)
        self._check_size(size, problem.n_target_parameters)
        self.n_evaluations, self.n_without_offspring = 0, 0
        lower, upper, sampling = self._box(size)
        self.box = Box(n_var=len(lower), n_obj=problem.n_objectives, xl=lower, xu=upper)
        self.evolution = self.algorithm(size, problem.n_objectives, sampling)
        self.evolution.setup(self.box, seed=setting.seeds.solver, termination=NoTermination())
        self.initial: Population | None = self.evolution.ask()

    def step(self, batch: Samples) -> Tensor:
        # pymoo's NSGA-III changes the filters of warnings
        with warnings.catch_warnings():
            return self._generation(batch)

    def _generation(self, batch: Samples) -> Tensor:
        """Evaluate one generation, and let the algorithm choose the survivors; return the losses of all evaluations."""
        losses, offspring = list[Tensor](), self.initial
        if self.initial is None:
            if self.reevaluates:
                losses.append(self._evaluated(self.evolution.pop, batch))
                self.restore_memory({})
            offspring = self.evolution.ask()
        if offspring is None:  # all were duplicates of their parents
            self.n_without_offspring += 1
            self.evolution.termination.force_termination = False
            return losses[0] if losses else self._evaluated(self.evolution.pop, batch)
        losses.append(self._evaluated(offspring, batch))
        if bool(torch.isfinite(losses[-1]).all()):  # the training loop reports other losses
            self.evolution.tell(infills=offspring)
            self.initial = None
        return torch.cat(losses)

    def _evaluated(self, population: Population, batch: Samples) -> Tensor:
        """Evaluate a population on a batch; its losses become those of its members, and are returned [K, m]."""
        losses = self._losses(population.get("X"), batch)
        self._set_losses(population, losses.double().cpu().numpy())
        self.n_evaluations += len(losses)
        return losses

    def _set_losses(self, population: Population, losses: RealArray) -> None:
        from pymoo.core.evaluator import Evaluator
        from pymoo.problems.static import StaticProblem

        evaluator = Evaluator(skip_already_evaluated=False)
        evaluator.eval(StaticProblem(self.box, F=losses), population)

    def _losses(self, vectors: RealArray, batch: Samples) -> Tensor:
        """Return the losses [K, m] of weight vectors [K, n] on a batch."""
        problem = self.problem
        n_at_once = max(1, min(MOST_AT_ONCE, VALUES_AT_ONCE // problem.n_target_parameters))
        chunks = torch.split(self._tensor(vectors), n_at_once)
        with torch.no_grad():
            losses = [
                problem.losses(problem.outputs_of_sets(named_weights(chunk, self.shapes), batch.inputs), batch)
                for chunk in chunks
            ]
        return torch.cat(losses)

    def _tensor(self, vectors: RealArray) -> Tensor:
        return torch.from_numpy(vectors).to(self.problem.device, self.problem.dtype)

    def _box(self, size: int) -> tuple[RealArray, RealArray, Any]:
        """Return the bounds of the weights, and pymoo's sampling of the initial population.

        If the model states bounds, the population is drawn uniformly within them. Otherwise it consists of newly
        initialised networks, and the bounds of each tensor are `width` times its largest absolute initial value, or
        that of the whole network if the tensor starts at zero.
        """
        bounds = self.problem.model.weight_bounds(self.problem.dataset)
        n = self.problem.n_target_parameters
        if bounds is not None:
            from pymoo.operators.sampling.rnd import FloatRandomSampling

            return np.full(n, bounds[0]), np.full(n, bounds[1]), FloatRandomSampling()
        nets = [self.problem.new_weights() for _ in range(size)]
        flat = torch.stack([torch.cat([net[name].flatten() for name in self.shapes]) for net in nets])
        initial = flat.double().cpu().numpy()
        largest = np.concatenate(
            [
                np.full(shape.numel(), max(float(net[name].abs().max()) for net in nets) if shape.numel() else 0.0)
                for name, shape in self.shapes.items()
            ]
        )
        half = self.width * np.where(largest > 0, largest, np.abs(initial).max() or 1.0)
        return -half, half, np.clip(initial, -half, half)

    @property
    def pareto_set(self) -> PopulationPoints:
        if self.initial is not None:
            return PopulationPoints(self.problem, self._tensor(self.initial.get("X")[: self.n_points]))
        population = self.evolution.pop
        chosen = spread_subset(population.get("F"), self.n_points)
        return PopulationPoints(self.problem, self._tensor(population.get("X")[chosen]))

    @property
    def notes(self) -> dict[str, float | int | str]:
        notes: dict[str, float | int | str] = {"evaluations": self.n_evaluations}
        if self.n_without_offspring:
            notes["generations without offspring"] = self.n_without_offspring
        return notes

    def state_dict(self) -> dict[str, Any]:
        evolution = self.evolution
        population = evolution.pop if self.initial is None else self.initial
        return {
            "vectors": torch.from_numpy(population.get("X").copy()),
            "is_initial": self.initial is not None,
            "losses": None if self.initial is not None else torch.from_numpy(population.get("F").copy()),
            "crowding": _column(population, "crowding"),
            "n_generations": evolution.n_iter,
            # its numbers have up to 128 bits
            "random": json.dumps(evolution.random_state.bit_generator.state),
            "memory": {name: torch.from_numpy(values.copy()) for name, values in self.memory().items()},
            "n_evaluations": self.n_evaluations,
            "n_without_offspring": self.n_without_offspring,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        from pymoo.core.population import Population

        evolution = self.evolution
        population = Population.new(X=state["vectors"].numpy().copy())
        evolution.random_state.bit_generator.state = json.loads(state["random"])
        evolution.n_iter = state["n_generations"]
        self.n_evaluations, self.n_without_offspring = state["n_evaluations"], state["n_without_offspring"]
        if state["is_initial"]:
            self.initial = population
            return
        self.initial = None
        self._set_losses(population, state["losses"].numpy().copy())
        if state["crowding"] is not None:
            population.set("crowding", state["crowding"].numpy().copy())
        evolution.pop, evolution.is_initialized = population, True
        self.restore_memory({name: values.numpy().copy() for name, values in state["memory"].items()})


def _column(population: Population, name: str) -> Tensor | None:
    """Return an attribute of all members, or None if they do not have it."""
    values = population.get(name)
    return None if any(value is None for value in values) else torch.from_numpy(values.astype(np.float64))
