"""Tables with datasets as columns, from records with known numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from mobench.errors import OptionError
from mobench.records.record import Record
from mobench.reports.analysis.leaderboard import leaderboard
from mobench.reports.tables.content import Content, Wanted
from mobench.reports.tables.table_files import FORMATS
from mobench.reports.tables.wide import Shape, content
from mobench.reports.tables.writers import latex

Make = Callable[..., Record]
SHAPE = Shape(("hypervolume", "stored parameters"), once=("stored parameters",), caption="Fronts")


def table(*records: Record, shape: Shape = SHAPE, **options: Any) -> Content:
    return content(leaderboard(records), records, Wanted(**options), shape)


def printed(content: Content) -> list[list[str]]:
    return [[cell.plain for cell in row] for row in content.sheet.rows]


def two_datasets(handmade: Make, **other: Any) -> list[Record]:
    values = {("one", "x"): 1.0, ("two", "x"): 2.0, ("one", "y"): 4.0, ("two", "y"): 3.0}
    return [handmade(s, 0, d, indicators={"hypervolume": v}, **other) for (s, d), v in values.items()]


def test_a_row_per_solver_and_what_is_the_same_everywhere_stands_there_once(handmade: Make) -> None:
    content = table(*two_datasets(handmade))
    assert [c.name for c in content.sheet.columns] == [
        "solver", "x: hypervolume", "y: hypervolume", "stored parameters"
    ]  # fmt: skip
    assert printed(content) == [["two", "2.000", "3.000", "300"], ["one", "1.000", "4.000", "300"]]
    assert [[cell.mark for cell in row] for row in content.sheet.rows] == [
        ["", "best", "second", ""], ["", "second", "best", ""]
    ]  # fmt: skip
    assert content.sheet.caption == "Fronts"


def test_what_differs_between_datasets_stands_there_for_each(handmade: Make) -> None:
    content = table(handmade(dataset="x", stored=1), handmade(dataset="y", stored=2))
    assert [c.name for c in content.sheet.columns][1:] == [
        "x: hypervolume", "x: stored parameters", "y: hypervolume", "y: stored parameters"
    ]  # fmt: skip


def test_a_dataset_that_a_solver_was_not_run_on_is_missing(handmade: Make) -> None:
    content = table(*two_datasets(handmade), handmade("third", dataset="y", indicators={"hypervolume": 9.0}))
    assert ["third", "–", "9.000", "300"] in printed(content)


def test_ranges_and_intervals_over_seeds_are_the_leaderboards(handmade: Make) -> None:
    content = table(*(handmade(seed=s, indicators={"hypervolume": 3 + s / 5}) for s in (0, 1)))
    assert printed(content) == [["one", "3.100 (3.000–3.200)", "300"]]
    assert content.frame["data: hypervolume max"].tolist() == [3.2]
    content = table(*(handmade(seed=s, indicators={"hypervolume": 3 + s / 5}) for s in range(5)))
    assert printed(content) == [["one", "3.400 ± 0.393", "300"]]
    assert content.frame["data: hypervolume ±"].tolist() == pytest.approx([2.77645 * 0.316228 / 5**0.5], rel=1e-5)


def test_an_incomplete_row_stands_below_says_so_and_is_never_best(handmade: Make) -> None:
    late = [handmade("late", 0, "x", indicators={"hypervolume": 9.0}), handmade("late", 1, "x", status="failed")]
    complete = [handmade(n, s, "x", indicators={"hypervolume": v}) for n, v in (("a", 1.0), ("b", 2.0)) for s in (0, 1)]
    content = table(*late, *complete)
    assert [row[0].text for row in content.sheet.rows] == ["b", "a", "late"]
    assert [row[1].mark for row in content.sheet.rows] == ["best", "second", ""]
    assert content.sheet.rows[-1][-1].text == "x: failed at seed 1"


def test_rows_columns_digits_and_caption_can_be_chosen(handmade: Make) -> None:
    from mobench.reports.tables.sheet import Digits

    content = table(
        *two_datasets(handmade), columns=["solver", "y: hypervolume"], solvers=["one"], digits=Digits(1), caption="Mine"
    )
    assert printed(content) == [["one", "4.0"]]
    assert content.sheet.caption == "Mine"
    spread = ["y: hypervolume ±", "y: hypervolume min", "y: hypervolume max"]
    assert list(content.frame.columns) == ["solver", "y: hypervolume", *spread]


def test_datasets_with_signs_of_latex_and_html_are_escaped_in_headings(handmade: Make) -> None:
    content = table(handmade(dataset="a_b&<c>"))
    above, below = latex.stacked(content.narrow, 1)
    assert (above, below) == (r"a\_b\&\textless{}c\textgreater{}:", r"hypervolume $\uparrow$")
    assert "a_b&amp;&lt;c&gt;: hypervolume" in str(FORMATS["html"](content))


def test_long_forms_have_these_quantities_alone(handmade: Make) -> None:
    content = table(*two_datasets(handmade))
    assert content.seeds is not None
    assert content.estimates is not None
    for long in (content.seeds(), content.estimates()):
        assert set(long["quantity"]) == {"hypervolume", "stored parameters"}
    values = content.seeds().pivot(index="solver", columns=["dataset", "quantity"], values="value")
    assert values[("y", "hypervolume")].to_dict() == {"one": 4.0, "two": 3.0}
    assert isinstance(values, pd.DataFrame)


def test_a_shape_may_have_digits_of_its_own(handmade: Make) -> None:
    content = table(handmade(), shape=Shape(("hypervolume",), decimals={"hyper.*": 5}))
    assert printed(content) == [["one", "3.00000"]]


def test_records_that_lack_everything_are_told(handmade: Make) -> None:
    with pytest.raises(OptionError, match="none of this table's columns: nothing"):
        table(handmade(), shape=Shape(("nothing",)))
