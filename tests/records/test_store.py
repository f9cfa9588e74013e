"""A folder of records: files are complete or absent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from handmade import MADE

from mobench import files
from mobench.errors import RecordError, StoreError
from mobench.jobs.job import Budget, Job, Part, SolverPart
from mobench.records.record import Failure, Record
from mobench.records.store import Store


def job(solver: str = "s", steps: int = 1) -> Job:
    part = Part(name="d", version="1")
    return Job(
        dataset=part, model=part, solver=SolverPart(name=solver, version="1"), budget=Budget(steps=steps), protocol="p"
    )


def record(of: Job, message: str = "x") -> Record:
    failure = Failure(kind="E", message=message)
    return Record(id=of.id, status="failed", job=of, protocol={}, objectives=[], failure=failure, provenance=MADE)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "new" / "folder")
    assert store.read(job()) is None
    assert not (tmp_path / "new").exists(), "reading makes nothing"
    store.write(record(job()))
    assert store.read(job()) == record(job())
    assert store.contents().records == [record(job())]


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_record_and_no_rubbish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    store = Store(tmp_path)
    path = store.write(record(job(), "old"))

    def full(*args: Any, **more: Any) -> Any:
        raise OSError(28, "No space left on device")

    target = {"write": (files, "create"), "fsync": (os, "fsync"), "replace": (Path, "replace")}[step]
    monkeypatch.setattr(*target, full)
    with pytest.raises(StoreError, match=r"No space left on device; make room.*existing records are unchanged"):
        store.write(record(job(), "new"))
    monkeypatch.undo()
    assert store.read(job()) == record(job(), "old")
    assert list(path.parent.iterdir()) == [path]


def test_names_cannot_leave_the_folder(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    path = store.write(record(job("../../../etc/passwd" + "x" * 180)))
    assert path.parent == tmp_path / "store" / "records"
    assert len(path.name) < 120


def test_unreadable_records_are_reported_and_harm_no_other(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(record(job()))
    (store.records_folder / "a.json").write_text("{")
    (store.records_folder / "b.json").mkdir()
    (store.records_folder / "notes.txt").write_text("not mine")
    contents = store.contents()
    assert len(contents.records) == 1
    assert sorted(str(e).split()[0] for e in contents.unreadable) == ["a.json", "b.json"]
    store.path(job("other")).write_bytes(b"\x00" * 10)
    with pytest.raises(RecordError, match="not a record"):
        store.read(job("other"))


def test_a_job_is_claimed_by_one_process_at_a_time(tmp_path: Path) -> None:
    store = Store(tmp_path)
    script = (
        "import sys; from mobench.records.store import Store; from mobench.jobs.job import Job\n"
        "with Store(sys.argv[1]).claim(Job.model_validate_json(sys.argv[2])) as mine: print(mine)"
    )

    def other() -> str:
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path), job().model_dump_json()],
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        return done.stdout.strip()

    with store.claim(job()) as is_claimed:
        assert is_claimed
        assert other() == "False"
        with store.claim(job(steps=2)) as another:
            assert another
    assert other() == "True"


def test_a_claim_ends_with_its_process(tmp_path: Path) -> None:
    script = (
        "import os, sys; from mobench.records.store import Store; from mobench.jobs.job import Job\n"
        "with Store(sys.argv[1]).claim(Job.model_validate_json(sys.argv[2])) as mine: os._exit(0 if mine else 1)"
    )
    words = [sys.executable, "-c", script, str(tmp_path), job().model_dump_json()]
    assert subprocess.run(words, timeout=60, check=False).returncode == 0
    with Store(tmp_path).claim(job()) as is_claimed:
        assert is_claimed


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_trained(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    with pytest.raises(StoreError, match="nothing can be written"):
        Store(tmp_path / "store").check_writable()


def test_probing_leaves_nothing(tmp_path: Path) -> None:
    Store(tmp_path).check_writable()
    assert list((tmp_path / "records").iterdir()) == []


def test_the_name_appears_only_when_the_content_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When it is renamed, the temporary file is complete and on disk."""
    states = []
    replace = Path.replace

    def watched(self: Path, target: Path) -> Path:
        states.append((self.read_bytes(), target.exists()))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    files.write_whole(tmp_path / "x", b"all of it")
    assert states == [(b"all of it", False)]
