"""Numerical failures: every registered solver trains, or leaves a record with the reason."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mobench import Dataset, Model, Objective, Protocol, Samples, Spec, hookimpl
from mobench.errors import IncompatibleError, OptionError
from mobench.events import TrainingProgress
from mobench.interfaces import Outputs, Strategy
from mobench.jobs import resolve
from mobench.jobs.job import Budget, Job
from mobench.learning.loop import train
from mobench.options import describe, option
from mobench.plugins import Pair, Plugin, Registry, registry
from mobench.records import provenance
from mobench.records.record import Record, parse
from mobench.runs import execution
from mobench.runs.execution import execute
from mobench.runs.run_options import RunOptions
from mobench.runs.worker_events import WorkerProgress
from mobench_analytic.problems import Analytic

pytestmark = pytest.mark.slow

SOLVERS = registry().names("solver")
WITHOUT_GRADIENTS = {name for name in SOLVERS if registry().get("solver", name).plugin.module == "mobench_evolutionary"}
"""Solvers that read the values of losses only, and need at least two of them."""
N_STEPS = 8
calls = 0


def nan_sometimes(losses: list[Tensor], outputs: Tensor) -> list[Tensor]:
    global calls
    calls += 1
    return [losses[0] * math.nan, *losses[1:]] if calls % 7 == 0 else losses


TROUBLES: dict[str, Callable[[list[Tensor], Tensor], list[Tensor]]] = {
    "none": lambda losses, _: losses,
    "one constant": lambda losses, _: [losses[0] * 0 + 1, *losses[1:]],
    "one without a gradient": lambda losses, outputs: [torch.ones_like(losses[0]) + 0 * outputs.sum(), *losses[1:]],
    "one without a graph": lambda losses, _: [torch.ones_like(losses[0]), *losses[1:]] if losses[1:] else losses,
    "all constant": lambda losses, _: [loss * 0 + 1 for loss in losses],
    "no gradient": lambda losses, _: [torch.ones_like(loss) for loss in losses],
    "all gradients zero": lambda losses, _: [loss.detach() + 0 * loss for loss in losses],
    "one a million times another": lambda losses, _: [1e6 * losses[0], *losses[1:]],
    "negative": lambda losses, _: [loss - 10 for loss in losses],
    "zero": lambda losses, _: [0 * loss for loss in losses],
    "NaN": lambda losses, _: [losses[0] * math.nan, *losses[1:]],
    "infinite": lambda losses, _: [losses[0] + math.inf, *losses[1:]],
    "NaN sometimes": nan_sometimes,
    "gradient NaN": lambda losses, outputs: [losses[0] + (0 * outputs).sum().sqrt(), *losses[1:]],
}
FIRST = "objective '(f1|task0)' is"
NO_GRADIENT = "failed", r"nothing can be trained: .* has no gradient; compute it .*in step 0"
EXPECTED: dict[str, tuple[str, str]] = {
    **dict.fromkeys(TROUBLES, ("completed", "")),
    "no gradient": NO_GRADIENT,
    "NaN": ("diverged", rf"step 0: the loss of {FIRST} nan.*inputs and weights are finite: look for roots"),
    "infinite": ("diverged", rf"step 0: the loss of {FIRST} inf"),
    "NaN sometimes": ("diverged", rf"(step \d: the|trained to the end, but on the \w+ split the) loss of {FIRST} nan"),
    # without a Gram matrix it shows when the weights are spoiled
    "gradient NaN": ("diverged", rf"step 0: the squared gradient of {FIRST} nan|step 1: .*so a gradient was not"),
}


@dataclass(frozen=True)
class TroubledPoint(Analytic):
    """Squared distances from m points of a line."""

    trouble: str = option("none", "what is wrong")
    m: int = option(2, "objectives")
    n_variables: int = option(4, "length of x")

    @property
    def n_objectives(self) -> int:
        return self.m

    def values(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(TROUBLES[self.trouble]([(x - i / self.m).square().mean(-1) for i in range(self.m)], x))


@dataclass(frozen=True)
class TroubledData(Dataset):
    """Small random images with m random targets each."""

    trouble: str = option("none", "what is wrong")
    m: int = option(2, "objectives")
    n: int = option(20, "samples")
    spoiled: bool = option(False, "whether one input is infinite")

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return tuple(Objective(f"task{i}", partial(self._loss, i)) for i in range(self.m))

    def _loss(self, i: int, outputs: Outputs, batch: Samples) -> Tensor:
        errors = [(outputs[f"y{j}"][:, 0] - batch.targets[f"t{j}"]).square().mean() for j in range(self.m)]
        return TROUBLES[self.trouble](errors, outputs["y0"])[i]

    @property
    def heads(self) -> Mapping[str, int]:
        return {f"y{i}": 1 for i in range(self.m)}

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (1, 6, 6)

    @property
    def protocol(self) -> Protocol:
        return Protocol("troubled-1", (2.0,) * self.m, (0.0,) * self.m, (1.0,) * self.m)

    def load(self, split: Any) -> Samples:
        draw = torch.Generator().manual_seed(len(split))
        inputs = torch.rand(self.n, 1, 6, 6, generator=draw)
        if self.spoiled:
            inputs[0, 0, 0, 0] = math.inf
        return Samples(inputs, {f"t{i}": torch.rand(self.n, generator=draw) for i in range(self.m)})


@dataclass(frozen=True)
class TinyNet(Model):
    """One hidden layer, behind convolutions where a method is about those."""

    convolutions: bool = option(False, "whether there are some, of both usual sizes")
    norm: bool = option(False, "whether the hidden layer is normalised over the batch")

    def check(self, dataset: Dataset) -> None:
        if len(dataset.input_shape) != 3:
            raise IncompatibleError("this is for pictures")

    def build(self, dataset: Dataset) -> nn.Module:
        return _TinyNet(dataset.heads, dataset.input_shape[0], self)


class _TinyNet(nn.Module):
    def __init__(self, heads: Mapping[str, int], channels: int, options: TinyNet) -> None:
        super().__init__()
        sizes = ((channels, 3), (16, 3), (16, 7)) if options.convolutions else ()
        self.features = nn.Sequential(*(nn.Conv2d(n, 16, size, padding=size // 2) for n, size in sizes), nn.Flatten())
        self.hidden = nn.Linear(36 * (16 if sizes else channels), 6)
        self.norm = nn.BatchNorm1d(6) if options.norm else nn.Identity()
        self.heads = nn.ModuleDict({name: nn.Linear(6, width) for name, width in heads.items()})

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        hidden = self.norm(self.hidden(self.features(inputs))).tanh()
        return {name: head(hidden) for name, head in self.heads.items()}


@pytest.fixture(autouse=True, scope="module")
def guest_registry() -> Iterator[Registry]:
    """The registry with the parts above in it."""
    guest = ModuleType("guest")
    specs = [Spec("troubled-point", f"{__name__}:TroubledPoint"), Spec("troubled-data", f"{__name__}:TroubledData")]
    guest.mobench_datasets = hookimpl(lambda: specs)  # type: ignore[attr-defined]
    guest.mobench_models = hookimpl(lambda: [Spec("tiny-net", f"{__name__}:TinyNet")])  # type: ignore[attr-defined]
    registry = Registry.discover()
    registry.add(Plugin("guest", "guest", "1.0"), guest)
    with pytest.MonkeyPatch.context() as patch:
        for module in (resolve, provenance):
            patch.setattr(module, "registry", lambda: registry)
        provenance._packages.cache_clear()
        yield registry
    provenance._packages.cache_clear()


Settings = Mapping[str, Any]
PROBLEMS: tuple[tuple[str, str, Settings], ...] = (
    ("troubled-point", "point", {}),
    ("troubled-data", "tiny-net", {}),
    ("troubled-data", "tiny-net", {"dataset.m": 1, "model.convolutions": True}),
)


def jobs(solver: str, settings: Settings, n_steps: int = N_STEPS, batch: int = 8, data_only: bool = False) -> list[Job]:
    """A job on each problem that the solver serves; what has convolutions is for those that serve no other data."""
    spec, small = registry().get("solver", solver).spec, {}
    for role in ("generator", "balancer") if isinstance(spec, Pair) else ():
        part: Any = registry().get(role, getattr(spec, role)).spec  # type: ignore[arg-type]
        small |= {f"{role}.{name}": value for name, value in part.small.items()}
    jobs_of_solver: list[Job] = []
    for dataset, model, problem_settings in PROBLEMS:
        if (data_only and dataset == "troubled-point") or any(j.dataset.name == dataset for j in jobs_of_solver):
            continue
        all_settings = {**small, **problem_settings, **settings}
        try:
            budget = Budget(steps=n_steps, batch_size=batch)
            jobs_of_solver.append(
                resolve.resolve(dataset, model, solver, all_settings, budget, n_rays=3, n_finite=3, n_looks=2)
            )
        except IncompatibleError:
            continue
    assert jobs_of_solver, f"{solver} serves none of the problems"
    return jobs_of_solver


def assert_ends(records: Sequence[Record], status: str, message: str) -> None:
    """One line each that a person can read, in a record that can be read again."""
    for record in records:
        failure_message = record.failure.message if record.failure else ""
        assert (record.status, bool(re.search(message, failure_message))) == (status, True), (
            record.job.title,
            failure_message,
        )
        assert "\n" not in failure_message
        assert parse(record.to_json(), "x") == record


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_trains_or_says_why_not(solver: str, trouble: str) -> None:
    solver_jobs = jobs(solver, {"dataset.trouble": trouble})
    expected = EXPECTED["none" if solver in WITHOUT_GRADIENTS and "gradient" in trouble else trouble]
    assert_ends([execute(job) for job in solver_jobs], *expected)


def rates(solver: str) -> list[str]:
    """Return the name of the solver's learning rate option, if it has one."""
    spec = registry().get("solver", solver).spec
    return ["solver.lr"] if isinstance(spec, Pair) else [
        f"solver.{o.name}" for o in describe(registry().get("solver", solver).load()) if o.name == "lr"
    ]  # fmt: skip


