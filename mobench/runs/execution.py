"""One job from start to record: load, train, judge, count the cost."""

from __future__ import annotations

import json
import os
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from mobench.errors import MobenchError, NonFiniteError
from mobench.interfaces import ParetoSet, Problem, Samples, Seeds, Solver, Split, Strategy
from mobench.learning.loop import Batches, Limit, Training, train
from mobench.learning.preferences import dense_rays, finite_rays
from mobench.learning.strategy import Choice, measured
from mobench.metrics import cost
from mobench.metrics.evaluation import FrontValues, at_rays, evaluate, indicators_of
from mobench.runs import provenance
from mobench.runs.job import Job
from mobench.runs.record import Cost, Front, Record, TracePoint
from mobench.runs.resolve import make_dataset, make_model, make_solver
from mobench.runs.strategies import remembered
from mobench.runs.words import failure, sound_notes

FRONT_POINTS = 1000
Tell = Callable[[dict[str, Any]], None]


def execute(
    job: Job,
    *,
    device: str = "cpu",
    threads: int | None = None,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = 30.0,
    weights: Path | None = None,
    on_progress: Tell | None = None,
    command: Sequence[str] = (),
    strategy: Strategy | None = Strategy(),  # noqa: B008 - frozen
) -> Record:
    """Run a job here and now, and return its record; whatever goes wrong is in the record.

    threads:    of torch; None leaves them as they are.
    checkpoint: where training state is kept. It stays for whoever holds the record in safety to remove, and goes
                at once where the job failed: a checkpoint may be why.
    checkpoint_seconds: how often.
    strategy:   how to lay the arithmetic out; None: what was measured to be fastest here.
    weights:    where to write the trained network as safetensors; None: nowhere.

    Raises: KeyboardInterrupt; the checkpoint then stays, and a later call goes on from it. MobenchError for
        a job that was imported.
    """
    if job.budget.elsewhere:
        raise MobenchError(f"{job.title} was imported: there is nothing of it to train here")
    if threads is not None:
        torch.set_num_threads(threads)
    started = datetime.now(UTC)

    def provenance_now() -> Any:
        chosen = {**run.choice.strategy.to_dict(), "remark": run.choice.remark} if run is not None else None
        return provenance.collect(started, device, torch.get_num_threads(), list(command), chosen)

    run: _Run | None = None
    try:
        run = _Run(job, device, checkpoint, checkpoint_seconds, on_progress or (lambda event: None), strategy)
        record = run.record(provenance_now, weights)
    except NonFiniteError as error:
        record = failure_record(job, "NonFiniteError", str(error), "", provenance_now(), "diverged")
    except (Exception, SystemExit) as error:
        message = " ".join([str(error), *(f"({note})" for note in getattr(error, "__notes__", ()))]).strip()
        record = failure_record(job, type(error).__name__, message, traceback.format_exc(), provenance_now())
        if checkpoint is not None:
            checkpoint.unlink(missing_ok=True)
    return record


def failure_record(
    job: Job, kind: str, message: str, details: str, made: Any, status: Literal["failed", "diverged"] = "failed"
) -> Record:
    """The record of a job that gave no result."""
    return Record(
        id=job.id,
        status=status,
        job=job,
        protocol={"version": job.protocol},
        objectives=[],
        failure=failure(kind, message, details),
        provenance=made,
    )


