"""A study belongs to its suite and search: its trials are never used for another suite."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from in_process import InProcess

from mobench.errors import StoreError
from mobench.interfaces import Protocol
from mobench.jobs import suite as suites
from mobench.jobs.suite import Suite
from mobench.records.store import Store
from mobench.search import study
from mobench.search import trial as trials
from mobench.search.journal import JOURNAL
from mobench_analytic.problems import VLMOP2

RESULTS = Path(__file__).parents[2] / "results"


@pytest.fixture(autouse=True)
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "LocalExecutor", InProcess)


def suite(entry: dict[str, Any] | None = None, search: dict[str, Any] | None = None, **more: Any) -> Suite:
    entry = {"datasets": ["vlmop2"], "models": ["point"], "solvers": ["ls"], **(entry or {})}
    search = {"space": {"lr": [0.001, 0.01]}, **(search or {})}
    return Suite.model_validate({"name": "a", "budget": {"steps": 3}, **more, "entries": [entry], "search": search})


CHANGED: dict[str, tuple[Suite, str]] = {
    "solver": (suite({"solvers": ["mgda"]}), r'job\.solver\.name "ls" instead of "mgda"'),
    "budget": (suite(budget={"steps": 30}), r"job\.budget\.steps 3 instead of 30"),
    "an entry's budget": (suite({"budget": {"steps": 30}}), r"job\.budget\.steps 3 instead of 30"),
    "batch size": (suite(budget={"steps": 3, "batch_size": 7}), r"job\.budget\.batch_size 256 instead of 7"),
    "seeds": (suite(seeds=[0, 1]), r"seeds \[0\] instead of \[0, 1\]"),
    "an option": (suite({"set": {"momentum": 0.5}}), r"job\.solver\.options\.momentum 0\.0 instead of 0\.5"),
    "an option of a solver's table": (suite(solvers={"ls": {"momentum": 0.5}}), r"momentum 0\.0 instead of 0\.5"),
    "data set": (suite({"datasets": ["zdt1"]}), r'job\.dataset\.name "vlmop2" instead of "zdt1"'),
    "an option of the data set": (
        suite({"set": {"n_variables": 5}}),
        r"job\.dataset\.options\.n_variables \d+ instead of 5",
    ),
    "rays": (suite(rays=[[0.5, 0.5], [0.2, 0.8]]), r"job\.rays none instead of"),
    "number of rays": (suite(n_finite=3), r"job\.n_finite 5 instead of 3"),
    "looks": (suite(n_looks=2), r"job\.n_looks none instead of 2"),
    "space": (
        suite(search={"space": {"lr": [0.001, 0.02]}}),
        r"search\.space\.lr \[0\.001, 0\.01\] instead of \[0\.001, 0\.02\]",
    ),
    "sampler": (suite(search={"sampler": "tpe"}), r'search\.sampler "grid" instead of "tpe"'),
}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a study of `suite()` whose trials have ended."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trials, "LocalExecutor", InProcess)
        study.search(suite(), Store(folder))
    return folder


def copied(done: Path, folder: Path, earlier_version: bool) -> Store:
    """A copy of the store; former: its journal as earlier versions wrote it."""
    (folder / "records").mkdir()
    for path in (done / "records").iterdir():
        (folder / "records" / path.name).write_bytes(path.read_bytes())
    lines = (done / JOURNAL).read_text().splitlines(keepends=True)
    if earlier_version:
        lines = [_earlier_version(line) for line in lines]
    (folder / JOURNAL).write_text("".join(lines))
    return Store(folder)


def _earlier_version(line: str) -> str:
    operation = json.loads(line)
    if "contents" in operation.get("user_attr", {}):
        search = json.loads(operation["user_attr"]["contents"])["search"]
        operation["user_attr"] = {"search": json.dumps(search, separators=(",", ":"))}
    return json.dumps(operation, separators=(",", ":")) + "\n"


@pytest.mark.parametrize("earlier_version", [False, True], ids=["now", "former"])
@pytest.mark.parametrize("change", CHANGED)
def test_a_study_of_another_suite_is_refused_with_what_differs(
    done: Path, tmp_path: Path, change: str, earlier_version: bool
) -> None:
    other, difference = CHANGED[change]
    store = copied(done, tmp_path, earlier_version)
    before = (tmp_path / JOURNAL).read_bytes()
    difference = r"2 seeds|1 seeds instead of 2" if earlier_version and change == "seeds" else difference
    for attempt in (study.search, study.outcomes):
        with pytest.raises(StoreError, match=f"is of another search: .*{difference}.*name another folder with --out"):
            attempt(other, store)
    assert (tmp_path / JOURNAL).read_bytes() == before
    assert len(list((tmp_path / "records").iterdir())) == 2


@pytest.mark.parametrize("earlier_version", [False, True], ids=["now", "former"])
def test_a_study_of_the_same_contents_is_found_whatever_the_suite_is_called(
    done: Path, tmp_path: Path, earlier_version: bool
) -> None:
    store = copied(done, tmp_path, earlier_version)
    same = suite({"set": {"momentum": 0.0}}, summary="other words", keep_weights=True, name="b")
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "records").iterdir()}
    (outcome,) = study.search(same, store)
    assert [trial.state for trial in outcome.trials] == ["complete"] * 2
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "records").iterdir()} == stamps
    assert study.outcomes(suite(), store) == [outcome]


@pytest.mark.parametrize("earlier_version", [False, True], ids=["now", "former"])
def test_a_data_set_that_changed_under_its_version_has_no_old_trials(
    done: Path, tmp_path: Path, earlier_version: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = copied(done, tmp_path, earlier_version)
    stated: Protocol = VLMOP2().protocol
    monkeypatch.setattr(VLMOP2, "protocol", property(lambda self: replace(stated, reference=(6.0, 6.0))))
    for attempt in (study.search, study.outcomes):
        with pytest.raises(StoreError, match=r"reference \[1\.0, 1\.0\] instead of \[6\.0, 6\.0\]"):
            attempt(suite(), store)


def test_without_its_records_a_former_study_is_refused_all_the_same(done: Path, tmp_path: Path) -> None:
    store = copied(done, tmp_path, earlier_version=True)
    for path in (tmp_path / "records").iterdir():
        path.unlink()
    with pytest.raises(StoreError, match=r"of another search: trial 0 ran job [0-9a-f]{16}, but its options give job"):
        study.outcomes(CHANGED["solver"][0], store)


def test_a_combination_that_has_no_study_is_told(done: Path, tmp_path: Path) -> None:
    store = copied(done, tmp_path, earlier_version=False)
    with pytest.raises(StoreError, match="has no trials of vlmop2 × point × ls"):
        study.outcomes(suite({"solvers": ["ls", "mgda"]}), store)


@pytest.mark.parametrize("name", ["report-search", "standard-search"])
def test_committed_studies_are_found_by_their_suites(name: str) -> None:
    outcomes = study.outcomes(suites.load(name), Store(RESULTS / name))
    assert outcomes
    assert all(outcome.best is not None for outcome in outcomes)
    assert sum(len(outcome.trials) for outcome in outcomes) == {"report-search": 16, "standard-search": 51}[name]
