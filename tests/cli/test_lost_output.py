"""Readers that end, full disks and closed streams: only the printed text is lost."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path
from typing import Any

import in_process
import pytest

from mobench.output.streams import Lasting
from mobench.records.store import Store

RUN = "run tiny.toml --strategy default --out out"
"""Of two jobs."""
HERE = " ".join(in_process.IN_PROCESS)
SUPPORT = Path(in_process.__file__).parent


@pytest.fixture
def shell(command: list[str], environment: dict[str, str], tiny: Path, tmp_path: Path) -> Any:
    """Runs a line of a shell in which `mobench` is the installed command; the last line is an exit code."""

    def run(line: str) -> tuple[int, str]:
        script = f'set -o pipefail; mobench() {{ {command[0]} "$@"; }}\n{line}\necho exit $? >exit-code'
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env={**environment, "PYTHONPATH": str(SUPPORT)}, capture_output=True,
            text=True, timeout=280, check=False,
        )  # fmt: skip
        return int((tmp_path / "exit-code").read_text().split()[1]), done.stdout + done.stderr

    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("output", "code"),
    [
        (f"{HERE} 2>&1 | head -1", 0),
        (f"{HERE} --json | head -1", 0),
        (f"{HERE} 2>/dev/full", 0),
        # worker processes do not get the closed streams
        ("<&- >&- 2>&-", 0),
        (f"{HERE} >/dev/full", 74),
    ],
)
def test_a_run_whose_output_is_lost_runs_every_job(shell: Any, tmp_path: Path, output: str, code: int) -> None:
    """Exit code 74: the jobs are done, and the table did not reach standard output."""
    exit_code, stderr = shell(f"mobench {RUN} {output}")
    assert "Traceback" not in stderr
    assert "bug" not in stderr
    contents = Store(tmp_path / "out").contents()
    assert [record.status for record in contents.records] == ["completed", "completed"]
    assert (tmp_path / "out" / "leaderboard.md").is_file()
    assert exit_code == code
    # the system gives a file that is opened the lowest free number, which is 1 where standard output is closed
    assert {path.read_bytes() for path in (tmp_path / "out" / "locks").iterdir()} == {b""}


@pytest.mark.slow
def test_a_job_that_fails_is_told_by_the_exit_code_although_nobody_reads(shell: Any, tmp_path: Path) -> None:
    line = "mobench run tiny.toml --strategy default --timeout 0.01 --out out >/dev/full 2>/dev/full"
    assert shell(line)[0] == 1
    assert [record.status for record in Store(tmp_path / "out").contents().records] == ["failed", "failed"]


@pytest.mark.parametrize("words", ["list", "list --json", "--help"])
def test_other_commands_say_what_became_of_their_results(shell: Any, words: str) -> None:
    assert shell(f"mobench {words} >&-") == (0, "")
    assert shell(f"mobench {words} >&- 2>&-") == (0, "")
    assert shell(f"mobench {words} | head -1 >/dev/null") == (0, "")
    code, stderr = shell(f"mobench {words} >/dev/full")
    assert code == 74
    [line] = stderr.splitlines()
    assert line.startswith("error: standard output could not be written: No space left on device")


@pytest.mark.slow
def test_an_error_keeps_its_exit_code_where_it_cannot_be_printed(shell: Any) -> None:
    for output in ("2>/dev/full", "2>&-", ">&- 2>&-"):
        assert shell(f"mobench show nosuch {output}") == (2, "")


class Fails(io.StringIO):
    """Writes so much, and then raises."""

    def __init__(self, error: Exception, room: int) -> None:
        super().__init__()
        self.error, self.room = error, room

    def write(self, text: str) -> int:
        if len(self.getvalue()) + len(text) > self.room:
            raise self.error
        return super().write(text)


@pytest.mark.parametrize(
    ("error", "is_lost"),
    [
        (OSError(28, "No space left on device"), True),
        (OSError(5, "Input/output error"), True),
        (BrokenPipeError(32, "Broken pipe"), False),
        (ValueError("I/O operation on closed file"), False),
    ],
)
def test_after_the_first_error_a_stream_drops_everything(error: Exception, is_lost: bool) -> None:
    below = Fails(error, 4)
    stream = Lasting(below)
    assert [stream.write(text) for text in ("abc", "defg", "h")] == [3, 4, 1]
    stream.flush()
    assert below.getvalue() == "abc", "what comes after a gap is no output either"
    assert (stream.lost is error) == is_lost
