"""The table of accuracies, from records whose every number is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mobench.errors import OptionError
from mobench.records.record import Record
from mobench.reports.analysis.leaderboard import leaderboard
from mobench.reports.tables import accuracy
from mobench.reports.tables.content import Content, Wanted

Make = Callable[..., Record]


def splits(*values: float) -> dict[str, dict[str, list[float]]]:
    """Validation as given, training a tenth above it, testing the other way round."""
    up, back = [v + 0.1 for v in values], list(reversed(values))
    return {
        "train": {"a": up, "b": up},
        "val": {"a": list(values), "b": list(values)},
        "test": {"a": back, "b": [v + 0.02 for v in back]},
    }


def table(*records: Record, **options: Any) -> Content:
    return accuracy.content(leaderboard(records), records, Wanted(**options))


def cells(content: Content) -> dict[tuple[str, str], list[str]]:
    """Return (split, solver) -> printed text at each preference."""
    return {(row[0].text, row[1].text): [cell.plain for cell in row[2:]] for row in content.sheet.rows}


def test_each_split_has_the_mean_of_the_objectives_in_percent(handmade: Make) -> None:
    content = table(handmade(accuracies=splits(0.5, 0.7, 0.6)))
    assert [c.name for c in content.sheet.columns] == ["split", "solver", "0.1, 0.9", "0.5, 0.5", "0.9, 0.1"]
    assert cells(content) == {
        ("train", "one"): ["60.00", "80.00", "70.00"],
        ("validation", "one"): ["50.00", "70.00", "60.00"],
        ("test", "one"): ["61.00", "71.00", "51.00"],
    }


def test_few_seeds_have_ranges_and_five_have_students_intervals(handmade: Make) -> None:
    content = table(*(handmade(seed=s, accuracies=splits(0.5 + s / 50, 0.7, 0.6)) for s in (0, 1)))
    assert cells(content)["validation", "one"] == ["51.00 (50.00–52.00)", "70.00", "60.00"]
    content = table(*(handmade(seed=s, accuracies=splits(0.5 + s / 50, 0.7, 0.6)) for s in range(5)))
    # 50 to 58: a standard deviation of sqrt 10, and t = 2.77645 with four degrees of freedom
    assert cells(content)["validation", "one"] == ["54.00 ± 3.93", "70.00 ± 0.00", "60.00 ± 0.00"]


def test_validation_alone_chooses(handmade: Make) -> None:
    content = table(handmade(accuracies=splits(0.5, 0.6, 0.7)))
    assert "data, one on net: validation chooses (0.9, 0.1)" in content.sheet.notes
    assert cells(content)["test", "one"][0] == "71.00", "which the test split would not have chosen"


def test_solvers_are_compared_within_each_split(handmade: Make) -> None:
    content = table(
        handmade("low", accuracies=splits(0.5, 0.6, 0.7)), handmade("high", accuracies=splits(0.6, 0.6, 0.8))
    )
    marks = {(row[0].text, row[1].text): [cell.mark for cell in row[2:]] for row in content.sheet.rows}
    assert marks["validation", "high"] == ["best", "", "best"]
    assert marks["validation", "low"] == ["second", "", "second"]


def test_a_row_that_lacks_a_seed_is_never_best_and_says_so(handmade: Make) -> None:
    content = table(
        *(handmade("whole", seed=s, accuracies=splits(0.5, 0.5, 0.5)) for s in (0, 1)),
        *(handmade("other", seed=s, accuracies=splits(0.4, 0.4, 0.4)) for s in (0, 1)),
        handmade("late", accuracies=splits(0.8, 0.8, 0.8)), handmade("late", seed=1, status="failed"),
    )  # fmt: skip
    of_validation = [row for row in content.sheet.rows if row[0].text == "validation"]
    assert [row[1].text for row in of_validation][-1] == "late"
    assert [(row[1].text, row[2].mark) for row in of_validation if row[2].mark == "best"] == [("whole", "best")]
    assert of_validation[-1][-1].text == "failed at seed 1"


def test_other_preferences_are_missing_and_come_in_order(handmade: Make) -> None:
    one_preference = handmade("few", accuracies=splits(0.5), preferences=[(0.3, 0.7)])
    content = table(one_preference, handmade("many", accuracies=splits(0.5, 0.6, 0.7)))
    assert [c.name for c in content.sheet.columns[2:]] == ["0.1, 0.9", "0.3, 0.7", "0.5, 0.5", "0.9, 0.1"]
    assert cells(content)["validation", "few"] == ["–", "50.00", "–", "–"]


def test_preferences_that_three_digits_would_make_one_stay_two() -> None:
    names = accuracy.preference_names([(0.12341, 0.87659), (0.12342, 0.87658), (0.5, 0.5)])
    assert list(names.values()) == ["0.12341, 0.87659", "0.12342, 0.87658", "0.5, 0.5"]


def test_long_forms_are_the_same_numbers(handmade: Make) -> None:
    content = table(*(handmade(seed=s, accuracies=splits(0.5 + s / 50, 0.7, 0.6)) for s in (0, 1)))
    assert content.seeds is not None
    assert content.estimates is not None
    seeds = content.seeds().set_index(["split", "preference", "seed"])["value"]
    assert seeds["validation", "0.1, 0.9", "1"] == pytest.approx(52)
    assert len(seeds) == 2 * 3 * 3
    estimates = content.estimates().set_index(["split", "preference"])
    assert estimates.loc[("validation", "0.1, 0.9"), "estimate"] == pytest.approx(51)
    assert estimates.loc[("validation", "0.1, 0.9"), "upper"] == pytest.approx(52)
    assert set(estimates["spread"]) == {"range"}
    assert set(estimates["n"]) == {2}


def test_records_without_accuracies_are_told(handmade: Make) -> None:
    with pytest.raises(OptionError, match="no completed record has accuracy"):
        table(handmade(accuracies={}))


def test_unknown_columns_are_told(handmade: Make) -> None:
    with pytest.raises(OptionError, match="the table has no column 'spilt'; did you mean 'split'"):
        table(handmade(accuracies=splits(0.5, 0.6, 0.7)), columns=["spilt"])
