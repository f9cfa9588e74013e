"""Wide tables as in papers: one row per solver, one column per dataset and quantity."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mobench.errors import OptionError
from mobench.records.outline import Measured
from mobench.reports.analysis.leaderboard import Leaderboard, is_missing
from mobench.reports.tables import column_sets, escaping, tidy
from mobench.reports.tables.columns import HALF, HIGH, LOW, Column, Directions, column, directions_of, is_spread
from mobench.reports.tables.content import Content, Wanted, chosen_rows, content_of, notes_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Shape:
    """Layout of a wide table.

    quantities: patterns of column names; each matching column appears once per dataset.
    once:       the quantities that appear only once if they are equal on all datasets.
    caption:    default caption.
    decimals:   pattern -> digits after the decimal point, for quantities that differ from the catalogue.
    """

    quantities: Sequence[str]
    once: Sequence[str] = ()
    caption: str = ""
    decimals: Mapping[str, int] = field(default_factory=dict)

    def described(self, quantity: str, dataset: str, directions: Directions) -> Column:
        """Return the column of a quantity with the digits of this table."""
        col = column(quantity, dataset, directions)
        decimals = [digits for pattern, digits in self.decimals.items() if re.fullmatch(pattern, quantity)]
        return replace(col, decimals=decimals[0]) if decimals else col


def content(board: Leaderboard, records: Sequence[Measured], selection: Wanted, shape: Shape) -> Content:
    """Return a table with one row per solver and model, and one column per dataset and quantity.

    Columns are named "dataset: quantity". If a solver has no row on a dataset, its value is missing; values are
    never imputed. A row that is incomplete on one of its datasets is placed below the others with its status, and
    is never marked as best.

    Raises: OptionError if the leaderboard has none of the quantities, or a column or row does not exist.
    """
    table = chosen_rows(board.table, selection)
    patterns = column_sets.measured_times(table, shape.quantities)
    quantities = [str(c) for q in patterns for c in table.columns if re.fullmatch(q, str(c))]
    quantities = [c for c in quantities if not all(map(is_missing, table[c]))]
    if not quantities:
        raise OptionError(f"the leaderboard has none of this table's columns: {', '.join(shape.quantities)}")
    columns = _columns(table, quantities, shape, directions_of(records))
    frame = _frame(table, columns)
    shown = [c for c in frame.columns if not is_spread(c) and _says_something(frame, c)]
    described = {c.name: c for _, _, c in columns}

    def of_quantities(values: pd.DataFrame) -> pd.DataFrame:
        return values[values["quantity"].isin(quantities)]

    return content_of(
        frame, shown, described, selection, group=(), caption=shape.caption, notes=notes_of(board), rows=table,
        quantities=quantities,
        seeds=lambda: of_quantities(tidy.seeds(board)),
        estimates=lambda: of_quantities(tidy.estimates(board, directions_of(records))),
    )  # fmt: skip


def _columns(
    table: pd.DataFrame, quantities: Sequence[str], shape: Shape, directions: Directions
) -> list[tuple[str, str, Column]]:
    """Return (dataset, quantity, column) grouped by dataset; the dataset is "" for quantities that appear once."""
    single = [q for q in quantities if q in shape.once and table.groupby(["solver", "model"])[q].nunique().le(1).all()]
    datasets = sorted({str(d) for d in table["dataset"]})
    columns = [
        (d, q, _of_dataset(shape.described(q, d, directions), d))
        for d in datasets
        for q in quantities
        if q not in single and table[table["dataset"] == d][q].notna().any()
    ]
    return [*columns, *(("", q, shape.described(q, "", directions)) for q in single)]


def _of_dataset(col: Column, dataset: str) -> Column:
    latex = f"{escaping.latex(dataset)}: {col.latex}" if col.latex else ""
    html = f"{escaping.html(dataset)}: {col.html}" if col.html else ""
    label = f"{dataset}: {col.label}"
    return replace(col, name=f"{dataset}: {col.name}", label=label, latex=latex, html=html)


def _frame(table: pd.DataFrame, columns: Sequence[tuple[str, str, Column]]) -> pd.DataFrame:
    """Return a frame of solver, model, each column with its spread, and status; complete rows first."""
    import pandas as pd

    by_solver: dict[tuple[str, str], dict[str, Mapping[Any, Any]]] = {}
    for row in table.to_dict("records"):
        by_solver.setdefault((row["solver"], row["model"]), {})[row["dataset"]] = row
    rows = [_row(key, by_dataset, columns) for key, by_dataset in by_solver.items()]
    names = list(dict.fromkeys(name for row in rows for name in row if name != "status"))
    frame = pd.DataFrame(rows, columns=[*names, "status"])
    return frame.sort_values("status", key=lambda s: s != "complete", kind="stable").reset_index(drop=True)


def _row(
    key: tuple[str, str], by_dataset: Mapping[str, Mapping[Any, Any]], columns: Sequence[tuple[str, str, Column]]
) -> dict[str, Any]:
    row: dict[str, Any] = {"solver": key[0], "model": key[1]}
    for dataset, quantity, col in columns:
        of = by_dataset.get(dataset, {}) if dataset else next(iter(by_dataset.values()))
        row[col.name] = of.get(quantity, float("nan"))
        for suffix in (HALF, LOW, HIGH):
            if quantity + suffix in next(iter(by_dataset.values())):
                row[col.name + suffix] = of.get(quantity + suffix, float("nan"))
    late = [f"{d}: {r['status']}" for d, r in by_dataset.items() if r["status"] != "complete"]
    return {**row, "status": "; ".join(late) or "complete"}


def _says_something(frame: pd.DataFrame, name: str) -> bool:
    """Return whether a column is informative: models if there are several, status if a row is incomplete."""
    if name == "status":
        return bool((frame[name] != "complete").any())
    return name != "model" or frame[name].nunique() > 1
