"""`mobench.tune`: search the options of the solvers of a suite."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobench.api.calls import NameOfOption, progress_shown, warn
from mobench.api.suite_runs import overrides_of

if TYPE_CHECKING:
    import pandas as pd

    from mobench.jobs.suite import Suite
    from mobench.kernels.precision import Precision
    from mobench.runs.runner import Listen
    from mobench.search.proposals import Trial
    from mobench.search.study import StudyResult


def tune(
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
    trials: int | None = None,
    jobs: int = 1,
    device: str = "cpu",
    out: str | Path | None = None,
    dry_run: bool = False,
    progress: bool | None = None,
) -> pd.DataFrame:
    """Search the options of each solver of a suite for the best on validation, and return the table of trials.

    A stopped search is resumed. `study.md`, `study.csv`, `cost.md` (the cost of each search, and best options at an
    edge of their space) and, if a trial has a value, `best.toml`, the suite with the best options, are written to the
    folder of the records.

    Args:
        suite: A suite with a [search] table: its name or its TOML file.
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
        trials: Trials of each solver in total; default: the suite's, or the grid.
        jobs: Trials at once; the cores are divided among them.
        device: Device of torch: cpu, cuda, cuda:1, ….
        out: Folder of the study; default: results/<suite>.
        dry_run: Show what is searched, and where other options come from; run nothing. In Python, the searched options
            are returned as a table.
        progress: As in `run`.

    Returns:
        One row per trial, best first for each dataset, model and solver: `trial`, `state`, `value` (the metric of the
        search on validation, NaN without a value), `seconds`, `is_best`, and a column per searched option. With
        `dry_run`: dataset, model, solver, option and its values.

    Raises:
        MobenchError: For a suite without a search, and for invalid names, options and folders.
    """
    import pandas as pd

    from mobench.api.dry_runs import searched_options
    from mobench.jobs.plan import not_searched
    from mobench.output.live import watch
    from mobench.output.tally import Tally
    from mobench.runs.suite_run import folder_of
    from mobench.search import study
    from mobench.search import tables as study_tables

    overrides = overrides_of(
        dataset=dataset, model=model, solver=solver, settings=settings, seeds=seeds, rays=rays, epochs=epochs,
        steps=steps, seconds=seconds, preset=preset, precision=precision, csv=csv,
        targets=targets,
    )  # fmt: skip
    chosen = overrides.load(suite)
    for name in not_searched(chosen):
        warn(f"{name} is not searched: the call sets it")
    if dry_run:
        columns, rows = searched_options(study.first_plans(chosen))
        return pd.DataFrame(rows, columns=columns)
    folder = folder_of(chosen, out)
    tally = Tally([], jobs)
    with progress_shown(progress) as is_shown, watch(tally, f"tune {chosen.name}", ends=False) as listen:
        outcomes = searched(
            chosen,
            folder,
            jobs=jobs,
            trials=trials,
            device=device,
            listen=listen if is_shown else lambda job, event: None,
            expect=tally.expect,
        )
    study_tables.export(outcomes, chosen, folder)
    return trial_table(outcomes)


def searched(
    suite: Suite,
    folder: Path,
    *,
    jobs: int,
    trials: int | None,
    device: str,
    listen: Listen,
    expect: Callable[[int], None],
    tell: Callable[[str, Trial], None] = lambda solver, trial: None,
    note: Callable[[str], None] = lambda line: None,
    command: tuple[str, ...] = (),
    label: NameOfOption = str,
) -> list[StudyResult]:
    """Run the missing trials of a search and return all trials; the arguments are those of `tune` and `study.search`.

    Raises: MobenchError.
    """
    from mobench.jobs import arguments
    from mobench.records.store import Store
    from mobench.runs.run_options import RunOptions
    from mobench.search import study

    return study.search(
        suite,
        Store(folder),
        RunOptions(arguments.check_device(device, label("device")), command=command),
        slots=arguments.count(jobs, label("jobs")),
        n_trials=None if trials is None else arguments.count(trials, label("trials")),
        listen=listen,
        tell=tell,
        expect=expect,
        note=note,
    )


def trial_table(outcomes: Sequence[StudyResult]) -> pd.DataFrame:
    """Return one row per trial; the trials of each combination are sorted, best first."""
    import pandas as pd

    rows = [
        {
            "dataset": outcome.dataset,
            "model": outcome.model,
            "solver": outcome.solver,
            "trial": trial.number,
            "state": trial.state,
            "value": float("nan") if trial.value is None else trial.value,
            "seconds": float("nan") if trial.seconds is None else trial.seconds,
            "is_best": trial is outcome.best,
            **trial.settings,
        }
        for outcome in outcomes
        for trial in outcome.trials
    ]
    return pd.DataFrame(rows)
