"""Job server: a process that has imported torch and forks one supervisor per job. Imports no heavy modules itself.

A job in a fresh interpreter spends 1.5 to 2 core-seconds on importing torch, more than many jobs spend on training. The
server imports torch and the code that runs a job once; a job then starts in a copy of that process. Jobs stay isolated:
the server runs no job and imports no plugin, so each copy starts from the same state as a fresh interpreter.

Protocol: for each job the executor sends four descriptors over a Unix socket: where to read the request, where to write
events, errors, and the status. The server writes the supervisor's process id to the status pipe, and its wait status
when it has ended. The server ends when the socket is closed and all supervisors have ended; supervisors end by
themselves when nobody reads their events.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import IO

START = b"j"
"""Message that accompanies the descriptors of a job."""
N_DESCRIPTORS = 4


def is_supported() -> bool:
    """Return whether jobs can be forked here. Other systems than Linux do not support a fork of loaded libraries."""
    return sys.platform == "linux"


class ServedProcess:
    """A supervisor that a job server forked, with the part of the interface of `subprocess.Popen` that executors use.

    pid:        process id of the supervisor, which leads a session.
    stdin:      where the request is written.
    stdout:     where events are read.
    returncode: as for `subprocess.Popen`; None while the supervisor runs. -SIGKILL if the server ended before it.
    """

    def __init__(self, pid: int, stdin: IO[str], stdout: IO[str], status: IO[bytes]) -> None:
        self.pid, self.stdin, self.stdout = pid, stdin, stdout
        self.returncode: int | None = None
        self._has_ended = threading.Event()
        threading.Thread(target=self._await, args=(status,), daemon=True).start()

    def poll(self) -> int | None:
        """Return the exit code, or None while the process runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until the process has ended and return its exit code. Raises: subprocess.TimeoutExpired."""
        if not self._has_ended.wait(timeout):
            assert timeout is not None
            raise subprocess.TimeoutExpired("a job", timeout)
        assert self.returncode is not None
        return self.returncode

    def terminate(self) -> None:
        """Send SIGTERM unless the process has ended."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    def _await(self, status: IO[bytes]) -> None:
        with status:
            line = status.readline()
        if line.endswith(b"\n"):
            self.returncode = os.waitstatus_to_exitcode(int(line))
        else:
            # the server was killed: nobody can report how the job ends, so it is ended here
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            self.returncode = -signal.SIGKILL
        self._has_ended.set()


@dataclass
class JobServer:
    """A running job server, and the executor's side of its socket.

    setting: working folder and environment variables, which the server's jobs have in common.
    """

    setting: tuple[str, dict[str, str]]

    def __post_init__(self) -> None:
        folder, environment = self.setting
        self._guard = threading.Lock()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            self._process = subprocess.Popen(
                # -P: nothing is imported from the working folder
                [sys.executable, "-P", "-m", "mobench.runs.job_server", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
                cwd=folder,
                pass_fds=(theirs.fileno(),),
                # Ctrl-C on the terminal reaches only the runner, which then stops its jobs
                start_new_session=True,
            )

    def start(self, errors: IO[bytes]) -> ServedProcess | None:
        """Start a supervisor that waits for a request. Returns None if the server has ended or could not start.

        errors: file that receives the end of the output of the job.
        """
        with ExitStack() as theirs, ExitStack() as ours:
            request, stdin = os.pipe()
            stdout, events = os.pipe()
            status, status_of_job = os.pipe()
            for descriptor in (request, events, status_of_job):
                theirs.callback(os.close, descriptor)
            files = (
                ours.enter_context(os.fdopen(stdin, "w", encoding="utf-8")),
                ours.enter_context(os.fdopen(stdout, encoding="utf-8", errors="replace")),
                ours.enter_context(os.fdopen(status, "rb", buffering=0)),
            )
            with self._guard:
                try:
                    socket.send_fds(self._socket, [START], [request, events, errors.fileno(), status_of_job])
                except OSError:
                    return None
            theirs.close()
            pid = files[2].readline()
            if not pid.endswith(b"\n"):
                return None
            ours.pop_all()
            return ServedProcess(int(pid), *files)

    @property
    def has_ended(self) -> bool:
        """Whether the server has ended, so that it starts no more jobs."""
        return self._process.poll() is not None

    def close(self) -> None:
        """End the server. Its jobs must have ended, or they end with it."""
        self._socket.close()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()


def main(descriptor: int) -> int:
    """Serve jobs until the socket is closed. Returns the exit code of the server."""
    with suppress(ImportError):
        # a job reports an error of these imports, which it repeats
        import mobench.runs.execution
        import mobench.runs.worker  # noqa: F401
    # objects of the server are never freed, and a collection in a job does not touch, and thereby copy, their pages
    gc.collect()
    gc.freeze()
    return _Server(socket.socket(fileno=descriptor)).serve()


class _Server:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._status_pipes: dict[int, int] = {}
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)

    def serve(self) -> int:
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        poll.register(self._control, select.POLLIN)
        is_open = True
        while is_open or self._status_pipes:
            ready = [descriptor for descriptor, _ in poll.poll()]
            if self._woken in ready:
                with suppress(BlockingIOError):
                    os.read(self._woken, 4096)
            self._report()
            if self._control.fileno() in ready:
                message, descriptors, _, _ = socket.recv_fds(self._control, 1, N_DESCRIPTORS)
                if not message:
                    is_open = False
                    poll.unregister(self._control)
                elif len(descriptors) == N_DESCRIPTORS and self._fork(descriptors) == 0:
                    from mobench.runs import supervisor

                    supervisor.main()
        return 0

    def _fork(self, descriptors: list[int]) -> int:
        """Fork a process with these descriptors. Returns its id in the server, and 0 in the new process."""
        *standard, status = descriptors
        pid = os.fork()
        if pid == 0:
            os.setsid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for target, source in enumerate(standard):
                os.dup2(source, target)
            self._control.close()
            for descriptor in (*descriptors, self._woken, self._wake, *self._status_pipes.values()):
                os.close(descriptor)
            return 0
        for descriptor in standard:
            os.close(descriptor)
        self._status_pipes[pid] = status
        self._write(status, pid)
        return pid

    def _report(self) -> None:
        """Write the wait status of each supervisor that has ended to its status pipe."""
        while self._status_pipes:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            pipe = self._status_pipes.pop(pid)
            self._write(pipe, status)
            os.close(pipe)

    @staticmethod
    def _write(pipe: int, number: int) -> None:
        # the executor may have ended
        with suppress(BrokenPipeError):
            os.write(pipe, f"{number}\n".encode())


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
