"""Evolutionary solvers: equality with pymoo, known fronts, budget in evaluations, resuming, and what is declined."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mobench.errors import IncompatibleError
from mobench.interfaces import Dataset, Model, PointSet, Problem, Samples, Seeds, Setting
from mobench.jobs import resolve
from mobench.jobs.job import Budget
from mobench.learning.preferences import finite_rays
from mobench.metrics.evaluation import evaluate
from mobench.metrics.indicators import hypervolume, igd_plus, non_dominated
from mobench.runs.execution import execute
from mobench.testing.isolation import saved_and_read
from mobench_analytic.point import Point
from mobench_analytic.problems import DTLZ2, VLMOP2, ZDT1, Analytic
from mobench_evolutionary.algorithms import MOEAD, NSGA2, NSGA3, SMSEMOA, directions
from mobench_evolutionary.evolution import MOST_VALUES, Evolution
from mobench_evolutionary.points import named_weights, spread_subset
from mobench_mlp.mlp import Mlp
from mobench_regression.mulan import Enb

pytestmark = pytest.mark.slow

SOLVERS = [NSGA2, NSGA3, MOEAD, SMSEMOA]
NAMES = ["nsga2", "nsga3", "moead", "sms-emoa"]


def started(
    solver: Evolution, dataset: Dataset, model: Model | None = None, *, n_rays: int = 5, steps_per_epoch: int = 1
) -> Problem:
    torch.manual_seed(0)
    problem = Problem(dataset, model or Point(), dtype=torch.float64)
    rays = finite_rays(problem.n_objectives, n_rays)
    solver.start(problem, Setting(rays, Seeds(solver=3), steps_per_epoch, None))
    return problem


def train_batch(problem: Problem, part: slice = slice(None)) -> Samples:
    return problem.prepare(problem.dataset.load("train").take(part))


def front_of(solver: Evolution, problem: Problem) -> np.ndarray[Any, np.dtype[np.float64]]:
    return evaluate(solver.pareto_set, problem, problem.dataset.load("test"), finite_rays(2)).losses


def algorithm_of_pymoo(solver: type[Evolution], size: int) -> Any:
    """The algorithm as its users construct it."""
    from pymoo.algorithms.moo.moead import ParallelMOEAD
    from pymoo.algorithms.moo.nsga2 import NSGA2 as Nsga2
    from pymoo.algorithms.moo.nsga3 import NSGA3 as Nsga3
    from pymoo.algorithms.moo.sms import SMSEMOA as SmsEmoa
    from pymoo.util.ref_dirs import get_reference_directions

    rays = get_reference_directions("das-dennis", 2, n_partitions=size - 1)
    if solver is NSGA2:
        return Nsga2(pop_size=size)
    if solver is NSGA3:
        return Nsga3(rays, pop_size=size)
    return ParallelMOEAD(rays, n_neighbors=size // 5) if solver is MOEAD else SmsEmoa(pop_size=size)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.filterwarnings("ignore")  # of pymoo's own loop
def test_the_population_is_that_of_a_run_of_pymoo_with_the_same_seed(solver: type[Evolution]) -> None:
    from pymoo.core.problem import Problem as PymooProblem
    from pymoo.optimize import minimize

    dataset = ZDT1(8)

    class Direct(PymooProblem):  # type: ignore[misc]
        def _evaluate(self, x: Any, out: Any, *args: Any, **kwargs: Any) -> None:
            out["F"] = torch.stack(dataset.values(torch.from_numpy(x)), dim=1).numpy()

    expected = minimize(
        Direct(n_var=8, n_obj=2, xl=0.0, xu=1.0), algorithm_of_pymoo(solver, 25), ("n_gen", 15), seed=3, verbose=False
    ).pop
    ours = solver()
    problem = started(ours, dataset)
    for _ in range(15):
        ours.step(train_batch(problem))
    np.testing.assert_array_equal(ours.evolution.pop.get("X"), expected.get("X"))
    np.testing.assert_array_equal(ours.evolution.pop.get("F"), expected.get("F"))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    ("dataset", "n_steps", "limit"),
    [(VLMOP2(3), 120, 0.02), (ZDT1(5), 120, 0.02), (DTLZ2(4), 60, 0.06)],
    ids=str,
)
def test_known_fronts_are_reached(solver: type[Evolution], dataset: Analytic, n_steps: int, limit: float) -> None:
    evolution = solver(n_points=50)
    problem = started(evolution, dataset)
    for _ in range(n_steps):
        evolution.step(train_batch(problem))
    front = dataset.known_front(1000)
    assert front is not None
    assert igd_plus(front_of(evolution, problem), front.numpy()) < limit


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("steps_per_epoch", [1, 7])
@pytest.mark.parametrize("n_before", [0, 1, 4])
def test_a_restored_state_continues_to_the_bit(solver: type[Evolution], steps_per_epoch: int, n_before: int) -> None:
    first, second = solver(), solver()
    problem = started(first, DTLZ2(6), steps_per_epoch=steps_per_epoch)
    started(second, DTLZ2(6), steps_per_epoch=steps_per_epoch)
    batch = train_batch(problem)
    for _ in range(n_before):
        first.step(batch)
    state = saved_and_read(first.state_dict())
    expected = [first.step(batch) for _ in range(4)]
    second.load_state_dict(state)
    for losses in expected:
        assert torch.equal(second.step(batch), losses)
    assert torch.equal(first.pareto_set.flat, second.pareto_set.flat)
    assert first.notes == second.notes


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(("n_rays", "m"), [(5, 2), (4, 2), (6, 3)])
def test_a_step_costs_what_a_step_of_networks_with_gradients_costs(
    solver: type[Evolution], n_rays: int, m: int
) -> None:
    """R (1 + 2 m) evaluations; the directions of MOEA/D are a lattice, which may have fewer points."""
    for steps_per_epoch in (1, 3):
        evolution = solver()
        problem = started(evolution, ZDT1(4) if m == 2 else DTLZ2(4), n_rays=n_rays, steps_per_epoch=steps_per_epoch)
        sizes = [len(evolution.step(train_batch(problem))) for _ in range(3)][1:]
        budget = len(finite_rays(m, n_rays)) * (1 + 2 * m)
        size = budget // 2 if steps_per_epoch > 1 else budget
        expected = len(directions(m, size)) if solver is MOEAD else size
        assert sizes == [2 * expected if steps_per_epoch > 1 else expected] * 2
        assert max(sizes) <= budget
        assert evolution.notes["evaluations"] == sum(sizes) + expected


@pytest.mark.parametrize("solver", SOLVERS)
def test_members_are_compared_on_the_same_samples(solver: type[Evolution]) -> None:
    """After a step, the losses of all members are those of the step's batch."""
    evolution = solver()
    problem = started(evolution, Enb(), Mlp(widths=(4,)), steps_per_epoch=4)
    for step in range(3):
        batch = train_batch(problem, slice(10 * step, 10 * step + 10))
        evolution.step(batch)
        members = evolution.evolution.pop
        weights = named_weights(torch.from_numpy(members.get("X")), problem.shapes)
        losses = problem.losses(problem.outputs_of_sets(weights, batch.inputs), batch).detach()
        np.testing.assert_allclose(members.get("F"), losses.numpy(), rtol=1e-12)


