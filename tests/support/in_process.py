"""An executor that runs each job in this process, for tests in which a fresh process proves nothing."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

from mobench.interfaces import Strategy
from mobench.jobs import plan as plans
from mobench.jobs import suite as suites
from mobench.records.size_limits import DECLINED
from mobench.records.store import Store
from mobench.runs import runner
from mobench.runs.execution import execute
from mobench.runs.executors.base import Exit, Tell
from mobench.runs.exit_kinds import ExitKind
from mobench.runs.request import Request
from mobench.runs.worker_events import WorkerProgress

IN_PROCESS = ("--executor", "readmes.here")
"""Arguments of `mobench run` with which a preloaded command runs its jobs itself."""


def trained(suite: str, folder: Path) -> Path:
    """Write the text of a suite to `folder`, run its jobs in this process, and return the folder of its store."""
    (folder / "tiny.toml").write_text(suite)
    runner.run(plans.plan(suites.load(str(folder / "tiny.toml"))), Store(folder / "out"), InProcess())
    return folder / "out"


class InProcess:
    """Runs one job at a time regardless of `slots`, because torch's random state belongs to the process.

    Strategies are not measured. Limits of time and memory have no effect, because no process is supervised.
    """

    threads = 1
    _turn = threading.Lock()

    def __init__(self, slots: int = 1, *limits: object) -> None:
        self.slots = slots

    def run(self, request: Request, tell: Tell) -> Exit:
        store = Store(Path(request.store))
        errors: list[BaseException] = []

        def listen(event: WorkerProgress) -> None:
            """Pass an event on. An error of the listener stops the job, as it stops a worker: it is no failure."""
            try:
                tell(event)
            except BaseException as error:
                errors.append(error)
                raise KeyboardInterrupt from error

        try:
            with self._turn, store.training(request.job):
                record = execute(
                    request.job,
                    replace(request.options, strategy=request.options.strategy or Strategy()),
                    threads=self.threads,
                    weights=store.weights(request.job) if request.options.keep_weights else None,
                    on_event=listen,
                )
        except KeyboardInterrupt:
            if errors:
                raise errors[0] from None
            raise
        if record.failure is not None and record.failure.kind == DECLINED:
            return Exit(None, record.failure.message, kind=ExitKind.DECLINED)
        store.write(record)
        store.forget_training(request.job)
        return Exit(record.status)

    def stop(self) -> None:
        """Do nothing: no job outlives a call of `run`."""
