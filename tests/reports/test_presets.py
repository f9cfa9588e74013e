"""Tables that the field prints, from committed records."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from mobench.errors import OptionError
from mobench.reports.leaderboard import leaderboard
from mobench.reports.presets import PRESETS, export
from mobench.reports.tables import Wanted
from mobench.runs.store import Store

RESULTS = Path(__file__).parents[2] / "results"


def written(suite: str, preset: str, folder: Path) -> list[dict[str, str]]:
    records = Store(RESULTS / suite).contents().records
    (path,) = export([preset], leaderboard(records), records, folder, ["csv"], Wanted())
    return list(csv.DictReader(path.read_text().splitlines()))


def test_the_reports_table_is_the_mean_accuracy_of_the_record(tmp_path: Path) -> None:
    (path,) = (RESULTS / "report" / "records").glob("*.json")
    fronts = json.loads(path.read_text())["fronts"]
    rows = {row["split"]: row for row in written("report", "accuracy", tmp_path)}
    assert list(rows) == ["train", "validation", "test"]
    for split, word in (("train", "train"), ("val", "validation"), ("test", "test")):
        front = fronts[split]
        for i, ray in enumerate(front["preferences"]):
            mean = (front["metrics"]["left/accuracy"][i] + front["metrics"]["right/accuracy"][i]) / 2
            assert float(rows[word][", ".join(f"{r:.3g}" for r in ray)]) == pytest.approx(100 * mean)


def test_the_papers_table_has_hypervolume_and_parameters(tmp_path: Path) -> None:
    rows = {row["solver"]: row for row in written("standard", "hypervolume", tmp_path)}
    for path in (RESULTS / "standard" / "records").glob("*.json"):
        record = json.loads(path.read_text())
        row = rows[record["job"]["solver"]["name"]]
        assert float(row["hypervolume"]) == pytest.approx(record["indicators"]["test"]["hypervolume"])
        assert int(float(row["stored parameters"])) == record["cost"]["stored_parameters"]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_written_in_every_format_that_people_read(preset: str, tmp_path: Path) -> None:
    records = Store(RESULTS / "report").contents().records
    paths = export([preset], leaderboard(records), records, tmp_path, ["md", "tex", "html"], Wanted())
    assert [p.name for p in paths] == [f"{preset}.{ending}" for ending in ("md", "tex", "html")]
    assert all(PRESETS[preset].summary[:20] in p.read_text() for p in paths)


def test_records_without_accuracy_have_no_table_of_it(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no accuracy that their objectives share"):
        written("analytic", "accuracy", tmp_path)


def test_an_unknown_table_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="no table is called 'wurst'; accepted: hypervolume, cost, accuracy"):
        written("report", "wurst", tmp_path)
