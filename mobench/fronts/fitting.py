"""Train a Pareto front from Python: own data or a registered dataset, any torch module, any solver."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mobench.errors import IncompatibleError, NonFiniteError, OptionError
from mobench.events import JobEnded, JobEvent, JobStarted
from mobench.fronts.combination import combination_of, solver_source
from mobench.fronts.front import Front
from mobench.fronts.in_memory import InMemoryDataset
from mobench.fronts.progress_bar import progress_bar
from mobench.interfaces import Dataset, Model, Solver, Strategy
from mobench.jobs import arguments
from mobench.jobs.job import Budget, Job, SeedSet
from mobench.jobs.objects import JobObjects
from mobench.jobs.precedence import Layer, budget_layer
from mobench.jobs.resolve import make_solver, resolve_layers
from mobench.kernels.precision import Precision
from mobench.runs.execution import Execution, train_objects
from mobench.runs.run_options import RunOptions
from mobench.text import message_of

if TYPE_CHECKING:
    from torch import nn

EPOCHS = 50.0
"""Length of training if none is given."""
STEPS_PER_EPOCH = 16
"""Smallest number of steps per epoch that the default batch size aims at."""
MOST_LOOKS = 200


def fit(
    solver: str | Solver,
    data: str | Dataset,
    model: str | Model | nn.Module | Callable[[], nn.Module] | None = None,
    *,
    epochs: float | None = None,
    steps: int | None = None,
    seconds: float | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    rays: Sequence[Sequence[float]] | None = None,
    n_rays: int = 25,
    n_finite: int = 5,
    settings: Mapping[str, Any] | None = None,
    pretrained: bool = False,
    device: str = "cpu",
    precision: Precision = "fp32",
    strategy: Strategy | str | None = None,
    checkpoint: str | Path | None = None,
    progress: bool | None = None,
    on_event: Callable[[Job, JobEvent], None] | None = None,
    patience: int | None = None,
    looks: int | None = None,
) -> Front:
    """Train a Pareto front and return it, evaluated on the training, validation and test parts.

    Training, strategy, checkpoints and evaluation are those of `mobench.run`: for a registered dataset, model and
    solver the results are the same to the bit. torch's random state and number of threads are not changed.

    solver: a registered name, "generator+balancer", or a `Solver` that has not been started.
    data: the result of `mobench.dataset`, any `Dataset`, or a registered name.
    model: a torch module, which is an architecture: networks are copies of it whose layers are initialised again; a
        class or function without arguments that returns a module; a `Model`; a registered name; None: the registered
        default for tables or images. The module returns a mapping of heads, a tuple in the order of the heads, or one
        tensor, whose last axis is split by the widths of the heads.
    epochs, steps, seconds: length of training, at most one of them; by default 50 epochs.
    batch_size: None: 256, or for data in memory less, down to 16, so that an epoch has about 16 steps.
    seed: of batches, initial weights, preferences and the solver.
    rays: preferences [R][m] at which the front is evaluated, and which a finite set of networks trains. None: `n_rays`
        and `n_finite` ones that cover the simplex.
    settings: options of the solver, such as {"lr": 3e-4}, or of a registered dataset or model.
    pretrained: whether networks start at the weights of the module. Solvers that cannot do so decline.
    device: such as "cpu" or "cuda". precision: "fp32" or "bf16". strategy: as in `mobench.run`.
    checkpoint: a folder for the state of training, which a later call with the same arguments resumes. The state is
        removed when training has finished.
    progress: whether a bar is shown; None: on a terminal and in a notebook.
    on_event: called with a job and an event of `mobench.events`, as by `mobench.run`.
    patience: training ends after this many validation checks in a row without a larger hypervolume.
    looks: number of validation checks, evenly spaced over the budget; None: 10, with `patience` one per epoch.

    Raises: OptionError, UnknownNameError, ShapeError, DataError for arguments that are not accepted; IncompatibleError
        if the parts do not fit together; NonFiniteError if training diverges; errors of your own code as they are.
    """
    combination = combination_of(data, model, pretrained, arguments.settings(settings))
    budget = _budget(data, epochs, steps, seconds, batch_size, precision)
    if looks is None and patience is not None:
        looks = min(MOST_LOOKS, max(10, math.ceil(budget.epochs or 0)))
    job = resolve_layers(
        combination.dataset,
        combination.model,
        solver_source(solver),
        [budget_layer("the budget", budget), Layer("the settings", combination.settings)],
        SeedSet.all(seed),
        n_rays,
        n_finite,
        None if rays is None else arguments.rays(rays),
        looks,
        patience,
    ).job
    objects = JobObjects(
        combination.dataset.create(job.dataset),
        partial(combination.model.create, job.model),
        partial(make_solver, job.solver) if isinstance(solver, str) else partial(deepcopy, solver),
    )
    run_options = RunOptions(
        device=arguments.check_device(device),
        strategy=Strategy.parse(strategy) if isinstance(strategy, str) else strategy,
    )
    state = None if checkpoint is None else Path(checkpoint) / f"{job.id}.pt"
    with progress_bar(progress, job.title) as show:

        def listen(event: JobEvent) -> None:
            show(event)
            if on_event is not None:
                on_event(job, event)

        with _kept_state(device), _reported(listen):
            execution = train_objects(job, objects, run_options, checkpoint=state, on_event=listen)
        listen(_ended(execution))
    if state is not None:
        for path in (state, state.with_suffix(".steps")):
            path.unlink(missing_ok=True)
    # predictions then are the same to the bit as those of a file, which is loaded with the default strategy
    execution.problem.strategy = Strategy()
    return Front(execution.record, execution.problem, execution.pareto_set)


def _budget(
    data: str | Dataset,
    epochs: float | None,
    steps: int | None,
    seconds: float | None,
    batch_size: int | None,
    precision: Precision,
) -> Budget:
    lengths = {"epochs": epochs, "steps": steps, "seconds": seconds}
    stated = {name: value for name, value in lengths.items() if value is not None}
    if len(stated) > 1:
        raise OptionError(f"{' and '.join(stated)} are set: pass one length of training")
    for name, value in stated.items():
        if not (isinstance(value, int | float) and 0 < value < math.inf):
            raise OptionError(f"{name}={value!r} was given: pass a number above 0")
    if batch_size is None and isinstance(data, InMemoryDataset):
        n_train = len(data.load("train"))
        batch_size = min(256, max(16, 2 ** math.floor(math.log2(max(1, n_train / STEPS_PER_EPOCH)))))
    return Budget(
        **(stated or {"epochs": EPOCHS}),  # type: ignore[arg-type]
        batch_size=256 if batch_size is None else arguments.count(batch_size, "batch_size", 2**31),
        precision=precision,
    )


@contextmanager
def _kept_state(device: str) -> Iterator[None]:
    """Restore torch's random states and number of threads after the block."""
    n_threads = torch.get_num_threads()
    devices = [] if torch.device(device).type == "cpu" else [torch.device(device)]
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        torch.set_num_threads(n_threads)


@contextmanager
def _reported(listen: Callable[[JobEvent], None]) -> Iterator[None]:
    """Report the start of a job, and its end if the block raises an error."""
    listen(JobStarted())
    try:
        yield
    except Exception as error:
        diverged, declined = isinstance(error, NonFiniteError), isinstance(error, IncompatibleError)
        listen(JobEnded("diverged" if diverged else "declined" if declined else "failed", message_of(error)))
        raise


def _ended(execution: Execution) -> JobEnded:
    record, cost = execution.record, execution.record.cost
    seconds = None if cost is None else cost.training_seconds + cost.evaluation_seconds
    return JobEnded("completed", hypervolume=record.indicators["val"].get("hypervolume"), seconds=seconds)