class _Run:
    """The stages of one job."""

    def __init__(
        self,
        job: Job,
        device: str,
        checkpoint: Path | None,
        checkpoint_seconds: float,
        tell: Tell,
        strategy: Strategy | None,
    ) -> None:
        self.pinned = strategy is not None
        self.choice = Choice(strategy or Strategy())
        self.job, self.device, self.tell = job, device, tell
        self.checkpoint, self.checkpoint_seconds = checkpoint, checkpoint_seconds
        self.dataset = make_dataset(job.dataset)
        if self.dataset.protocol.version != job.protocol:
            raise MobenchError(
                f"the job was made under protocol {job.protocol!r}, dataset {job.dataset.name!r} now states "
                f"{self.dataset.protocol.version!r}: make the job anew"
            )

    def record(self, provenance_now: Callable[[], Any], weights: Path | None) -> Record:
        job = self.job
        self.tell({"phase": "data"})
        # the data come first: a missing file is told before anything is built
        splits: dict[Split, Samples] = {split: self.dataset.load(split) for split in ("train", "val", "test")}
        seeds = Seeds(**job.seeds.model_dump())
        torch.manual_seed(seeds.initialisation)
        problem = Problem(self.dataset, make_model(job.model), self.device)
        solver = make_solver(job.solver)
        rays = job_rays(job, problem.n_objectives).finite
        self._lay_out(problem, solver, splits["train"], len(rays))
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
            checkpoint_seconds=self.checkpoint_seconds,
            n_looks=job.n_looks,
            on_progress=self.tell,
        )
        common: dict[str, Any] = {
            "id": job.id,
            "job": job,
            "protocol": json.loads(json.dumps(asdict(self.dataset.protocol))),
            "objectives": [o.name for o in problem.objectives],
            "trace": [TracePoint(**asdict(look)) for look in training.trace],
            "notes": {
                **sound_notes(solver.notes),
                **({"checkpoints_not_written": training.unsaved} if training.unsaved else {}),
            },
        }
        if training.status == "diverged":
            why = failure("NonFiniteError", training.message)
            return Record(status="diverged", failure=why, provenance=provenance_now(), **common)
        judged = self._judge(solver.pareto_set, problem, splits, rays, training)
        if weights is not None:
            common["notes"] |= _save_weights(weights, solver)
        return Record(status="completed", provenance=provenance_now(), **common, **judged)

    def _lay_out(self, problem: Problem, solver: Solver, samples: Samples, n_rays: int) -> None:
        """Give the problem its strategy: the pinned one, else what is fastest here."""
        batches = Batches(samples, self.job.budget.batch_size, 0)
        budget, n_sets = self.job.budget, solver.n_weight_sets(n_rays)
        steps = Limit(budget.epochs, budget.steps, budget.seconds).total_steps(batches.per_epoch)
        if not self.pinned:
            self.tell({"phase": "strategy"})
            threads = torch.get_num_threads()
            self.choice = remembered(
                self.job, n_sets, self.device, threads,
                lambda: measured(problem, batches.at(0), n_sets, threads, steps),
            )  # fmt: skip
        problem.strategy = self.choice.strategy
        if self.choice.strategy.threads is not None:
            torch.set_num_threads(self.choice.strategy.threads)

    def _judge(
        self, pareto_set: ParetoSet, problem: Problem, splits: dict[Split, Samples], finite: Tensor, training: Training
    ) -> dict[str, Any]:
        """Every number of the record, from the trained set alone."""
        began = time.perf_counter()
        rays = job_rays(self.job, problem.n_objectives).dense if pareto_set.rays is None else pareto_set.rays.cpu()
        every = rays if pareto_set.rays is not None else _union(rays, finite)
        # the training split is read on as many samples as validation has: its front shows the
        # fit, at a cost that does not outgrow the judging itself
        splits = {**splits, "train": splits["train"].take(slice(0, max(1, len(splits["val"]))))}
        known = self.dataset.known_front(FRONT_POINTS)
        front_of_truth = None if known is None else known.double().numpy()
        fronts: dict[str, FrontValues] = {}
        for done, (split, samples) in enumerate(splits.items()):
            self.tell({"phase": "evaluate", "split": split, "fraction": done / len(splits)})
            fronts[split] = evaluate(pareto_set, problem, samples, every if split == "test" else rays)
            _check_front(fronts[split], split, [o.name for o in problem.objectives])
        few = fronts["test"] if pareto_set.rays is not None else at_rays(fronts["test"], finite)
        fronts["test"] = at_rays(fronts["test"], rays)
        indicators = {s: indicators_of(f, self.dataset.protocol, front_of_truth) for s, f in fronts.items()}
        indicators[f"test@{len(few.losses)}"] = indicators_of(few, self.dataset.protocol, front_of_truth)
        return {
            "fronts": {s: _front(f, len(splits[s])) for s, f in fronts.items()},  # type: ignore[index]
            "indicators": indicators,
            "cost": self._cost(pareto_set, problem, splits["test"], rays, training, time.perf_counter() - began),
        }

    def _cost(
        self,
        pareto_set: ParetoSet,
        problem: Problem,
        samples: Samples,
        rays: Tensor,
        training: Training,
        evaluation_seconds: float,
    ) -> Cost:
        batch = samples.take(slice(0, self.job.budget.batch_size))
        return Cost(
            training_seconds=training.seconds,
            training_core_seconds=training.core_seconds,
            evaluation_seconds=evaluation_seconds,
            steps=training.steps,
            epochs=training.epochs,
            stored_parameters=pareto_set.n_stored_parameters,
            served_parameters=problem.n_target_parameters,
            n_models=1 if pareto_set.rays is None else len(pareto_set.rays),
            peak_bytes=cost.peak_bytes(problem.device),
            switch_seconds=cost.switch_seconds(pareto_set, rays, problem),
            inference_seconds_per_sample=cost.inference_seconds_per_sample(pareto_set, rays, problem, batch),
            resumed=training.resumed,
            repeated_steps=training.repeated,
        )


