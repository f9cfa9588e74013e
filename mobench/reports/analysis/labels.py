"""What the rows and seeds of a table are called."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from mobench.jobs.job import Job, Part, SeedSet
from mobench.records.outline import Measured

IMPORTED = " (imported)"

Kind = tuple[Any, ...]


def labels_of(records: Sequence[Measured]) -> dict[str, str]:
    """Record id -> what its row is called: the solver, and where one solver has several sets of
    options or versions, those that differ. An option that its job does not state is not in the label.
    A front from another program is marked as imported."""
    # seeds share their options: what is asked of options is asked once for all of a kind
    by_solver: dict[tuple[str, ...], dict[Kind, list[Measured]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        job = record.job
        mark = IMPORTED if record.imported is not None else ""
        by_solver[job.dataset.name, job.model.name, job.solver.name, mark][_kind(job)].append(record)
    labels: dict[str, str] = {}
    for (_, _, solver, mark), kinds in by_solver.items():
        options = {kind: _differing(alike[0].job) for kind, alike in kinds.items()}
        values: dict[str, set[str]] = defaultdict(set)
        names = {name for o in options.values() for name in o}
        for o in options.values():
            for name in names:
                values[name].add(json.dumps(o.get(name)))
        differing = sorted(name for name in names if len(values[name]) > 1)
        for kind, alike in kinds.items():
            said = ", ".join(f"{n}={options[kind][n]}" for n in differing if n in options[kind])
            labels |= dict.fromkeys((r.id for r in alike), (f"{solver} ({said})" if said else solver) + mark)
    return labels


def seed_name(seeds: SeedSet) -> str:
    """The seed, where all sources of variation have the same; else each of them."""
    if len(set(seed_order(seeds))) == 1:
        return str(seeds.solver)
    return ", ".join(f"{axis} {seed}" for axis, seed in seeds)


def seed_order(seeds: SeedSet) -> tuple[int, ...]:
    """What seeds are sorted by."""
    return (seeds.solver, seeds.data, seeds.initialisation, seeds.preferences)


def _parts(job: Job) -> dict[str, Part]:
    solver = job.solver
    parts = {"model": job.model, "solver": solver, "generator": solver.generator, "balancer": solver.balancer}
    return {role: part for role, part in parts.items() if part}


def _kind(job: Job) -> Kind:
    """What `_differing` depends on, as far as jobs of one solver go."""
    return (*((role, part.text) for role, part in _parts(job).items()), job.n_looks, job.interface)


def _differing(job: Job) -> dict[str, Any]:
    """All that may tell two rows of one solver apart."""
    given = _parts(job)
    options = {f"{role}.{k}": v for role, part in given.items() for k, v in part.options.items()}
    versions = {f"{role} version": part.version for role, part in given.items()}
    return {**options, **versions, "looks": job.n_looks, "interface": job.interface}
