"""`--executor readmes.here`: an executor that runs jobs in the process of the command, where torch is imported."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

from mobench.records.store import Store
from mobench.runs.execution import execute
from mobench.runs.executors import Limits
from mobench.runs.executors.base import Exit, Tell
from mobench.runs.request import Request


@dataclass
class Here:
    """Runs one job after the other. Limits of time and memory have no effect, because no process is supervised."""

    slots: int = 1
    threads: int = 1
    _one: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def run(self, request: Request, tell: Tell) -> Exit:
        store = Store(Path(request.store))
        with self._one, store.training(request.job):
            record = execute(
                request.job,
                request.options,
                threads=self.threads,
                weights=store.weights(request.job) if request.options.keep_weights else None,
                on_event=tell,
            )
            store.write(record)
        return Exit(record.status)

    def stop(self) -> None:
        """Do nothing: jobs end without being stopped."""


def make(limits: Limits) -> Here:
    return Here()
