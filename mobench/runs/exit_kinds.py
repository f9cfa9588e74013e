"""Exit codes of a job's processes, and the reasons why a job leaves no record. Imports no heavy modules."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class WorkerExitCode(IntEnum):
    """Exit code of a worker process, and of the supervisor above it."""

    DONE = 0
    """The job has a record, or was declined."""
    STORE_ERROR = 3
    """The store cannot be read or written."""
    INTERRUPTED = 130
    """The worker was told to stop, or its runner has ended; the checkpoint is kept."""


class ExitKind(StrEnum):
    """Why a worker ended without a record. Records store the value as the kind of the failure.

    `DECLINED`, `STOPPED` and `STORE_ERROR` are not failures of the job.
    """

    DECLINED = "Declined"
    """A part of the job declines another part; the job has no record."""
    STOPPED = "Stopped"
    """The executor was stopped; the job keeps its state."""
    STORE_ERROR = "StoreError"
    """The store cannot be written; the whole run ends."""
    PROCESS_DIED = "ProcessDied"
    """The process ended without a record."""
    TIMED_OUT = "TimedOut"
    """The process exceeded the time limit."""
    OUT_OF_MEMORY = "OutOfMemory"
    """The process exceeded the memory limit."""
    NODE_LOST = "NodeLost"
    """The node of the cluster was lost, after the last retry."""
    VERSION_MISMATCH = "VersionMismatch"
    """The node has another version of mobench."""
    RECORD_ERROR = "RecordError"
    """The record that came from the node is invalid."""