def test_vectors_are_the_weights_of_networks_within_their_bounds() -> None:
    evolution = NSGA2(width=2.0)
    problem = started(evolution, Enb(), Mlp(widths=(4,)))
    torch.manual_seed(0)
    nets = [problem.new_weights() for _ in range(evolution.evolution.pop_size)]
    points = evolution.pareto_set
    assert points.n_points == 25
    for _ in range(5):
        evolution.step(train_batch(problem))
    flat = evolution.pareto_set.flat
    for name, weights in named_weights(flat, problem.shapes).items():
        assert weights.shape[1:] == problem.shapes[name]
        assert float(weights.abs().max()) <= 2.0 * max(float(net[name].abs().max()) for net in nets) + 1e-12
    module = problem.new_target()
    nn.utils.vector_to_parameters(flat[0], module.parameters())
    inputs = train_batch(problem).inputs
    for name, outputs in evolution.pareto_set.predictor(0)(inputs).items():
        torch.testing.assert_close(outputs, module(inputs)[name])


def test_a_network_learns_from_batches() -> None:
    evolution = NSGA2()
    problem = started(evolution, Enb(), Mlp(widths=(4,)), steps_per_epoch=2)
    reference = problem.protocol.reference
    before = hypervolume(front_of(evolution, problem), reference)
    for step in range(60):
        evolution.step(train_batch(problem, slice(step % 2, None, 2)))
    assert hypervolume(front_of(evolution, problem), reference) > before + 0.1


