"""Seasons: tracks of suites, labels of jobs, what overrides may change, and frozen files."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobench.errors import SuiteError, UnknownNameError
from mobench.jobs import plan as plans
from mobench.jobs import seasons
from mobench.jobs import suite as suites
from mobench.jobs.job import Job
from mobench.jobs.overrides import Overrides
from mobench.jobs.suite import Suite
from mobench.plugins import registry
from mobench.runs.suite_run import folder_of

TRACK = """
name = "small"
seeds = [0, 1]
budget = { steps = 3 }
search = { space = { "solver.lr" = [0.01, 0.1] } }

[season]
name = "season-9"
track = "points"
targets = { zdt1 = 0.6 }

[[entries]]
datasets = ["zdt1", "vlmop2"]
models = ["point"]
solvers = ["ls", "tche"]
"""


@pytest.fixture
def track(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of a suite of a season, whose frozen file lies beside it."""
    path = tmp_path / "small.toml"
    path.write_text(TRACK)
    monkeypatch.setattr(seasons, "frozen_file", lambda name: path.with_suffix(".frozen"))
    return path


def freeze(path: Path) -> Suite:
    suite = suites.load(path)
    path.with_suffix(".frozen").write_text("\n".join(seasons.frozen_lines(suite, plans.plan(suite).jobs)) + "\n")
    return suite


def test_jobs_of_a_season_carry_its_name_and_others_keep_their_ids(track: Path) -> None:
    labelled = plans.plan(suites.load(track)).jobs
    track.write_text(TRACK.replace("targets =", "labelled = false\ntargets ="))
    plain = plans.plan(suites.load(track)).jobs
    assert {job.season for job in labelled} == {"season-9"}
    assert {job.season for job in plain} == {None}
    assert all("season" not in job.model_dump() for job in plain)
    assert not {job.id for job in labelled} & {job.id for job in plain}
    content = labelled[0].model_dump()
    assert Job.model_validate({**content, "season": None}).id in {job.id for job in plain}


def test_records_of_a_season_have_a_folder_of_their_own(track: Path) -> None:
    suite = suites.load(track)
    assert folder_of(suite, None) == Path("results/season-9/points")
    assert folder_of(suite, "elsewhere") == Path("elsewhere")
    assert folder_of(suites.load("standard"), None) == Path("results/standard")


@pytest.mark.parametrize(
    ("overrides", "what"),
    [
        (Overrides(datasets=["zdt2"]), "fixes its datasets"),
        (Overrides(models=["mlp"]), "fixes its models"),
        (Overrides(rays=[[0.5, 0.5], [0.2, 0.8]]), "fixes its rays"),
        (Overrides(preset="paper"), "preset 'paper' changes it"),
        (Overrides(steps=4), "fixes the budget"),
        (Overrides(precision="bf16"), "fixes the budget"),
        (Overrides(settings={"dataset.n_variables": 5}), "fixes the dataset"),
    ],
)
def test_what_a_season_fixes_cannot_be_overridden(track: Path, overrides: Overrides, what: str) -> None:
    with pytest.raises(SuiteError, match=what):
        plans.plan(overrides.load(track))


@pytest.mark.parametrize(
    "overrides",
    [
        Overrides(datasets=["zdt1"], solvers=["ls"], seeds=[0]),
        Overrides(solvers=["stack+tchebycheff"]),
        Overrides(solvers=["mgda"], settings={"lr": 0.1}),
    ],
)
def test_parts_and_other_solvers_with_their_options_run_in_a_season(track: Path, overrides: Overrides) -> None:
    jobs = plans.plan(overrides.load(track)).jobs
    assert jobs
    assert {job.season for job in jobs} == {"season-9"}


def test_a_frozen_suite_names_what_has_changed(track: Path) -> None:
    suite = freeze(track)
    assert seasons.changes(suite, plans.plan(suite).jobs) == []
    seasons.check_frozen(suite, plans.plan(suite).jobs)

    track.write_text(TRACK.replace("steps = 3", "steps = 4"))
    longer = suites.load(track)
    changes = seasons.changes(longer, plans.plan(longer).jobs)
    assert len(changes) == 8
    assert changes[0].startswith("zdt1 × point × ls, seed 0: ")
    with pytest.raises(SuiteError, match=r"is frozen, and 8 of its jobs have changed, first zdt1 × point × ls"):
        seasons.check_frozen(longer, plans.plan(longer).jobs)


@pytest.mark.parametrize(("old", "new"), [("[0.01, 0.1]", "[0.01, 0.2]"), ("zdt1 = 0.6", "zdt1 = 0.7")])
def test_search_and_targets_are_frozen_too(track: Path, old: str, new: str) -> None:
    freeze(track)
    track.write_text(TRACK.replace(old, new))
    suite = suites.load(track)
    assert seasons.changes(suite, plans.plan(suite).jobs) == ["the search or the targets"]


def test_other_solvers_and_seeds_are_not_frozen(track: Path) -> None:
    freeze(track)
    others = Overrides(solvers=["mgda"], seeds=[5]).load(track)
    assert seasons.changes(others, plans.plan(others).jobs) == []


def test_two_suites_cannot_be_the_same_track(monkeypatch: pytest.MonkeyPatch, track: Path) -> None:
    suite = suites.load(track)
    monkeypatch.setattr(suites, "load", lambda name: suite)
    with pytest.raises(SuiteError, match="two suites for track 'points'"):
        seasons.seasons()


def test_unknown_seasons_are_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="season-1"):
        seasons.get("season-one")


SEASONAL = [name for name in registry().names("suite") if suites.load(name).season is not None]


@pytest.mark.parametrize("name", SEASONAL)
def test_registered_seasons_have_not_changed_since_they_were_frozen(name: str) -> None:
    suite = suites.load(name)
    lines = seasons.read_frozen(name)
    assert lines is not None
    assert seasons.frozen_lines(suite, plans.plan(suite).jobs) == lines
