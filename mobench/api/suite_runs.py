"""`mobench.run`: run the jobs of a suite."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobench.api.calls import NameOfOption, progress_shown, warn

if TYPE_CHECKING:
    import pandas as pd

    from mobench.events import JobEvent
    from mobench.interfaces import Logger, Strategy
    from mobench.jobs.job import Job
    from mobench.jobs.overrides import Overrides
    from mobench.jobs.plan import Plan
    from mobench.kernels.precision import Precision
    from mobench.runs.executors import Limits
    from mobench.runs.loggers import Loggers
    from mobench.runs.run_options import RunOptions
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
    csv: str | Path | None = None,
    targets: str | Sequence[str] = (),
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
    dry_run: bool = False,
    progress: bool | None = None,
    on_event: Callable[[Job, JobEvent], None] | None = None,
) -> pd.DataFrame:
    """Run the jobs of a suite that have no record yet, write its tables, and return its leaderboard.

    Declined combinations, and records that cannot be read or compared, are reported as a UserWarning.

    Args:
        suite: A suite's name or its TOML file. The arguments from `dataset` to `precision` override its settings, in
            the order of `mobench.jobs.precedence`.
        dataset: Datasets, of the suite or others.
        model: Models, of the suite or others.
        solver: Solvers, of the suite or others: names, or generator+balancer.
        settings: Options that override the suite. Names may have the prefix of their part: {"balancer.epsilon": 0.1}.
        seeds: Seeds instead of the suite's.
        rays: Preferences instead of the suite's. Lists, an array or a tensor [R, m], on which finite sets are trained
            and all methods are evaluated.
        epochs: Epochs of training for each job.
        steps: Steps of training for each job.
        seconds: Seconds of training for each job.
        preset: A preset of the solvers, see `mobench show SOLVER`: paper.
        precision: Forward passes in float32 (fp32) or with bfloat16 autocast (bf16). It changes results, so it is
            part of a job; None: as the suite states in `[budget]`, otherwise "fp32".
        csv: A CSV file of your own on which the suite's solvers are run; needs targets. The suite has a `[table]`.
        targets: Columns of the CSV file that become the objectives, two or more.
        jobs: Jobs at once; the cores are divided among them. None: 1, or as many as a cluster has room for.
        device: Device of torch: cpu, cuda, cuda:1, ….
        out: Folder of the records; default: results/<suite>.
        retry: Run failed jobs again.
        timeout: Seconds after which a job is stopped.
        memory: Memory at which a job is stopped: 500MB, 2GiB. A number is in bytes.
        executor: Where jobs run: local, ray, slurm, or a module of yours.
        address: Address of the cluster: host:port of Ray's head node.
        cpus: Cores of each job, instead of its share.
        gpus: GPUs of each job on a cluster.
        checkpoint: Seconds between checkpoints.
        keep_weights: Keep the trained networks. They are kept too if the suite asks for it.
        strategy: How to compute, instead of the fastest measured way: layout=…,stacking=…,threads=…; or default.
        data_workers: Processes of each job that read data which stay on disk. 0: the job reads them itself.
        logger: Loggers of training and results: names of `mobench list loggers`. In Python also `mobench.Logger`
            objects, or a list of both. An error of a logger is reported as a warning and switches it off.
        logger_settings: Options of loggers, such as mlflow.experiment=fairness.
        dry_run: Show the jobs, and where each of their options comes from; run none. In Python, the jobs are returned
            as a table.
        progress: True shows the live view on a terminal and plain lines elsewhere, False nothing; None shows the live
            view on a terminal and nothing elsewhere.
        on_event: Called with a job and an event of `mobench.events` for everything that happens to a job, one call at
            a time, from threads of the run. A job has `id`, `title`, and the names `dataset.name`, `model.name` and
            `solver.name`. An exception ends the run and is raised.

    Returns:
        The leaderboard, as `mobench.leaderboard(out)`; with `dry_run` a table of the jobs.

    Raises:
        MobenchError: For invalid names, options and files (the same that the command line rejects), and if every job
            is declined. A failed job raises no error; its row in the leaderboard says that it failed.
    """
    from mobench.api.dry_runs import planned_jobs
    from mobench.api.result_tables import board_of
    from mobench.jobs.plan import plan
    from mobench.reports.tables.table_files import export
    from mobench.runs.suite_run import folder_of, run_suite

    overrides = overrides_of(
        dataset=dataset, model=model, solver=solver, settings=settings, seeds=seeds, rays=rays, epochs=epochs,
        steps=steps, seconds=seconds, preset=preset, precision=precision, csv=csv,
        targets=targets,
    )  # fmt: skip
    request = requested(
        jobs=jobs, device=device, retry=retry, timeout=timeout, memory=memory, executor=executor, address=address,
        cpus=cpus, gpus=gpus, checkpoint=checkpoint, keep_weights=keep_weights, strategy=strategy,
        data_workers=data_workers, dry_run=dry_run,
    )  # fmt: skip
    if dry_run:
        import pandas as pd

        chosen = overrides.load(suite)
        planned = plan(chosen)
        for line in planned.declined:
            warn(f"declined: {line}")
        columns, rows = planned_jobs(planned, folder_of(chosen, out))
        return pd.DataFrame(rows, columns=columns)
    chosen_loggers, logger_failures = loggers_of(logger, logger_settings), list[str]()
    with progress_shown(progress) as is_shown:
        finished = run_suite(
            suite,
            overrides,
            request.options,
            out=out,
            executor=executor,
            limits=request.limits,
            on_declined=lambda line: warn(f"declined: {line}"),
            watch=partial(_watch, on_event, is_shown),
            loggers=chosen_loggers,
            on_logger_failure=logger_failures.append,
        )
    for message in logger_failures:
        warn(message)
    board = board_of([finished.folder], warn)
    export(board, finished.folder)
    return board.table


_PARAMETERS = list(inspect.signature(run).parameters)
OVERRIDES = tuple(_PARAMETERS[1 : _PARAMETERS.index("jobs")])
"""Parameters of `run` and `tune` that override the suite."""


@dataclass(frozen=True)
class RunRequest:
    """Checked options of a run: how its jobs are run, and the limits of the executor."""

    options: RunOptions
    limits: Limits


def overrides_of(
    *,
    dataset: str | Sequence[str],
    model: str | Sequence[str],
    solver: str | Sequence[str],
    targets: str | Sequence[str],
    **values: Any,
) -> Overrides:
    """Return the overrides that the arguments of `run` and `tune` state. Raises: OptionError."""
    from mobench.jobs import arguments
    from mobench.jobs.overrides import Overrides

    return Overrides(
        datasets=arguments.names(dataset, "dataset"),
        models=arguments.names(model, "model"),
        solvers=arguments.names(solver, "solver"),
        targets=arguments.names(targets, "targets"),
        **values,
    )


def requested(
    *,
    jobs: int | None,
    device: str,
    retry: bool,
    timeout: float | None,
    memory: int | str | None,
    executor: str,
    address: str | None,
    cpus: int | None,
    gpus: float | None,
    checkpoint: float,
    keep_weights: bool,
    strategy: Strategy | str | None,
    data_workers: int,
    dry_run: bool,
    command: tuple[str, ...] = (),
    label: NameOfOption = str,
) -> RunRequest:
    """Return the checked options of a run, from the arguments of `run`.

    command: command line that the records state.
    label: how error messages name an argument.

    Raises: OptionError.
    """
    from mobench.jobs import arguments
    from mobench.kernels.strategy import Strategy as ParsedStrategy
    from mobench.runs.executors import Limits
    from mobench.runs.executors.base import check_limits
    from mobench.runs.run_options import RunOptions

    n_bytes = arguments.parse_bytes(memory, label("memory")) if isinstance(memory, str) else memory
    check_limits({"jobs": jobs, "cpus": cpus, "gpus": gpus, "memory": n_bytes, "timeout": timeout}, label(""))
    options = RunOptions(
        # devices of other machines cannot be checked here
        device=arguments.check_device(device, label("device")) if executor == "local" and not dry_run else device,
        strategy=ParsedStrategy.parse(strategy) if isinstance(strategy, str) else strategy,
        keep_weights=keep_weights,
        checkpoint_seconds=arguments.quantity(checkpoint, label("checkpoint")),
        retry=retry,
        command=command,
        data_workers=arguments.count(data_workers, label("data_workers"), arguments.MAX_DATA_WORKERS, smallest=0),
    )
    return RunRequest(options, Limits(jobs, cpus, gpus, n_bytes, timeout, address=address))


def loggers_of(
    logger: str | Logger | Sequence[str | Logger], settings: Mapping[str, Any] | None, label: NameOfOption = str
) -> Loggers | None:
    """Return the chosen loggers; None, without importing torch, if none is chosen.

    label: how error messages name an argument.

    Raises: as `mobench.runs.loggers.choose`.
    """
    if not logger and not settings:
        return None
    from mobench.runs import loggers

    return loggers.choose(logger, settings, label("logger"))


@contextmanager
def _watch(
    on_event: Callable[[Job, JobEvent], None] | None, is_shown: bool, plan: Plan, slots: int
) -> Iterator[Listen]:
    """Give a listener that shows the run if it is shown, and calls `on_event` for one event at a time."""
    from mobench.output.live import watch
    from mobench.output.tally import Tally

    guard = threading.Lock()
    with watch(Tally(plan.jobs, slots), f"run {plan.suite}") as show:

        def listen(job: Job, event: JobEvent) -> None:
            if is_shown:
                show(job, event)
            if on_event is not None:
                with guard:
                    on_event(job, event)

        yield listen
