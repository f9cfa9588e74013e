"""`mobench season`, on the season of the committed standard track."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

RESULTS = Path(__file__).parents[2] / "results"

Cli = Any

pytestmark = pytest.mark.slow


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_list_and_show_state_the_tracks(cli: Cli) -> None:
    listed = lines(cli("season", "list", "--json").stdout)[0]
    assert (listed["name"], listed["track"], listed["suite"], listed["frozen"]) == (
        "season-1", "pictures", "standard", True,
    )  # fmt: skip
    shown = cli("season", "show", "season-1")
    assert shown.returncode == 0
    assert "153 jobs, 17 solvers, seeds 0, 1, 2" in shown.stdout
    assert "changed" not in shown.stdout


def test_status_counts_records_by_task_and_solver(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "results" / "standard" / "records"
    shutil.copytree(RESULTS / "standard" / "records", folder)
    complete = cli("season", "status", "season-1")
    assert complete.returncode == 0, complete.stderr
    assert "153 of 153 jobs have a record in results/standard" in complete.stdout

    for file in folder.glob("multimnist-epo-s[01]-*.json"):
        file.unlink()
    incomplete = cli("season", "status", "season-1", "--json")
    assert incomplete.returncode == 1
    states = {(line["dataset"], line["solver"]): line for line in lines(incomplete.stdout) if "dataset" in line}
    assert len(states) == 51
    assert (states["multimnist", "epo"]["completed"], states["multimnist", "epo"]["missing"]) == (1, 2)
    assert sum(line["missing"] for line in states.values()) == 2


def test_unknown_seasons_and_tracks_are_named(cli: Cli) -> None:
    assert "season-1" in cli("season", "show", "season-2").stderr
    assert "pictures" in cli("season", "status", "season-1", "--track", "small").stderr


def test_a_frozen_suite_is_not_overwritten(cli: Cli) -> None:
    refused = cli("season", "freeze", "standard")
    assert refused.returncode == 2
    assert "is frozen already" in refused.stderr
    assert "belongs to no season" in cli("season", "freeze", "quick").stderr


def test_run_runs_the_missing_jobs_of_a_track(cli: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "results" / "standard" / "records"
    folder.mkdir(parents=True)
    (record,) = (RESULTS / "standard" / "records").glob("multimnist-ls-s0-*.json")
    shutil.copy(record, folder)
    words = ("--track", "pictures", "--dataset", "multimnist", "--solver", "ls", "--seeds", "0")
    done = cli("season", "run", "season-1", *words)
    assert done.returncode == 0, done.stderr
    assert "nothing to do: 1 of 1 jobs have a record" in done.stdout
