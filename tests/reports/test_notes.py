"""Every output names means that lack seeds or values, and fronts beyond the reference point."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mobench.records.index import bounds_for
from mobench.records.index_format import pack, unpack
from mobench.records.outline import outline, takes_preferences
from mobench.records.record import Record, RecordedFront, parse
from mobench.records.store import Store
from mobench.reports.analysis.leaderboard import leaderboard
from mobench.reports.page.page_data import page_data
from mobench.reports.plots.contenders import groups_of
from mobench.reports.plots.cost_quality import draw as draw_costs
from mobench.reports.tables.accuracy import seeds as accuracies
from mobench.reports.tables.content import Wanted
from mobench.reports.tables.presets import PRESETS, preset
from mobench.reports.tables.ray_table import per_ray
from mobench.reports.tables.table_files import FORMATS

Make = Callable[..., Record]
LACKING = "data: mean over 1 of 2 seeds: late (no record at seed 1)"
SPLITS = ("train", "val", "test")


def accuracies_of_heads(value: float = 0.8) -> dict[str, dict[str, list[float]]]:
    return {split: dict.fromkeys(("a", "b"), [value] * 3) for split in SPLITS}


@pytest.fixture
def incomplete(handmade: Make) -> list[Record]:
    """Two solvers, of which the second lacks its second seed."""
    seeds = [("whole", 0), ("whole", 1), ("late", 0)]
    return [handmade(solver, seed, accuracies=accuracies_of_heads(0.7 + seed / 10)) for solver, seed in seeds]


def edited(record: Record, **changes: Any) -> Record:
    return Record.model_validate({**record.model_dump(by_alias=True), **changes})


def with_losses(record: Record, losses: list[list[float]], reference: list[float], **indicators: Any) -> Record:
    front = {**record.fronts["test"].model_dump(), "losses": losses}
    return edited(
        record,
        protocol={"version": "p-1", "reference": reference},
        fronts={**{s: f.model_dump() for s, f in record.fronts.items()}, "test": front},
        indicators={**record.indicators, "test": {**record.indicators["test"], **indicators}},
    )


def with_metric(record: Record, values: list[float | None]) -> Record:
    fronts = {s: f.model_dump() for s, f in record.fronts.items()}
    return edited(record, fronts={s: {**f, "metrics": {"a/m": values}} for s, f in fronts.items()})


@pytest.mark.parametrize("name", [n for n in PRESETS if n not in ("budgets", "errors", "rays", "tasks")])
@pytest.mark.parametrize("format_", ["md", "tex", "html"])
def test_every_table_says_of_how_many_seeds_a_mean_is(incomplete: list[Record], name: str, format_: str) -> None:
    table = preset(name).make(leaderboard(incomplete), incomplete, Wanted())
    assert LACKING in FORMATS[format_](table)


@pytest.mark.parametrize("name", ["rays", "budgets"])
def test_tables_of_committed_records_say_it_too(name: str) -> None:
    path = Path(__file__).parents[2] / "results" / "standard"
    records = [r for r in Store(path).contents().records if r.job.solver.name in ("ls", "phn-ls")]
    records = [r for r in records if r.job.dataset.name == "multimnist"]
    (removed,) = (r for r in records if r.job.solver.name == "phn-ls" and r.job.seeds.solver == 1)
    records.remove(removed)
    table = preset(name).make(leaderboard(records), records, Wanted())
    note = "multimnist: mean over 2 of 3 seeds: phn-ls (no record at seed 1)"
    assert all(note in FORMATS[format_](table) for format_ in ("md", "tex", "html"))
    status = table.frame.set_index("solver")["status"]
    assert set(status["phn-ls"] if name == "rays" else [status["phn-ls"]]) == {"no record at seed 1"}


@pytest.mark.parametrize("columns", [(), ("solver", "hypervolume")])
@pytest.mark.parametrize("name", ["leaderboard", "hypervolume", "cost", "fronts", "datasets", "accuracy"])
def test_tables_without_notes_have_the_status_of_rows_that_lack_seeds(
    incomplete: list[Record], name: str, columns: tuple[str, ...]
) -> None:
    chosen = columns if name in ("leaderboard", "hypervolume") else ()
    table = preset(name).make(leaderboard(incomplete), incomplete, Wanted(chosen))
    for frame in (pd.read_csv(io.StringIO(str(FORMATS["csv"](table)))), table.frame):
        late = frame[frame["solver"] == "late"]["status"]
        assert len(late)
        assert late.str.contains("no record at seed 1").all()


def test_complete_tables_have_no_such_note_and_no_further_column(incomplete: list[Record]) -> None:
    complete = incomplete[:2]
    board = leaderboard(complete)
    assert not any("of 2 seeds" in note for note in board.notes)
    assert "status" not in preset("hypervolume").make(board, complete, Wanted()).frame


def test_the_page_and_plots_say_it_too(incomplete: list[Record]) -> None:
    assert LACKING in page_data(incomplete)["notes"]
    (group,) = groups_of(incomplete)
    figure = draw_costs(group)
    texts = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert "late (1 of 2 seeds)" in texts


def test_rows_with_the_same_gap_share_a_note_and_a_row_without_a_result_is_named(handmade: Make) -> None:
    records = [handmade("whole", 0), handmade("whole", 1), handmade("p", 0), handmade("q", 0)]
    records += [handmade("none", seed, status="failed") for seed in (0, 1)]
    notes = leaderboard(records).notes
    assert "data: mean over 1 of 2 seeds: p, q (no record at seed 1)" in notes
    assert "data: 0 of 2 seeds: none (failed at seed 0; failed at seed 1)" in notes


def test_a_quantity_that_some_seeds_lack_is_noted(handmade: Make) -> None:
    records = [handmade("one", 0, indicators={"spacing": 0.1}), handmade("one", 1)]
    notes = leaderboard(records).notes
    assert "data: one has a value at 1 of 2 seeds only: spacing" in notes


def test_a_metric_that_is_missing_is_an_empty_cell_with_a_note(handmade: Make) -> None:
    incomplete_record = with_metric(handmade("some", 0), [None, 0.5, 0.7])
    board = leaderboard([incomplete_record, with_metric(handmade("some", 1), [0.4, 0.5, 0.7])])
    assert board.table["a/m (first ray)"][0] == 0.4
    assert "data: some has a value at 1 of 2 seeds only: a/m (first ray)" in board.notes
    board = leaderboard([incomplete_record])
    assert np.isnan(board.table["a/m (first ray)"][0])
    assert board.table["a/m (middle ray)"][0] == 0.5
    assert "data: some has a value at no seed: a/m (first ray)" in board.notes


def test_a_record_with_a_missing_metric_is_read_and_indexed(handmade: Make) -> None:
    record = with_metric(handmade(), [None, 0.5, 0.7])
    assert parse(record.to_json(), "x") == record
    (packed,) = unpack(pack({"f": ((1, 2, 3, 4), outline(record))}), bounds_for(1)).values()
    np.testing.assert_array_equal(packed[1].fronts["test"].metrics["a/m"], [np.nan, 0.5, 0.7])
    assert packed[1].objectives == ["a", "b"]


def test_tables_at_each_preference_leave_a_mean_without_a_seed_empty(incomplete: list[Record]) -> None:
    fronts = {s: f.model_dump() for s, f in incomplete[1].fronts.items()}
    fronts["test"]["metrics"]["a/accuracy"] = [None, 0.8, 0.8]
    records = [incomplete[0], edited(incomplete[1], fronts=fronts)]
    long = accuracies(leaderboard(records), records)
    test = long[(long["split"] == "test") & (long["seed"] == "1")]["value"]
    np.testing.assert_allclose(test, [np.nan, 80, 80])
    table = preset("accuracy").make(leaderboard(records), records, Wanted())
    assert [cell.plain for cell in table.sheet.rows[2]][2] == "–"


def test_the_table_of_preferences_leaves_a_missing_metric_empty_and_chooses_among_the_others() -> None:
    path = Path(__file__).parents[2] / "results" / "methods" / "records"
    record = parse(next(path.glob("multimnist-ls-*.json")).read_bytes(), "ls")
    fronts = {s: f.model_dump() for s, f in record.fronts.items()}
    chosen = list(per_ray([record])["chosen"]).index("yes")
    values = fronts["val"]["metrics"]["left/accuracy"]
    fronts["val"]["metrics"]["left/accuracy"] = [None if i == chosen else v for i, v in enumerate(values)]
    table = per_ray([edited(record, fronts=fronts)])
    assert np.isnan(table["validation left/accuracy"][chosen])
    assert np.isnan(table["validation accuracy"][chosen])
    assert np.isfinite(table["validation left/accuracy"].drop(chosen)).all()
    assert list(table["chosen"]).index("yes") == int(np.nanargmax(table["validation accuracy"])) != chosen


def test_fronts_beyond_the_reference_point_are_noted_with_their_objectives(handmade: Make) -> None:
    above = [[0.1, 3.0], [0.2, 2.5], [0.3, 2.25]]
    apart = [[0.1, 3.0], [3.0, 0.1], [2.5, 0.2]]
    inside = [[0.1, 0.9], [0.5, 0.5], [0.9, 0.1]]
    records = [
        *(with_losses(handmade("over", seed), above, [2.0, 2.0], hypervolume=0.0) for seed in (0, 1)),
        *(with_losses(handmade("corner", seed), apart, [2.0, 2.0], hypervolume=0.0) for seed in (0, 1)),
        with_losses(handmade("once", 0), above, [2.0, 2.0], hypervolume=0.0),
        with_losses(handmade("once", 1), inside, [2.0, 2.0], hypervolume=2.0),
        *(with_losses(handmade("in", seed), inside, [2.0, 2.0], hypervolume=2.0) for seed in (0, 1)),
    ]
    start = "is below the reference point, so the hypervolume is 0 and ranks by it tell nothing"
    notes = [note for note in leaderboard(records).notes if "reference point" in note and "pooled" not in note]
    assert sorted(notes) == [
        f"data: no point of corner {start}: each of a, b is below it at some point, but never all of them",
        f"data: no point of once at seed 0, over {start}: b is 2.25 at best, the reference is 2",
    ]
    outlined = leaderboard([outline(record) for record in records]).notes
    assert set(notes) <= set(outlined), "as from the index"


@pytest.mark.parametrize("name", ["leaderboard", "hypervolume", "cost", "fronts", "datasets", "tasks"])
def test_every_table_says_which_objective_left_the_reference(handmade: Make, name: str) -> None:
    """Tables of records in each format, the page, the terminal and `--json`; the note is the leaderboard's."""
    records = [
        with_losses(handmade(solver, 0, data), losses, [2.0, 2.0], hypervolume=volume)
        for data in ("data", "more")
        for solver, losses, volume in (
            ("over", [[0.1, 3.0], [0.2, 2.5], [0.3, 2.25]], 0.0),
            ("in", [[0.1, 0.9], [0.5, 0.5], [0.9, 0.1]], 2.0),
        )
    ]
    records = [edited(record, protocol={**record.protocol, "ideal": [0.0, 0.0]}) for record in records]
    note = (
        "data: no point of over is below the reference point, so the hypervolume is 0 and ranks by it tell nothing: "
        "b is 2.25 at best, the reference is 2"
    )
    board = leaderboard(records)
    assert note in board.notes
    table = preset(name).make(board, records, Wanted())
    assert all(note in str(FORMATS[format_](table)) for format_ in ("md", "tex", "html"))
    assert note in page_data(records)["notes"]


