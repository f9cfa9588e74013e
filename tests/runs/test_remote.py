"""Errands: run beside the store where that is shared, and brought home where it is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mobench.jobs.job import Budget
from mobench.jobs.resolve import resolve
from mobench.records.store import Store
from mobench.runs.execution import execute
from mobench.runs.executors.base import Exit
from mobench.runs.executors.remote import Outcome, bring_home, do, errand
from mobench.runs.worker import Request

JOB = resolve("vlmop2", "point", "phn-ls", {}, Budget(steps=5))


def request(store: Store) -> Request:
    return Request(job=JOB, store=str(store.folder), keep_weights=True, strategy="default")


def test_a_machine_that_does_not_share_the_store_sends_record_and_weights(tmp_path: Path) -> None:
    store = Store(tmp_path / "out")
    asked = errand(request(store), None, None)
    Path(asked.mark).unlink()
    *events, outcome = do(asked)
    assert {"phase": "done", "status": "completed"} in events
    assert isinstance(outcome, Outcome)
    assert store.read(JOB) is None, "nothing was written here yet"
    assert bring_home(outcome, asked.request) == Exit("completed")
    record = store.read(JOB)
    assert record is not None
    assert record.digest == execute(JOB, threads=1).digest
    assert store.weights(JOB).is_file()


def test_another_version_is_refused_before_anything_is_run(tmp_path: Path) -> None:
    asked = replace(errand(request(Store(tmp_path)), None, None), version="0.0.0")
    [outcome] = do(asked)
    assert isinstance(outcome, Outcome)
    assert outcome.exit.kind == "VersionMismatch"
    assert "install the same everywhere" in outcome.exit.message


def test_a_store_without_room_for_what_comes_home_ends_the_run(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file where the folder should be")
    came = Outcome(Exit("completed"), {"records/x.json": b"{}"})
    assert bring_home(came, request(Store(tmp_path / "out"))).kind == "StoreError"
