"""The front of solvers, against areas of rectangles computed by hand."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from mobench.errors import OptionError
from mobench.reports.analysis.leaderboard import Leaderboard
from mobench.reports.tables.trade_off import export, to_markdown, trade_off

COLUMNS, REFERENCE = ["error", "stored parameters"], [0.1, 1000.0]


def board(rows: list[tuple[str, float, float, str]]) -> Leaderboard:
    return Leaderboard(
        pd.DataFrame(
            [
                {
                    "dataset": "d",
                    "solver": s,
                    "model": "m",
                    "seeds": 1,
                    "error": e,
                    "stored parameters": n,
                    "status": st,
                }
                for s, e, n, st in rows
            ]
        )
    )


def test_hypervolume_and_shares_by_hand() -> None:
    """(.2, .5) and (.5, .2) of the box: .8·.5 + .5·.3 = .55; without the first .5·.8, without the second .8·.5."""
    result = trade_off(
        board([("a", 0.02, 500, "complete"), ("b", 0.05, 200, "complete"), ("c", 0.06, 600, "complete")]),
        COLUMNS,
        REFERENCE,
    )
    assert result.hypervolume["d"] == pytest.approx(0.55)
    rows = result.table.set_index("solver")
    assert rows["on the front"].to_dict() == {"a": "yes", "b": "yes", "c": "no"}
    assert rows["share"].to_dict() == pytest.approx({"a": 0.15, "b": 0.15, "c": 0.0})


def test_incomplete_rows_have_no_place() -> None:
    result = trade_off(board([("a", 0.02, 500, "complete"), ("b", 0.01, 1, "failed at seed 0")]), COLUMNS, REFERENCE)
    assert list(result.table["solver"]) == ["a"]
    assert result.hypervolume["d"] == pytest.approx(0.8 * 0.5)


def test_an_unknown_column_is_named() -> None:
    with pytest.raises(OptionError, match=r"'erorr'.*error"):
        trade_off(board([("a", 0.02, 500, "complete")]), ["erorr", "stored parameters"], REFERENCE)


def test_tables_on_disk(tmp_path: Path) -> None:
    result = trade_off(board([("a", 0.02, 500, "complete")]), COLUMNS, REFERENCE)
    paths = export(result, COLUMNS, REFERENCE, tmp_path)
    assert [p.name for p in paths] == ["trade_off.md", "trade_off.csv"]
    assert (tmp_path / "trade_off.md").read_text() == to_markdown(result, COLUMNS, REFERENCE)
    assert "- d: 0.4000" in to_markdown(result, COLUMNS, REFERENCE)
