"""Output of a job: its end is kept in little space, and printing never blocks the job."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import IO, Any

import pytest
from guests import balancer, install

from mobench.interfaces import Strategy
from mobench.jobs.job import Budget, Job
from mobench.jobs.resolve import resolve
from mobench.runs.executors import limits, local
from mobench.runs.executors.base import Exit
from mobench.runs.executors.local import LocalExecutor
from mobench.runs.exit_kinds import ExitKind
from mobench.runs.output_tail import MAX_BYTES, TAIL_BYTES, OutputTail
from mobench.runs.request import Request
from mobench.runs.run_options import RunOptions


@pytest.mark.parametrize("n_bytes", [1, 100, TAIL_BYTES - 1, TAIL_BYTES])
def test_the_file_has_the_end_of_the_output_at_any_time_and_stays_small(n_bytes: int) -> None:
    source, sink = os.pipe()
    with tempfile.TemporaryFile() as file, os.fdopen(source), os.fdopen(sink, "wb", buffering=0) as writer:
        tail, printed = OutputTail(source, file.fileno()), b""
        for number in range(3_000 if n_bytes < TAIL_BYTES - 1 else 20):
            part = (b"%d\n" % number * n_bytes)[:n_bytes]
            writer.write(part)
            assert tail.copy()
            printed += part
            content = os.pread(file.fileno(), 2 * MAX_BYTES, 0)
            assert len(content) <= MAX_BYTES
            assert printed.endswith(content)
            assert len(content) >= min(len(printed), TAIL_BYTES)


def test_a_file_that_has_a_name_gets_all_of_the_output(tmp_path: Path) -> None:
    source, sink = os.pipe()
    with open(tmp_path / "log", "wb") as file, os.fdopen(source):
        file.write(b"before\n")
        file.flush()
        tail = OutputTail(source, file.fileno())
        for _ in range(8):
            os.write(sink, b"x" * TAIL_BYTES)
            assert tail.copy()
        os.close(sink)
        assert not tail.copy(), "nothing can come any more"
    assert (tmp_path / "log").read_bytes() == b"before\n" + b"x" * 8 * TAIL_BYTES


def test_what_is_left_is_copied_without_waiting_for_who_holds_the_pipe() -> None:
    source, sink = os.pipe()
    with tempfile.TemporaryFile() as file, os.fdopen(source), os.fdopen(sink, "wb", buffering=0) as writer:
        writer.write(b"last words")
        OutputTail(source, file.fileno()).drain()
        assert os.pread(file.fileno(), 100, 0) == b"last words"


def test_a_target_that_cannot_be_written_holds_nothing_up() -> None:
    source, sink = os.pipe()
    with open("/dev/full", "wb") as full, os.fdopen(source), os.fdopen(sink, "wb", buffering=0) as writer:
        tail = OutputTail(source, full.fileno())
        for _ in range(4):
            writer.write(b"x" * TAIL_BYTES)
            assert tail.copy()


STEP = """
        import os, signal, sys, time
        for number in range(60):
            (print if number % 2 else sys.stderr.write)("x" * 999_999 + "\\n")
        print("last words", flush=True)
        {end}
"""


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> list[IO[bytes]]:
    """The files that executors make for the output of jobs; they stay open."""
    open_files: list[IO[bytes]] = []
    make = tempfile.TemporaryFile

    def watched() -> Any:
        file = make()
        open_files.append(os.fdopen(os.dup(file.fileno()), "rb"))
        return file

    monkeypatch.setattr(local.tempfile, "TemporaryFile", watched)
    return open_files


def loud(folder: Path, monkeypatch: pytest.MonkeyPatch, end: str) -> Job:
    """A job that prints 60 MB in its first step, then a last line, and then does `end`."""
    install(folder, "loud", balancer("loud", STEP.format(end=end)))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    pair = resolve("vlmop2", "point", "ls", {}, Budget(steps=2)).model_dump()
    pair["solver"]["balancer"] = {"name": "loud", "version": "1"}
    return Job.model_validate(pair)


ENDS = {
    "completes": ("", None),
    "dies": ("os.kill(os.getpid(), signal.SIGKILL)", ExitKind.PROCESS_DIED),
    "is killed": ("time.sleep(0.5); open(__file__ + '.said', 'x').close(); time.sleep(300)", ExitKind.OUT_OF_MEMORY),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", ENDS)
def test_a_job_that_prints_60_megabytes_leaves_its_last_words_and_a_small_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: list[IO[bytes]], case: str
) -> None:
    end, kind = ENDS[case]
    job = loud(tmp_path / "site", monkeypatch, end)
    marker_path = tmp_path / "site" / "guest_loud.py.said"
    monkeypatch.setattr(limits, "resident_bytes", lambda pid, has_supervisor: 2**50 if marker_path.exists() else 0)
    request = Request(job=job, store=str(tmp_path / "out"), options=RunOptions(strategy=Strategy()))
    ended = LocalExecutor(memory=2**40).run(request, lambda event: None)
    (file,) = output
    assert os.fstat(file.fileno()).st_size <= MAX_BYTES
    file.close()
    if kind is None:
        assert ended == Exit("completed")
    else:
        assert ended.kind is kind
        assert ended.details.endswith("last words\n")
