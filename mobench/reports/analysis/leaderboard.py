"""Records to a leaderboard: one row per dataset, model and solver, estimates over seeds."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mobench.records.outline import Measured
from mobench.reports.analysis.comparable import select
from mobench.reports.analysis.labels import labels_of
from mobench.reports.analysis.measurements import NAMES, measurements
from mobench.reports.analysis.notes import ROW, beyond_reference, incomplete_rows, missing_values
from mobench.reports.analysis.statistics import Estimate, half_widths, paired_rank_intervals, place_among

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Leaderboard", "is_missing", "labels_of", "leaderboard"]

CONSTANT = frozenset({"steps", "nets", "stored parameters", "served parameters"})
"""Quantities that no seed changes, and that therefore have no interval."""


@dataclass
class Leaderboard:
    """A comparison table, and what has to be said beside it.

    table:    one row per dataset, model and solver; complete rows first, best hypervolume first. Each
              quantity is a mean over seeds; the half width of its 95 % interval stands in "<name> ±".
    left_out: records that are not in the table, each with the reason.
    notes:    what a reader must know: rows that lack seeds or values, fronts beyond the reference point, identical
              records, single seeds, pooled fronts, imported rows.
    measured: what the table is made of, one row per record (see `measurements`).
    """

    table: pd.DataFrame
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    measured: pd.DataFrame | None = None


def leaderboard(records: Sequence[Measured], protocols: Sequence[str] = ()) -> Leaderboard:
    """The leaderboard of these records; those that cannot be compared are named in `left_out`.

    Ranks are by hypervolume, as intervals (see `paired_rank_intervals`), among the rows that have a
    completed record of every seed of their data set; the others stand apart below, with no rank. A row
    that was imported has its rank in brackets: the place that its 95 % interval would have among the rest.

    protocols: versions to show, for data sets that have records under several (see `select`).
    Raises: OptionError for a protocol version that no record was made under.
    """
    import pandas as pd

    chosen = select(records, protocols)
    if not chosen.kept:
        return Leaderboard(pd.DataFrame(columns=["dataset", "model", "solver"]), chosen.left_out, _NOTHING)
    measured = measurements(chosen.kept)
    table = _estimates(measured)
    table = pd.concat([_ranked(part, measured) for _, part in table.groupby("dataset", sort=True)])
    table = table[[*_FIRST, *(c for c in table.columns if c not in (*_FIRST, "status")), "status"]]
    notes = [
        *chosen.notes,
        *incomplete_rows(table, measured),
        *missing_values(chosen.kept, measured),
        *beyond_reference(chosen.kept, measured),
        *_notes(chosen.kept, measured),
    ]
    return Leaderboard(table.reset_index(drop=True), chosen.left_out, notes, measured)


_NOTHING = ["there are no records"]
_FIRST = ["dataset", "rank", "solver", "model", "seeds"]


def _estimates(measured: pd.DataFrame) -> pd.DataFrame:
    """Rows of the table, without ranks: means over completed records, half widths, and status."""
    import pandas as pd

    good = measured.where(measured["status"] == "completed")
    values = [str(c) for c in measured.columns if c not in NAMES]
    grouped = good[values].groupby([measured[c] for c in ROW])
    means, deviations, counts = grouped.mean(), grouped.std(), grouped.count()
    table = grouped.size().to_frame("seeds")[[]]
    table["seeds"] = (measured["status"] == "completed").groupby([measured[c] for c in ROW]).sum()
    columns: dict[str, Any] = {}
    for name in values:
        columns[name] = means[name]
        if name not in CONSTANT:
            columns[f"{name} ±"] = half_widths(deviations[name].to_numpy(), counts[name].to_numpy())
    # one frame of all columns: added one by one, a hundred of them are a hundred blocks, of which pandas warns
    numbers = pd.DataFrame(columns, index=table.index)
    return pd.concat([table, numbers], axis=1).join(_statuses(measured)).reset_index()


def _statuses(measured: pd.DataFrame) -> pd.Series[str]:
    """Of each row "complete", "imported", or what is missing or went wrong at which seeds."""
    import pandas as pd

    here = measured[~measured["imported"]]
    seeds_of = here.groupby("dataset")["seed"]
    every: dict[Any, list[str]] = {dataset: list(dict.fromkeys(seeds)) for dataset, seeds in seeds_of}
    found = {}
    for key, group in measured.groupby(ROW):
        seeds = list(group["seed"])
        bad = [f"{s} at seed {n}" for s, n in zip(group["status"], seeds, strict=True) if s != "completed"]
        missing = sorted(set(every.get(key[0], [])).difference(seeds), key=_natural)
        said = bad + ([f"no record at seed {', '.join(missing)}"] if missing else [])
        found[key] = "imported" if group["imported"].all() else "; ".join(said) or "complete"
    index = pd.MultiIndex.from_tuples(list(found), names=ROW)
    return pd.Series(list(found.values()), index=index, name="status")


def _natural(seed: str) -> tuple[int, str]:
    return (len(seed), seed)


def _ranked(part: pd.DataFrame, measured: pd.DataFrame) -> pd.DataFrame:
    """The rows of one data set in order, with their ranks: complete and imported ones by hypervolume, then the rest."""
    import pandas as pd

    whole = part["status"] == "complete"
    foreign = part["status"] == "imported"
    order = part[whole | foreign].sort_values(["hypervolume", "solver", "model"], ascending=[False, True, True])
    rest = part[~(whole | foreign)].sort_values(["solver", "model"])
    ranks = dict.fromkeys(rest.index, "–")
    complete = order[order["status"] == "complete"]
    if len(complete):
        seeds = scores(measured, complete)
        ranks |= dict(zip(complete.index, paired_rank_intervals(seeds.to_numpy()), strict=True))
    here = _hypervolumes(complete)
    for index, estimate in zip(order.index, _hypervolumes(order), strict=True):
        if index not in ranks:
            ranks[index] = f"({place_among(estimate, here)})"
    table = pd.concat([order, rest])
    return table.assign(rank=[ranks[index] for index in table.index])


def scores(measured: pd.DataFrame, rows: pd.DataFrame, column: str = "hypervolume") -> pd.DataFrame:
    """A quantity of some rows of one data set's table: seeds down, the rows across in their order."""
    dataset = rows["dataset"].iloc[0]
    part = measured[(measured["dataset"] == dataset) & (measured["status"] == "completed")]
    wide = part.pivot(index="seed", columns=["model", "solver"], values=column)
    chosen: pd.DataFrame = wide[list(zip(rows["model"], rows["solver"], strict=True))]
    return chosen.dropna(how="all")


