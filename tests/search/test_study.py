"""Searches: complete grids, selection on validation, resumption, and pruning."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from in_process import InProcess

from mobench.errors import MobenchError, OptionError, StoreError
from mobench.events import JobEnded, JobEvent
from mobench.jobs.job import Job
from mobench.jobs.plan import plan
from mobench.jobs.suite import Suite
from mobench.records.record import Record
from mobench.records.store import Store
from mobench.search import study
from mobench.search import tables as report
from mobench.search import trial as trials
from mobench.search.trial import NoValue, plan_of, value_on_validation

Cli = Any


@pytest.fixture(autouse=True)
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run jobs in this process. Searches that are killed or interrupted are commands with worker processes."""
    monkeypatch.setattr(trials, "LocalExecutor", InProcess)


def suite(**search: Any) -> Suite:
    base: dict[str, Any] = {"space": {"solver.lr": [0.5, 0.01], "budget.steps": [20, 40]}}
    return Suite.model_validate(
        {
            "name": "tuned",
            "budget": {"steps": 20},
            "entries": [{"datasets": ["vlmop2"], "models": ["point"], "solvers": ["ls"]}],
            "search": {**base, **search},
        }
    )


@pytest.mark.slow
def test_a_grid_tries_every_combination_once_and_is_not_repeated(tmp_path: Path) -> None:
    store = Store(tmp_path)
    trial_numbers: list[int] = []
    (outcome,) = study.search(suite(), store, tell=lambda solver, trial: trial_numbers.append(trial.number))
    combinations = sorted((t.settings["solver.lr"], t.settings["budget.steps"]) for t in outcome.trials)
    assert combinations == [(0.01, 20), (0.01, 40), (0.5, 20), (0.5, 40)]
    assert sorted(trial_numbers) == [0, 1, 2, 3]
    for trial in outcome.trials:
        (job_id,) = trial.jobs
        (record,) = [r for r in store.contents().records if r.id == job_id]
        assert trial.value == record.indicators["val"]["hypervolume"]
        assert record.job.budget.steps == trial.settings["budget.steps"]
        assert record.job.solver.options["lr"] == trial.settings["solver.lr"]
    values = [t.value for t in outcome.trials if t.value is not None]
    assert values == sorted(values, reverse=True)
    stamps = {p: p.stat().st_mtime_ns for p in store.records_folder.iterdir()}
    (repeated,) = study.search(suite(), store)
    assert repeated == outcome
    assert stamps == {p: p.stat().st_mtime_ns for p in store.records_folder.iterdir()}


@pytest.mark.slow
def test_the_best_is_a_suite_that_runs(tmp_path: Path) -> None:
    searched = suite()
    (outcome,) = study.search(searched, Store(tmp_path))
    assert outcome.best is not None
    best = Suite.model_validate({"name": "best", **tomllib.loads(report.best_suite([outcome], searched))})
    assert best.search is None
    (job,) = plan_of(best, {}).jobs
    assert job.id == outcome.best.jobs[0]


@pytest.mark.slow
def test_tpe_takes_ranges_and_the_same_seed_proposes_the_same(tmp_path: Path) -> None:
    space = {"solver.lr": {"low": 1e-3, "high": 1.0, "log": True}, "budget.steps": {"low": 10, "high": 30}}
    searched = suite(sampler="tpe", trials=4, space=space)
    outcomes = [study.search(searched, Store(tmp_path / name))[0] for name in "ab"]
    for trial in outcomes[0].trials:
        assert 1e-3 <= trial.settings["solver.lr"] <= 1.0
        assert isinstance(trial.settings["budget.steps"], int)
        assert 10 <= trial.settings["budget.steps"] <= 30
    assert [t.settings for t in outcomes[0].trials] == [t.settings for t in outcomes[1].trials]
    (more,) = study.search(searched, Store(tmp_path / "a"), n_trials=5)
    assert len(more.trials) == 5


def record_of(accuracies: dict[str, dict[str, list[Any]]]) -> Record:
    path = Path(__file__).parents[2] / "results" / "methods" / "records"
    text = json.loads(next(path.glob("multimnist-ls-*.json")).read_text())
    for split, metrics in accuracies.items():
        text["fronts"][split]["metrics"] = metrics
    return Record.model_validate(text)


def test_the_value_is_validations_best_preference() -> None:
    val = {"left/accuracy": [0.9, 0.8, 0.5, 0.5, 0.5], "right/accuracy": [0.1, 0.8, 0.5, 0.5, 0.5]}
    record = record_of({"val": val})
    assert value_on_validation(record, "accuracy") == pytest.approx(0.8)
    assert value_on_validation(record, "accuracy", higher_is_better=False) == pytest.approx(-0.5)


