"""SLURM executor: each job is a task of a job array, submitted with submitit. Nodes must share the store."""

from __future__ import annotations

import math
import shlex
import shutil
import sys
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import submitit
from submitit.core.utils import FailedJobError, UncompletedJobError
from submitit.helpers import Checkpointable

from mobench import files
from mobench.errors import OptionError
from mobench.runs.executors import Limits
from mobench.runs.executors.base import Exit, Tell
from mobench.runs.executors.remote import Errand, Outcome, RemoteExecutor, bring_home, do
from mobench.runs.exit_kinds import ExitKind
from mobench.runs.worker_events import WorkerResult, parse_event

FOLDER = "slurm"
"""Folder below the store. Each runner has a subfolder there, with the pickles and the output of its tasks."""
GATHER_SECONDS = 1.0
"""Jobs that arrive within this time go into one job array."""
POLL_SECONDS = 0.5
PART_BYTES = 1 << 20
"""Of a file of events, read at once."""
START_MINUTES = 5
"""Time limit of a task beyond the job's timeout, for imports, loading of data and writing of the record."""
DAY = 24 * 60
PYTHON = f"{shlex.quote(sys.executable)} -P"
"""Command that starts Python on nodes. -P prevents imports from the working folder."""
LOST = ("NODE_FAIL", "BOOT_FAIL", "PREEMPTED")


@dataclass
class SlurmExecutor(RemoteExecutor):
    """Runs each job as a SLURM task, in a process of its own on its node.

    A task whose node is lost is submitted again. A task that reaches its time limit or is preempted is requeued.
    Both resume from the job's checkpoint.

    parameters: parameters of submitit.
    """

    parameters: dict[str, Any] = field(default_factory=dict)
    _waiting: list[tuple[Errand, str, Future[Any]]] = field(default_factory=list, init=False, repr=False)
    _under_way: list[Any] = field(default_factory=list, init=False, repr=False)

    def stop(self) -> None:
        with self._guard:
            self._stopped = True
            for task in self._under_way:
                task.cancel()

    def attempt(self, errand: Errand, tell: Tell) -> Exit:
        events = Path(f"{errand.mark}.events")
        task = self._submitted(errand, events)
        if task is None:
            return Exit(None, "stopped before it started", kind=ExitKind.STOPPED)
        heard = 0
        try:
            while not self._is_done(task):
                heard = _pass_on(events, heard, tell)
                time.sleep(POLL_SECONDS)
            _pass_on(events, heard, tell)
            outcome: Outcome = task.result()
            return bring_home(outcome, errand.request)
        except FailedJobError as error:
            # our own code on the node raised the error, not the job
            return Exit(None, "the task of the job failed there", str(error))
        except UncompletedJobError:
            state = str(task.state).split()[0]
            if self._stopped:
                return Exit(None, "stopped", kind=ExitKind.STOPPED)
            kind = ExitKind.NODE_LOST if state in LOST else ExitKind.PROCESS_DIED
            return Exit(None, f"SLURM ended task {task.job_id} of the job: {state}", kind=kind)
        finally:
            with self._guard:
                self._under_way.remove(task)
            for path in (events, task.paths.submitted_pickle, task.paths.result_pickle):
                path.unlink(missing_ok=True)

    def _is_done(self, task: Any) -> bool:
        with self._guard:  # tasks share the cached answer of SLURM
            return bool(task.done())

    def _submitted(self, errand: Errand, events: Path) -> Any:
        """Return the errand's task, or None if the executor is stopped.

        The first caller waits `GATHER_SECONDS` and then submits the errands of all callers.
        """
        place: Future[Any] = Future()
        with self._guard:
            self._waiting.append((errand, str(events), place))
            first = len(self._waiting) == 1
        if first:
            store = Path(errand.request.store)
            folder = store / FOLDER / self.lease(store).key
            time.sleep(GATHER_SECONDS)
            with self._guard:
                self._submit_all(folder)
        return place.result()

    def _submit_all(self, folder: Path) -> None:
        waiting, self._waiting = self._waiting, []
        tasks: list[Any] = [None] * len(waiting)
        try:
            if not self._stopped:
                executor = submitit.AutoExecutor(
                    folder, cluster="slurm", slurm_max_num_timeout=1000, slurm_python=PYTHON
                )
                executor.update_parameters(**self.parameters)
                again: Any = _Task()  # type: ignore[no-untyped-call]
                with executor.batch():
                    tasks = [executor.submit(again, errand, events) for errand, events, _ in waiting]
                self._under_way += tasks
        except Exception as error:
            # every waiting caller must receive the error
            lines = str(error).strip().splitlines()
            refused = OptionError(f"SLURM refused the jobs: {lines[-1] if lines else type(error).__name__}")
            for *_, place in waiting:
                place.set_exception(refused)
            return
        for (*_, place), task in zip(waiting, tasks, strict=True):
            place.set_result(task)


class _Task(Checkpointable):
    """The function that a node calls. When the task is requeued, it is called again with the same arguments."""

    def __call__(self, errand: Errand, events: str) -> Outcome:
        with open(events, "a", encoding="utf-8") as file:
            for item in do(errand):
                if isinstance(item, Outcome):
                    return item
                file.write(item.to_json() + "\n")
                file.flush()
        raise RuntimeError("the job ended without an outcome")


def _pass_on(events: Path, heard: int, tell: Tell) -> int:
    """Tell the events after the first `heard` bytes of a file; how many bytes were heard then.

    A line that is longer than a part is no event: it is passed over.
    """
    while True:
        try:
            with files.open_for_reading(events) as file:
                file.seek(heard)
                part = file.read(PART_BYTES)
        except OSError:
            return heard
        lines, end, rest = part.rpartition(b"\n")
        for line in lines.splitlines():
            event = parse_event(line)
            if event is not None and not isinstance(event, WorkerResult):
                tell(event)
        heard += len(lines) + len(end)
        if len(part) < PART_BYTES:
            return heard
        if not end:
            heard += len(rest)


def make(limits: Limits) -> SlurmExecutor:
    """Create an executor on the SLURM cluster of this machine. `limits.address` is a partition of the cluster.

    Raises: OptionError if SLURM is not installed here, and for a fraction of a GPU.
    """
    if not (shutil.which("sbatch") and shutil.which("srun")):
        raise OptionError("--executor slurm finds no sbatch and srun here: run it on a login node of the cluster")
    gpus = limits.gpus or 0
    if gpus != int(gpus):
        raise OptionError(f"--gpus {gpus:g}: SLURM gives whole GPUs; pass 1 or more")
    cpus, minutes = limits.cpus or 1, DAY
    if limits.timeout is not None:
        minutes = math.ceil(limits.timeout / 60) + START_MINUTES
    parameters: dict[str, Any] = {"name": "mobench", "timeout_min": minutes, "cpus_per_task": cpus}
    if limits.memory is not None:
        parameters["mem_gb"] = math.ceil(limits.memory / 2**30)
    if gpus:
        parameters["gpus_per_node"] = int(gpus)
    if limits.address is not None:
        parameters["slurm_partition"] = limits.address
    return SlurmExecutor(limits.jobs or 256, cpus, limits.timeout, limits.memory, limits.retries, parameters=parameters)