def _hypervolumes(rows: pd.DataFrame) -> list[Estimate]:
    columns = ("hypervolume", "hypervolume ±", "seeds")
    return [Estimate(float(m), float(h), int(n)) for m, h, n in zip(*(rows[c] for c in columns), strict=True)]


def _notes(records: Sequence[Measured], measured: pd.DataFrame) -> list[str]:
    notes = _identical(records, measured)
    single = [str(d) for d, part in measured[~measured["imported"]].groupby("dataset") if part["seed"].nunique() < 2]
    if single:
        notes.append(f"{', '.join(single)}: with a single seed there is no interval, and ranks are not separated")
    if any(r.imported is None and "igd_plus" not in r.indicators.get("test", {"igd_plus": None}) for r in records):
        notes.append("IGD+ and ε are against the pooled non-dominated test points of this leaderboard")
    notes += list(dict.fromkeys(_origin(r) for r in records if r.imported is not None))
    return notes


def _origin(record: Measured) -> str:
    assert record.imported is not None
    source = f", {record.imported.source}" if record.imported.source else ""
    return (
        f"{record.job.solver.name} on {record.job.dataset.name} was imported ({record.imported.file}{source}): its "
        "losses are as stated there, it is in no test, and its rank is the place that it would have"
    )


def _identical(records: Sequence[Measured], measured: pd.DataFrame) -> list[str]:
    """Rows of one data set that agree to the bit, which different methods never should.

    Digests are taken only of records that share a hypervolume, as they read the whole record. An imported
    front has no trace: it is identical where its test losses are.
    """
    names = dict(zip(measured["id"].tolist(), measured["solver"].tolist(), strict=True))
    suspects: dict[tuple[str, float | None], list[Measured]] = defaultdict(list)
    for record in records:
        if record.status == "completed":
            suspects[record.job.dataset.name, record.indicators["test"]["hypervolume"]].append(record)
    groups: dict[tuple[str, str], set[str]] = defaultdict(set)
    for (dataset, _), same in suspects.items():
        if len({names[r.id] for r in same}) < 2:
            continue
        foreign = any(r.imported is not None for r in same)
        for record in same:
            groups[dataset, record.digest].add(names[record.id])
            if foreign:
                groups[dataset, str(np.asarray(record.fronts["test"].losses).tolist())].add(names[record.id])
    said = {
        f"{dataset}: identical to the bit: {', '.join(sorted(solvers))}"
        for (dataset, _), solvers in groups.items()
        if len(solvers) > 1
    }
    return sorted(said)


def is_missing(value: Any) -> bool:
    """True for a cell without a value."""
    return value is None or (isinstance(value, float) and math.isnan(value))
