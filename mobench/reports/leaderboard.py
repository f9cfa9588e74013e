"""Records to a leaderboard: one row per dataset, model and solver, estimates over seeds."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mobench.metrics import indicators
from mobench.reports.statistics import Estimate, estimate, rank_intervals
from mobench.runs.record import Front, Record

if TYPE_CHECKING:
    import pandas as pd

Key = tuple[str, str, str]


@dataclass
class Leaderboard:
    """A comparison table, and what has to be said beside it.

    table:    one row per dataset, model and solver; complete rows first, best hypervolume first.
    left_out: records that are not in the table, each with the reason.
    notes:    what a reader must know: identical records, single seeds, pooled fronts.
    sources:  (dataset, model, solver) of a row -> id of each of its records -> column -> the record's own value.
    """

    table: pd.DataFrame
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    sources: dict[Key, dict[str, dict[str, Any]]] = field(default_factory=dict)


def leaderboard(records: Sequence[Record]) -> Leaderboard:
    """The leaderboard of these records.

    Records of one dataset made under different protocol versions or budgets are not comparable: the
    version, and then the budget, of most records stays, and the others are named in `left_out`.
    IGD+ and ε are against the known front where records carry it, else against the pooled
    non-dominated test points of the leaderboard itself.
    """
    import pandas as pd

    kept, left_out = _comparable(records)
    if not kept:
        return Leaderboard(pd.DataFrame(columns=["dataset", "model", "solver"]), left_out, ["there are no records"])
    labels = labels_of(kept)
    groups: dict[Key, list[Record]] = defaultdict(list)
    for record in sorted(kept, key=lambda r: r.job.seeds.solver):
        groups[record.job.dataset.name, record.job.model.name, labels[record.id]].append(record)
    pooled = _pooled_fronts(kept)
    rows = []
    for dataset in sorted({key[0] for key in groups}):
        rows += _rows_of_dataset({k: g for k, g in groups.items() if k[0] == dataset}, pooled)
    sources = {key: {r.id: _own_values(key, r, pooled) for r in group} for key, group in groups.items()}
    return Leaderboard(pd.DataFrame(rows), left_out, _notes(kept, labels), sources)


def _comparable(records: Sequence[Record]) -> tuple[list[Record], list[str]]:
    """The records that may stand in one table, and why the others may not."""
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[record.job.dataset.name].append(record)
    kept, left_out = [], []
    for name, group in groups.items():
        group, out = _majority(group, lambda r: r.job.protocol, f"{name}: protocol")
        left_out += out
        group, out = _majority(
            group, lambda r: json.dumps([r.job.dataset.options, r.job.dataset.version]), f"{name}: dataset options"
        )
        left_out += out
        group, out = _majority(group, lambda r: r.job.budget.model_dump_json(exclude_none=True), f"{name}: budget")
        kept += group
        left_out += out
    return kept, left_out


def _majority(records: list[Record], value: Callable[[Record], str], what: str) -> tuple[list[Record], list[str]]:
    """The records of the value that most have (of equal ones the last in order)."""
    counts: dict[str, int] = defaultdict(int)
    for record in records:
        counts[value(record)] += 1
    best = max(counts, key=lambda v: (counts[v], v))
    out = [
        f"{record.job.solver.name} seed {record.job.seeds.solver} ({record.id}): {what} is {value(record)}, "
        f"the table's is {best}"
        for record in records
        if value(record) != best
    ]
    return [record for record in records if value(record) == best], out


def labels_of(records: Sequence[Record]) -> dict[str, str]:
    """Record id -> what its row is called: the solver, and where one solver has several sets of
    options, those that differ."""
    by_solver: dict[tuple[str, str, str], dict[str, dict[str, Any]]] = defaultdict(dict)
    for record in records:
        key = (record.job.dataset.name, record.job.model.name, record.job.solver.name)
        by_solver[key][record.id] = _flat_options(record)
    labels = {}
    for (_, _, solver), options in by_solver.items():
        names = sorted({name for o in options.values() for name in o})
        differing = [n for n in names if len({json.dumps(o.get(n)) for o in options.values()}) > 1]
        for id_, o in options.items():
            said = ", ".join(f"{n}={o.get(n)}" for n in differing)
            labels[id_] = f"{solver} ({said})" if said else solver
    return labels


def _flat_options(record: Record) -> dict[str, Any]:
    job, solver = record.job, record.job.solver
    parts = {"model": job.model, "solver": solver, "generator": solver.generator, "balancer": solver.balancer}
    return {f"{role}.{k}": v for role, part in parts.items() if part for k, v in part.options.items()}


def _pooled_fronts(records: Sequence[Record]) -> dict[str, Any]:
    """Dataset -> non-dominated test points of all its records together."""
    points: dict[str, list[list[float]]] = defaultdict(list)
    for record in records:
        if "test" in record.fronts:
            points[record.job.dataset.name] += record.fronts["test"].losses
    fronts = {name: np.array(p) for name, p in points.items()}
    return {name: front[indicators.non_dominated(front)] for name, front in fronts.items()}


def _rows_of_dataset(groups: dict[Key, list[Record]], pooled: dict[str, Any]) -> list[dict[str, Any]]:
    every_seed = {r.job.seeds.solver for group in groups.values() for r in group}
    rows = [(_status(group, every_seed), _row(key, group, pooled)) for key, group in groups.items()]
    complete = [row for status, row in rows if status == "complete"]
    complete.sort(key=lambda row: (-row["hypervolume"], row["solver"]))
    ranks = rank_intervals([Estimate(r["hypervolume"], r["hypervolume ±"], r["seeds"]) for r in complete])
    for row, rank in zip(complete, ranks, strict=True):
        row["rank"], row["status"] = rank, "complete"
    apart = sorted(((s, row) for s, row in rows if s != "complete"), key=lambda sr: sr[1]["solver"])
    for status, row in apart:
        row["rank"], row["status"] = "–", status
    return complete + [row for _, row in apart]


def _status(group: list[Record], every_seed: set[int]) -> str:
    bad = [f"{r.status} at seed {r.job.seeds.solver}" for r in group if r.status != "completed"]
    missing = sorted(every_seed - {r.job.seeds.solver for r in group})
    said = bad + ([f"no record at seed {', '.join(map(str, missing))}"] if missing else [])
    return "; ".join(said) or "complete"


def _row(key: Key, group: list[Record], pooled: dict[str, Any]) -> dict[str, Any]:
    good = [r for r in group if r.status == "completed"]
    dataset, model, solver = key
    row: dict[str, Any] = {"dataset": dataset, "rank": "", "solver": solver, "model": model, "seeds": len(good)}

    def add(name: str, values: Sequence[float | None], interval: bool = False) -> None:
        e = estimate([v for v in values if v is not None])
        row[name] = e.mean
        if interval:
            row[f"{name} ±"] = e.half_width

    add("hypervolume", [r.indicators["test"]["hypervolume"] for r in good], interval=True)
    add("hypervolume at equal K", [_at_few(r).get("hypervolume") for r in good], interval=True)
    add("validation − test", [_gap(r) for r in good])
    add("IGD+", [_against(r, pooled[dataset], "igd_plus", indicators.igd_plus) for r in good])
    add("ε", [_against(r, pooled[dataset], "epsilon", indicators.additive_epsilon) for r in good])
    for label, name in _FROM_RECORD.items():
        add(label, [r.indicators["test"].get(name) for r in good])
    for place in ("first", "middle", "last"):
        for name in _metric_names(good):
            add(f"{name} ({place} ray)", [_at_place(r.fronts["test"], name, place) for r in good])
    costs = [r.cost for r in good if r.cost is not None]
    for label, read in _COSTS.items():
        add(label, [read(c) for c in costs])
    row["status"] = ""
    return row


def _own_values(key: Key, record: Record, pooled: dict[str, Any]) -> dict[str, Any]:
    """What one record gives to its row; nothing where it has no result."""
    if record.status != "completed":
        return {}
    row = _row(key, [record], pooled)
    return {name: v for name, v in row.items() if not isinstance(v, str) and name != "seeds" and not is_missing(v)}


_FROM_RECORD = {
    "GD": "gd",
    "R2": "r2",
    "non-uniformity": "non_uniformity",
    "controllability": "controllability",
    "spacing": "spacing",
    "non-dominated": "n_non_dominated",
}

_COSTS: dict[str, Callable[[Any], float]] = {
    "training s": lambda c: c.training_seconds,
    "steps": lambda c: c.steps,
    "nets": lambda c: c.n_models,
    "stored parameters": lambda c: c.stored_parameters,
    "served parameters": lambda c: c.served_parameters,
    "peak MB": lambda c: c.peak_bytes / 1e6,
    "switch ms": lambda c: c.switch_seconds * 1e3,
    "ms per sample": lambda c: c.inference_seconds_per_sample * 1e3,
}


def _at_few(record: Record) -> dict[str, float | None]:
    """The indicators at equal K: those of the split named "test@K"."""
    return next((values for split, values in record.indicators.items() if split.startswith("test@")), {})


def _gap(record: Record) -> float | None:
    val, test = (record.indicators.get(split, {}).get("hypervolume") for split in ("val", "test"))
    return None if val is None or test is None else val - test


def _against(record: Record, pooled: Any, name: str, indicator: Callable[[Any, Any], float]) -> float | None:
    if name in record.indicators["test"]:
        return record.indicators["test"][name]
    return indicator(record.fronts["test"].losses, pooled)


def _metric_names(records: Sequence[Record]) -> list[str]:
    return list(records[0].fronts["test"].metrics) if records else []


def _at_place(front: Front, name: str, place: str) -> float:
    """A metric at the first, last or most balanced ray."""
    spread = [max(r) - min(r) for r in front.preferences]
    index = {"first": 0, "middle": int(np.argmin(spread)), "last": -1}[place]
    return front.metrics[name][index]


def _notes(records: Sequence[Record], labels: dict[str, str]) -> list[str]:
    notes = []
    by_digest: dict[str, set[str]] = defaultdict(set)
    for record in records:
        if record.status == "completed":
            by_digest[record.digest].add(labels[record.id])
    notes += [f"identical to the bit: {', '.join(sorted(names))}" for names in by_digest.values() if len(names) > 1]
    counts = [sum(1 for r in records if labels[r.id] == name) for name in set(labels.values())]
    if counts and min(counts) < 2:
        notes.append("with a single seed there is no interval, and ranks are not separated")
    if any("igd_plus" not in r.indicators.get("test", {"igd_plus": None}) for r in records):
        notes.append("IGD+ and ε are against the pooled non-dominated test points of this leaderboard")
    return notes


def is_missing(value: Any) -> bool:
    """True for a cell without a value."""
    return value is None or (isinstance(value, float) and math.isnan(value))
