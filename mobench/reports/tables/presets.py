"""Named tables: the leaderboard, and tables in the layout of reports and papers of the field."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from mobench.errors import OptionError
from mobench.records.outline import Measured
from mobench.records.record import Record
from mobench.reports.analysis.leaderboard import Leaderboard
from mobench.reports.tables import accuracy, across_tasks, budgets, column_sets, ray_table, wide
from mobench.reports.tables.content import Content, Wanted, chosen_columns, content
from mobench.text import name_hint

Make = Callable[[Leaderboard, Sequence[Any], Wanted], Content]
"""From a leaderboard and its records or outlines; see `Preset.needs_records`."""


@dataclass(frozen=True)
class Preset:
    """A named table.

    summary: what the table shows.
    make:    function that makes its content from records.
    needs_records: whether that takes whole records, with losses of every split and validation checks, and not only
        their outlines.
    source:  the publication whose layout it follows, or "".
    """

    summary: str
    make: Make
    source: str = ""
    needs_records: bool = False


def _of_columns(caption: str, *columns: str) -> Make:
    """Return a function that makes a leaderboard of the given columns, as far as they exist."""

    def make(board: Leaderboard, records: Sequence[Measured], selection: Wanted) -> Content:
        names = column_sets.measured_times(board.table, columns)
        present = chosen_columns([c for c in names if c in board.table.columns], selection)
        return content(board, records, replace(selection, columns=present, caption=selection.caption or caption))

    return make


def _rays(board: Leaderboard, records: Sequence[Record], selection: Wanted) -> Content:
    return ray_table.content(records, selection, board)


PRESETS: Mapping[str, Preset] = {
    "leaderboard": Preset("every quantity; a row per dataset, model and solver", content),
    "rays": Preset("a row per preference: losses and metrics of every split", _rays, needs_records=True),
    "accuracy": Preset(
        "accuracy in training, validation and testing at each preference", accuracy.content,
        "the student report on CPMTL", needs_records=True,
    ),
    "hypervolume": Preset(
        "a row per dataset and solver: hypervolume, and parameters stored",
        _of_columns(
            "Hypervolume of the test losses, and the parameters that are stored for all preferences",
            "dataset", "solver", "nets", "hypervolume", "hypervolume at equal K", "stored parameters",
        ),
    ),
    "cost": Preset(
        "a row per dataset and solver: parameters, memory, core-seconds of training, time of another preference",
        _of_columns(
            "What each solver costs: parameters, memory, core-seconds of training, and the time of another preference",
            "dataset", "solver", "nets", "stored parameters", "served parameters", "peak MB", "training core-s",
            "switch ms", "ms per sample",
        ),
    ),
    "budgets": Preset(
        "validation results after 1, 2, 5, 10, 20, … core-seconds of training", budgets.content,
        needs_records=True,
    ),
    "fronts": Preset(
        "datasets across: hypervolume, at equal K as well, non-uniformity and training time",
        partial(wide.content, shape=wide.Shape(
            ("hypervolume", "hypervolume at equal K", "non-uniformity", "training core-s"),
            caption="Fronts on the test split, their non-uniformity, and the time of training",
        )),
        "arXiv 2010.04104, which has no column at equal K",
    ),
    "datasets": Preset(
        "datasets across: hypervolume, and parameters stored",
        partial(wide.content, shape=wide.Shape(
            ("hypervolume", "stored parameters"), once=("stored parameters",),
            caption="Hypervolume on the test split, and the parameters that are stored",
        )),
        "Chen & Kwok 2022, tables 1 and 2",
    ),
    "tasks": Preset(
        "tasks across: rank, normalised hypervolume, and its mean", across_tasks.content,
    ),
    "errors": Preset(
        "datasets across: test error, and parameters stored",
        partial(wide.content, shape=wide.Shape(
            (r"[^/]+/error \(middle ray\)", "stored parameters"), once=("stored parameters",),
            caption="Error on the test split, and the parameters that are stored",
            decimals={r"[^/]+/error \(middle ray\)": 4},
        )),
        "arXiv 1609.09106, the tables of images",
    ),
}  # fmt: skip
"""Name -> table. Only the layout is taken from papers; all numbers come from our own records."""


def preset(name: str) -> Preset:
    """Return a preset by name. Raises: OptionError for an unknown name."""
    if name not in PRESETS:
        raise OptionError(f"no table is called {name!r}{name_hint(name, PRESETS)}")
    return PRESETS[name]
