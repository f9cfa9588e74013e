"""Rows of the site's tables: per task one row for each method, and per store one row for each method over its tasks."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mobench.board.layout import State
from mobench.board.site.board_content import TRUST, StoreContent
from mobench.errors import MobenchError
from mobench.plugins import registry
from mobench.records.outline import Outline
from mobench.registered import top_package
from mobench.reports.analysis.costs import CORE_SECONDS, PEAK_MEMORY, TIMES
from mobench.reports.analysis.leaderboard import is_missing
from mobench.reports.tables import across_tasks
from mobench.reports.tables.column_sets import informative, measured_times
from mobench.reports.tables.columns import Column, column
from mobench.reports.tables.content import Wanted
from mobench.reports.tables.sheet import Cell, Digits, sheet

if TYPE_CHECKING:
    import pandas as pd

SHOWN = (
    "rank", "solver", "model", "hypervolume", "hypervolume at equal K", "IGD+", CORE_SECONDS, PEAK_MEMORY,
    "stored parameters", "seeds",
)  # fmt: skip
SEVERAL = Cell("several")
"""Instead of a time that was measured on several classes of hardware."""
RowKey = tuple[str, str, str]
"""Dataset, model and label of a row of the leaderboard."""


@dataclass(frozen=True)
class BoardRow:
    """A row of a task's table.

    cells:    column -> cell.
    hardware: places of the row's classes of hardware in `StoreRows.hardware`.
    values:   column -> value, as in the leaderboard's table.
    """

    dataset: str
    model: str
    label: str
    method: str
    kind: str
    budget: str
    state: State
    submissions: tuple[str, ...]
    hardware: tuple[int, ...]
    cells: Mapping[str, Cell]
    values: Mapping[str, Any]
    ids: tuple[str, ...]

    @property
    def key(self) -> RowKey:
        return self.dataset, self.model, self.label


@dataclass(frozen=True)
class MethodRow:
    """A row of a table over tasks. mean: of the normalised hypervolume; NaN for an incomplete row."""

    rank: str
    label: str
    method: str
    mean: float
    n_tasks: int
    state: State
    submissions: tuple[str, ...]
    core_seconds: float
    peak_megabytes: float
    status: str
    shares: tuple[float, ...]


@dataclass(frozen=True)
class TaskGroup:
    """Tasks of one kind and budget, or all of a store if both are ""; their table over tasks."""

    kind: str
    budget: str
    tasks: tuple[str, ...]
    rows: tuple[MethodRow, ...]

    @property
    def title(self) -> str:
        return ", ".join(filter(None, [self.kind, self.budget])) or "All tasks"


class StoreRows:
    """All rows of a store. hardware: the classes of hardware of its records, most records first."""

    def __init__(self, content: StoreContent) -> None:
        self.content = content
        self.name = content.name
        counts: dict[str, int] = defaultdict(int)
        for record in content.records.values():
            if record.imported is None and record.hardware:
                counts[record.hardware] += 1
        self.hardware = sorted(counts, key=lambda name: (-counts[name], name))
        self._class = {name: place for place, name in enumerate(self.hardware)}
        self._kinds: dict[str, str] = {}

    @cached_property
    def rows(self) -> dict[RowKey, BoardRow]:
        """The rows by key, in the order of the leaderboard."""
        table = self.content.board.table
        if self.content.board.measured is None:
            return {}
        ids = self._ids()
        rows: dict[RowKey, BoardRow] = {}
        for dataset, part in table.groupby("dataset", sort=True):
            rows |= self._rows_of(str(dataset), part, ids)
        return rows

    @cached_property
    def columns(self) -> list[str]:
        """The columns that carry information in some table of a task, in their order."""
        return [name for name in informative(self.content.board.table, SHOWN) if name != "dataset"]

    @cached_property
    def by_dataset(self) -> dict[str, list[BoardRow]]:
        groups: dict[str, list[BoardRow]] = defaultdict(list)
        for row in self.rows.values():
            groups[row.dataset].append(row)
        return dict(sorted(groups.items()))

    @cached_property
    def groups(self) -> list[TaskGroup]:
        """The table over all tasks, and those over the tasks of each kind and budget if there are several.

        Empty where no two tasks have an ideal point.
        """
        if across_tasks.n_tasks(self.content.board) < 2:
            return []
        datasets_by_group: dict[tuple[str, str], list[str]] = defaultdict(list)
        for dataset, rows in self.by_dataset.items():
            datasets_by_group[rows[0].kind, rows[0].budget].append(dataset)
        groups = [self._group("", "", list(self.by_dataset))]
        if len(datasets_by_group) > 1:
            groups += [self._group(*key, datasets) for key, datasets in sorted(datasets_by_group.items())]
        return [group for group in groups if group.rows]

    def records_of(self, row: BoardRow) -> list[Outline]:
        return [self.content.records[id_] for id_ in row.ids]

    def _ids(self) -> dict[RowKey, list[str]]:
        measured = self.content.board.measured
        assert measured is not None
        ids: dict[RowKey, list[str]] = defaultdict(list)
        names = (measured[name].tolist() for name in ("dataset", "model", "solver", "id"))
        for dataset, model, label, id_ in zip(*names, strict=True):
            ids[dataset, model, label].append(id_)
        return ids

    def _rows_of(self, dataset: str, part: pd.DataFrame, ids: Mapping[RowKey, list[str]]) -> dict[RowKey, BoardRow]:
        columns = measured_times(part, [name for name in SHOWN if name in part.columns or name == CORE_SECONDS])
        columns = [name for name in columns if name in part.columns]
        table = sheet(part, columns)
        rows: dict[RowKey, BoardRow] = {}
        kind = ""
        classes = {
            self._class.get(self.content.records[i].hardware) for key in ids if key[0] == dataset for i in ids[key]
        }
        for row_values, cells in zip(part.to_dict("records"), table.rows, strict=True):
            values = {str(name): value for name, value in row_values.items()}
            key = dataset, str(values["model"]), str(values["solver"])
            records = [self.content.records[id_] for id_ in ids[key]]
            kind = kind or self._kind(records[0])
            hardware = tuple(sorted({self._class[r.hardware] for r in records if r.hardware in self._class}))
            cell_by_column = dict(zip(columns, cells, strict=True))
            if len(classes - {None}) > 1:
                cell_by_column |= {
                    name: SEVERAL if len(hardware) > 1 else replace(cell_by_column[name], mark="")
                    for name in TIMES
                    if name in cell_by_column
                }
            rows[key] = BoardRow(
                dataset, key[1], key[2], records[0].job.solver.name, kind, budget_text(records[0]),
                least_trusted(self.content.states[id_] for id_ in ids[key]),
                tuple(sorted({self.content.submission_of[id_] for id_ in ids[key]} - {""})),
                hardware, cell_by_column, values, tuple(ids[key]),
            )  # fmt: skip
        return rows

    def _kind(self, record: Outline) -> str:
        name = record.job.dataset.name
        if name not in self._kinds:
            self._kinds[name] = kind_of(record)
        return self._kinds[name]

    def _group(self, kind: str, budget: str, datasets: Sequence[str]) -> TaskGroup:
        board = self.content.board
        table = board.table[board.table["dataset"].isin(datasets)]
        part = replace(board, table=table)
        by_label: dict[str, list[BoardRow]] = defaultdict(list)
        for dataset in datasets:
            for row in self.by_dataset[dataset]:
                by_label[row.label].append(row)
        if across_tasks.n_tasks(part) >= 2:
            frame = across_tasks.content(part, (), Wanted()).frame
            tasks = [name for name in frame.columns if name not in ("rank", "solver", "mean", "status")]
            tasks = [name for name in tasks if not str(name).endswith((" ±", " min", " max"))]
            rows = [self._method_row(values, by_label, tasks) for values in frame.to_dict("records")]
        else:
            rows = [self._single(row) for dataset in datasets for row in self.by_dataset[dataset] if self._box(row)]
        return TaskGroup(kind, budget, tuple(datasets), tuple(rows))

    def _box(self, row: BoardRow) -> float:
        return self.content.board.boxes.get(row.dataset, 0.0)

    def _single(self, row: BoardRow) -> MethodRow:
        share = float(row.values["hypervolume"]) / self._box(row)
        is_complete = row.values["status"] in ("complete", "imported")
        return self._summary(str(row.values["rank"]), row.label, share if is_complete else math.nan, [share], [row],
                             str(row.values["status"]))  # fmt: skip

    def _method_row(
        self, values: Mapping[Any, Any], by_label: Mapping[str, list[BoardRow]], tasks: Sequence[Any]
    ) -> MethodRow:
        label = str(values["solver"])
        shares = [float(values[task]) for task in tasks if not is_missing(values[task])]
        mean = math.nan if is_missing(values["mean"]) else float(values["mean"])
        return self._summary(str(values["rank"]), label, mean, shares, by_label[label], str(values["status"]))

    def _summary(
        self, rank: str, label: str, mean: float, shares: Sequence[float], rows: Sequence[BoardRow], status: str
    ) -> MethodRow:
        """Return the row of a method: its times are added up only if all were measured on one class of hardware."""
        is_one_class = len({place for row in rows for place in row.hardware}) == 1
        seconds = [row.values.get(CORE_SECONDS) for row in rows]
        is_known = is_one_class and not any(is_missing(value) for value in seconds)
        peaks = [float(row.values[PEAK_MEMORY]) for row in rows if not is_missing(row.values.get(PEAK_MEMORY))]
        return MethodRow(
            rank, label, rows[0].method, mean, len(shares), least_trusted(row.state for row in rows),
            tuple(sorted({name for row in rows for name in row.submissions})),
            sum(map(float, filter(None, seconds))) if is_known else math.nan,
            max(peaks, default=math.nan), status, tuple(shares),
        )  # fmt: skip


def least_trusted(states: Iterable[State]) -> State:
    return min(states, key=TRUST.index)


def budget_text(record: Outline) -> str:
    """Return the training budget of a record, such as "300 steps"; "elsewhere" for an imported front."""
    budget = record.job.budget
    for unit, value in (("epochs", budget.epochs), ("steps", budget.steps), ("seconds", budget.seconds)):
        if value is not None:
            return f"{value:g} {unit}"
    return "elsewhere"


def kind_of(record: Outline) -> str:
    """Return the kind of a record's task: the plugin of its dataset, as the record or the installed plugins state it.

    "other" if neither does.
    """
    source = record.origin.sources.get("dataset")
    module = source.module if source is not None else ""
    if not module:
        try:
            module = registry().get("dataset", record.job.dataset.name).plugin.module
        except MobenchError:  # the plugin is not installed; its records can still be shown
            return "other"
    return top_package(module).removeprefix("mobench_").replace("_", "-")


def number_text(value: float, decimals: int, unit: str = "") -> str:
    """Return a number as tables print it; "–" if it is missing."""
    return Digits(decimals).cell(value, None, Column("", "", "", unit=unit, decimals=decimals)).text


def heading(name: str) -> str:
    return column(name).title
