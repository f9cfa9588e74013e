"""Jobs on this machine."""

from __future__ import annotations

from mobench.runs.executors import Limits, refuse
from mobench.runs.executors.local import LocalExecutor


def make(limits: Limits) -> LocalExecutor:
    """A process per job; one at a time unless told otherwise."""
    refuse("local", limits, "address", "gpus")
    return LocalExecutor(limits.jobs or 1, limits.timeout, limits.memory, limits.cpus)
