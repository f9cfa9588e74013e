"""Quality within a budget, from validation checks with known numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mobench.errors import OptionError
from mobench.records.record import Record, TracePoint
from mobench.reports.analysis.leaderboard import leaderboard
from mobench.reports.tables import budgets
from mobench.reports.tables.content import Content, Wanted

Make = Callable[..., Record]
Look = tuple[float, float]


def looked(record: Record, looks: list[Look], cores: float | None = 0.5) -> Record:
    """Return the record with validation checks (seconds, hypervolume), one per step, for a number of cores."""
    trace = [
        TracePoint(
            step=i, epoch=i, seconds=seconds, core_seconds=None if cores is None else cores * seconds,
            gradient_evaluations=i, train_losses=[1.0], hypervolume=value,
        )
        for i, (seconds, value) in enumerate(looks, start=1)
    ]  # fmt: skip
    return record.model_copy(update={"trace": trace})


def table(*records: Record, **options: Any) -> Content:
    return budgets.content(leaderboard(records), records, Wanted(**options))


def cells(content: Content) -> dict[str, list[str]]:
    return {row[0].text: [cell.plain for cell in row[1:]] for row in content.sheet.rows}


def test_a_budget_holds_the_last_look_within_it(handmade: Make) -> None:
    content = table(
        looked(handmade(solver="fast"), [(4, 1.0), (10, 2.0), (20, 2.5)]),
        looked(handmade(solver="slow"), [(12, 1.5), (100, 2.75)]),
    )
    assert [c.name for c in content.sheet.columns] == ["solver", "2 core-s", "5 core-s", "10 core-s", "20 core-s",
                                                    "50 core-s", "at the end"]  # fmt: skip
    assert cells(content) == {
        "fast": ["1.000", "2.000", "2.500", "2.500", "2.500", "2.500"],
        "slow": ["–", "–", "1.500", "1.500", "2.750", "2.750"],
    }


def test_seeds_are_averaged_where_every_one_has_a_look(handmade: Make) -> None:
    content = table(
        looked(handmade(seed=0), [(4, 1.0), (20, 2.0)]),
        looked(handmade(seed=1), [(8, 3.0), (20, 4.0)]),
    )
    (row,) = cells(content).values()
    assert [text.partition(" ")[0] for text in row] == ["–", "2.000", "3.000", "3.000"]
    assert content.seeds is not None
    assert content.estimates is not None
    long = content.seeds()
    assert long[long["budget"] == "5 core-s"]["value"].tolist() == [1.0, 3.0]
    assert "2 core-s" not in set(long["budget"])
    assert content.estimates().set_index("budget")["estimate"].to_dict() == {
        "5 core-s": 2.0, "10 core-s": 3.0, "at the end": 3.0,
    }  # fmt: skip


def test_the_time_that_passed_stands_in_where_processor_time_is_unknown(handmade: Make) -> None:
    content = table(
        looked(handmade(solver="a"), [(4, 1.0), (8, 2.0)]), looked(handmade(solver="b"), [(4, 1.0)], cores=None)
    )
    assert [c.name for c in content.sheet.columns] == ["solver", "5 s", "at the end"]


def test_losses_are_best_when_small(handmade: Make) -> None:
    record = looked(handmade(), [(2, 1.0)])
    single = record.model_copy(update={"objectives": ["a"], "protocol": {**record.protocol, "reference": [2.0]}})
    assert {c.better for c in table(single).sheet.columns[1:]} == {"lower"}
    assert {c.better for c in table(record).sheet.columns[1:]} == {"higher"}


def test_records_without_looks_are_told(handmade: Make) -> None:
    with pytest.raises(OptionError, match="no completed record has validation checks"):
        table(handmade())