@pytest.mark.parametrize("solver", [name for name in SOLVERS if rates(name)])
def test_learning_rates_that_are_none_are_refused_and_those_that_diverge_are_told(solver: str) -> None:
    (rate,) = rates(solver)
    with pytest.raises(OptionError, match="'lr' was given 0: input should be greater than 0"):
        jobs(solver, {rate: 0})
    for job in jobs(solver, {rate: 1e30}, data_only=True):
        assert_ends([execute(job)], "diverged", r"step [1-9]: the .* of objective .* lower the learning rate")


@pytest.mark.parametrize("solver", SOLVERS)
def test_few_samples_small_batches_and_other_numbers_of_objectives(solver: str) -> None:
    all_jobs = [
        *jobs(solver, {"dataset.n": 1}, 3, data_only=True),
        *jobs(solver, {}, 3, batch=1, data_only=True),
        *([] if solver in WITHOUT_GRADIENTS else jobs(solver, {"dataset.m": 1}, 3)),
    ]
    if all(job.dataset.options["m"] == 2 for job in jobs(solver, {})):
        # five objectives: the lattice of palora's schedule has five preferences, or fifteen
        settings: Settings = {"solver.n_preferences": 5} if solver == "palora" else {}
        all_jobs += jobs(solver, {"dataset.m": 4 if solver == "sms-emoa" else 5, **settings}, 3)
    records = [execute(job) for job in all_jobs]
    served = [r for r in records if r.failure is None or r.failure.kind != "IncompatibleError"]
    smallest = min(r.job.dataset.options["m"] for r in served)
    assert smallest == (2 if solver in WITHOUT_GRADIENTS else 1), "a net without convolutions may be declined, no more"
    assert_ends(served, "completed", "")


