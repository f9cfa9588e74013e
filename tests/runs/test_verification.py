"""A record against its own repetition, and against a record that was tampered with."""

from __future__ import annotations

import pytest

from mobench.errors import RecordError
from mobench.runs.execution import execute
from mobench.runs.job import Job
from mobench.runs.record import Record
from mobench.runs.suite import Suite, load, overridden, plan
from mobench.runs.verification import compare, verify


def job(**budget: float) -> Job:
    suite: Suite = overridden(
        load("analytic"), datasets=["vlmop2"], solvers=["phn-ls"], seeds=[3], budget=budget or {"steps": 30}
    )
    [only] = plan(suite).jobs
    return only


@pytest.fixture(scope="module")
def record() -> Record:
    return execute(job(), threads=1)


def test_a_record_is_repeated_to_the_bit(record: Record) -> None:
    verdict = verify(record)
    assert verdict.identical
    assert verdict.agrees(0.0)
    assert verdict.caveats == []
    assert {"losses, test", "hypervolume, test", "hypervolume, test@5"} <= {c.name for c in verdict.comparisons}


def test_a_changed_number_is_found_and_named(record: Record) -> None:
    data = record.model_dump(by_alias=True)
    before = data["fronts"]["test"]["losses"][4][1]
    data["fronts"]["test"]["losses"][4][1] = 0.9 * before
    verdict = compare(Record.model_validate(data), record)
    [worst] = [c for c in verdict.comparisons if c.difference > 0]
    assert worst.name == "losses, test"
    assert worst.difference == pytest.approx(0.1)
    assert (worst.recorded, worst.again) == (0.9 * before, before)
    assert not verdict.identical
    assert verdict.agrees(0.11)
    assert not verdict.agrees(0.09)


def test_another_processor_is_said(record: Record) -> None:
    data = record.model_dump(by_alias=True)
    data["provenance"]["processor"] = "an abacus"
    data["provenance"]["strategy"] = None
    caveats = compare(Record.model_validate(data), record).caveats
    assert any("an abacus then" in c for c in caveats)
    assert any("default one" in c for c in caveats)


def test_seconds_and_failures_cannot_be_verified(record: Record) -> None:
    with pytest.raises(RecordError, match="seconds"):
        verify(execute(job(seconds=0.05), threads=1))
    data = record.model_dump(by_alias=True)
    data |= {"status": "failed", "failure": {"kind": "X", "message": "y"}}
    with pytest.raises(RecordError, match="says failed"):
        verify(Record.model_validate(data))