@pytest.mark.parametrize("name", NAMES)
def test_a_job_has_points_without_preferences_and_is_reproducible(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    job = resolve.resolve("zdt1", "point", name, {"n_variables": 4}, Budget(steps=8))
    first, second = execute(job), execute(job)
    assert first.status == "completed", first.failure
    assert [front.preferences for front in first.fronts.values()] == [[], [], []]
    assert first.fronts == second.fronts
    assert first.indicators["test"]["controllability"] is None
    assert first.cost is not None
    assert first.cost.stored_parameters == 4 * first.cost.n_models == 4 * len(first.fronts["test"].losses)
    assert capsys.readouterr().out == ""


def test_nothing_is_printed_without_compiled_functions(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import pymoo.functions

    monkeypatch.setattr(pymoo.functions, "is_compiled", lambda: False)
    monkeypatch.setattr(pymoo.functions.FunctionLoader, "_FunctionLoader__instance", None)
    started(NSGA3(), ZDT1(4))
    assert capsys.readouterr().out == ""


def test_other_seeds_give_other_populations() -> None:
    jobs = [
        resolve.resolve("zdt1", "point", "nsga2", {"n_variables": 4}, Budget(steps=3), seeds=seeds)
        for seeds in (None, resolve.SeedSet(solver=1))
    ]
    assert execute(jobs[0]).fronts != execute(jobs[1]).fronts


# what is declined


@pytest.mark.parametrize(
    ("dataset", "model", "solver", "settings", "message"),
    [
        ("multimnist", "resnet18", "nsga2", {"source": "embedded"}, "choose a smaller network or set a smaller"),
        ("vlmop2", "point", "nsga2", {"n_variables": 2000, "population": 10_000}, "10000 × 2,000 weights, accepted"),
        ("re61", "point", "sms-emoa", {}, "at most 4 objectives, this dataset has 6: choose nsga2"),
        ("mnist", "mnist-cnn", "moead", {}, "one objective: choose another solver"),
    ],
)
def test_what_does_not_fit_is_declined_before_a_job_runs(
    dataset: str, model: str, solver: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(IncompatibleError, match=message):
        resolve.resolve(dataset, model, solver, settings, Budget(steps=1))


@dataclass(frozen=True)
class Pretrained(Mlp):
    """Every network starts at the same weights."""

    pretrained = True


@dataclass(frozen=True)
class Normalised(Model):
    """Batch normalisation with running statistics."""

    def build(self, dataset: Dataset) -> nn.Module:
        return nn.BatchNorm1d(4)


@pytest.mark.parametrize(
    ("model", "message"), [(Pretrained(), "is pretrained: choose a"), (Normalised(), "running statistics .*GroupNorm")]
)
def test_networks_that_cannot_be_vectors_are_declined(model: Model, message: str) -> None:
    with pytest.raises(IncompatibleError, match=message):
        NSGA2().check(Problem(Enb(), model))


def test_the_largest_population_that_is_accepted() -> None:
    problem = Problem(ZDT1(1000), Point())
    NSGA2(population=MOST_VALUES // 1000).check(problem)
    with pytest.raises(IncompatibleError):
        NSGA2(population=MOST_VALUES // 1000 + 1).check(problem)


# reference directions and the choice of points


@pytest.mark.parametrize("m", [2, 3, 4, 5, 9])
@pytest.mark.parametrize("n_most", [25, 42, 55, 95, 200])
def test_directions_are_distinct_on_the_simplex_and_not_too_many(m: int, n_most: int) -> None:
    rays = directions(m, n_most)
    assert m <= len(rays) <= n_most
    np.testing.assert_allclose(rays.sum(axis=1), 1)
    assert rays.min() >= 0
    assert len(np.unique(rays.round(9), axis=0)) == len(rays)
    assert all((np.abs(rays - corner).max(axis=1) < 1e-9).any() for corner in np.eye(m))


@pytest.mark.parametrize(("m", "n_most", "n"), [(2, 25, 25), (3, 91, 91), (3, 90, 78), (8, 160, 156), (10, 275, 275)])
def test_the_number_of_directions(m: int, n_most: int, n: int) -> None:
    """Table I of Deb & Jain (2014): 91, 156 and 275 directions for 3, 8 and 10 objectives."""
    assert len(directions(m, n_most)) == n


def test_the_subset_is_spread_over_the_front() -> None:
    t = np.linspace(0, 1, 11)
    line = np.stack([t, 1 - t], axis=1)
    losses = np.concatenate([line + 0.5, line, line])  # dominated ones first, and each point twice
    assert sorted(losses[spread_subset(losses, 3), 0]) == [0, 0.5, 1]
    assert sorted(spread_subset(losses, 100)) == list(range(11, 22))
    assert len(spread_subset(losses, 1)) == 1
    assert list(spread_subset(np.ones((4, 2)), 3)) == [0]


@pytest.mark.parametrize("m", [2, 3, 5])
def test_the_subset_has_the_best_point_of_each_objective(m: int) -> None:
    losses = np.random.default_rng(m).normal(size=(60, m))
    chosen = spread_subset(losses, m + 2)
    assert len(chosen) == m + 2
    assert non_dominated(losses[chosen]).all()
    assert (losses[chosen].min(axis=0) == losses.min(axis=0)).all()


def test_the_result_is_a_set_of_points() -> None:
    evolution = NSGA2(n_points=7)
    problem = started(evolution, VLMOP2(3))
    assert isinstance(evolution.pareto_set, PointSet)
    assert evolution.pareto_set.n_points == 7
    for _ in range(3):
        evolution.step(train_batch(problem))
    assert 1 <= evolution.pareto_set.n_points <= 7
    assert math.isclose(evolution.pareto_set.n_stored_parameters, 3 * evolution.pareto_set.n_points)


def test_a_generation_without_offspring_is_counted() -> None:
    """With a population of equal members, all offspring are duplicates."""
    evolution = NSGA2(population=4)
    problem = started(evolution, VLMOP2(1))
    evolution.step(train_batch(problem))
    members = evolution.evolution.pop
    members.set("X", np.zeros((len(members), 1)))
    evolution.evolution.mating.mutation.prob.value = 0.0
    losses: Tensor = evolution.step(train_batch(problem))
    assert losses.shape == (4, 2)
    assert evolution.notes["generations without offspring"] == 1
    assert np.array_equal(evolution.evolution.pop.get("X"), np.zeros((4, 1)))
