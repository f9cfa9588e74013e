"""Suites on a user's table: what `[table]` declares, what jobs state, and errors."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from in_process import IN_PROCESS, InProcess

import mobench
from mobench.errors import DataError, OptionError, SuiteError
from mobench.jobs.overrides import Overrides
from mobench.jobs.plan import plan

Cli = Callable[..., Any]
FLATS = Path(__file__).parents[2] / "plugins" / "mobench_csv" / "flats.csv"
TARGETS = ("rent", "energy_class")


@pytest.fixture
def flats(tmp_path: Path) -> Path:
    return Path(shutil.copy(FLATS, tmp_path / "flats.csv"))


def test_jobs_state_the_content_and_the_targets_and_run_the_suites_solvers(flats: Path) -> None:
    suite = Overrides(csv=flats, targets=TARGETS, seeds=(3,)).load("quick")
    assert suite.name == "quick-flats"
    jobs = plan(suite).jobs
    assert {job.solver.name for job in jobs} == {"ls", "phn-ls"}
    for job in jobs:
        options = job.dataset.options
        assert options["file"] == str(flats)
        assert options["sha256"] == sha256(flats.read_bytes()).hexdigest()
        assert options["targets"] == list(TARGETS)
        assert (job.model.name, job.budget.epochs, job.seeds.solver) == ("mlp", 100, 3)
    assert {job.dataset.name for job in plan(Overrides().load("quick")).jobs}.isdisjoint({jobs[0].dataset.name})


def test_another_content_gives_other_jobs(flats: Path) -> None:
    before = {job.id for job in plan(Overrides(csv=flats, targets=TARGETS).load("quick")).jobs}
    flats.write_text(flats.read_text() + "80,3,1,north,gas,1990,1000,B\n")
    after = {job.id for job in plan(Overrides(csv=flats, targets=TARGETS).load("quick")).jobs}
    assert len(before) == len(after)
    assert before.isdisjoint(after)


def test_the_command_line_overrides_the_table_too(flats: Path) -> None:
    overrides = Overrides(csv=flats, targets=TARGETS, solvers=["upgrad"], settings={"widths": [8]}, steps=5)
    (job, *_) = plan(overrides.load("quick")).jobs
    assert (job.solver.name, job.budget.steps, job.model.options["widths"]) == ("upgrad", 5, [8])


@pytest.mark.parametrize(
    ("suite", "arguments", "error", "message"),
    [
        ("quick", {"csv": "flat.csv"}, DataError, "flat.csv cannot be read .No such file.*did you mean 'flats.csv'"),
        (
            "quick",
            {"csv": "flats.csv", "targets": ["rent"]},
            OptionError,
            "only 'rent': name two or more columns of area",
        ),
        ("quick", {"csv": "flats.csv", "targets": ["rent", "rnt"]}, DataError, "no column 'rnt'; did you mean 'rent'"),
        ("quick", {"csv": "flats.csv"}, OptionError, "targets names nothing: name two or more columns of area, rooms"),
        ("quick", {"targets": ["rent"]}, OptionError, "targets rent were given without csv: pass the file"),
        ("quick", {"csv": "flats.csv", "dataset": "enb"}, OptionError, "csv and dataset were both given: pass one"),
        ("tour", {"csv": "flats.csv"}, SuiteError, "does not say what it runs on a table: use quick, or add"),
    ],
)
def test_errors_say_what_to_do(
    flats: Path,
    monkeypatch: pytest.MonkeyPatch,
    suite: str,
    arguments: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    monkeypatch.chdir(flats.parent)
    with pytest.raises(error, match=message):
        mobench.run(suite, **arguments)
    assert not (flats.parent / "results").exists()


def test_a_table_of_a_solver_that_the_suite_lacks_is_an_error(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "plugins" / "mobench_suites" / "quick.toml").read_text()
    (tmp_path / "mine.toml").write_text(text.replace("[table.solvers.ls]", "[table.solvers.lsx]"))
    with pytest.raises(SuiteError, match=r"has a table \[table.solvers.lsx\], but no such solver; did you mean 'ls'"):
        Overrides().load(tmp_path / "mine.toml")
    (tmp_path / "mine.toml").write_text(text.replace('models = ["mlp"]', 'modles = ["mlp"]'))
    with pytest.raises(SuiteError, match=r"no key 'table\.modles'; did you mean 'models'"):
        Overrides().load(tmp_path / "mine.toml")


@pytest.mark.slow
def test_one_command_ends_in_a_leaderboard_and_names_the_next_one(flats: Path, cli: Cli) -> None:
    words = ["--set", "widths=[8]", "--solver", "ls", "--steps", 20, "--seeds", "0"]
    done = cli("run", "quick", "--csv", "flats.csv", "--targets", "rent,energy_class", *words, *IN_PROCESS)
    assert done.returncode == 0, done.stderr
    assert "1 jobs run" in done.stdout
    assert "next: `mobench report results/quick-flats`" in done.stdout
    table = mobench.leaderboard(flats.parent / "results" / "quick-flats")
    assert table["status"].tolist() == ["complete"]
    assert {"rent/RMSE (first ray)", "energy_class/accuracy (first ray)"} <= set(table.columns)


def test_python_runs_a_table_too(flats: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mobench.runs.executors.local.LocalExecutor", InProcess)
    options = {"solver": "ls", "settings": {"widths": [8]}, "steps": 5, "seeds": [0], "out": tmp_path / "a"}
    table = mobench.run("quick", csv=flats, targets=TARGETS, **options)  # type: ignore[arg-type]
    assert table["status"].tolist() == ["complete"]
    flats.write_text(flats.read_text() + "80,3,1,north,gas,1990,1000,B\n")
    with pytest.warns(UserWarning, match="left out: .*dataset"):
        assert len(mobench.run("quick", csv=flats, targets=TARGETS, **options)) == 1  # type: ignore[arg-type]
