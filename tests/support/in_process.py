"""An executor that runs each job in this process, for tests of the choice of jobs."""

from __future__ import annotations

import threading

from mobench.records.store import Store
from mobench.runs.execution import execute
from mobench.runs.executors.base import Exit, Tell
from mobench.runs.request import Request


class InProcess:
    """Runs one job at a time regardless of `slots`, because torch's random state belongs to the process."""

    threads = 1
    _turn = threading.Lock()

    def __init__(self, slots: int = 1) -> None:
        self.slots = slots

    def run(self, request: Request, tell: Tell) -> Exit:
        with self._turn:
            record = execute(request.job, on_event=tell)
        Store(request.store).write(record)
        return Exit(record.status)

    def stop(self) -> None:
        """Do nothing: no job outlives a call of `run`."""