def test_preferences_without_a_value_are_passed_over_and_without_any_there_is_no_value() -> None:
    val: dict[str, list[Any]] = {"left/accuracy": [None, 0.8, 0.5, 0.5, 0.5], "right/accuracy": [0.9, 0.7, 1, 0.5, 0]}
    assert value_on_validation(record_of({"val": val}), "accuracy") == pytest.approx(0.75)
    with pytest.raises(NoValue, match="accuracy is not a finite number at any preference of the validation split"):
        value_on_validation(record_of({"val": {**val, "right/accuracy": [1, *[None] * 4]}}), "accuracy")


def test_the_test_split_has_no_part_in_it() -> None:
    perfect_metrics = {name: [1.0] * 5 for name in ("left/accuracy", "right/accuracy")}
    for metric in ("accuracy", "hypervolume"):
        assert value_on_validation(record_of({"test": perfect_metrics}), metric) == value_on_validation(
            record_of({}), metric
        )


@pytest.mark.slow
def test_trials_far_behind_are_pruned_and_leave_no_record(tmp_path: Path) -> None:
    """Four learning rates that learn, and one so small that it does not: it ends before its budget."""
    space = {"solver.lr": [0.01, 0.012, 0.014, 0.016, 1e-9]}
    content = suite(prune=True, space=space).model_dump()
    content |= {"budget": {"steps": 300}}
    content["entries"][0]["datasets"] = ["zdt1"]
    searched = Suite.model_validate(content)
    store = Store(tmp_path)
    (outcome,) = study.search(searched, store)
    states = {t.settings["solver.lr"]: t.state for t in outcome.trials}
    # a grid goes in order, and Optuna prunes none of the first four
    assert states == {0.01: "complete", 0.012: "complete", 0.014: "complete", 0.016: "complete", 1e-9: "pruned"}
    assert len(store.contents().records) == sum(state == "complete" for state in states.values())
    assert outcome.best is not None
    assert outcome.best.settings["solver.lr"] > 1e-3


