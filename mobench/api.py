"""Python API: run a suite and read a leaderboard."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobench.text import one_line

if TYPE_CHECKING:
    import pandas as pd

    from mobench.events import JobEvent
    from mobench.interfaces import Logger, Strategy
    from mobench.jobs.job import Job
    from mobench.jobs.plan import Plan
    from mobench.kernels.precision import Precision
    from mobench.reports.analysis.leaderboard import Leaderboard
    from mobench.runs.runner import Listen


def run(
    suite: str | Path,
    *,
    dataset: str | Sequence[str] = (),
    model: str | Sequence[str] = (),
    solver: str | Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    seeds: Sequence[int] = (),
    rays: Sequence[Sequence[float]] = (),
    epochs: float | None = None,
    steps: int | None = None,
    seconds: float | None = None,
    preset: str | None = None,
    precision: Precision | None = None,
    jobs: int | None = None,
    device: str = "cpu",
    out: str | Path | None = None,
    retry: bool = True,
    timeout: float | None = None,
    memory: int | str | None = None,
    executor: str = "local",
    address: str | None = None,
    cpus: int | None = None,
    gpus: float | None = None,
    checkpoint: float = 30.0,
    keep_weights: bool = False,
    strategy: Strategy | str | None = None,
    data_workers: int = 0,
    logger: str | Logger | Sequence[str | Logger] = (),
    logger_settings: Mapping[str, Any] | None = None,
    on_event: Callable[[Job, JobEvent], None] | None = None,
) -> pd.DataFrame:
    """Run the jobs of a suite that have no record yet, write its tables, and return its leaderboard.

    The arguments are those of `mobench run`.

    suite: a registered name or a TOML file. The arguments from `dataset` to `precision` override the suite's settings,
        in the order of `mobench.jobs.precedence`.
    rays: preferences [R][m] on which finite sets are trained and all methods are evaluated; lists, an array or a
        tensor.
    precision: "fp32", or "bf16": forward passes in training and evaluation run under torch's bfloat16 autocast. It
        changes results, so it is part of a job; None: as the suite states in `[budget]`, otherwise "fp32".
    preset: named settings of the solvers, which `mobench show SOLVER` lists, such as `paper`; None: those of the suite.
    jobs: number of jobs at once; None: 1, or as many as a cluster has room for.
    out: folder of the records; by default results/<suite>.
    retry: whether to run failed jobs again.
    timeout, memory: seconds and bytes (a number, or a text such as "2GiB") at which a job is ended.
    executor: where jobs run: "local", "ray", "slurm", or a module of your own. address: of a cluster.
    cpus, gpus: of each job.
    checkpoint: seconds between checkpoints.
    keep_weights: whether to keep the trained networks, also if the suite does not ask for it.
    strategy: how to compute, as a `Strategy` or as the text of `--strategy`; None: what is fastest on this machine.
    data_workers: processes of each job that read `StoredSamples` ahead; 0: the job reads them itself.
    logger: where to log training and results: names of `mobench list loggers` with commas in between, `mobench.Logger`
        objects, or a list of these. An error of a logger is reported as a UserWarning and switches it off.
    logger_settings: options of named loggers, such as {"mlflow.experiment": "fairness"}.
    on_event: called with a job and an event of `mobench.events` for everything that happens to a job, one call at a
        time, from threads of the run. A job has `id`, `title`, and the names `dataset.name`, `model.name` and
        `solver.name`. An exception ends the run and is raised.

    Declined combinations, and records that cannot be read or compared, are reported as a UserWarning.

    Raises: MobenchError for invalid names, options and files (the same that the command line rejects), and if every
        job is declined. A failed job raises no error; its row in the leaderboard says that it failed.
    """
    from mobench.jobs import arguments
    from mobench.jobs.overrides import Overrides
    from mobench.kernels.strategy import Strategy as ParsedStrategy
    from mobench.reports.tables.table_files import export
    from mobench.runs import loggers
    from mobench.runs.executors.base import Limits, check_limits
    from mobench.runs.run_options import RunOptions
    from mobench.runs.suite_run import run_suite

    overrides = Overrides(
        datasets=arguments.names(dataset, "dataset"),
        models=arguments.names(model, "model"),
        solvers=arguments.names(solver, "solver"),
        settings=settings,
        seeds=seeds,
        rays=rays,
        epochs=epochs,
        steps=steps,
        seconds=seconds,
        precision=precision,
        preset=preset,
    )
    n_bytes = arguments.parse_bytes(memory, "memory") if isinstance(memory, str) else memory
    check_limits({"jobs": jobs, "cpus": cpus, "gpus": gpus, "memory": n_bytes, "timeout": timeout})
    options = RunOptions(
        # devices of other machines cannot be checked here
        device=arguments.check_device(device) if executor == "local" else device,
        strategy=ParsedStrategy.parse(strategy) if isinstance(strategy, str) else strategy,
        keep_weights=keep_weights,
        checkpoint_seconds=arguments.quantity(checkpoint, "checkpoint"),
        retry=retry,
        data_workers=arguments.count(data_workers, "data_workers", arguments.MAX_DATA_WORKERS, smallest=0),
    )
    logger_failures: list[str] = []
    finished = run_suite(
        suite,
        overrides,
        options,
        out=out,
        executor=executor,
        limits=Limits(jobs, cpus, gpus, n_bytes, timeout, address=address),
        on_declined=lambda line: _warn(f"declined: {line}", stacklevel=5),
        watch=partial(_watch, on_event),
        loggers=loggers.choose(logger, logger_settings),
        on_logger_failure=logger_failures.append,
    )
    for message in logger_failures:
        _warn(message)
    board = _board([finished.folder])
    export(board, finished.folder)
    return board.table


@contextmanager
def _watch(on_event: Callable[[Job, JobEvent], None] | None, plan: Plan, slots: int) -> Iterator[Listen]:
    """Give a listener that calls `on_event` for one event at a time."""
    guard = threading.Lock()

    def listen(job: Job, event: JobEvent) -> None:
        if on_event is not None:
            with guard:
                on_event(job, event)

    yield listen


def leaderboard(folder: str | Path) -> pd.DataFrame:
    """Return the leaderboard of the records in a folder.

    folder: a path, or the name of a suite with records in results/.

    Records that cannot be read or compared are reported as a UserWarning.

    Raises: StoreError if there are no records.
    """
    return _board([folder]).table


def _board(folders: Sequence[str | Path]) -> Leaderboard:
    from mobench.records.reading import read_outlines
    from mobench.reports.analysis.leaderboard import leaderboard as made

    board = made(read_outlines(folders, _warn))
    for line in board.left_out:
        _warn(f"left out: {one_line(line, 2000)}")
    return board


def _warn(message: str, stacklevel: int = 3) -> None:
    warnings.warn(message, UserWarning, stacklevel)
