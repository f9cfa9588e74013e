"""Options of a run, which travel unchanged from the command line or from Python to the process of each job."""

from __future__ import annotations

from dataclasses import dataclass

from mobench.kernels.strategy import Strategy


@dataclass(frozen=True)
class RunOptions:
    """How the jobs of a run are run. No option changes what a job is, so none is part of its id.

    device:       torch device to train on.
    strategy:     execution strategy of every job. None: the one that was measured to be fastest for the job.
    keep_weights: whether to keep the trained networks.
    checkpoint_seconds: seconds of training between checkpoints. 0: a checkpoint after every step.
    retry:        whether to run jobs again whose record has the status "failed".
    data_workers: processes of each job that read stored samples ahead. 0: the job's own process reads them. Results are
        the same for any number.
    command:      command line that the records state.
    """

    device: str = "cpu"
    strategy: Strategy | None = None
    keep_weights: bool = False
    checkpoint_seconds: float = 30.0
    retry: bool = True
    command: tuple[str, ...] = ()
    data_workers: int = 0
