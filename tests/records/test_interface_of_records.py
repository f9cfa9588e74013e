"""Records of season 1 are read under later interfaces, and named as made for interface 1."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobench.jobs.job import Job
from mobench.records.reading import read_outlines
from mobench.records.record import Record, parse
from mobench.records.store import Store
from mobench.reports.analysis.leaderboard import leaderboard
from mobench.runs import verification

RESULTS = Path(__file__).parents[2] / "results"
SEASON_1 = RESULTS / "standard"


def fail(message: str) -> None:
    raise AssertionError(message)


def later(job: Job) -> Job:
    """The same job, made for interface 2."""
    return Job.model_validate_json(job.model_dump_json().replace('"interface":1', '"interface":2'))


def a_record() -> Record:
    path = next(iter(sorted((SEASON_1 / "records").glob("multimnist-ls-s0-*.json"))))
    return parse(path.read_bytes(), path.name)


def test_every_record_of_season_1_states_interface_1_and_is_read() -> None:
    records = list(read_outlines([SEASON_1], fail))
    assert len(records) == len(list((SEASON_1 / "records").glob("*.json")))
    assert {record.job.interface for record in records} == {1}


def test_an_id_is_that_of_the_interface_for_which_the_job_was_made() -> None:
    """Its jobs keep their ids under a later interface."""
    record = a_record()
    assert record.job.id == record.id
    assert later(record.job).interface == 2
    assert later(record.job).id != record.id


def test_a_table_names_the_interface_where_rows_differ_in_it(tmp_path: Path) -> None:
    record = a_record()
    later_job = later(record.job)
    store = Store(tmp_path / "both")
    store.write(record)
    store.write(record.model_copy(update={"job": later_job, "id": later_job.id}))
    names = sorted(leaderboard(list(read_outlines([tmp_path / "both"], fail))).table["solver"])
    assert names == ["ls (interface=1)", "ls (interface=2)"]


def test_a_verification_under_a_later_interface_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    record = a_record()
    assert not any("interface" in line for line in verification.compare(record, record).caveats)
    monkeypatch.setattr(verification, "INTERFACE_VERSION", 2)
    assert "interface: 1 then, 2 now" in verification.compare(record, record).caveats