@pytest.mark.parametrize("solver", SOLVERS)
def test_spoiled_inputs_are_counted(solver: str) -> None:
    job = jobs(solver, {"dataset.spoiled": True}, data_only=True)[0]
    if solver in WITHOUT_GRADIENTS:  # losses stay finite, because tanh of infinity is 1; gradients do not
        assert_ends([execute(job)], "completed", "")
    else:
        assert_ends([execute(job)], "diverged", r"step \d: .*\(1 of a batch's 8 inputs hold NaN or infinity: mend")


def test_a_batch_of_one_that_a_net_cannot_normalise_is_told_with_the_step() -> None:
    (job,) = jobs("ls", {"model.norm": True}, batch=1, data_only=True)
    assert_ends([execute(job)], "failed", r"more than 1 value per channel.* \(in step 0, on a batch of 1\)")


def test_a_last_step_that_spoils_the_weights_is_no_result() -> None:
    """Nothing is trained after it that would show it."""
    ls_jobs = jobs("ls", {"dataset.trouble": "gradient NaN"}, n_steps=1)
    assert_ends([execute(job) for job in ls_jobs], "diverged", "step 1: .* weights of .* are not finite")


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_same_bits_again_and_after_an_interruption(
    solver: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    often = partial(train, progress_seconds=0.0)
    monkeypatch.setattr(execution, "train", often)

    def stop(event: WorkerProgress) -> None:
        if isinstance(event, TrainingProgress) and event.step == 7:
            raise KeyboardInterrupt

    for job in jobs(solver, {}):
        first, path = execute(job), tmp_path / job.id
        assert first.status == "completed"
        assert execute(job).digest == first.digest
        with pytest.raises(KeyboardInterrupt):
            execute(job, RunOptions(strategy=Strategy(), checkpoint_seconds=0.0), checkpoint=path, on_event=stop)
        resumed = execute(job, checkpoint=path)
        assert resumed.digest == first.digest
        assert resumed.cost is not None
        assert resumed.cost.resumed == 1
