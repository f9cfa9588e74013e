"""Ray executor: each job is a Ray task, which reserves CPUs and GPUs and returns events and the record."""

from __future__ import annotations

import logging
import os
import pickle
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

# without this, Ray sets the variable itself and warns that it will no longer do so
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray
from ray.exceptions import RayError, RayTaskError, TaskCancelledError

from mobench.errors import OptionError
from mobench.runs.executors import Limits
from mobench.runs.executors.base import Exit, Tell
from mobench.runs.executors.remote import Errand, Outcome, RemoteExecutor, bring_home
from mobench.runs.exit_kinds import ExitKind
from mobench.runs.worker_events import WorkerProgress


@dataclass
class RayExecutor(RemoteExecutor):
    """Runs each job as a Ray task, in a process of its own on the node that Ray chooses.

    A job that crashes on its node is reported in the same way as a local job. Jobs of a lost node are restarted on
    another node; they resume from their checkpoints if the store is on a shared file system.

    gpus: GPUs of each job; jobs with a fraction share a GPU.
    """

    gpus: float = 0.0
    _under_way: set[Any] = field(default_factory=set, init=False, repr=False)

    def stop(self) -> None:
        with self._guard:
            self._stopped = True
            under_way = list(self._under_way)
        for stream in under_way:
            ray.cancel(stream, force=True)

    def attempt(self, errand: Errand, tell: Tell) -> Exit:
        # Ray uses the memory only to place tasks and does not enforce it; our own Watch does
        options = {"num_cpus": self.cpus, "num_gpus": self.gpus, "memory": self.memory, "max_retries": 0}
        with self._guard:
            if self._stopped:
                return Exit(None, "stopped before it started", kind=ExitKind.STOPPED)
            task: Any = ray.remote(_task_without(_added_by_ray(), sys.path[1:]))
            stream = task.options(num_returns="streaming", **options).remote(pickle.dumps(errand))
            self._under_way.add(stream)
        try:
            return self._hear(stream, errand, tell)
        except TaskCancelledError:
            return Exit(None, "stopped", kind=ExitKind.STOPPED)
        except RayTaskError as error:
            # our own code on the node raised the error, not the job
            return Exit(None, f"the task of the job failed: {error.cause or error}", str(error))
        except RayError as error:
            lost = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
            return Exit(None, lost, kind=ExitKind.STOPPED if self._stopped else ExitKind.NODE_LOST)
        finally:
            with self._guard:
                self._under_way.discard(stream)

    def _hear(self, stream: Any, errand: Errand, tell: Tell) -> Exit:
        for reference in stream:
            item = ray.get(reference)
            if isinstance(item, Outcome):
                return bring_home(item, errand.request)
            tell(item)
        return Exit(None, "the task of the job ended without an outcome")


def _task_without(added: list[str], search_path: list[str]) -> Callable[[bytes], Iterator[WorkerProgress | Outcome]]:
    """Return the function of a task that imports nothing from the folders that Ray added to the search path.

    Of the folders in `added`, those that are also in `search_path`, the search path of the driver, move to the end. The
    function is nested so that Ray sends it by value: the node then imports nothing of mobench before it starts.
    """

    def task(errand: bytes) -> Iterator[WorkerProgress | Outcome]:
        import os
        import pickle
        import sys

        asked_for = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        moved = [path for path in added if path not in asked_for]
        sys.path[:] = [path for path in sys.path if path not in moved] + [path for path in moved if path in search_path]
        from mobench.runs.executors.remote import do

        yield from do(pickle.loads(errand))

    return task


def _added_by_ray() -> list[str]:
    """Return the folders that Ray prepends to a node's search path: the driver's working and script folders."""
    return [os.path.abspath(os.curdir), os.path.dirname(os.path.realpath(sys.argv[0]))]


def make(limits: Limits) -> RayExecutor:
    """Create an executor on a Ray cluster.

    The cluster is the one at `limits.address`, else the one at RAY_ADDRESS, else a new one on this machine.

    Raises: OptionError if no cluster answers, or if none of its nodes can run a job.
    """
    _connect(limits.address)
    cpus, gpus = limits.cpus or 1, limits.gpus or 0.0
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    room = sum(_fits(node["Resources"], cpus, gpus) for node in nodes if node["Alive"])
    if not room:
        raise OptionError(
            f"no node of the Ray cluster has {cpus} CPUs and {gpus:g} GPUs for a job: ask for less by --cpus and --gpus"
        )
    return RayExecutor(limits.jobs or room, cpus, limits.timeout, limits.memory, limits.retries, gpus=gpus)


def _connect(address: str | None) -> None:
    if ray.is_initialized():
        return
    try:
        with warnings.catch_warnings():
            # the warning is about future defaults of Ray, and users cannot act on it
            warnings.simplefilter("ignore", FutureWarning)
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise OptionError(
            f"--address {address or 'of a Ray cluster started here'} cannot be reached: "
            f"{str(error).strip().splitlines()[0]}; pass host:port of its head node"
        ) from error


def _fits(resources: dict[str, float], cpus: int, gpus: float) -> int:
    """Return the number of jobs that a node can run at once."""
    by_cpu = int(resources.get("CPU", 0) // cpus)
    return by_cpu if not gpus else min(by_cpu, int(resources.get("GPU", 0) / gpus))
