"""Base of executors on clusters: a local executor runs the job there, and its files are sent back if needed."""

from __future__ import annotations

import queue
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version as version_of
from pathlib import Path
from uuid import uuid4

from mobench import files
from mobench.errors import RecordError, StoreError
from mobench.events import NodeLost
from mobench.files import write_whole
from mobench.records.record import MAX_BYTES, parse
from mobench.records.size_limits import weights_not_kept
from mobench.records.store import Store, unwritable, writing
from mobench.runs.executors.base import Exit, Tell
from mobench.runs.executors.local import LocalExecutor
from mobench.runs.exit_kinds import ExitKind
from mobench.runs.leases import Lease
from mobench.runs.request import Request
from mobench.runs.worker_events import WorkerProgress
from mobench.text import described

MAX_WEIGHTS_BYTES = 2**33
"""Of weights that are brought from another machine: they are in memory on the way."""


@dataclass(frozen=True)
class Errand:
    """A request for another machine.

    mark: path of a file in the store. A machine on which the file exists shares the store, and writes records and
        checkpoints there.
    version: version of mobench, which must be the same on both machines.
    """

    request: Request
    mark: str
    timeout: float | None = None
    memory: int | None = None
    version: str = field(default_factory=lambda: version_of("mobench"))


@dataclass(frozen=True)
class Outcome:
    """The result of an errand.

    exit:  how the worker ended.
    files: path below the store -> content, for the files that the store does not have yet.
    """

    exit: Exit
    files: dict[str, bytes]


@dataclass
class RemoteExecutor(ABC):
    """Base class of executors on clusters. A job whose node is lost is restarted on another node.

    slots:   number of jobs submitted to the cluster at once; the cluster queues those that do not fit.
    cpus:    CPUs of each job, which is also its number of threads.
    timeout: seconds after which a job is killed. None: no limit.
    memory:  bytes of memory above which a job is killed. None: no limit.
    retries: how often a job is restarted after its node was lost.
    """

    slots: int
    cpus: int
    timeout: float | None = None
    memory: int | None = None
    retries: int = 3
    _stopped: bool = field(default=False, init=False, repr=False)
    _guard: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _leases: dict[Path, Lease] = field(default_factory=dict, init=False, repr=False)

    @property
    def threads(self) -> int:
        """Number of threads of each job."""
        return self.cpus

    def run(self, request: Request, tell: Tell) -> Exit:
        """Run a job on the cluster, and retry it when its node is lost (see `Executor`)."""
        task = errand(request, self.timeout, self.memory, self.lease(Path(request.store)))
        try:
            for number in range(1, 2 + self.retries):
                ended = self.attempt(task, tell)
                if ended.kind != ExitKind.NODE_LOST:
                    return ended
                tell(NodeLost(number, ended.message))
            return Exit(None, f"its node was lost {1 + self.retries} times ({ended.message})", kind=ExitKind.NODE_LOST)
        finally:
            Path(task.mark).unlink(missing_ok=True)

    def lease(self, folder: Path) -> Lease:
        """Return this runner's lease on a store, which is held until the process ends."""
        with self._guard:
            folder = folder.resolve()
            if folder not in self._leases:
                with writing(folder):
                    self._leases[folder] = Lease(folder)
            return self._leases[folder]

    @abstractmethod
    def attempt(self, errand: Errand, tell: Tell) -> Exit:
        """Run an errand once. Return an exit of kind NODE_LOST if the errand may be retried."""


def errand(request: Request, timeout: float | None, memory: int | None, lease: Lease | None = None) -> Errand:
    """Create the errand of a request, and its mark in the store.

    Raises: StoreError if the mark cannot be written.
    """
    store = Store(Path(request.store).resolve())
    mark = store.folder / "locks" / (lease.new_mark() if lease is not None else f"mark-{uuid4().hex}")
    with writing(store.folder):
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
    return Errand(request.model_copy(update={"store": str(store.folder)}), str(mark), timeout, memory)


def do(errand: Errand) -> Iterator[WorkerProgress | Outcome]:
    """Run an errand on the machine that calls this. Yield its events as they arrive, and the outcome last."""
    if errand.version != (version_here := version_of("mobench")):
        message = f"mobench {version_here} is installed there, {errand.version} here: install the same everywhere"
        yield Outcome(Exit(None, message, kind=ExitKind.VERSION_MISMATCH), {})
        return
    if Path(errand.mark).exists():
        yield from _run(errand, errand.request)
        return
    with tempfile.TemporaryDirectory(prefix="mobench-") as folder:
        yield from _run(errand, errand.request.model_copy(update={"store": folder}))


def bring_home(outcome: Outcome, request: Request) -> Exit:
    """Write the files of an outcome into the store, the record last, and return the exit.

    If the store cannot be written, the exit says so. If only the weights cannot be written, the record is still
    written, with a note that the weights are missing.
    """
    store = Store(request.store)
    record_path, weights_path = store.path(request.job), store.weights(request.job)
    contents = {store.folder / name: content for name, content in outcome.files.items()}
    record_content, notes = contents.pop(record_path, None), dict[str, float | int | str]()
    try:
        for path, content in contents.items():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, content)
            except OSError as error:
                if path != weights_path:
                    raise
                notes = weights_not_kept(error.strerror or described(error))
        if record_content is not None:
            record = parse(record_content, record_path.name)
            has_weights = weights_path in contents or "weights" in record.notes
            if request.options.keep_weights and record.status == "completed" and not has_weights:
                notes = weights_not_kept("they are missing on the other machine, or too large to be copied here")
            record = record.model_copy(update={"notes": {**record.notes, **notes}})
            (store.write if record.status == "completed" else store.write_failure)(record)
    except StoreError as error:
        return Exit(None, str(error), kind=ExitKind.STORE_ERROR)
    except OSError as error:
        return Exit(None, str(unwritable(store.folder, error)), kind=ExitKind.STORE_ERROR)
    except RecordError as error:
        return Exit(
            None, f"the record that came from the other machine cannot be used: {error}", kind=ExitKind.RECORD_ERROR
        )
    return outcome.exit


def _run(errand: Errand, request: Request) -> Iterator[WorkerProgress | Outcome]:
    """Run the job in a separate process, so that a crash is reported in the same way as on a local machine."""
    executor = LocalExecutor(1, errand.timeout, errand.memory, request.threads)
    events: queue.SimpleQueue[WorkerProgress | Exit] = queue.SimpleQueue()
    thread = threading.Thread(target=lambda: events.put(executor.run(request, events.put)), daemon=True)
    thread.start()
    try:
        while not isinstance(item := events.get(), Exit):
            yield item
    finally:
        executor.stop()
    shared = request.store == errand.request.store
    # a job's process that died just before its end may have left a record
    yield Outcome(item, {} if shared else _files(request))


def _files(request: Request) -> dict[str, bytes]:
    """The record and the weights, by their path below the store; without what is missing, too large or no file."""
    store, contents = Store(request.store), dict[str, bytes]()
    for path, at_most in ((store.path(request.job), MAX_BYTES), (store.weights(request.job), MAX_WEIGHTS_BYTES)):
        with suppress(OSError):
            contents[str(path.relative_to(store.folder))] = files.read(path, at_most)
    return contents
