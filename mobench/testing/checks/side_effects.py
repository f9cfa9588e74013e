"""Conformance check that a plugin does not change global state."""

from __future__ import annotations

from collections.abc import Callable

import torch

from mobench.interfaces import Dataset, seeded
from mobench.plugins import Entry, Kind, Spec
from mobench.testing import properties
from mobench.testing.outcomes import demand
from mobench.testing.small import built, first_samples, load, small, solver_for, trained
from mobench.testing.state_changes import TORCH_RANDOM, changes, imported_afresh, put_back, snapshot, stir

# the interfaces state that these draw from torch's global random state, which checkpoints save
MAY_DRAW: tuple[Kind, ...] = ("generator", "model", "solver")


def leaves_global_state_alone(entry: Entry) -> None:
    """Importing and using it leaves random states, defaults, threads, warnings, folder and environment as they were"""
    use = _USES[entry.kind]
    # a first use, because side effects of the first import of other libraries are not the plugin's
    with put_back():
        use(entry)
    allowed = (TORCH_RANDOM,) if entry.kind in MAY_DRAW else ()
    with put_back(), imported_afresh(_package(entry)):
        stir()  # setting the same seed again is a change too
        before = snapshot()
        use(entry)
        changed = changes(before, snapshot(), allowed)
    # loading a plugin restores what its import changed, and notes it
    demand(not (changed := list(dict.fromkeys([*changed, *entry.plugin.side_effects]))), "; ".join(changed))


def _package(entry: Entry) -> str:
    """The plugin's own top-level package; "" for a class of another package, which must not be imported twice."""
    target = entry.spec.target.partition(":")[0] if isinstance(entry.spec, Spec) else ""
    top = target.partition(".")[0]
    return top if top == entry.plugin.module.partition(".")[0] else ""


def _use_dataset(entry: Entry) -> None:
    dataset: Dataset = small(entry)
    batch = load(dataset, "train").take(slice(0, 8))
    random = seeded(0)
    batch.by_task(lambda part: dataset.prepare(dataset.augment(part, random)))
    load(dataset, "val")
    load(dataset, "test")
    dataset.known_front(10)


def _use_model(entry: Entry) -> None:
    from mobench.testing.checks.model_checks import served_net

    dataset, net = served_net(entry)
    net(dataset.prepare(first_samples(dataset, 4)).inputs)


def _use_generator(entry: Entry) -> None:
    problem, network, rays = built(entry)
    inputs = problem.prepare(first_samples(problem.dataset, 4)).inputs
    network(inputs, rays)
    with torch.no_grad():
        network.serve(rays[0])(inputs)


def _use_balancer(entry: Entry) -> None:
    for case in properties.cases(3, n_cases=4):
        case.answer(properties.started(small(entry), 3, n_cases=4))


def _use_sampler(entry: Entry) -> None:
    from mobench.testing.checks.sampler_checks import contexts, started

    for context in contexts(entry):
        started(entry, context).sample(0)


def _use_solver(entry: Entry) -> None:
    solver, problem = solver_for(entry)
    trained(solver, problem, 2)
    solver.load_state_dict(solver.state_dict())
    assert solver.pareto_set is not None


_USES: dict[Kind, Callable[[Entry], None]] = {
    "dataset": _use_dataset,
    "model": _use_model,
    "generator": _use_generator,
    "balancer": _use_balancer,
    "sampler": _use_sampler,
    "solver": _use_solver,
}
