"""The leaderboard of a set of records: one row per dataset, model and solver, with estimates over seeds."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mobench.records.outline import Measured
from mobench.reports.analysis.comparable import select
from mobench.reports.analysis.costs import CONSTANT_COSTS, TIMES
from mobench.reports.analysis.measurements import NAMES, measurements
from mobench.reports.analysis.note import Note
from mobench.reports.analysis.notes import (
    ROW,
    approximate_volumes,
    beyond_reference,
    incomplete_rows,
    missing_values,
)
from mobench.reports.analysis.paired import MIN_BLOCKS, PairedComparison, compare_pairs, rank_intervals
from mobench.reports.analysis.relative_change import relative_changes
from mobench.reports.analysis.row_labels import labels_of
from mobench.reports.analysis.statistics import summarise
from mobench.reports.tables.columns import HALF, HIGH, LOW, column

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Leaderboard", "is_missing", "labels_of", "leaderboard"]


@dataclass
class Leaderboard:
    """A comparison table with its notes.

    table:    one row per dataset, model and solver. Complete rows come first, sorted by hypervolume, best first.
              Each quantity is a mean over seeds, or the median for counts, times and memory. Column "<name> ±" holds
              the half width of the 95 % interval of a mean (missing with fewer than five seeds); "<name> min" and
              "<name> max" hold the smallest and the largest value of a seed.
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

    Rows are ranked by hypervolume, within each dataset. Ranks are intervals (see `rank_intervals`) and are computed
    among the complete rows, which have a completed record for every seed of their dataset. Where no two solvers are
    separated, ranks are places by the mean, and a note says so. Incomplete rows follow below, without a rank. An
    imported row has its rank in brackets: the place of its hypervolume among the means of the ranked rows.

    protocols: the protocol versions to show, for datasets with records under several versions (see `select`).

    Raises: OptionError for a protocol version that no record has.
    """
    import pandas as pd

    chosen = select(records, protocols)
    if not chosen.records:
        return Leaderboard(pd.DataFrame(columns=["dataset", "model", "solver"]), chosen.left_out, _NOTHING)
    measured = measurements(chosen.records)
    table = _estimates(measured)
    parts = {str(dataset): part for dataset, part in table.groupby("dataset", sort=True)}
    separations, ranked = dict[str, _Separation](), list[pd.DataFrame]()
    for dataset, part in parts.items():
        comparison = _comparison(part, measured)  # its resamples take 16 MB for 200 solvers: only one is kept at a time
        ranked.append(_ranked(part, comparison))
        separations[dataset] = _Separation(len(comparison.means), comparison.n_blocks, bool(comparison.ahead.any()))
    table = pd.concat(ranked)
    table = table[[*_FIRST, *(c for c in table.columns if c not in (*_FIRST, "status")), "status"]]
    notes = [
        *chosen.notes,
        *incomplete_rows(table, measured),
        *missing_values(chosen.records, measured),
        *beyond_reference(chosen.records, measured),
        *approximate_volumes(chosen.records, measured),
        *relative_changes(chosen.records).notes,
        *_notes(chosen.records, separations, measured),
    ]
    return Leaderboard(table.reset_index(drop=True), chosen.left_out, notes, measured, _boxes(chosen.records))


RANK_INTERVALS = Note(
    "a rank such as 2–5: one solver is clearly better, those below place 5 are clearly worse, and the order from 2 "
    "to 5 is open (paired bootstrap over the seeds of a dataset, over tasks and seeds for all tasks; 95 % for a pair)",
    "rank",
)
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
    """Return the rows of the table without ranks: summaries over completed records, and status."""
    import pandas as pd

    values = [str(c) for c in measured.columns if c not in NAMES]
    good = measured[values].where(measured["status"] == "completed")
    grouped = measured.groupby(ROW)
    table = pd.DataFrame({"seeds": (measured["status"] == "completed").groupby([measured[c] for c in ROW]).sum()})
    numbers = good.to_numpy(dtype=float)
    by_row = np.full((len(table), int(grouped.size().max()), len(values)), math.nan)
    by_row[grouped.ngroup().to_numpy(), grouped.cumcount().to_numpy()] = numbers
    columns: dict[str, Any] = {}
    for place, name in enumerate(values):
        described = column(name)
        summary = summarise(by_row[:, :, place], described.statistic, described.bounds)
        columns[name] = summary.center
        if name not in CONSTANT_COSTS:
            if described.statistic == "mean":
                columns[name + HALF] = summary.half_width
            columns |= {name + LOW: summary.low, name + HIGH: summary.high}
    # create all columns at once: pandas warns of a fragmented frame when a hundred columns are added one by one
    return pd.concat([table, pd.DataFrame(columns, index=table.index)], axis=1).join(_statuses(measured)).reset_index()


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


def _comparison(part: pd.DataFrame, measured: pd.DataFrame) -> PairedComparison:
    """Return the comparison of one dataset's complete rows by hypervolume, in the order of `part`."""
    complete = part[part["status"] == "complete"]
    return compare_pairs([scores(measured, complete).to_numpy()] if len(complete) else [])