def test_the_terminal_says_it_too(handmade: Make, capsys: pytest.CaptureFixture[str]) -> None:
    from mobench.cli.leaderboard import print_board

    above = [[0.1, 3.0], [0.2, 2.5], [0.3, 2.25]]
    print_board(leaderboard([with_losses(handmade(), above, [2.0, 2.0], hypervolume=0.0)]))
    assert "the hypervolume is 0 and ranks by it tell nothing: b is 2.25 at best" in capsys.readouterr().out


def test_a_point_on_the_reference_is_beyond_it(handmade: Make) -> None:
    on = with_losses(handmade(), [[2.0, 0.1], [2.0, 0.2], [2.0, 0.3]], [2.0, 2.0], hypervolume=0.0)
    assert any("a is 2 at best, the reference is 2" in note for note in leaderboard([on]).notes)


@pytest.mark.parametrize(
    ("preferences", "losses", "takes"),
    [
        ([], [[1.0, 2.0], [2.0, 1.0]], False),
        ([[0.5, 0.5]], [[1.0, 2.0]], False),
        ([[0.4, 0.6], [0.6, 0.4]], [[1.0, 2.0], [2.0, 1.0]], True),
        ([[1.0]], [[1.0]], True),
    ],
)
def test_whether_a_front_answers_to_preferences(
    preferences: list[list[float]], losses: list[list[float]], takes: bool
) -> None:
    assert takes_preferences(RecordedFront(preferences=preferences, losses=losses, n_samples=None)) == takes


