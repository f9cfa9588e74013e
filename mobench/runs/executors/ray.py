"""Jobs on a Ray cluster: a task per job holds its CPUs and GPUs, and sends events and the record back."""

from __future__ import annotations

import logging
import os
import pickle
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

# Ray would set it on its own, with a warning that it will no longer do so
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray
from ray.exceptions import RayError, RayTaskError, TaskCancelledError

from mobench.errors import OptionError
from mobench.runs.executors import Limits
from mobench.runs.executors.base import Exit, Tell
from mobench.runs.executors.remote import Errand, Outcome, RemoteExecutor, bring_home


@dataclass
class RayExecutor(RemoteExecutor):
    """A Ray task per job, which runs the job in a process of its own on the node that Ray chose.

    A job that dies on its node is told as it would be here. A node that is lost takes its jobs along:
    each is begun again elsewhere, from its checkpoint where the store is on a file system that nodes share.
    """

    gpus: float = 0.0
    _under_way: set[Any] = field(default_factory=set, init=False, repr=False)

    def stop(self) -> None:
        with self._guard:
            self._stopped = True
            under_way = list(self._under_way)
        for stream in under_way:
            ray.cancel(stream, force=True)

    def attempt(self, asked: Errand, tell: Tell) -> Exit:
        # Ray counts its bytes of memory when it places tasks, and does not hold anybody to them: our own watch does
        options = {"num_cpus": self.cpus, "num_gpus": self.gpus, "memory": self.memory, "max_retries": 0}
        with self._guard:
            if self._stopped:
                return Exit(None, "stopped before it started", kind="Stopped")
            task: Any = ray.remote(_task_without(_added_by_ray(), sys.path[1:]))
            stream = task.options(num_returns="streaming", **options).remote(pickle.dumps(asked))
            self._under_way.add(stream)
        try:
            return self._hear(stream, asked, tell)
        except TaskCancelledError:
            return Exit(None, "stopped", kind="Stopped")
        except RayTaskError as error:
            # raised there by our own code, not by the job
            return Exit(None, f"the task of the job failed: {error.cause or error}", str(error))
        except RayError as error:
            lost = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
            return Exit(None, lost, kind="Stopped" if self._stopped else "NodeLost")
        finally:
            with self._guard:
                self._under_way.discard(stream)

    def _hear(self, stream: Any, asked: Errand, tell: Tell) -> Exit:
        for reference in stream:
            said = ray.get(reference)
            if isinstance(said, Outcome):
                return bring_home(said, asked.request)
            tell(said)
        return Exit(None, "the task of the job ended without an outcome")


def _task_without(added: list[str], own: list[str]) -> Callable[[bytes], Iterator[dict[str, Any] | Outcome]]:
    """The task of a job, which imports nothing from the folders that Ray added; the driver's own ones come last.

    A function made here goes to the node by value, so that nothing of mobench is imported before it begins.
    """

    def task(asked: bytes) -> Iterator[dict[str, Any] | Outcome]:
        import os
        import pickle
        import sys

        asked_for = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        moved = [path for path in added if path not in asked_for]
        sys.path[:] = [path for path in sys.path if path not in moved] + [path for path in moved if path in own]
        from mobench.runs.executors.remote import do

        yield from do(pickle.loads(asked))

    return task


def _added_by_ray() -> list[str]:
    """What Ray puts in front of a node's search path: the working folder of the driver, and that of its script."""
    return [os.path.abspath(os.curdir), os.path.dirname(os.path.realpath(sys.argv[0]))]


def make(limits: Limits) -> RayExecutor:
    """An executor on the cluster at the address; without one on that of RAY_ADDRESS, else on one started here.

    Raises: OptionError where no cluster answers, or none of its nodes could ever run a job.
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
            # of Ray's own future defaults, about which nobody here can do anything
            warnings.simplefilter("ignore", FutureWarning)
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise OptionError(
            f"--address {address or 'of a Ray cluster started here'} cannot be reached: "
            f"{str(error).strip().splitlines()[0]}; pass host:port of its head node"
        ) from error


def _fits(resources: dict[str, float], cpus: int, gpus: float) -> int:
    """Jobs that a node can hold at once."""
    by_cpu = int(resources.get("CPU", 0) // cpus)
    return by_cpu if not gpus else min(by_cpu, int(resources.get("GPU", 0) / gpus))
