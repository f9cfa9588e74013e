"""Execution of one job in this process: load the data, train, evaluate, and return the record."""

from __future__ import annotations

import stat
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from mobench import files
from mobench.errors import IncompatibleError, MobenchError, NonFiniteError
from mobench.events import DataLoading, StrategyMeasuring
from mobench.interfaces import (
    ParetoSet,
    PointSet,
    Problem,
    Samples,
    Seeds,
    Setting,
    Solver,
    Split,
    StoredSamples,
    Strategy,
)
from mobench.jobs.job import Job
from mobench.jobs.objects import JobObjects, make_objects
from mobench.jobs.rays import job_rays
from mobench.learning.batches import Batches
from mobench.learning.loop import Limit, train
from mobench.learning.measured_strategy import Choice, convolves, measured
from mobench.plugins import registry
from mobench.random_state import seed_torch
from mobench.records import provenance
from mobench.records.networks import tensors_to_keep
from mobench.records.protocols import stated_by
from mobench.records.record import Provenance, Record, TracePoint
from mobench.records.size_limits import DECLINED, failure, sound_notes, weights_not_kept
from mobench.runs.admission import check_before_training, check_constants
from mobench.runs.judging import judge
from mobench.runs.run_options import RunOptions
from mobench.runs.strategy_cache import remembered
from mobench.runs.worker_events import WorkerProgress
from mobench.text import described, message_of

DEFAULT_OPTIONS = RunOptions(strategy=Strategy())
"""Options of `execute` by default: the default strategy, so that none is measured."""


def execute(
    job: Job,
    options: RunOptions = DEFAULT_OPTIONS,
    *,
    threads: int | None = None,
    checkpoint: Path | None = None,
    weights: Path | None = None,
    on_event: Callable[[WorkerProgress], None] = lambda event: None,
) -> Record:
    """Run a job in this process and return its record. Errors of the job are in the record.

    options:    of the run. By default, the default strategy is used and none is measured.
    threads:    number of threads of torch. None leaves it unchanged.
    checkpoint: path of the training state. The caller removes the file after it has stored the record. If the job
                fails, the file is removed at once, because it may be the cause.
    weights:    path to write the trained network to, as safetensors. None: it is not written. If it cannot be
                written, the note "weights" of the record gives the reason.
    on_event:   called with each event.

    Raises: KeyboardInterrupt, in which case the checkpoint is kept and a later call resumes from it; MobenchError
        for an imported job.
    """
    if job.budget.elsewhere:
        raise MobenchError(f"{job.title} was imported: an imported job cannot be trained")
    if threads is not None:
        torch.set_num_threads(threads)
    started = datetime.now(UTC)

    def provenance_now() -> Provenance:
        return _provenance(started, job, options, run)

    run: _Run | None = None
    try:
        run = _Run(job, options, checkpoint, on_event)
        record = run.record(provenance_now, weights)
    except NonFiniteError as error:
        record = failure_record(job, "NonFiniteError", message_of(error), "", provenance_now(), "diverged")
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        message = " ".join([message_of(error), *(f"({note})" for note in getattr(error, "__notes__", ()))]).strip()
        kind = DECLINED if isinstance(error, IncompatibleError) else type(error).__name__
        record = failure_record(job, kind, message, traceback.format_exc(), provenance_now())
        if checkpoint is not None:
            checkpoint.unlink(missing_ok=True)
    return record


@dataclass(frozen=True)
class Execution:
    """A finished training: its record, and the trained Pareto set with its problem."""

    record: Record
    problem: Problem
    pareto_set: ParetoSet | PointSet


def train_objects(
    job: Job,
    objects: JobObjects,
    options: RunOptions = DEFAULT_OPTIONS,
    *,
    checkpoint: Path | None = None,
    on_event: Callable[[WorkerProgress], None] = lambda event: None,
) -> Execution:
    """Run a job with these objects in this process, as `execute` does; errors are raised.

    torch's random state and number of threads are changed. Other arguments: as in `execute`.

    Raises: NonFiniteError if training diverged; any error of the dataset, the model or the solver.
    """
    started = datetime.now(UTC)
    run = _Run(job, options, checkpoint, on_event, objects)
    record = run.record(lambda: _provenance(started, job, options, run), None)
    if record.failure is not None:
        raise NonFiniteError(record.failure.message)
    return Execution(record, run.problem, run.solver.pareto_set)


def _provenance(started: datetime, job: Job, options: RunOptions, run: _Run | None) -> Provenance:
    chosen = {**run.choice.strategy.to_dict(), "remark": run.choice.remark} if run is not None else None
    return provenance.collect(started, options.device, torch.get_num_threads(), list(options.command), chosen, job)


def failure_record(
    job: Job,
    kind: str,
    message: str,
    details: str,
    provenance_now: Any,
    status: Literal["failed", "diverged"] = "failed",
) -> Record:
    """Return the record of a job that failed or diverged without a result."""
    return Record(
        id=job.id,
        status=status,
        job=job,
        protocol={"version": job.protocol},
        objectives=[],
        failure=failure(kind, message, details),
        provenance=provenance_now,
    )