@pytest.mark.parametrize("column", ["non-uniformity", "controllability"])
def test_indicators_of_preferences_are_empty_for_a_solver_that_ignores_them(handmade: Make, column: str) -> None:
    indicators = {"non_uniformity": 0.25, "controllability": 1.0}
    records = [handmade("takes", indicators=indicators)]
    records += [handmade("ignores", indicators=indicators, preferences=[[0.5, 0.5]])]
    table = leaderboard(records).table.set_index("solver")
    assert table[column]["takes"] == indicators[column.replace("-", "_")]
    assert np.isnan(table[column]["ignores"])
    assert table["hypervolume"].notna().all()


def test_rows_with_approximate_hypervolumes_are_noted_with_the_largest_error(handmade: Make) -> None:
    """The handmade hypervolume is 3."""
    records = [
        handmade("far", 0, indicators={"hypervolume_error": 0.03}),
        handmade("far", 1, indicators={"hypervolume_error": 0.06}),
        handmade("near", 0), handmade("near", 1), handmade("mid", 0, indicators={"hypervolume_error": 0.01}),
    ]  # fmt: skip
    for form in (records, [outline(record) for record in records]):
        (note,) = [note for note in leaderboard(form).notes if "approximate" in note]
        assert note.startswith("data: the hypervolume of far, mid is approximate")
        assert note.endswith("±2 % or less")
    assert not [note for note in leaderboard(records[2:4]).notes if "approximate" in note]
