"""The table across tasks: normalised hypervolumes, means and ranks by hand, and rows that lack a task."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from mobench.errors import OptionError
from mobench.records.outline import outline
from mobench.records.record import Record
from mobench.reports.analysis.leaderboard import leaderboard
from mobench.reports.tables import across_tasks
from mobench.reports.tables.columns import is_spread
from mobench.reports.tables.content import Content, Wanted
from mobench.reports.tables.table_files import FORMATS

Made = Callable[..., Record]
BOXES = {"small": ([0.0, 0.0], [2.0, 3.0]), "large": ([-1.0, 5.0], [9.0, 15.0])}
"""Dataset -> ideal and reference point; their boxes are 6 and 100."""
VOLUMES = {
    "small": {"one": (3.0, 3.3), "two": (1.2, 1.8), "three": (0.6, 0.6)},
    "large": {"one": (10.0, 20.0), "two": (50.0, 52.0), "three": (40.0, 40.0)},
}


def record(handmade: Made, dataset: str, solver: str, seed: int, volume: float, **more: Any) -> Record:
    plain = handmade(solver, seed, dataset, indicators={"hypervolume": volume}, **more)
    ideal, reference = BOXES[dataset]
    protocol = {"version": "p-1", "ideal": ideal, "reference": reference}
    return Record.model_validate({**plain.model_dump(by_alias=True), "protocol": protocol})


@pytest.fixture
def records(handmade: Made) -> list[Record]:
    return [
        record(handmade, dataset, solver, seed, volume)
        for dataset, by_solver in VOLUMES.items()
        for solver, volumes in by_solver.items()
        for seed, volume in enumerate(volumes)
    ]


def made(records: list[Record], **selection: Any) -> Content:
    return across_tasks.content(leaderboard(records), records, Wanted(**selection))


def test_values_are_shares_of_the_box_between_ideal_and_reference(records: list[Record]) -> None:
    for form in (records, [outline(record) for record in records]):
        frame = made(form).frame.set_index("solver")  # type: ignore[arg-type]
        assert frame["small"].to_dict() == pytest.approx({"one": 3.15 / 6, "two": 1.5 / 6, "three": 0.6 / 6})
        assert frame["large"].to_dict() == pytest.approx({"one": 0.15, "two": 0.51, "three": 0.4})
        assert math.isnan(frame["large ±"]["two"])
        assert (frame["large min"]["two"], frame["large max"]["two"]) == pytest.approx((0.5, 0.52))
        assert list(frame.index) == ["two", "one", "three"], "by the mean"
        means = {"one": (3.15 / 6 + 0.15) / 2, "two": (0.25 + 0.51) / 2, "three": 0.25}
        assert frame["mean"].to_dict() == pytest.approx(means)


def test_ranks_are_places_by_the_mean_where_tasks_and_seeds_separate_nobody(records: list[Record]) -> None:
    content = made(records)
    assert content.frame[["solver", "rank"]].to_numpy().tolist() == [["two", "1"], ["one", "2"], ["three", "3"]]
    assert across_tasks.PLACES in content.sheet.notes


def test_ranks_come_from_the_paired_comparison_over_tasks_and_seeds(handmade: Made) -> None:
    """One is ahead of the others at every seed of both tasks; the others change places."""
    shares = {"one": (0.9, 0.8, 0.9), "two": (0.4, 0.5, 0.4), "three": (0.5, 0.4, 0.5)}
    records = [
        record(handmade, dataset, solver, seed, share * (6 if dataset == "small" else 100))
        for dataset in BOXES
        for solver, values in shares.items()
        for seed, share in enumerate(values)
    ]
    content = made(records)
    ranks = content.frame.set_index("solver")["rank"].to_dict()
    assert ranks == {"one": "1", "two": "2–3", "three": "2–3"}
    assert across_tasks.RANKS in content.sheet.notes


def test_a_row_that_lacks_a_task_or_a_seed_has_neither_mean_nor_rank(handmade: Made, records: list[Record]) -> None:
    partly = [*records, record(handmade, "small", "new", 0, 5.0), record(handmade, "small", "new", 1, 5.0)]
    partly = [r for r in partly if (r.job.solver.name, r.job.dataset.name, r.job.seeds.solver) != ("two", "large", 1)]
    frame = made(partly).frame.set_index("solver")
    assert list(frame.index) == ["one", "three", "new", "two"]
    assert frame["rank"][["one", "three"]].tolist() == ["1", "2"]
    for solver, status in (("new", "large: no record"), ("two", "large: no record at seed 1")):
        assert frame["status"][solver] == status
        assert math.isnan(frame["mean"][solver])
        assert frame["rank"][solver] == "–"
    assert frame["small"]["new"] == pytest.approx(5 / 6)
    assert math.isnan(frame["large"]["new"])


def test_a_dataset_with_two_models_is_two_tasks(handmade: Made, records: list[Record]) -> None:
    more = [
        record(handmade, "small", solver, seed, 1.0, model="other") for solver in VOLUMES["small"] for seed in (0, 1)
    ]
    frame = made([*records, *more]).frame
    names = [name for name in frame.columns if not is_spread(name)]
    assert names == ["rank", "solver", "mean", "large", "small, net", "small, other", "status"]


def test_every_format_has_the_notes_of_the_leaderboard_and_how_values_are_normalised(
    handmade: Made, records: list[Record]
) -> None:
    content = made([*records, record(handmade, "small", "new", 0, 5.0)])
    for name in ("md", "tex", "html"):
        text = str(FORMATS[name](content))
        assert "1 is the ideal point" in text
        assert "mean over 1 of 2 seeds: new" in text
    table = pd.read_csv(io.StringIO(str(FORMATS["csv"](content))))
    assert table["small"].tolist() == pytest.approx(content.frame["small"].tolist())
    seeds = pd.read_csv(io.StringIO(str(FORMATS["seeds.csv"](content))))
    assert len(seeds) == 13
    values = seeds.set_index(["dataset", "solver", "seed"])["value"]
    assert values["large", "one", 1] == pytest.approx(0.2)
    estimates = pd.read_csv(io.StringIO(str(FORMATS["tidy.csv"](content)))).set_index(["dataset", "solver"])
    assert estimates["estimate"]["large", "one"] == pytest.approx(0.15)


def test_one_task_or_protocols_without_an_ideal_point_make_no_table(handmade: Made, records: list[Record]) -> None:
    with pytest.raises(OptionError, match="there are 1: name a folder with records of several datasets"):
        made(records, datasets=["small"])
    plain = [handmade("one", 0, "a"), handmade("one", 0, "b")]
    assert across_tasks.n_tasks(leaderboard(plain)) == 0
    assert across_tasks.n_tasks(leaderboard(records)) == 2
    assert across_tasks.n_tasks(leaderboard([])) == 0