class _Run:
    """State and stages of one job."""

    def __init__(
        self,
        job: Job,
        options: RunOptions,
        checkpoint: Path | None,
        tell: Callable[[WorkerProgress], None],
        objects: JobObjects | None = None,
    ) -> None:
        self.job, self.options, self.checkpoint, self.tell = job, options, checkpoint, tell
        self.choice = Choice(options.strategy or Strategy())
        self.objects = make_objects(job) if objects is None else objects
        self.dataset = self.objects.dataset
        if self.dataset.protocol.version != job.protocol:
            raise MobenchError(
                f"the job was made under protocol {job.protocol!r}, dataset {job.dataset.name!r} now states "
                f"{self.dataset.protocol.version!r}: create the job again"
            )

    def record(self, provenance_now: Callable[[], Any], weights: Path | None) -> Record:
        job = self.job
        self.tell(DataLoading())
        # load the data first, so that a missing file is reported before anything is built
        splits: dict[Split, Samples] = {split: self._load(split) for split in ("train", "val", "test")}
        seeds = Seeds(**job.seeds.model_dump())
        seed_torch(seeds.initialisation)
        model = self.objects.new_model()
        self.problem = problem = Problem(self.dataset, model, self.options.device, precision=job.budget.precision)
        self.solver = solver = self.objects.new_solver()
        rays = job_rays(job, problem.n_objectives).finite
        check_before_training(problem, splits)
        self._lay_out(problem, solver, splits["train"], rays, seeds)
        before = problem.state.copy()
        training = train(
            solver,
            problem,
            splits["train"],
            limit=Limit(job.budget.epochs, job.budget.steps, job.budget.seconds),
            batch_size=job.budget.batch_size,
            seeds=seeds,
            rays=rays,
            validation=splits["val"],
            checkpoint=self.checkpoint,
            checkpoint_seconds=self.options.checkpoint_seconds,
            n_looks=job.n_looks,
            patience=job.patience,
            on_progress=self.tell,
        )
        check_constants(problem, before)
        common: dict[str, Any] = {
            "id": job.id,
            "job": job,
            "protocol": stated_by(self.dataset),
            "objectives": [o.name for o in problem.objectives],
            "trace": [TracePoint(**asdict(look)) for look in training.trace],
            "notes": {
                **sound_notes({f"dataset: {name}": note for name, note in self.dataset.notes.items()}),
                **sound_notes(solver.notes),
                **({"checkpoints_not_written": training.unsaved} if training.unsaved else {}),
                **_side_effects(),
            },
        }
        if training.status == "diverged":
            why = failure("NonFiniteError", training.message)
            return Record(status="diverged", failure=why, provenance=provenance_now(), **common)
        judged = judge(job, solver.pareto_set, problem, splits, rays, training, self.tell)
        common["notes"] |= sound_notes(judged.pop("notes"))
        if weights is not None:
            common["notes"] |= _save_weights(weights, solver, problem)
        return Record(status="completed", provenance=provenance_now(), **common, **judged)

    def _load(self, split: Split) -> Samples:
        """Return the samples of a split; stored ones are read by as many processes as the options state."""

        def read_ahead(part: Samples) -> Samples:
            if not isinstance(part, StoredSamples):
                return part
            return part.read_by(self.options.data_workers, torch.device(self.options.device).type == "cuda")

        return self.dataset.load(split).by_task(read_ahead)

    def _lay_out(self, problem: Problem, solver: Solver, samples: Samples, rays: Tensor, seeds: Seeds) -> None:
        """Set the strategy of the problem: the given one, else the one that is fastest on this machine."""
        batches = Batches(samples, self.job.budget.batch_size, 0)
        budget, n_sets = self.job.budget, solver.n_weight_sets(len(rays))
        steps = Limit(budget.epochs, budget.steps, budget.seconds).total_steps(batches.per_epoch)
        if self.options.strategy is None:
            self.tell(StrategyMeasuring())
            threads = torch.get_num_threads()

            def start_step() -> Callable[[], object]:
                trial = self.objects.new_solver()
                trial.start(problem, Setting(rays, seeds, batches.per_epoch, steps))
                problem.train(True)
                return lambda: trial.step(*(problem.prepare(batches.at(0, k)) for k in range(trial.n_batches)))

            self.choice = remembered(
                self.job, n_sets, self.options.device, threads,
                lambda: measured(problem, batches.at(0), n_sets, threads, steps, start_step),
                depends_on_solver=not convolves(problem),
            )  # fmt: skip
        problem.strategy = self.choice.strategy
        if self.choice.strategy.threads is not None:
            torch.set_num_threads(self.choice.strategy.threads)


def _side_effects() -> dict[str, str]:
    """Return a note about plugins whose import changed global state, which was restored; {} if there are none."""
    changes = [f"{p.origin}: {change}" for p in registry().plugins for change in p.side_effects]
    return {"global_state": "restored after an import; " + "; ".join(changes)} if changes else {}


def _save_weights(path: Path, solver: Solver, problem: Problem) -> dict[str, float | int | str]:
    """Write the tensors of the trained network as safetensors, a format that contains no executable code.

    Returns notes for the record. If the weights cannot be written, for example on a full disk, the notes say so and
    the record is kept.
    """
    from safetensors.torch import save_file

    if not isinstance(solver.pareto_set, torch.nn.Module):
        return weights_not_kept(f"{type(solver).__name__} keeps no torch module")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        state = tensors_to_keep(solver.pareto_set, problem)
        with files.replacing(path) as temporary:
            # safetensors creates files that only their owner may read; use the permissions of the umask instead
            temporary.touch()
            mode = temporary.stat().st_mode
            save_file(state, temporary)
            temporary.chmod(stat.S_IMODE(mode))
    except Exception as error:
        # the Rust writer and a plugin's module may raise any error; weights of an earlier run must not remain
        with suppress(OSError):
            path.unlink(missing_ok=True)
        return weights_not_kept(getattr(error, "strerror", None) or described(error))
    return {}
