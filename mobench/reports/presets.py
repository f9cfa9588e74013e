"""Tables that the field prints, under their names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mobench.errors import OptionError, nearest
from mobench.reports import rays, tables
from mobench.reports.leaderboard import Leaderboard
from mobench.reports.sheet import Digits, sheet
from mobench.reports.tables import Content, Wanted
from mobench.runs.record import Record

if TYPE_CHECKING:
    import pandas as pd

Make = Callable[[Leaderboard, Sequence[Record], Wanted], Content]


@dataclass(frozen=True)
class Preset:
    """A table: what it shows, where it is from, and how it is made."""

    summary: str
    source: str
    make: Make


def named(name: str) -> Preset:
    """The preset of a name. Raises: OptionError, with those that there are."""
    if name not in PRESETS:
        hint = nearest(name, PRESETS) or f"; accepted: {', '.join(PRESETS)}"
        raise OptionError(f"no table is called {name!r}{hint}")
    return PRESETS[name]


def export(
    names: Sequence[str], board: Leaderboard, records: Sequence[Record], folder: Path, formats: Sequence[str],
    wanted: Wanted,
) -> list[Path]:  # fmt: skip
    """Write <preset>.<format> for each of both; rows, digits and label are as wanted.

    Raises: OptionError, StoreError.
    """
    found = {name: named(name) for name in names}
    written: list[Path] = []
    for name, preset in found.items():
        captioned = replace(wanted, caption=wanted.caption or preset.summary)
        made = preset.make(board, records, captioned)
        written += tables.write_content(made, name, folder, [f for f in formats if "." not in f])
    return written


def _of_columns(*columns: str) -> Make:
    """A leaderboard of those columns that it has."""

    def make(board: Leaderboard, records: Sequence[Record], wanted: Wanted) -> Content:
        there = [c for c in columns if c in board.table.columns]
        return tables.content(board, records, replace(wanted, columns=there))

    return make


def accuracies(records: Sequence[Record]) -> pd.DataFrame:
    """Dataset, solver, model, split, and one column per preference: the mean accuracy in per cent."""
    import pandas as pd

    frame = rays.per_ray(records)
    rows = []
    for key, group in frame.groupby(["dataset", "solver", "model"], sort=False):
        for split in rays.SPLITS.values():
            name = f"{split} accuracy"
            if name in group and group[name].notna().all():
                shares = dict(zip(group["preference"], 100 * group[name], strict=True))
                rows.append({**dict(zip(("dataset", "solver", "model"), key, strict=True)), "split": split, **shares})
    if not rows:
        raise OptionError("the records have no accuracy that their objectives share: this table needs one")
    return pd.DataFrame(rows)


def _accuracy(board: Leaderboard, records: Sequence[Record], wanted: Wanted) -> Content:
    frame = tables.chosen_rows(accuracies(records), wanted)
    digits = Digits(2) if wanted.digits == Digits() else wanted.digits
    made = sheet(
        frame, [str(c) for c in frame.columns], digits=digits, group=("dataset", "solver", "model"), marks=False,
        caption=wanted.caption, label=wanted.label,
    )  # fmt: skip
    return Content(frame, made, made, wanted)


PRESETS = {
    "hypervolume": Preset(
        "Hypervolume of the test losses, and the parameters that are stored for all preferences",
        "arXiv 2010.04104, table 1",
        _of_columns("dataset", "solver", "nets", "hypervolume", "hypervolume at equal K", "stored parameters"),
    ),
    "cost": Preset(
        "What each solver costs: parameters, memory, seconds of training, and of another preference",
        "arXiv 2010.04104, section 5",
        _of_columns(
            "dataset",
            "solver",
            "nets",
            "stored parameters",
            "served parameters",
            "peak MB",
            "training s",
            "switch ms",
            "ms per sample",
        ),
    ),
    "accuracy": Preset(
        "Mean accuracy of the objectives in per cent, by split and preference",
        "the student report's table",
        _accuracy,
    ),
}