@dataclass(frozen=True)
class Rays:
    """The preferences [R, m] of a job: `dense` judge a continuous set, `finite` are what a finite one trains."""

    dense: Tensor
    finite: Tensor


def job_rays(job: Job, n_objectives: int) -> Rays:
    """A job's own rays, or those that its numbers of rays mean."""
    if job.rays is not None:
        own = torch.tensor(job.rays)
        return Rays(own, own)
    return Rays(dense_rays(n_objectives, job.n_rays), finite_rays(n_objectives, job.n_finite))


def _union(rays: Tensor, others: Tensor) -> Tensor:
    """`rays`, and after them those of `others` that are not among them."""
    distances = (others[:, None] - rays[None]).abs().amax(2).amin(1)
    return torch.cat([rays, others[distances > 1e-6]])


def _front(front: FrontValues, n_samples: int) -> Front:
    return Front(
        preferences=front.preferences.tolist(),
        losses=front.losses.tolist(),
        metrics=front.metrics,
        n_samples=n_samples,
    )


def _check_front(front: FrontValues, split: str, names: Sequence[str]) -> None:
    """Raise NonFiniteError, saying what and where, unless every loss and metric of a front is finite."""
    columns = {f"the loss of objective {name!r}": front.losses[:, i] for i, name in enumerate(names)}
    columns |= {f"metric {name!r}": np.asarray(values) for name, values in front.metrics.items()}
    for what, values in columns.items():
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            ray = [round(float(r), 3) for r in front.preferences[bad[0]]]
            raise NonFiniteError(
                f"trained to the end, but on the {split} split {what} is {values[bad[0]]} at {len(bad)} of "
                f"{len(values)} preferences, the first {ray}: look for NaN and infinity in the split's samples, and "
                "for roots, logarithms and divisions in what is computed from them"
            )


def _save_weights(path: Path, solver: Solver) -> dict[str, float | int | str]:
    """The trained network's tensors as safetensors, which hold numbers and nothing to execute.

    Returns notes for the record: a solver without a module is no reason to lose what it learned.
    """
    from safetensors.torch import save_file

    if not isinstance(solver.pareto_set, torch.nn.Module):
        return {"weights": f"not kept: {type(solver).__name__} keeps no torch module"}
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.contiguous().cpu() for name, tensor in solver.pareto_set.state_dict().items()}
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        save_file(state, temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return {}
