"""The training loop: budget, checkpoints, validation checks, progress and timing."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from mobench.errors import MobenchError, NonFiniteError
from mobench.events import TrainingProgress
from mobench.interfaces import PointSet, Problem, Samples, Seeds, Setting, Solver
from mobench.learning import checkpoint as checkpoints
from mobench.learning.batches import Batches
from mobench.learning.divergence import check_losses, check_weights, divergence_message, likely_cause
from mobench.learning.early_stopping import is_stalled
from mobench.learning.pending_steps import PendingSteps
from mobench.learning.progress_reports import ProgressReports
from mobench.metrics.evaluation import evaluate
from mobench.metrics.indicators import hypervolume
from mobench.metrics.subset import subset_of
from mobench.random_state import seed_torch

TRACE_SAMPLES = 2000
TRACE_POINTS = 10


@dataclass(frozen=True)
class Limit:
    """A training budget: exactly one of the three is set."""

    epochs: float | None = None
    steps: int | None = None
    seconds: float | None = None

    def total_steps(self, steps_per_epoch: int) -> int | None:
        """Return the total number of steps; None if the budget is in seconds."""
        if self.steps is not None:
            return self.steps
        return None if self.epochs is None else max(1, math.ceil(self.epochs * steps_per_epoch))


@dataclass
class ValidationCheck:
    """Result of one validation check during training; `seconds` and `core_seconds` count training only."""

    step: int
    epoch: float
    seconds: float
    core_seconds: float
    gradient_evaluations: int
    train_losses: list[float]
    hypervolume: float | None


@dataclass
class Training:
    """State and statistics of a training run.

    resumed:  number of times that training was resumed from a checkpoint.
    repeated: number of repeated steps: those taken after the last checkpoint before the process ended.
    unsaved:  number of checkpoints that could not be written.
    core_seconds: processor time of all threads; other work on the machine affects it less than `seconds`.
    recent_losses: running mean over about twenty steps.
    """

    status: Literal["completed", "diverged"] = "completed"
    message: str = ""
    steps: int = 0
    epochs: float = 0.0
    seconds: float = 0.0
    core_seconds: float = 0.0
    gradient_evaluations: int = 0
    resumed: int = 0
    repeated: int = 0
    unsaved: int = 0
    recent_losses: list[float] = field(default_factory=list)
    trace: list[ValidationCheck] = field(default_factory=list)


def train(
    solver: Solver,
    problem: Problem,
    samples: Samples,
    *,
    limit: Limit,
    batch_size: int,
    seeds: Seeds,
    rays: Tensor,
    validation: Samples | None = None,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = 30.0,
    n_looks: int | None = None,
    patience: int | None = None,
    on_progress: Callable[[TrainingProgress], None] | None = None,
    progress_seconds: float = 0.5,
    check_every: int | None = None,
) -> Training:
    """Train `solver` on `samples` until `limit`; resume from the checkpoint if there is one.

    rays: [R, m], the preferences that a finite Pareto set trains, and that validation checks use.
    validation: validation checks compute the hypervolume on TRACE_SAMPLES of these samples, those that
        `Protocol.subset` states; None: the trace contains only training losses.
    n_looks: number of validation checks over the whole budget; None: TRACE_POINTS.
    patience: number of validation checks in a row without a larger hypervolume after which training ends; None: it uses
        the whole budget.
    on_progress: called at most every `progress_seconds` of wall time, and after every validation check.
    check_every: number of steps after which the host reads losses and checks. The result is the same, except that
        weights of Gram matrices are not rounded above 1. None: 1 on the CPU, and more on an accelerator, which then
        does not wait for the host (see `PendingSteps`).

    Training stops with status "diverged" at the first loss, gradient or weight that is not finite. Such a
    step is never skipped, because methods would then be compared at different numbers of steps. The
    message names the objective, the step and the likely cause. Other exceptions of the solver are
    raised with a note of the step.
    """
    batches = Batches(samples, batch_size, seeds.data)
    total = limit.total_steps(batches.per_epoch)
    seed_torch(seeds.initialisation)
    solver.start(problem, Setting(rays, seeds, batches.per_epoch, total))
    seed_torch(seeds.solver)
    run = Training()
    # lexists: a dangling symbolic link must raise an error and not be ignored
    if checkpoint is not None and os.path.lexists(checkpoint):
        run = _resumed(checkpoints.load(checkpoint, solver, problem), checkpoint)
    progress = ProgressReports(on_progress, progress_seconds, total, limit.seconds)
    looks = _Looks(run, total, limit, n_looks or TRACE_POINTS)
    pending = PendingSteps(solver, problem, check_every)
    last_save = time.monotonic()
    problem.train(True)
    # streams are closed at the end, so that processes which read batches ahead end with the training
    with checkpoints.StepCount(checkpoint) as count, ExitStack() as streams:
        stream = streams.enter_context(closing(batches.steps(run.steps, solver.n_batches)))
        run.repeated = count.go_on_from(run.steps)
        while not _finished(run, total, limit):
            try:
                if len(pending) == 0:
                    counts_before = run.steps, run.gradient_evaluations
                losses = _timed_step(solver, problem, batches, stream, run, pending)
                _count(run, losses, batches.per_epoch, solver.n_batches)
                count.reach(run.steps)
                at_end = _finished(run, total, limit)
                looking = looks.due(run) or at_end
                saving = checkpoint is not None and time.monotonic() - last_save >= checkpoint_seconds and not at_end
                if pending.is_full or looking or saving or progress.is_due:
                    _read_losses(run, pending)
                if looking:
                    check_weights(solver)
            except BaseException as error:
                if pending.rewind(error):  # repeat these steps one by one
                    run.steps, run.gradient_evaluations = counts_before
                    streams.close()
                    stream = streams.enter_context(closing(batches.steps(run.steps, solver.n_batches)))
                    looks = _Looks(run, total, limit, n_looks or TRACE_POINTS)
                    continue
                if not isinstance(error, NonFiniteError):
                    error.add_note(f"in step {run.steps}, on a batch of {batches.batch_size}")
                    raise
                steps = sorted({max(0, run.steps - 1), run.steps})
                suspects = [batches.at(step, index) for step in steps for index in range(solver.n_batches)]
                cause = likely_cause(solver, problem, suspects)
                run.status, run.message = "diverged", divergence_message(run.steps, error, cause)
                break
            if looking:
                run.trace.append(_look(run, solver, problem, validation, rays))
            progress.tell(run, is_validation_check=looking)
            if looking and patience is not None and is_stalled([look.hypervolume for look in run.trace], patience):
                break
            if checkpoint is not None and saving:
                _save(checkpoint, solver, run, problem)
                last_save = time.monotonic()
    return run


def _augmented(problem: Problem, random: torch.Generator, samples: Samples) -> Samples:
    return problem.dataset.augment(samples, random)


def _timed_step(
    solver: Solver,
    problem: Problem,
    batches: Batches,
    stream: Iterator[list[Samples]],
    run: Training,
    pending: PendingSteps,
) -> Tensor:
    """Take one training step and return its losses; add its time to the training time."""
    with _timed(run):
        step_batches = []
        for index, batch in enumerate(next(stream)):
            augment = partial(_augmented, problem, batches.random(run.steps, index))
            step_batches.append(problem.prepare(batch.by_task(augment)))
        with pending.deferred():
            losses = solver.step(*step_batches)
            check_losses(losses, [o.name for o in problem.objectives])
        pending.add(losses)
    return losses


@contextmanager
def _timed(run: Training) -> Iterator[None]:
    """Add the time of the block to the training time, unless it raises an error."""
    began, began_working = time.perf_counter(), time.process_time()
    yield
    run.seconds += time.perf_counter() - began
    run.core_seconds += time.process_time() - began_working


def _count(run: Training, losses: Tensor, steps_per_epoch: int, n_batches: int) -> None:
    run.steps += 1
    run.epochs = run.steps / steps_per_epoch
    run.gradient_evaluations += losses.numel() * n_batches


def _read_losses(run: Training, pending: PendingSteps) -> None:
    """Add the losses of the pending steps to the running mean, and the time of waiting for them to the training time.

    Raises: NonFiniteError if a deferred check failed.
    """
    with nullcontext() if pending.every == 1 else _timed(run):
        means = pending.read()
    for losses in means:
        previous = run.recent_losses or losses
        run.recent_losses = [old + 0.05 * (new - old) for old, new in zip(previous, losses, strict=True)]


class _Looks:
    """Schedule of the validation checks: `n_looks` times, evenly spaced over the budget."""

    def __init__(self, run: Training, total: int | None, limit: Limit, n_looks: int) -> None:
        self._by_steps = total is not None
        self._interval = max(1, total // n_looks) if total else (limit.seconds or 0) / n_looks
        # after resuming, the next check is the same as in an uninterrupted run
        self._next = (math.floor(self._spent(run) / self._interval) + 1) * self._interval

    def due(self, run: Training) -> bool:
        if self._spent(run) < self._next:
            return False
        self._next += self._interval
        return True

    def _spent(self, run: Training) -> float:
        return run.steps if self._by_steps else run.seconds


def _finished(run: Training, total: int | None, limit: Limit) -> bool:
    return run.steps >= total if total is not None else run.seconds >= (limit.seconds or 0)


def _look(run: Training, solver: Solver, problem: Problem, validation: Samples | None, rays: Tensor) -> ValidationCheck:
    """Run a validation check on the current Pareto set; random states are not changed."""
    value = None
    if validation is not None:
        pareto_set = solver.pareto_set
        own_rays = None if isinstance(pareto_set, PointSet) else pareto_set.rays
        at = rays if own_rays is None else own_rays.cpu()
        with torch.random.fork_rng(devices=[]):
            front = evaluate(pareto_set, problem, subset_of(validation, TRACE_SAMPLES, problem.protocol), at)
        finite = bool(torch.isfinite(torch.as_tensor(front.losses)).all())
        value = hypervolume(front.losses, problem.protocol.reference) if finite else None
    return ValidationCheck(
        step=run.steps,
        epoch=run.epochs,
        seconds=run.seconds,
        core_seconds=run.core_seconds,
        gradient_evaluations=run.gradient_evaluations,
        train_losses=list(run.recent_losses),
        hypervolume=value,
    )


def _save(path: Path, solver: Solver, run: Training, problem: Problem) -> None:
    try:
        checkpoints.save(path, solver, asdict(run), problem)
    except OSError:
        # training continues without a checkpoint; the record counts the failures
        run.unsaved += 1


def _resumed(saved: dict[str, Any], path: Path) -> Training:
    """Return the run stored in a checkpoint.

    Raises: MobenchError if the stored values are invalid.
    """
    try:
        run = Training(**{**saved, "trace": [ValidationCheck(**look) for look in saved["trace"]]})
    except (TypeError, KeyError) as error:
        raise MobenchError(
            f"checkpoint {path.name} cannot be loaded ({type(error).__name__}: {error}): delete it to restart training"
        ) from error
    run.resumed += 1
    return run
