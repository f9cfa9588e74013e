"""Messages of plugins in records: every record can be written and read again."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hostile import FUZZ, HOSTILE, values
from hypothesis import given
from hypothesis import strategies as st

from mobench.jobs.job import Budget
from mobench.jobs.resolve import make_solver, resolve
from mobench.records.record import MAX_BYTES, Failure, Record, parse
from mobench.records.size_limits import failure, sound_notes
from mobench.records.store import Store
from mobench.runs import execution
from mobench.runs.execution import execute

JOB = resolve("vlmop2", "point", "ls", {}, Budget(steps=2))


@pytest.fixture(scope="module")
def record() -> Record:
    return execute(JOB, threads=1)


NAMES = st.one_of(st.sampled_from(HOSTILE), st.text(), st.integers(), st.none())
ANYTHING = st.one_of(values, st.text(), st.binary(), st.complex_numbers(), st.fractions())


@FUZZ
@given(st.dictionaries(NAMES, ANYTHING, max_size=5))
def test_notes_of_any_kind_leave_a_record_that_is_read_again(record: Record, notes: dict[Any, Any]) -> None:
    record_with_notes = Record.model_validate({**record.model_dump(by_alias=True), "notes": sound_notes(notes)})
    assert parse(record_with_notes.to_json(), "x") == record_with_notes
    assert len(record_with_notes.to_json()) < len(record.to_json()) + 50_000


def test_sound_notes_stay_as_they_are() -> None:
    notes = {"no solution": 3, "share": 0.5, "said": "once", "numpy": np.int64(4), "single": np.float32(0.5)}
    checked_notes = sound_notes(notes)
    assert checked_notes == notes
    assert [type(value) for value in checked_notes.values()] == [int, float, str, int, float]
    assert sound_notes({"a": math.nan, "b": -math.inf, "c": 2**70, "d": torch.ones(1)}) == {
        "a": "nan", "b": "-inf", "c": str(2**70), "d": "tensor([1.])",
    }  # fmt: skip


def test_too_many_notes_and_too_long_ones_are_cut_and_say_so(record: Record) -> None:
    cut_notes = sound_notes({f"n{i}": "x" * 10**6 for i in range(1000)})
    assert len(cut_notes) == 201
    assert cut_notes["notes_left_out"] == 800
    assert "998000 characters left out" in str(cut_notes["n0"])
    record_with_notes = Record.model_validate({**record.model_dump(by_alias=True), "notes": cut_notes})
    assert len(record_with_notes.to_json()) < MAX_BYTES


@FUZZ
@given(st.text(), st.text(), st.text())
def test_failures_of_any_words_are_read_again(kind: str, message: str, details: str) -> None:
    recorded_failure = failure(kind, message, details)
    assert Failure.model_validate_json(recorded_failure.model_dump_json()) == recorded_failure


@pytest.mark.parametrize("sign", ["x", "\x1b", "\ud800", "é"])
def test_a_message_without_end_leaves_a_record_that_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sign: str
) -> None:
    def fail(*args: Any) -> Any:
        error = RuntimeError("first " + sign * 5_000_000 + " last")
        error.add_note("note " + sign * 5_000_000)
        raise error

    monkeypatch.setattr(execution, "make_objects", fail)
    record = execute(JOB, threads=1)
    Store(tmp_path).write(record)
    (stored_record,) = Store(tmp_path).contents().records
    assert stored_record == record
    assert record.failure is not None
    assert record.failure.message.startswith("first ")
    assert "characters left out" in record.failure.message
    assert record.failure.traceback.startswith("Traceback")
    assert len(record.to_json()) < 600_000


def test_a_solver_that_notes_what_no_record_holds_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    solver = type(make_solver(JOB.solver))
    monkeypatch.setattr(solver, "notes", property(lambda self: {"a\x1b": math.nan, "b": "y" * 10**7}))
    record = execute(JOB, threads=1)
    assert record.status == "completed"
    assert record.notes["a\\x1b"] == "nan"
    assert parse(record.to_json(), "x") == record
