"""Invalid input that never reaches a job: impossible pairs, unknown options, files that are too large."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mobench.errors import OptionError

Cli = Any


def records(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted((folder / "records").glob("*.json"))}


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the single line of an error that the user can correct."""
    assert done.returncode not in (0, 70), done.stderr
    (line,) = (line for line in done.stderr.splitlines() if line)
    assert line.startswith("error: ")
    return line


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    """A folder with existing records."""
    shutil.copytree(finished, tmp_path / "out")
    return tmp_path / "out"


@pytest.mark.slow
def test_a_pair_that_makes_no_sense_is_refused_with_the_reason(cli: Cli, tiny: Path, out: Path) -> None:
    before = records(out)
    line = one_line(cli("run", tiny, "--solver", "phn+min-norm", "--out", out))
    assert "phn+min-norm" in line
    assert "ignores the preference" in line
    assert "pair it with a finite generator" in line
    assert records(out) == before


def test_beside_pairs_that_make_sense_it_is_declined_and_they_are_run(cli: Cli, tiny: Path, out: Path) -> None:
    done = cli("run", tiny, "--solver", "phn+min-norm,ls", "--out", out, "-q")
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("declined: vlmop2 × point × phn+min-norm: ")
    assert "ignores the preference" in line
    assert "nothing to do: 1 of 1 jobs" in done.stdout


WORDS = {
    "a number that is none": ["--jobs", "many"],
    "a number too small": ["--jobs", "0"],
    "a length that is none": ["--epochs", "two"],
    "a time that is none": ["--timeout", "nan"],
    "an option that is none": ["--sede", "1"],
    "an option without its value": ["--seeds"],
}


@pytest.mark.parametrize("case", WORDS)
def test_words_that_the_command_does_not_take_are_one_line_too(cli: Cli, tiny: Path, out: Path, case: str) -> None:
    before = records(out)
    line = one_line(cli("run", tiny, "--out", out, *WORDS[case]))
    assert WORDS[case][0] in line
    assert records(out) == before


@pytest.mark.parametrize(
    ("words", "message"), [([], "suite"), (["tiny.toml", "surplus"], "surplus")], ids=["none", "surplus"]
)
def test_too_few_and_too_many_words_are_one_line(cli: Cli, tiny: Path, words: list[str], message: str) -> None:
    assert message in one_line(cli("run", *words))


def test_a_command_that_is_none_is_one_line(cli: Cli) -> None:
    assert "lits" in one_line(cli("lits"))


def test_a_suite_file_of_any_size_is_refused_without_being_read(cli: Cli, tmp_path: Path) -> None:
    """A sparse file of 64 GB, and a process with less memory than that."""
    path = tmp_path / "large.toml"
    with path.open("wb") as file:
        file.truncate(64 * 2**30)

    def little_memory() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))

    line = one_line(cli("run", path, preexec_fn=little_memory))
    assert "large.toml cannot be read: it has 68719476736 bytes, at most 1048576" in line


def test_several_broken_records_are_each_named_and_the_rest_is_shown(cli: Cli, out: Path) -> None:
    before = records(out)
    for name, content in (("a.json", b"{"), ("b.json", b"\xff\xfe"), ("c.json", b"[]")):
        (out / "records" / name).write_bytes(content)
    done = cli("leaderboard", out)
    assert done.returncode == 0
    assert [line.split()[:2] for line in done.stderr.splitlines()] == [["warning:", f"{n}.json"] for n in "abc"]
    assert "phn-ls" in done.stdout
    assert before.items() <= records(out).items()


@pytest.mark.parametrize("device", ["meta", "cpu:x", "", "cuda:99999"])
def test_devices_that_cannot_hold_numbers_are_refused_before_a_job_runs(device: str) -> None:
    from mobench.jobs.arguments import check_device

    with pytest.raises(OptionError, match=f"--device {device} cannot be used"):
        check_device(device, "--device")


def test_debug_can_be_asked_for_by_the_environment_and_shows_the_cause(cli: Cli, tiny: Path) -> None:
    tiny.write_text("seeds = [0")
    done = cli("run", tiny, env={"MOBENCH_DEBUG": "1"})
    assert "Traceback (most recent call last)" in done.stderr
    assert "TOMLDecodeError" in done.stderr, "the cause is kept"
    assert done.stderr.splitlines()[-1].startswith("error: ")


def test_a_reader_that_goes_away_is_no_bug(command: list[str], environment: dict[str, str]) -> None:
    """The reader closes the pipe early, as `mobench list | head -1` does."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*command, "list"], env=environment, stdout=write, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    os.close(write)
    assert "Traceback" not in done.stderr
    assert "this is a bug" not in done.stderr


@pytest.mark.slow
def test_being_told_to_end_stops_the_workers_and_leaves_no_failure(
    command: list[str], environment: dict[str, str], tiny: Path, tmp_path: Path
) -> None:
    """Systems and schedulers end a program with SIGTERM."""
    process = subprocess.Popen(
        [*command, "run", str(tiny), "--solver", "ls", "--seconds", "86400", "--out", "out"],
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    assert process.stderr.readline().startswith("start ")
    workers = _children(process.pid)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "Traceback" not in errors
    surviving = [pid for pid in workers if _waits_out(pid)]
    for pid in surviving:
        os.kill(pid, signal.SIGKILL)
    assert surviving == [], "a worker outlived its runner"
    assert records(tmp_path / "out") == {}


def _children(pid: int) -> list[int]:
    """Ids of a process's children, once it has one."""
    import time

    import psutil

    for _ in range(1200):
        pids = [child.pid for child in psutil.Process(pid).children()]
        if pids:
            return pids
        time.sleep(0.05)
    raise AssertionError("no worker was started")


def _waits_out(pid: int) -> bool:
    """Return whether a process is still alive after a time in which it could have ended."""
    import psutil

    try:
        psutil.Process(pid).wait(timeout=60)
    except psutil.NoSuchProcess:
        return False
    except psutil.TimeoutExpired:
        return True
    return False
