"""A program in a sandbox, ended when it exceeds a limit; and the choice of a sandbox by what it really isolates."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import psutil

from mobench.board import sandbox_probe
from mobench.board.sandboxes import Sandbox, SandboxLimits, SandboxView, candidates, names
from mobench.errors import OptionError, StoreError, unknown_name
from mobench.runs.executors.limits import resident_bytes
from mobench.runs.processes import descendants, kill_all
from mobench.text import one_line

LOOK_SECONDS = 0.1
MAX_OUTPUT_BYTES = 64 * 2**20
TAIL_BYTES = 4000
PROBE_LIMITS = SandboxLimits(seconds=20.0, memory=2**30)


@dataclass(frozen=True)
class SandboxedResult:
    """What a program left: standard output, the end of its standard error, exit code, and the limit that ended it."""

    output: bytes
    errors: str
    code: int
    excess: str
    core_seconds: float


@dataclass(frozen=True)
class ProbedSandbox:
    """A sandbox and what it isolates, as a program in it saw."""

    sandbox: Sandbox
    description: str


def run(
    words: Sequence[str], sandbox: Sandbox, view: SandboxView, limits: SandboxLimits, request: bytes = b""
) -> SandboxedResult:
    """Run a program in a sandbox until it ends or exceeds a limit.

    request: its standard input.

    Raises: StoreError if the program cannot be started.
    """
    program, *arguments = sandbox.wrap(words, view, limits)
    # found by the PATH of this process, not by that of the sandbox
    command = [shutil.which(program) or program, *arguments]
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        source.write(request)
        source.seek(0)
        try:
            process = subprocess.Popen(
                command, stdin=source, stdout=output, stderr=errors, env=view.environment, cwd=view.scratch,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise StoreError(f"{program} cannot be started: {error.strerror or error}; install it") from error
        excess, code, core_seconds = _watched(process, view, limits, (output, errors))
        return SandboxedResult(_content(output, MAX_OUTPUT_BYTES), _tail(errors), code, excess, core_seconds)


def chosen_sandbox(isolation: str, view: SandboxView) -> ProbedSandbox:
    """Return the first sandbox that works here and isolates: without network, and without files of this machine.

    isolation: a name in `sandboxes.names()`. "auto" is the strongest that works; "none" isolates nothing and has to be
        asked for.

    Raises: UnknownNameError; OptionError if none works.
    """
    check_name(isolation)
    reasons: dict[str, str] = {}
    for sandbox in candidates(isolation):
        try:
            seen = _probed(sandbox, view)
        except StoreError as error:
            reasons[sandbox.name] = str(error)
            continue
        if sandbox.name == "none" or not (seen["has_network"] or seen["reads_files"] or seen["writes_files"]):
            return ProbedSandbox(sandbox, _described(sandbox, seen))
        reasons[sandbox.name] = "it hides too little"
    listed = "; ".join(f"{name}: {one_line(reason, 200)}" for name, reason in reasons.items())
    raise OptionError(
        f"no sandbox works on this machine ({listed}). Install bubblewrap, or pass isolation none on a machine that "
        "holds nothing but this verification"
    )


def check_name(isolation: str) -> None:
    """Raise UnknownNameError for a name that no sandbox has."""
    if isolation not in names():
        raise unknown_name("isolation", isolation, names())


def _probed(sandbox: Sandbox, view: SandboxView) -> dict[str, Any]:
    """Return what a program in a sandbox can reach. Raises: StoreError if the sandbox does not work."""
    with tempfile.TemporaryDirectory(prefix="mobench-probe-") as temporary, socket.create_server(("127.0.0.1", 0)) as s:
        os.chmod(temporary, 0o777)  # only the sandbox is to prevent writing
        file = Path(temporary, "file")
        file.write_bytes(b"x")
        words = [s.getsockname()[1], file, temporary, os.readlink("/proc/self/ns/pid"), view.scratch]
        program = [sys.executable, "-I", "-S", sandbox_probe.__file__, *map(str, words)]
        result = run(program, sandbox, view, replace(PROBE_LIMITS, disk=2**26))
    try:
        seen: dict[str, Any] = json.loads(result.output)
    except ValueError as error:
        reason = result.excess or result.errors.strip() or f"exit code {result.code}"
        raise StoreError(f"{sandbox.name} does not work here: {one_line(reason, 200)}") from error
    if not seen["writes_scratch"]:
        raise StoreError(f"{sandbox.name} does not work here: its own folder cannot be written")
    return seen


def _described(sandbox: Sandbox, seen: dict[str, Any]) -> str:
    # in a namespace of users, every user of it is the one that started it
    has_users = seen["user_map"] != Path("/proc/self/uid_map").read_text()
    is_root = os.geteuid() == 0 and (has_users or seen["user"] == 0)
    is_bounded = seen["scratch_bytes"] <= 2**27
    parts = [
        "the network of the machine" if seen["has_network"] else "no network",
        "files of the machine can be read" if seen["reads_files"] else "no files but packages and data",
        "files of the machine can be written" if seen["writes_files"] else "writes to one folder of its own",
        "in memory" if is_bounded else "on disk",
        "other processes are visible" if seen["sees_processes"] else "no other processes",
        "with privileges" if seen["has_privileges"] else "without privileges",
        "as root of the machine" if is_root else "as an unprivileged user",
    ]
    return f"{sandbox.name}: {', '.join(parts)}"


def _watched(
    process: subprocess.Popen[bytes], view: SandboxView, limits: SandboxLimits, outputs: Sequence[IO[bytes]]
) -> tuple[str, int, float]:
    """Wait for the end of a process, or end it; return the exceeded limit, the exit code and its processor time."""
    began, excess = time.monotonic(), ""
    seconds_by_pid: dict[int, float] = {}
    try:
        while not os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            seconds_by_pid |= _core_seconds([process.pid, *descendants(process.pid)])
            excess = excess or _excess(process.pid, time.monotonic() - began, view, limits, outputs)
            if excess:
                kill_all(process.pid)
            time.sleep(LOOK_SECONDS / 10 if excess else LOOK_SECONDS)
        # what a program without a namespace of its own left in its group; its id is in use until it is waited for
        os.killpg(process.pid, signal.SIGKILL)
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        kill_all(process.pid)
        process.wait()
        raise
    process.returncode = os.waitstatus_to_exitcode(status)
    _emptied(view.scratch)
    # a program that is no direct child, as in a namespace of its own, is not in the usage that the system returns
    core_seconds = max(usage.ru_utime + usage.ru_stime, sum(seconds_by_pid.values()))
    return excess, process.returncode, core_seconds


def _core_seconds(pids: Sequence[int]) -> dict[int, float]:
    """Return the processor time of each process, without its children."""
    seconds = {}
    for pid in pids:
        try:
            times = psutil.Process(pid).cpu_times()
        except psutil.Error:  # it has ended
            continue
        seconds[pid] = times.user + times.system
    return seconds


def _excess(pid: int, elapsed: float, view: SandboxView, limits: SandboxLimits, outputs: Sequence[IO[bytes]]) -> str:
    """Return the limit that a process and its descendants exceed, as the end of a sentence; "" for none."""
    if elapsed > limits.seconds:
        return f"did not end within {limits.seconds:g} seconds"
    if (n_processes := len(descendants(pid))) > limits.processes:
        return f"started {n_processes} processes, {limits.processes} are allowed"
    if (n_bytes := resident_bytes(pid)) > limits.memory:
        return f"took {n_bytes / 1e6:.0f} MB of memory, {limits.memory / 1e6:.0f} MB are allowed"
    if any(os.fstat(output.fileno()).st_size > MAX_OUTPUT_BYTES for output in outputs):
        return f"printed more than {MAX_OUTPUT_BYTES} bytes"
    if (n_bytes := _bytes_in(view.scratch)) > limits.disk:  # only without a folder in memory
        return f"wrote {n_bytes / 1e6:.0f} MB of files, {limits.disk / 1e6:.0f} MB are allowed"
    return ""


def _bytes_in(folder: Path) -> int:
    total = 0
    for place, _, file_names in os.walk(folder):
        for name in file_names:
            try:
                total += os.lstat(os.path.join(place, name)).st_blocks * 512
            except OSError:  # it was removed since
                continue
    return total


def _emptied(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() and not path.is_symlink() else path.unlink()


def _content(file: IO[bytes], limit: int) -> bytes:
    file.seek(0)
    return file.read(limit)


def _tail(file: IO[bytes]) -> str:
    file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
    return file.read(TAIL_BYTES).decode(errors="replace")
