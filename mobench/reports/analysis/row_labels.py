"""Labels of the rows and seeds of a table."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from mobench.jobs.job import Job, Part, SeedSet
from mobench.records.outline import Measured

IMPORTED = " (imported)"

OptionKey = tuple[Any, ...]


def labels_of(records: Sequence[Measured]) -> dict[str, str]:
    """Return record id -> label of its row: the solver, with the options or versions that distinguish its rows.

    An option that a job does not state is not in its label. An imported front is marked as imported.
    """
    # records that differ only in seeds share their options, so the options are compared once per kind
    by_solver: dict[tuple[str, ...], dict[OptionKey, list[Measured]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        job = record.job
        mark = IMPORTED if record.imported is not None else ""
        by_solver[job.dataset.name, job.model.name, job.solver.name, mark][_kind(job)].append(record)
    labels: dict[str, str] = {}
    for (_, _, solver, mark), kinds in by_solver.items():
        options = {kind: _differing(members[0].job) for kind, members in kinds.items()}
        values: dict[str, set[str]] = defaultdict(set)
        names = {name for o in options.values() for name in o}
        for o in options.values():
            for name in names:
                values[name].add(json.dumps(o.get(name)))
        differing = sorted(name for name in names if len(values[name]) > 1)
        for kind, members in kinds.items():
            description = ", ".join(f"{n}={options[kind][n]}" for n in differing if n in options[kind])
            labels |= dict.fromkeys(
                (r.id for r in members), (f"{solver} ({description})" if description else solver) + mark
            )
    return labels


def seed_name(seeds: SeedSet) -> str:
    """Return the seed if all sources of variation share it, else the seed of each source."""
    if len(set(seed_order(seeds))) == 1:
        return str(seeds.solver)
    return ", ".join(f"{axis} {seed}" for axis, seed in seeds)


def seed_order(seeds: SeedSet) -> tuple[int, ...]:
    """Return the sort key of a set of seeds."""
    return (seeds.solver, seeds.data, seeds.initialisation, seeds.preferences)


def _parts(job: Job) -> dict[str, Part]:
    """Return the parts whose options distinguish rows of one dataset."""
    return {role: part for role, part in job.parts.items() if role != "dataset"}


def _kind(job: Job) -> OptionKey:
    """Return the values that `_differing` depends on, for jobs of one solver."""
    return (*((role, part.text) for role, part in _parts(job).items()), job.n_looks, job.interface)


def _differing(job: Job) -> dict[str, Any]:
    """Return all options that can distinguish two rows of one solver."""
    parts = _parts(job)
    options = {f"{role}.{k}": v for role, part in parts.items() for k, v in part.options.items()}
    versions = {f"{role} version": part.version for role, part in parts.items()}
    return {**options, **versions, "looks": job.n_looks, "interface": job.interface}
