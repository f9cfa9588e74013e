"""The leaderboard of a set of records: one row per dataset, model and solver, with estimates over seeds."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mobench.records.outline import Measured
from mobench.reports.analysis.comparable import select
from mobench.reports.analysis.costs import CONSTANT_COSTS
from mobench.reports.analysis.measurements import NAMES, measurements
from mobench.reports.analysis.notes import (
    ROW,
    approximate_volumes,
    beyond_reference,
    incomplete_rows,
    missing_values,
)
from mobench.reports.analysis.relative_change import relative_changes
from mobench.reports.analysis.row_labels import labels_of
from mobench.reports.analysis.statistics import Estimate, half_widths, paired_rank_intervals, place_among

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Leaderboard", "is_missing", "labels_of", "leaderboard"]


@dataclass
class Leaderboard:
    """A comparison table with its notes.

    table:    one row per dataset, model and solver. Complete rows come first, sorted by hypervolume, best first.
              Each quantity is a mean over seeds; column "<name> ±" holds the half width of its 95 % interval.
    left_out: the records that are not in the table, each with the reason.
    notes:    warnings for the reader: rows that lack seeds or values, fronts beyond the reference point, identical
              records, single seeds, pooled fronts, imported rows.
    measured: the measurements that the table summarises, one row per record (see `measurements`).
    boxes:    dataset -> volume of the box between ideal and reference point, for protocols that state both.
    """

    table: pd.DataFrame
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    measured: pd.DataFrame | None = None
    boxes: dict[str, float] = field(default_factory=dict)


def leaderboard(records: Sequence[Measured], protocols: Sequence[str] = ()) -> Leaderboard:
    """Return the leaderboard of the records; records that cannot be compared are listed in `left_out`.

    Rows are ranked by hypervolume. Ranks are intervals (see `paired_rank_intervals`) and are computed among the
    complete rows, which have a completed record for every seed of their dataset. Incomplete rows follow below,
    without a rank. An imported row has its rank in brackets: the place of its 95 % interval among the ranked rows.

    protocols: the protocol versions to show, for datasets with records under several versions (see `select`).

    Raises: OptionError for a protocol version that no record has.
    """
    import pandas as pd

    chosen = select(records, protocols)
    if not chosen.records:
        return Leaderboard(pd.DataFrame(columns=["dataset", "model", "solver"]), chosen.left_out, _NOTHING)
    measured = measurements(chosen.records)
    table = _estimates(measured)
    table = pd.concat([_ranked(part, measured) for _, part in table.groupby("dataset", sort=True)])
    table = table[[*_FIRST, *(c for c in table.columns if c not in (*_FIRST, "status")), "status"]]
    notes = [
        *chosen.notes,
        *incomplete_rows(table, measured),
        *missing_values(chosen.records, measured),
        *beyond_reference(chosen.records, measured),
        *approximate_volumes(chosen.records, measured),
        *relative_changes(chosen.records).notes,
        *_notes(chosen.records, measured),
    ]
    return Leaderboard(table.reset_index(drop=True), chosen.left_out, notes, measured, _boxes(chosen.records))


_NOTHING = ["there are no records"]
_FIRST = ["dataset", "rank", "solver", "model", "seeds"]


def _boxes(records: Sequence[Measured]) -> dict[str, float]:
    """Return dataset -> volume between ideal and reference point; the records of a dataset have the same protocol."""
    boxes = {}
    for record in records:
        ideal, reference = (record.protocol.get(name) for name in ("ideal", "reference"))
        if ideal is not None and reference is not None:
            boxes[record.job.dataset.name] = float(np.prod(np.subtract(reference, ideal)))
    return boxes


def _estimates(measured: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the table without ranks: means over completed records, half widths and status."""
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
        if name not in CONSTANT_COSTS:
            columns[f"{name} ±"] = half_widths(deviations[name].to_numpy(), counts[name].to_numpy())
    # create all columns at once: pandas warns of a fragmented frame when a hundred columns are added one by one
    numbers = pd.DataFrame(columns, index=table.index)
    return pd.concat([table, numbers], axis=1).join(_statuses(measured)).reset_index()


def _statuses(measured: pd.DataFrame) -> pd.Series[str]:
    """Return the status of each row: "complete", "imported", or the seeds that failed or are missing."""
    import pandas as pd

    trained = measured[~measured["imported"]]
    seeds_of = trained.groupby("dataset")["seed"]
    seeds_by_dataset: dict[Any, list[str]] = {dataset: list(dict.fromkeys(seeds)) for dataset, seeds in seeds_of}
    statuses = {}
    for key, group in measured.groupby(ROW):
        seeds = list(group["seed"])
        bad = [f"{s} at seed {n}" for s, n in zip(group["status"], seeds, strict=True) if s != "completed"]
        missing = sorted(set(seeds_by_dataset.get(key[0], [])).difference(seeds), key=_natural)
        reasons = bad + ([f"no record at seed {', '.join(missing)}"] if missing else [])
        statuses[key] = "imported" if group["imported"].all() else "; ".join(reasons) or "complete"
    index = pd.MultiIndex.from_tuples(list(statuses), names=ROW)
    return pd.Series(list(statuses.values()), index=index, name="status")


def _natural(seed: str) -> tuple[int, str]:
    return (len(seed), seed)


def _ranked(part: pd.DataFrame, measured: pd.DataFrame) -> pd.DataFrame:
    """Return one dataset's rows with ranks: complete and imported rows by hypervolume, then incomplete rows."""
    import pandas as pd

    is_complete = part["status"] == "complete"
    is_imported = part["status"] == "imported"
    order = part[is_complete | is_imported].sort_values(
        ["hypervolume", "solver", "model"], ascending=[False, True, True]
    )
    rest = part[~(is_complete | is_imported)].sort_values(["solver", "model"])
    ranks = dict.fromkeys(rest.index, "–")
    complete = order[order["status"] == "complete"]
    if len(complete):
        seeds = scores(measured, complete)
        ranks |= dict(zip(complete.index, paired_rank_intervals(seeds.to_numpy()), strict=True))
    complete_volumes = _hypervolumes(complete)
    for index, estimate in zip(order.index, _hypervolumes(order), strict=True):
        if index not in ranks:
            ranks[index] = f"({place_among(estimate, complete_volumes)})"
    table = pd.concat([order, rest])
    return table.assign(rank=[ranks[index] for index in table.index])


def scores(measured: pd.DataFrame, rows: pd.DataFrame, column: str = "hypervolume") -> pd.DataFrame:
    """Return one quantity of some rows of a dataset: one line per seed, one column per row, in the order of `rows`."""
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
    """Return a note for each group of solvers on one dataset whose records are identical to the bit.

    Different methods should never give identical records. A digest reads the whole record, so digests are computed
    only for records with equal hypervolume. An imported front has no trace; it is compared by its test losses.
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
        has_import = any(r.imported is not None for r in same)
        for record in same:
            groups[dataset, record.digest].add(names[record.id])
            if has_import:
                groups[dataset, str(np.asarray(record.fronts["test"].losses).tolist())].add(names[record.id])
    notes = {
        f"{dataset}: identical to the bit: {', '.join(sorted(solvers))}"
        for (dataset, _), solvers in groups.items()
        if len(solvers) > 1
    }
    return sorted(notes)


def is_missing(value: Any) -> bool:
    """Return whether a cell has no value (None or NaN)."""
    return value is None or (isinstance(value, float) and math.isnan(value))