@pytest.mark.slow
def test_a_search_that_was_killed_goes_on(tmp_path: Path, command: list[str], environment: dict[str, str]) -> None:
    text = (
        '[budget]\nsteps = 400\n[[entries]]\ndatasets = ["vlmop2"]\nmodels = ["point"]\nsolvers = ["ls"]\n'
        '[search]\n[search.space]\n"solver.lr" = [0.3, 0.2, 0.1]\n'
    )
    (tmp_path / "s.toml").write_text(text)
    words = [*command, "tune", str(tmp_path / "s.toml"), "--out", str(tmp_path / "out")]
    process = subprocess.Popen(
        [*words, "--json"], env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    events = map(json.loads, iter(process.stdout.readline, ""))
    assert any(event["event"] == "trial" and event["state"] == "complete" for event in events)
    assert any(event["event"] == "job" for event in events), "the next one has begun"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line for line in (tmp_path / "out" / "study.md").read_text().splitlines() if "complete" in line]
    assert len(rows) == 3
    assert {line.split(" | ")[2] for line in rows} == {"0.3", "0.2", "0.1"}
    tables = {p.name for p in (tmp_path / "out").iterdir()}
    assert {"study.md", "study.csv", "cost.md", "best.toml", "records"} <= tables


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_search_that_is_interrupted_ends_at_once_and_goes_on(
    tmp_path: Path, command: list[str], environment: dict[str, str], jobs: str
) -> None:
    """Ctrl-C in mid-trial: it is no failure of the trial, which is run again."""
    text = (
        '[budget]\nsteps = 2000\n[[entries]]\ndatasets = ["vlmop2"]\nmodels = ["point"]\nsolvers = ["stche"]\n'
        '[search]\n[search.space]\n"solver.lr" = [0.3, 0.2]\n'
    )
    (tmp_path / "s.toml").write_text(text)
    words = [*command, "tune", str(tmp_path / "s.toml"), "--out", str(tmp_path / "out"), "--jobs", jobs]
    process = subprocess.Popen(
        [*words, "--json"], env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert any('"train"' in line for line in iter(process.stdout.readline, ""))
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "run the same command again to resume" in errors
    assert "failed" not in errors
    assert list((tmp_path / "out" / "records").glob("*.json")) == []
    done = subprocess.run([*words, "--json"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    trials = [event for event in map(json.loads, done.stdout.splitlines()) if event["event"] == "trial"]
    assert [event["state"] for event in trials] == ["complete"] * 2
    rows = [line for line in (tmp_path / "out" / "study.md").read_text().splitlines() if "0." in line]
    assert len(rows) == 2
    assert all(row.endswith("complete |") for row in rows)


@pytest.mark.slow
def test_trials_of_different_solvers_run_at_once(tmp_path: Path) -> None:
    """One trial each: no solver has two that could."""
    content = suite(space={"solver.lr": [0.1]}).model_dump()
    content["entries"][0]["solvers"] = ["ls", "stche"]
    under_way: set[str] = set()
    most = 0

    def listen(job: Job, event: JobEvent) -> None:
        nonlocal most
        (under_way.discard if isinstance(event, JobEnded) else under_way.add)(job.solver.name)
        most = max(most, len(under_way))

    outcomes = study.search(Suite.model_validate(content), Store(tmp_path), slots=2, listen=listen)
    assert [len(outcome.trials) for outcome in outcomes] == [1, 1]
    assert most == 2


@pytest.mark.slow
def test_time_is_that_of_the_records_also_where_they_were_there(tmp_path: Path) -> None:
    searched, store = suite(space={"solver.lr": [0.5]}), Store(tmp_path)
    study.search(searched, store)
    (store.folder / "study.journal").unlink()
    (outcome,) = study.search(searched, store)
    (record,), (trial,) = store.contents().records, outcome.trials
    assert record.cost is not None
    assert trial.core_seconds == record.cost.training_core_seconds
    assert trial.seconds == pytest.approx(record.cost.training_seconds + record.cost.evaluation_seconds)
    assert report.columns([outcome])[-2] == "core-s"
    assert report.columns([replace(outcome, trials=[replace(trial, core_seconds=None)])])[-2] == "seconds"


def test_what_cannot_be_searched_is_told(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(OptionError, match=r"no \[search\] table"):
        study.search(suite().model_copy(update={"search": None}), store)
    with pytest.raises(OptionError, match=r"has 'epoo', which is not searched; its solvers are ls"):
        study.search(suite(solvers={"epoo": {"balancer.epsilon": [0.1]}}), store)
    twice = suite().model_dump()
    twice["entries"] *= 2
    with pytest.raises(OptionError, match="vlmop2 × point × ls twice"):
        study.search(Suite.model_validate(twice), store)
    with pytest.raises(OptionError, match=r"'acuracy'.*hypervolume"):
        study.search(suite(metric="acuracy"), store)
    with pytest.raises(OptionError, match="learning_rate"):
        study.search(suite(space={"learning_rate": [1]}), store)
    with pytest.raises(ValueError, match="a grid has no ranges"):
        suite(space={"solver.lr": {"low": 0.1, "high": 0.2}})
    with pytest.raises(ValueError, match="a low below its high"):
        suite(sampler="tpe", space={"solver.lr": {"low": 0.3, "high": 0.2}})
    with pytest.raises(StoreError, match="there is no study"):
        study.outcomes(suite(), store)
    assert not list(tmp_path.glob("records/*"))


NO_JOURNALS: dict[str, bytes] = {
    "no text": b"\x80\xff\n\n",
    "no JSON": b"{\nx\n",
    "no list of operations": b"[1]\n2\n",
    "nested deep": b"[" * 100_000 + b"\n" + b"{}\n",
    "another program's": b'{"a": 1}\n{"b": 2}\n',
    "an operation that is none": b'{"op_code": 99, "worker_id": "x"}\n',
    "a hostile worker": b'{"op_code": 0, "worker_id": "\\u001b[2J"}\n',
}


@pytest.mark.parametrize("case", NO_JOURNALS)
def test_a_file_that_is_no_journal_is_one_line_and_stays(tmp_path: Path, case: str) -> None:
    (tmp_path / "study.journal").write_bytes(NO_JOURNALS[case])
    for attempt in (study.search, study.outcomes):
        with pytest.raises(StoreError, match=r"study.journal is not the journal of a search") as raised:
            attempt(suite(), Store(tmp_path))
        assert str(raised.value).isprintable()
        assert len(str(raised.value)) < 1000
    assert (tmp_path / "study.journal").read_bytes() == NO_JOURNALS[case]


def test_a_pipe_in_the_place_of_a_journal_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "study.journal")
    with pytest.raises(StoreError, match="it is not a file"):
        study.search(suite(), Store(tmp_path))


@pytest.mark.slow
def test_a_damaged_journal_costs_the_search_and_no_record(tmp_path: Path) -> None:
    small, store = suite(space={"solver.lr": [0.5]}), Store(tmp_path)
    (before,) = study.search(small, store)
    journal = store.folder / "study.journal"
    journal.write_bytes(journal.read_bytes().replace(b"{", b"<", 3))
    with pytest.raises(StoreError, match="move it away"):
        study.search(small, store)
    journal.rename(tmp_path / "moved")
    stamps = {p: p.stat().st_mtime_ns for p in store.records_folder.iterdir()}
    (repeated,) = study.search(small, store)
    assert [t.value for t in repeated.trials] == [t.value for t in before.trials]
    assert stamps == {p: p.stat().st_mtime_ns for p in store.records_folder.iterdir()}, "nothing was trained again"


@pytest.mark.slow
def test_a_last_line_that_was_cut_short_is_taken_away(tmp_path: Path) -> None:
    small, store = suite(space={"solver.lr": [0.5]}), Store(tmp_path)
    before = study.search(small, store)
    with (store.folder / "study.journal").open("ab") as file:
        file.write(b'{"op_code": 4, "wor')
    assert study.outcomes(small, store) == before
    assert study.search(small, store) == before
    assert (store.folder / "study.journal").read_bytes().endswith(b"\n")
    assert not list(tmp_path.glob("*.lock"))


@pytest.mark.slow
def test_a_journal_of_another_search_is_left_alone(tmp_path: Path) -> None:
    space = {"solver.lr": [0.5]}
    study.search(suite(space=space), Store(tmp_path))
    with pytest.raises(MobenchError, match="of another search"):
        study.search(suite(space={"solver.lr": [0.4]}), Store(tmp_path))
    (outcome,) = study.outcomes(suite(space=space), Store(tmp_path))
    (trial,) = outcome.trials
    assert trial.value is not None
    assert math.isfinite(trial.value)


@pytest.mark.slow
def test_a_trial_that_fails_counts_and_the_search_goes_on(tmp_path: Path) -> None:
    searched = suite(space={"dataset.source": [str(tmp_path / "none"), "embedded"]}).model_dump()
    searched["entries"][0] |= {"datasets": ["text"], "models": ["char-lstm"], "set": {"hidden": 4, "length": 8}}
    (outcome,) = study.search(Suite.model_validate(searched), Store(tmp_path))
    assert [t.state for t in outcome.trials] == ["complete", "failed"]
    assert outcome.best is not None
    assert outcome.best.settings == {"dataset.source": "embedded"}


def several(**search: Any) -> Suite:
    """Three solvers with one search each; the default learning rate of one is outside its space."""
    space = {"solver.lr": {"low": 1e-4, "high": 1e-1, "log": True}}
    space_by_solver = {"stche": {"balancer.mu": [0.5, 0.1]}, "epo": {"solver.lr": [0.4, 0.2]}}
    content = suite(sampler="tpe", trials=3, space=space, solvers=space_by_solver, **search).model_dump()
    content["entries"][0]["solvers"] = ["ls", "stche", "epo"]
    return Suite.model_validate({**content, "solvers": {"stche": {"momentum": 0.25}}})


@pytest.mark.slow
def test_every_solver_of_a_suite_has_as_many_trials_of_its_own_space(tmp_path: Path) -> None:
    searched, store = several(), Store(tmp_path)
    solver_names: list[str] = []
    expected: list[int] = []
    outcomes = study.search(searched, store, tell=lambda solver, _: solver_names.append(solver), expect=expected.append)
    assert [outcome.solver for outcome in outcomes] == ["ls", "stche", "epo"]
    assert solver_names == ["ls"] * 3 + ["stche"] * 3 + ["epo"] * 3
    assert expected == [9]
    ls, stche, epo = ([trial.settings for trial in sorted(o.trials, key=lambda t: t.number)] for o in outcomes)
    assert ls[0] == {"solver.lr": 0.001}, "the options as they are come first"
    assert stche[0] == {"solver.lr": 0.001, "balancer.mu": 0.1}
    assert {trial["solver.lr"] for trial in epo} <= {0.4, 0.2}
    records = {record.id: record for record in store.contents().records}
    for outcome in outcomes:
        for trial in outcome.trials:
            (job,) = (records[job_id].job for job_id in trial.jobs)
            assert job.solver.name == outcome.solver
            assert job.solver.options["momentum"] == (0.25 if outcome.solver == "stche" else 0.0)
    stamps = {p: p.stat().st_mtime_ns for p in store.records_folder.iterdir()}
    assert study.search(searched, store) == outcomes
    assert stamps == {p: p.stat().st_mtime_ns for p in store.records_folder.iterdir()}


@pytest.mark.slow
def test_the_best_of_several_solvers_are_one_suite(tmp_path: Path) -> None:
    searched = several()
    outcomes = study.search(searched, Store(tmp_path))
    best_suite = Suite.model_validate({"name": "best", **tomllib.loads(report.best_suite(outcomes, searched))})
    best = [outcome.best.jobs[0] for outcome in outcomes if outcome.best is not None]
    assert [job.id for job in plan(best_suite).jobs] == best
    assert report.columns(outcomes)[:3] == ["solver", "rank", "trial"]
    assert [row[0] for row in report.cells(outcomes)] == ["ls"] * 3 + ["stche"] * 3 + ["epo"] * 3
