"""Errands: run on the store if it is shared; otherwise the record is returned."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from mobench.events import DataLoading, EvaluationProgress, Event, NodeLost, TrainingProgress
from mobench.interfaces import Strategy
from mobench.jobs.job import Budget
from mobench.jobs.resolve import resolve
from mobench.records.store import Store
from mobench.runs.execution import execute
from mobench.runs.executors.base import Exit, Tell
from mobench.runs.executors.local import LocalExecutor
from mobench.runs.executors.remote import MAX_WEIGHTS_BYTES, Errand, Outcome, RemoteExecutor, bring_home, do, errand
from mobench.runs.exit_kinds import ExitKind
from mobench.runs.request import Request
from mobench.runs.run_options import RunOptions

JOB = resolve("vlmop2", "point", "phn-ls", {}, Budget(steps=5))


def request(store: Store) -> Request:
    return Request(job=JOB, store=str(store.folder), options=RunOptions(strategy=Strategy(), keep_weights=True))


@pytest.mark.slow
def test_a_machine_that_does_not_share_the_store_sends_record_and_weights(tmp_path: Path) -> None:
    store = Store(tmp_path / "out")
    sent_errand = errand(request(store), None, None)
    Path(sent_errand.mark).unlink()
    *events, outcome = do(sent_errand)
    assert {DataLoading, TrainingProgress, EvaluationProgress} <= {type(event) for event in events}
    assert isinstance(outcome, Outcome)
    assert store.read(JOB) is None, "nothing was written here yet"
    assert bring_home(outcome, sent_errand.request) == Exit("completed")
    record = store.read(JOB)
    assert record is not None
    assert record.digest == execute(JOB, threads=1).digest
    assert store.weights(JOB).is_file()


def test_another_version_is_refused_before_anything_is_run(tmp_path: Path) -> None:
    sent_errand = replace(errand(request(Store(tmp_path)), None, None), version="0.0.0")
    [outcome] = do(sent_errand)
    assert isinstance(outcome, Outcome)
    assert outcome.exit.kind is ExitKind.VERSION_MISMATCH
    assert "install the same everywhere" in outcome.exit.message


def test_a_store_without_room_for_what_comes_home_ends_the_run(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file where the folder should be")
    remote_outcome = Outcome(Exit("completed"), {"records/x.json": b"{}"})
    assert bring_home(remote_outcome, request(Store(tmp_path / "out"))).kind is ExitKind.STORE_ERROR


@pytest.mark.parametrize("case", ["pipe", "too large", "missing"])
def test_weights_that_cannot_be_brought_cost_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    remote_store, local_store = Store(tmp_path / "there"), Store(tmp_path / "here")
    record = execute(JOB, threads=1)

    def run(self: LocalExecutor, request: Request, tell: Tell) -> Exit:
        store = Store(request.store)
        store.write(record)
        weights = store.weights(JOB)
        weights.parent.mkdir()
        if case == "pipe":
            os.mkfifo(weights)
        elif case == "too large":
            with open(weights, "wb") as file:
                file.truncate(MAX_WEIGHTS_BYTES + 1)
        return Exit("completed")

    monkeypatch.setattr(LocalExecutor, "run", run)
    sent_errand = errand(request(remote_store), None, None)
    Path(sent_errand.mark).unlink()
    *_, outcome = do(sent_errand)
    assert isinstance(outcome, Outcome)
    assert bring_home(outcome, request(local_store)) == Exit("completed")
    stored_record = local_store.read(JOB)
    assert stored_record is not None
    assert stored_record.digest == record.digest
    assert str(stored_record.notes["weights"]).startswith(
        "not kept: they are missing on the other machine, or too large"
    )
    assert not local_store.weights(JOB).exists()


@pytest.mark.parametrize("n_lost", [1, 3])
def test_each_lost_node_is_an_event_and_the_job_starts_again(tmp_path: Path, n_lost: int) -> None:
    class Loses(RemoteExecutor):
        attempts = 0

        def attempt(self, sent_errand: Errand, tell: Tell) -> Exit:
            self.attempts += 1
            if self.attempts <= n_lost:
                return Exit(None, f"node {self.attempts} is gone", kind=ExitKind.NODE_LOST)
            tell(DataLoading())
            return Exit(None, "no", kind=ExitKind.DECLINED)

        def stop(self) -> None:
            """Nothing runs."""

    events: list[Event] = []
    executor = Loses(slots=1, cpus=1, retries=2)
    ended = executor.run(request(Store(tmp_path)), events.append)
    lost_events = [NodeLost(number, f"node {number} is gone") for number in range(1, n_lost + 1)]
    if n_lost <= executor.retries:
        assert (ended.kind, events) == (ExitKind.DECLINED, [*lost_events, DataLoading()])
    else:
        assert (ended.kind, events) == (ExitKind.NODE_LOST, lost_events)
        assert ended.message == "its node was lost 3 times (node 3 is gone)"