def _ranked(part: pd.DataFrame, comparison: PairedComparison) -> pd.DataFrame:
    """Return one dataset's rows with ranks: complete and imported rows by hypervolume, then incomplete rows."""
    import pandas as pd

    is_complete = part["status"] == "complete"
    is_imported = part["status"] == "imported"
    complete = part[is_complete]
    ranks = dict(zip(complete.index, rank_intervals(comparison), strict=True))
    order = part[is_complete | is_imported].sort_values(
        ["hypervolume", "solver", "model"], ascending=[False, True, True]
    )
    for index, volume in part.loc[is_imported, "hypervolume"].items():
        ranks[index] = f"({1 + int((complete['hypervolume'] > volume).sum())})"
    rest = part[~(is_complete | is_imported)].sort_values(["solver", "model"])
    table = pd.concat([order, rest])
    return table.assign(rank=[ranks.get(index, "–") for index in table.index])


def scores(measured: pd.DataFrame, rows: pd.DataFrame, column: str = "hypervolume") -> pd.DataFrame:
    """Return one quantity of some rows of a dataset: one line per seed, one column per row, in the order of `rows`."""
    dataset = rows["dataset"].iloc[0]
    part = measured[(measured["dataset"] == dataset) & (measured["status"] == "completed")]
    wide = part.pivot(index="seed", columns=["model", "solver"], values=column)
    chosen: pd.DataFrame = wide[list(zip(rows["model"], rows["solver"], strict=True))]
    return chosen.dropna(how="all")


def _notes(records: Sequence[Measured], separations: Mapping[str, _Separation], measured: pd.DataFrame) -> list[str]:
    notes = _identical(records, measured)
    notes += _of_ranks(separations)
    if any(r.imported is None and "igd_plus" not in r.indicators.get("test", {"igd_plus": None}) for r in records):
        notes.append(
            Note("IGD+ and ε are against the pooled non-dominated test points of this leaderboard", "IGD+", "ε")
        )
    notes += _of_hardware(records)
    notes += list(dict.fromkeys(_origin(r) for r in records if r.imported is not None))
    return notes


@dataclass(frozen=True)
class _Separation:
    """Whether the scores of a dataset separate any two of its complete rows. n_blocks: scores of each row."""

    n_rows: int
    n_blocks: int
    is_any: bool


def _of_ranks(separations: Mapping[str, _Separation]) -> list[str]:
    """Return a note for the datasets whose seeds separate no two solvers, and an explanation of the other ranks.

    separations: dataset -> separation of its complete rows.
    """
    unseparated: dict[int, list[str]] = defaultdict(list)
    for dataset, separation in separations.items():
        if separation.n_rows > 1 and not separation.is_any:
            unseparated[separation.n_blocks].append(dataset)
    notes: list[str] = []
    for n, datasets in sorted(unseparated.items()):
        reason = f" ({MIN_BLOCKS} are needed)" if n < MIN_BLOCKS else ""
        verb = f"{n} seeds separate" if n > 1 else "a single seed separates"
        text = f"{verb} no two solvers{reason}, so ranks are the order by hypervolume, which may be chance"
        notes.append(Note(f"{', '.join(datasets)}: {text}", "rank"))
    if any(separation.is_any for separation in separations.values()):
        notes.append(RANK_INTERVALS)
    return notes


def _of_hardware(records: Sequence[Measured]) -> list[str]:
    """Return a note with the hardware on which times were measured; times of different hardware are not comparable."""
    counts = Counter(r.hardware for r in records if r.imported is None and r.hardware)
    if not counts:
        return []
    if len(counts) == 1:
        return [Note(f"times were measured on {next(iter(counts))}", *TIMES)]
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    parts = ", ".join(f"{name} ({n} record{'' if n == 1 else 's'})" for name, n in ordered)
    return [Note(f"times were measured on different hardware and are comparable only within one: {parts}", *TIMES)]


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
