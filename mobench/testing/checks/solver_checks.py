"""Conformance checks of solvers, including pairs of a generator and a balancer."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from mobench.interfaces import PointSet, Problem, Solver
from mobench.learning.batches import Batches
from mobench.learning.preferences import dense_rays, finite_rays
from mobench.metrics.evaluation import evaluate
from mobench.metrics.indicators import hypervolume
from mobench.plugins import Entry, Pair
from mobench.random_state import seed_torch
from mobench.testing.isolation import device, elsewhere, saved_and_read
from mobench.testing.outcomes import Declined, demand
from mobench.testing.small import (
    N_STEPS,
    batch_of,
    batches_of,
    load,
    small,
    solver_for,
    start,
    trained,
    trained_losses,
    watched_solver,
)
from mobench.testing.varied_problems import varied_problems


def declines_before_it_starts(entry: Entry) -> None:
    """What it does not serve is declined by check, before a network is built or data is loaded"""
    if isinstance(entry.spec, Pair):
        raise Declined("the generator of a pair is checked")
    for varied in varied_problems():
        solver: Solver = small(entry)
        problem = varied.problem
        if varied.is_accepted(partial(solver.check, problem), "check"):
            varied.demand_that_it_is_built(partial(start, solver, problem), "start", "check")


def trains_and_can_be_judged(entry: Entry) -> None:
    """A few steps give finite losses [K, m], and a Pareto set that can be judged"""
    solver, problem = solver_for(entry)
    trained(solver, problem, _n_steps(solver))
    losses = solver.step(*batches_of(solver, problem, N_STEPS))
    m = problem.n_objectives
    demand(
        losses.ndim == 2 and losses.shape[1] == m,
        f"step returned losses of shape {tuple(losses.shape)}: return [K, {m}], a row for each preference of the step",
    )
    demand(not losses.requires_grad, "step returned losses with a graph: return losses.detach()")
    pareto_set = solver.pareto_set
    own_rays = None if isinstance(pareto_set, PointSet) else pareto_set.rays
    rays = finite_rays(m) if own_rays is None else own_rays
    if isinstance(pareto_set, PointSet):
        demand(pareto_set.n_points > 0, f"n_points is {pareto_set.n_points}: return the number of points, at least 1")
    front = evaluate(pareto_set, problem, load(problem.dataset, "test"), rays)
    demand(
        torch.isfinite(torch.as_tensor(front.losses)).all(),
        "the front's losses are not finite: keep the weights finite",
    )
    stored = pareto_set.n_stored_parameters
    demand(stored > 0, f"n_stored_parameters is {stored}: count the numbers needed to serve every preference")


def learns(entry: Entry) -> None:
    """Steps change the Pareto set"""
    solver, problem = solver_for(entry)
    start(solver, problem)
    before = [values.clone() for values in _served(solver, problem)]
    batches = batches_of(solver, problem, 0)
    problem.train(True)
    for _ in range(max(2 * N_STEPS, _n_steps(solver))):
        solver.step(*batches)
    demand(
        not all(map(torch.equal, before, _served(solver, problem))),
        "steps leave every prediction as it was: let pareto_set serve what step trains",
    )


def improves_within_its_steps(entry: Entry) -> None:
    """A solver that states how many steps it needs has a better front after them"""
    solver, problem = solver_for(entry)
    if solver.steps_to_learn is None:
        raise Declined("it states no steps_to_learn")
    start(solver, problem)
    rays = finite_rays(problem.n_objectives)
    samples, batches = Batches(load(problem.dataset, "train"), 16, 0).at(0), batches_of(solver, problem, 0)
    before = evaluate(solver.pareto_set, problem, samples, rays).losses
    problem.train(True)
    for _ in range(_n_steps(solver)):
        solver.step(*batches)
    after = evaluate(solver.pareto_set, problem, samples, rays).losses
    reference = before.max(axis=0) + 0.1 * np.ptp(before, axis=0) + 1e-6
    first, last = hypervolume(before, reference), hypervolume(after, reference)
    demand(
        last > first,
        f"after {solver.steps_to_learn} steps on one batch, the hypervolume of its front is {last:.6g}, and it was "
        f"{first:.6g} before: keep what lowers the losses, or state more steps in steps_to_learn",
    )


def moves_with_the_preference(entry: Entry) -> None:
    """A new preference moves the prediction"""
    solver, problem = solver_for(entry)
    trained(solver, problem, _n_steps(solver))
    if isinstance(solver.pareto_set, PointSet):
        raise Declined("its points belong to no preference")
    rays = solver.pareto_set.rays
    if problem.n_objectives == 1 or (rays is not None and len(rays) == 1):
        raise Declined("it serves one preference")
    first, *_, last = _served(solver, problem)
    demand(
        not torch.equal(first, last),
        "every preference is served the same prediction: let serve(preference) depend on it, or state one ray in rays",
    )


def has_different_points(entry: Entry) -> None:
    """The points of a set without preferences give different predictions"""
    solver, problem = solver_for(entry)
    trained(solver, problem, _n_steps(solver))
    if not isinstance(solver.pareto_set, PointSet) or solver.pareto_set.n_points == 1:
        raise Declined("its points belong to preferences, or there is one only")
    first, *_, last = _served(solver, problem)
    demand(
        not torch.equal(first, last),
        f"the first and the last of {solver.pareto_set.n_points} points give the same prediction: let predictor(index) "
        "depend on the index, or state one point in n_points",
    )


def uses_every_batch(entry: Entry) -> None:
    """Each batch that it asks for has an effect on what it learns"""
    n_batches = solver_for(entry)[0].n_batches
    if n_batches == 1:
        raise Declined("it takes one batch per step")

    def losses_after_step(replaced: int | None) -> Tensor:
        solver, problem = solver_for(entry, min_samples=32)
        start(solver, problem)
        problem.train(True)
        batches, others = batches_of(solver, problem, 0), batches_of(solver, problem, 1)
        solver.step(*(others[i] if i == replaced else batch for i, batch in enumerate(batches)))
        return solver.step(*batches)

    expected = losses_after_step(None)
    for i in range(n_batches):
        demand(
            not torch.equal(losses_after_step(i), expected),
            f"n_batches is {n_batches}, but batch {i} has no effect on the next step: use it, or ask for fewer batches",
        )


def heeds_the_seed(entry: Entry) -> None:
    """The same seeds give the same losses to the bit, other seeds others"""
    first, second, third = (trained_losses(entry, N_STEPS, seed) for seed in (1, 1, 2))
    demand(
        torch.equal(first, second),
        "the same seeds gave other losses in a second run: draw from torch's global random state or from a generator "
        "seeded by setting.seeds, and from nothing else",
    )
    demand(
        not torch.equal(first, third),
        "every seed gives the same losses: draw from torch's global random state, which mobench seeds, and do "
        "not seed it",
    )


def resumes_from_its_state(entry: Entry) -> None:
    """A state dict, saved and read back, continues as if never interrupted"""
    first, problem = solver_for(entry, seed=1)
    second, _ = solver_for(entry, seed=1)
    problem.train(True)
    for solver in (first, second):
        start(solver, problem, seed=1)
    for step in range(2):
        first.step(*batches_of(first, problem, step))
    second.load_state_dict(saved_and_read(first.state_dict()))
    went_on: list[Tensor] = []
    for solver in (first, second):
        seed_torch(9)
        went_on += [solver.step(*batches_of(solver, problem, step)) for step in (2, 3)]
    if any(isinstance(m, nn.Dropout) for m in problem.target.modules()):
        return  # the two solvers share a target network, and each would need its own random state
    demand(
        torch.equal(went_on[0], went_on[2]) and torch.equal(went_on[1], went_on[3]),
        "after load_state_dict its losses differ: put everything that start made and steps changed into state_dict, "
        "the optimiser's state and a torch.Generator's get_state() among it",
    )


def trains_in_both_precisions(entry: Entry) -> None:
    """It trains in float32 and in float64"""
    for dtype in (torch.float32, torch.float64):
        solver, problem = solver_for(entry, dtype=dtype)
        start(solver, problem)
        losses = solver.step(*batches_of(solver, problem, 0))
        demand(
            losses.dtype == dtype,
            f"losses are {losses.dtype} where the problem is {dtype}: make tensors in problem.dtype",
        )


def trains_on_a_gpu(entry: Entry) -> None:
    """It trains on a CUDA device, where there is one"""
    if not torch.cuda.is_available():
        raise Declined("no CUDA device is here, and a step looks at values, which the meta device has not")
    with elsewhere():
        solver, problem, _ = watched_solver(entry, device=device())
        start(solver, problem)
        losses = solver.step(*batches_of(solver, problem, 0))
    demand(torch.isfinite(losses).all(), f"losses on a GPU are {losses.tolist()}: make them finite")


def touches_no_test_data(entry: Entry) -> None:
    """Training loads no test split"""
    solver, problem, loaded = watched_solver(entry)
    trained(solver, problem, N_STEPS)
    assert solver.pareto_set is not None
    demand(
        "test" not in loaded,
        "the test split was loaded during training: learn from the batch that step is given; mobench evaluates later",
    )


def _n_steps(solver: Solver) -> int:
    """Return the number of steps after which the Pareto set is tested."""
    return max(N_STEPS, solver.steps_to_learn or 0)


def _served(solver: Solver, problem: Problem) -> list[Tensor]:
    """Predictions for the first and the last preference or point, all heads in one."""
    pareto_set, inputs = solver.pareto_set, problem.parts(batch_of(problem, 0))[0][1].inputs
    problem.train(False)
    if isinstance(pareto_set, nn.Module):
        pareto_set.eval()
    with torch.no_grad():
        if isinstance(pareto_set, PointSet):
            ends = [pareto_set.predictor(index)(inputs) for index in (0, pareto_set.n_points - 1)]
        else:
            rays = dense_rays(problem.n_objectives) if pareto_set.rays is None else pareto_set.rays
            ends = [pareto_set.serve(ray.to(problem.device, problem.dtype))(inputs) for ray in (rays[0], rays[-1])]
    if isinstance(pareto_set, nn.Module):
        pareto_set.train()
    return [torch.cat([values.flatten() for values in outputs.values()]) for outputs in ends]
