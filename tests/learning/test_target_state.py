"""Frozen parameters, constant buffers and running statistics: ownership, and storage with a record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from mobench.errors import IncompatibleError, MobenchError, StoreError
from mobench.interfaces import Dataset, Generator, Model, Objective, Outputs, Problem, Protocol, Samples, Seeds, seeded
from mobench.jobs import resolve
from mobench.jobs.job import Budget
from mobench.learning import checkpoint as checkpoints
from mobench.learning.batches import Batches
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.loop import Limit, Training, train
from mobench.learning.measured_strategy import measured
from mobench.learning.preferences import finite_rays
from mobench.metrics.evaluation import evaluate
from mobench.plugins import Plugin, Registry, Spec, hookimpl
from mobench.records import provenance
from mobench.records.networks import load
from mobench.reports import onnx as onnx_report
from mobench.runs.admission import check_state
from mobench.runs.execution import execute
from mobench_chunked_phn.chunked import ChunkedPHN
from mobench_cosmos.conditioned import Input
from mobench_cpmtl.chunked import Chunked
from mobench_linear.linear import Linear
from mobench_linear.stack import Stack
from mobench_pamal.endpoints import Endpoints
from mobench_phn.phn import PHN
from mobench_roles.task import TaskConditioned

RAYS = finite_rays(2, 3)
SMALL_PHN = PHN(hidden=(8,), features=8)
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Pictures(Dataset):
    """Small images; the targets are the brightness of the left and of the right half."""

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return tuple(Objective(head, squared_error(head)) for head in self.heads)

    heads = {"left": 1, "right": 1}  # noqa: RUF012
    input_shape = (1, 4, 4)
    protocol = Protocol("pictures-1", (9.0, 9.0), (0.0, 0.0), (1.0, 1.0))

    def load(self, split: Any) -> Samples:
        draw = seeded(SPLITS.index(split))
        pictures = 3 + 2 * torch.randn(40, 1, 4, 4, generator=draw)
        return Samples(
            pictures, {"left": pictures[:, 0, :, :2].mean((1, 2)), "right": pictures[:, 0, :, 2:].mean((1, 2))}
        )


def squared_error(head: str) -> Callable[[Outputs, Samples], Tensor]:
    return lambda outputs, batch: functional.mse_loss(outputs[head][:, 0], batch.targets[head])


class Net(nn.Module):
    """A frozen map of random features, a middle that depends on the kind, and two heads."""

    def __init__(self, kind: str, n_channels: int = 1) -> None:
        super().__init__()
        self.kind = kind
        self.trunk = nn.Linear(16 * n_channels, 6)
        if kind == "frozen":
            self.trunk.requires_grad_(False)
        if kind == "buffer":
            self.register_buffer("table", torch.randn(6, 6))
        if kind == "unsaved buffer":
            self.register_buffer("table", torch.randn(6, 6), persistent=False)
        if kind == "counter":
            self.register_buffer("n_passes", torch.zeros(1))
        if kind == "by hand":
            self.register_buffer("mean", torch.zeros(6))
            self.register_buffer("variance", torch.ones(6))
        if kind == "attribute":
            self.last: Tensor | float = 0.0
        if kind == "drawn attribute":
            self.drawn = torch.randn(6, 6)
        if kind in ("with gradients", "rarely"):
            self.register_buffer("mean", torch.zeros(6))
            self.n_training_passes = 0
        if kind == "lazy":
            self.trunk = nn.LazyLinear(6)
        norms = {"norm": nn.BatchNorm1d(6), "cumulative": nn.BatchNorm1d(6, momentum=None), "quiet": Quiet(6)}
        self.norm = norms.get(kind, nn.Identity())
        self.heads = nn.ModuleDict({head: nn.Linear(6, 1) for head in ("left", "right")})

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        h = self.norm(self.trunk(inputs.flatten(1)))
        if "buffer" in self.kind:
            h = h @ self.table
        if self.kind == "counter":
            self.n_passes += self.training
            h = h + self.n_passes
        if self.kind == "by hand":
            h = functional.batch_norm(h, self.mean, self.variance, training=self.training)
        if self.kind == "attribute":
            if self.training:
                self.last = h.detach().mean()
            h = h + self.last
        if self.kind == "drawn attribute":
            h = h @ self.drawn
        if self.kind == "with gradients" and self.training and torch.is_grad_enabled():
            self.mean += 0.1 * h.detach().mean(0)
        if self.kind == "rarely" and self.training:
            self.n_training_passes += 1
            self.mean += float(self.n_training_passes % 10 == 0)
        h = functional.relu(h)
        return {head: layer(h) for head, layer in self.heads.items()}


class Quiet(nn.BatchNorm1d):
    """Normalisation by the statistics of a pretrained network, in training too."""

    def train(self, mode: bool = True) -> nn.BatchNorm1d:
        return super().train(False)


@dataclass(frozen=True)
class Built(Model):
    """The net of a kind."""

    kind: str = "norm"

    def build(self, dataset: Dataset) -> nn.Module:
        return Net(self.kind, dataset.input_shape[0])


def problem_of(kind: str, dtype: torch.dtype = torch.float32) -> Problem:
    torch.manual_seed(3)
    return Problem(Pictures(), Built(kind), dtype=dtype)


def solver_of(generator: Generator, **options: Any) -> GradientSolver:
    return GradientSolver(generator, Linear(), GradientOptions(lr=0.01, **options))


def run(solver: GradientSolver, problem: Problem, n_steps: int, **more: Any) -> Training:
    samples = problem.dataset.load("train")
    return train(solver, problem, samples, limit=Limit(steps=n_steps), batch_size=8, seeds=Seeds(), rays=RAYS, **more)


def losses_of(solver: GradientSolver, problem: Problem) -> np.ndarray[Any, Any]:
    rays = RAYS.to(problem.dtype)
    return evaluate(solver.pareto_set, problem, problem.dataset.load("test"), rays).losses


@pytest.mark.parametrize("kind", ["norm", "cumulative"])
def test_stacked_nets_with_batch_normalisation_equal_separate_modules(kind: str) -> None:
    """Losses in evaluation mode and running statistics are those of K torch modules trained separately."""
    problem = problem_of(kind, torch.float64)
    solver = solver_of(Stack())
    run(solver, problem, 30)
    losses = losses_of(solver, problem)

    batches, test = (
        Batches(problem.dataset.load("train"), 8, Seeds().data),
        problem.prepare(problem.dataset.load("test")),
    )
    torch.manual_seed(Seeds().initialisation)
    nets = [problem.new_target() for _ in RAYS]
    for k, net in enumerate(nets):
        optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
        for step in range(30):
            batch = problem.prepare(batches.at(step))
            outputs = net(batch.inputs)
            optimiser.zero_grad()
            sum(r * o.loss(outputs, batch) for r, o in zip(RAYS[k], problem.objectives, strict=True)).backward()
            optimiser.step()
        net.eval()
        expected = [float(o.loss(net(test.inputs), test).detach()) for o in problem.objectives]
        np.testing.assert_allclose(losses[k], expected, rtol=1e-6)
        generated = solver.network.weights(RAYS.double())  # type: ignore[operator]
        for name, buffer in net.named_buffers():
            torch.testing.assert_close(generated[name][k], buffer, rtol=1e-7, atol=1e-9)
    means = solver.network.weights(RAYS.double())["norm.running_mean"]  # type: ignore[operator]
    assert not torch.allclose(means[0], means[2]), "each net has statistics of its own"


@pytest.mark.parametrize("kind", ["norm", "cumulative", "frozen", "buffer", "unsaved buffer"])
def test_resumed_at_step_39_of_40_equals_uninterrupted_to_the_bit(kind: str, tmp_path: Path) -> None:
    uninterrupted, problem = solver_of(Stack()), problem_of(kind)
    run(uninterrupted, problem, 40)
    expected = losses_of(uninterrupted, problem)

    first, problem = solver_of(Stack()), problem_of(kind)
    training = run(first, problem, 39)
    path = tmp_path / "checkpoint.pt"
    checkpoints.save(path, first, asdict(training), problem)
    torch.manual_seed(99)  # another process may build other random constants: the checkpoint's count
    other = Problem(Pictures(), Built(kind))
    second = solver_of(Stack())
    assert run(second, other, 40, checkpoint=path).resumed == 1
    assert np.array_equal(losses_of(second, other), expected)


def test_a_checkpoint_without_the_constants_of_the_model_is_refused(tmp_path: Path) -> None:
    path, solver = tmp_path / "checkpoint.pt", solver_of(Stack())
    training = run(solver, problem_of("norm"), 2)
    checkpoints.save(path, solver, asdict(training), problem_of("norm"))
    state = torch.load(path, weights_only=True)
    del state["target"]
    torch.save(state, path)
    with pytest.raises(MobenchError, match="frozen parameters and buffers of the target network are missing"):
        run(solver_of(Stack()), problem_of("norm"), 3, checkpoint=path)


HYPERNETWORKS: list[Generator] = [SMALL_PHN, ChunkedPHN(size="fit"), Chunked(), Endpoints()]


@pytest.mark.parametrize("generator", HYPERNETWORKS, ids=lambda g: type(g).__name__)
def test_generators_without_statistics_decline_a_model_that_keeps_them(generator: Generator) -> None:
    with pytest.raises(IncompatibleError, match="layer 'norm' of the target network keeps running statistics"):
        run(solver_of(generator), problem_of("norm"), 1)


def test_a_network_that_passes_no_statistics_is_declined_at_its_first_prediction() -> None:
    problem = problem_of("norm")
    network = TaskConditioned().build(problem, RAYS)
    with pytest.raises(IncompatibleError, match="the maker of these weights keeps none for each set"):
        network(problem.dataset.load("val").inputs, RAYS)


def test_a_network_with_a_module_of_its_own_keeps_its_statistics() -> None:
    """COSMOS has one module for all preferences, so its statistics are part of its state."""
    solver, problem = solver_of(Input(channels="constant")), problem_of("norm")
    run(solver, problem, 5)
    restored = solver_of(Input(channels="constant"))
    run(restored, problem_of("norm"), 1)
    assert not np.array_equal(losses_of(restored, problem), losses_of(solver, problem))
    restored.load_state_dict(solver.state_dict())
    assert np.array_equal(losses_of(restored, problem), losses_of(solver, problem))


@pytest.mark.parametrize("generator", [Stack(), *HYPERNETWORKS, TaskConditioned()], ids=lambda g: type(g).__name__)
def test_frozen_parameters_are_not_generated_nor_trained_and_are_counted_once(generator: Generator) -> None:
    problem = problem_of("frozen")
    before = {n: p.detach().clone() for n, p in problem.target.named_parameters() if not p.requires_grad}
    assert sorted(before) == ["trunk.bias", "trunk.weight"]
    assert sorted(problem.shapes) == ["heads.left.bias", "heads.left.weight", "heads.right.bias", "heads.right.weight"]
    assert (problem.n_target_parameters, problem.n_served_parameters) == (14, 14 + 102)
    solver = solver_of(generator)
    assert run(solver, problem, 10).status == "completed"
    assert all(torch.equal(p, before[n]) for n, p in problem.target.named_parameters() if n in before)
    trained = sum(p.numel() for p in solver.network.parameters())
    assert solver.pareto_set.n_stored_parameters == trained + 102
    if isinstance(generator, Stack):
        assert trained == 3 * 14


def test_statistics_of_each_net_are_counted_as_stored() -> None:
    problem = problem_of("norm")
    network = Stack().build(problem, RAYS)
    assert network.n_stored_parameters == 3 * (problem.n_target_parameters + 12)
    assert problem.n_served_parameters == problem.n_target_parameters + 12


def test_normalisation_that_stays_in_evaluation_mode_has_constants() -> None:
    """A pretrained trunk: its statistics are shared, so hypernetworks are served."""
    problem = problem_of("quiet")
    assert problem.state.statistics == {}
    assert {"norm.running_mean", "norm.running_var"} <= problem.state.constants.keys()
    check_state(problem, problem.dataset.load("train"))
    assert run(solver_of(SMALL_PHN), problem, 3).status == "completed"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("counter", "training changes 'n_passes' of the target network"),
        ("by hand", "training changes 'mean' of the target network"),
        ("attribute", "output 'left' of the target network depends on the passes before it"),
        ("drawn attribute", "output 'left' of the target network depends on random numbers that its constructor draws"),
        ("with gradients", "training changes 'mean' of the target network"),
        ("lazy", "parameter 'trunk.weight' of the target network has no shape"),
    ],
)
def test_state_that_training_changes_otherwise_is_declined_before_training(kind: str, reason: str) -> None:
    problem = problem_of(kind)
    random = torch.get_rng_state()
    with pytest.raises(IncompatibleError, match=reason):
        check_state(problem, problem.dataset.load("train"))
    assert torch.equal(torch.get_rng_state(), random)


@pytest.mark.parametrize("kind", ["norm", "cumulative", "frozen", "buffer", "unsaved buffer", "quiet"])
def test_the_check_of_state_accepts_the_others_and_leaves_them_as_they_were(kind: str) -> None:
    problem = problem_of(kind)
    before = problem.state.copy()
    check_state(problem, problem.dataset.load("train"))
    assert all(torch.equal(tensor, before[name]) for name, tensor in problem.state.copy().items())


def test_measuring_strategies_leaves_statistics_alone_and_keeps_nets_separate() -> None:
    problem = problem_of("norm")
    before = problem.state.copy()
    choice = measured(problem, problem.dataset.load("train").take(slice(0, 8)), 3, 1, 1000)
    assert choice.strategy.stacking == "separate"
    assert "norm keeps running statistics" in choice.remark
    assert all(torch.equal(tensor, before[name]) for name, tensor in problem.state.copy().items())


@pytest.fixture
def guest_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """The registry with the dataset and the model of this module."""
    guest = ModuleType("guest")
    guest.mobench_models = hookimpl(lambda: [Spec("net", f"{__name__}:Built", version="1")])  # type: ignore[attr-defined]
    guest.mobench_datasets = hookimpl(lambda: [Spec("told", f"{__name__}:Pictures", version="1")])  # type: ignore[attr-defined]
    registry = Registry.discover()
    registry.add(Plugin("guest", "guest", "1.0"), guest)
    for module in (resolve, provenance):
        monkeypatch.setattr(module, "registry", lambda: registry)
    provenance._packages.cache_clear()
    resolve._problem_of.cache_clear()
    yield registry
    provenance._packages.cache_clear()
    resolve._problem_of.cache_clear()


def job_of(kind: str, solver: str) -> Any:
    return resolve.resolve("told", "net", solver, {"kind": kind}, Budget(steps=20, batch_size=8), n_rays=5, n_finite=3)


def test_a_model_with_running_statistics_is_declined_when_jobs_are_planned(guest_registry: Registry) -> None:
    with pytest.raises(IncompatibleError, match=r"layer 'norm' .* generator 'phn' keeps none for each set"):
        job_of("norm", "phn-ls")
    assert job_of("norm", "ls").solver.name == "ls"


def test_a_buffer_that_training_changes_at_some_steps_alone_fails_the_job(guest_registry: Registry) -> None:
    record = execute(job_of("rarely", "ls"), threads=1)
    assert record.status == "failed"
    assert record.failure is not None
    assert "training changes 'mean' of the target network" in record.failure.message


@pytest.mark.parametrize("solver", ["ls", "input+linear"])
@pytest.mark.parametrize("kind", ["norm", "frozen", "buffer", "unsaved buffer"])
def test_kept_weights_give_the_losses_of_the_record(
    guest_registry: Registry, kind: str, solver: str, tmp_path: Path
) -> None:
    """Constants are drawn at random when a network is built, so a file without them would give others."""
    path = tmp_path / "w.safetensors"
    record = execute(job_of(kind, solver), threads=1, weights=path)
    assert record.status == "completed", record.failure
    torch.manual_seed(1234)
    trained = load(record, path)
    front = record.fronts["test"]
    reevaluated = evaluate(trained.network, trained.problem, Pictures().load("test"), torch.tensor(front.preferences))
    assert np.array_equal(reevaluated.losses, np.asarray(front.losses))


def test_weights_without_the_constants_are_refused(guest_registry: Registry, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = tmp_path / "w.safetensors"
    record = execute(job_of("buffer", "ls"), threads=1, weights=path)
    save_file({n: t for n, t in load_file(path).items() if not n.startswith("problem.")}, path)
    with pytest.raises(StoreError, match="buffers of the target network are missing"):
        load(record, path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["frozen", "buffer", "unsaved buffer"])
def test_an_onnx_file_gives_the_losses_of_the_record(guest_registry: Registry, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    record = execute(job_of(kind, "phn-ls"), threads=1, weights=path)
    torch.manual_seed(1234)
    trained = load(record, path)
    onnx_report.to_onnx(trained)
    with torch.no_grad():  # the reloaded network and the file agree, and both differ from the record
        next(iter(trained.problem.state.constants.values())).add_(0.5)
    with pytest.raises(MobenchError, match=r"as ONNX has losses .* the record has .* --keep-weights"):
        onnx_report.to_onnx(trained)
