"""Supervisor process of a job: it runs the worker as its child and kills processes that the worker leaves behind.

An executor starts one supervisor per job. The supervisor only waits, so it can still act when the worker is stopped,
hangs in C code, or was killed. It copies the output of the worker to its own standard error, where a file of the
executor keeps only the end. When the worker has ended, the supervisor kills all processes that the worker started, and
then ends with the worker's exit code or signal. Imports no heavy modules.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from typing import Any

from mobench.runs.exit_kinds import WorkerExitCode
from mobench.runs.output_tail import OutputTail
from mobench.runs.processes import adopt_orphans, end_children, end_process, end_with_parent

LAST_SECONDS = 6.0
"""Time that a worker has to end after its runner has ended: one second more than the worker's own limit."""


def main() -> int:
    """Run a worker as a child, and end this process with its exit code or by the signal that killed it.

    Returns only on systems without a fork, where this process is the worker.
    """
    if not hasattr(os, "fork"):
        return _work()
    supervisor = os.getpid()
    adopt_orphans()
    output, worker_output = os.pipe()
    worker = os.fork()
    if worker == 0:
        os.close(output)
        os.dup2(worker_output, 2)
        os.close(worker_output)
        end_with_parent()
        # the supervisor may have ended before end_with_parent took effect
        end_process(_work() if os.getppid() == supervisor else WorkerExitCode.INTERRUPTED)
    os.close(worker_output)
    tail = OutputTail(output, 2)
    status = _wait(worker, tail)
    end_children()
    tail.drain()
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        _end_by(-code)
    # without the finalisation of the interpreter: the supervisor holds nothing but the copied modules of a job server
    os._exit(code)


def _work() -> int:
    from mobench.runs import worker

    return worker.run()


def _wait(worker: int, tail: OutputTail) -> int:
    """Wait for the worker and return its wait status. Signals to stop and output are passed on."""
    # only the worker reads the request from standard input
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    woken, wake = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: os.kill(worker, signal.SIGTERM))
    poll = select.poll()
    poll.register(woken, select.POLLIN)
    # poll always reports an error for a pipe whose reader has closed it
    poll.register(1, 0)
    poll.register(tail.source, select.POLLIN)
    deadline: float | None = None
    while (status := _reaped(worker)) is None:
        if deadline is not None and time.monotonic() > deadline:
            os.kill(worker, signal.SIGKILL)
        for descriptor, _ in poll.poll(None if deadline is None else 100):
            if descriptor == woken:
                os.read(woken, 4096)
            elif descriptor == tail.source:
                # at the end of the output alone there is nothing to read
                if not tail.copy():
                    poll.unregister(tail.source)
            else:
                poll.unregister(1)
                deadline = time.monotonic() + LAST_SECONDS
    return status


def _reaped(worker: int) -> int | None:
    """Return the wait status of the worker, or None while it runs. Also reap adopted processes that have ended."""
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == worker:
            return status
        if pid == 0:
            return None


def _end_by(number: int) -> None:
    """End this process by a signal, without a core dump."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if number != signal.SIGKILL:
        handler: Any = signal.SIG_DFL
        signal.signal(number, handler)
    os.kill(os.getpid(), number)


if __name__ == "__main__":
    sys.exit(main())
