"""Guest datasets, one per seam of the interfaces: checked, trained by several solvers and judged; misfits declined."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import seams
import torch
from in_process import InProcess

import mobench.plugins
from mobench import Dataset, Generator, Model, ParetoNetwork, Problem, Samples, Seeds, Setting, TaskSamples
from mobench.errors import IncompatibleError, ShapeError
from mobench.jobs import plan as plans
from mobench.jobs import resolve
from mobench.jobs import suite as suites
from mobench.jobs.job import Budget
from mobench.learning.batches import Batches
from mobench.learning.divergence import likely_cause
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.loop import Limit, train
from mobench.learning.measured_strategy import measured
from mobench.learning.preferences import finite_rays
from mobench.metrics.evaluation import evaluate
from mobench.plugins import Plugin, Registry
from mobench.records import provenance
from mobench.records.networks import Trained, load
from mobench.records.record import Record
from mobench.records.store import Store
from mobench.reports import onnx
from mobench.runs import runner
from mobench.runs.execution import execute
from mobench.testing.conformance import cases_of
from mobench.testing.small import small
from mobench_cosmos.conditioned import Input
from mobench_linear.linear import Linear
from mobench_linear.stack import Stack
from mobench_phn.phn import PHN

pytestmark = pytest.mark.slow

DISTRIBUTION = "guest-seams"


@pytest.fixture(autouse=True)
def seams_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """The registry of the process, with the guest."""
    registry = Registry.discover()
    registry.add(Plugin("seams", DISTRIBUTION, "1.0", module="seams"), seams)
    monkeypatch.setattr(mobench.plugins, "_of_process", [registry])
    provenance._packages.cache_clear()
    resolve._problem_of.cache_clear()
    yield registry
    provenance._packages.cache_clear()
    resolve._problem_of.cache_clear()


SUITE = """
n_rays = 5
n_finite = 3
[budget]
epochs = 20
batch_size = 16
[[entries]]
datasets = ["{dataset}"]
models = ["{model}"]
solvers = [{solvers}]
set = {{ lr = 0.02 }}
"""

TRAINED = [
    ("lending", "small-dense", ["ls", "phn-ls", "upgrad"]),
    ("scene", "small-fcn", ["ls", "phn-epo", "mgda"]),
    ("lending", "tuned-dense", ["ls", "phn-ls", "pamal"]),
    ("offices", "small-dense", ["ls", "phn-ls", "cosmos", "upgrad"]),
    ("gaps", "small-dense", ["ls", "phn-ls", "imtl-g"]),
    ("phrases", "bag-of-words", ["ls", "phn-ls", "cpmtl-moo"]),
    ("molecules", "small-gnn", ["pamal", "task-ls", "tche"]),
    ("album", "small-fcn", ["phn-ls"]),
    ("desks", "small-dense", ["phn-ls"]),
]


def run(folder: Path, dataset: str, model: str, solvers: list[str]) -> dict[str, Record]:
    """Run a suite as `mobench run` does, with jobs in this process; return its records by solver."""
    path = folder / "seams.toml"
    path.write_text(SUITE.format(dataset=dataset, model=model, solvers=", ".join(f'"{name}"' for name in solvers)))
    plan = plans.plan(suites.load(str(path)))
    assert not plan.declined
    runner.run(plan, Store(folder / "out"), InProcess())
    records = [Store(folder / "out").read(job) for job in plan.jobs]
    return {record.job.solver.name: record for record in records if record is not None}


@pytest.mark.parametrize(("dataset", "model", "solvers"), TRAINED, ids=[" × ".join(t[:2]) for t in TRAINED])
def test_a_guest_of_every_seam_is_trained_and_judged(
    tmp_path: Path, dataset: str, model: str, solvers: list[str]
) -> None:
    records = run(tmp_path, dataset, model, solvers)
    assert sorted(records) == sorted(solvers)
    for name, record in records.items():
        assert record.status == "completed", (name, record.failure)
        first, last = record.trace[0].hypervolume, record.trace[-1].hypervolume
        assert first is not None
        assert last is not None
        assert last > first, name


@pytest.mark.parametrize("kind", ["dataset", "model"])
def test_guests_of_every_seam_pass_every_check(seams_registry: Registry, kind: str) -> None:
    entries = [e for e in seams_registry.entries[kind].values() if e.plugin.distribution == DISTRIBUTION]  # type: ignore[index]
    assert entries
    results = [(str(case), case.run()) for entry in entries for case in cases_of(entry)]
    assert [(case, result.message) for case, result in results if result.state == "failed"] == []
    declined = {result.message for _, result in results if result.state == "declined"}
    assert all(message.startswith(("no CUDA device is here", "its samples are in memory")) for message in declined)


MISFITS = [
    ("scene", "lenet", "ls", "LeNet returns heads of a width, this dataset has a head 'segmentation' of shape"),
    ("lending", "tuned-dense", "cosmos", "TunedDense is pretrained, and Input does not start from the weights"),
    ("phrases", "small-dense", "ls", "SmallDense takes one tensor, this dataset has the named inputs 'tokens', 'mask'"),
    ("phrases", "bag-of-words", "cosmos", "Input takes one tensor, this dataset has the named inputs 'tokens', 'mask'"),
    ("phrases", "bag-of-words", "noise-ls", "NoiseConditioned takes one tensor"),
    ("phrases", "small-gnn", "ls", r"takes the named inputs \['atoms', 'edges', 'present'\]"),
    ("scene", "small-fcn", "noise-ls", "averages class probabilities of images, head 'segmentation'"),
]


@pytest.mark.parametrize(("dataset", "model", "solver", "message"), MISFITS, ids=[" × ".join(m[:3]) for m in MISFITS])
def test_what_does_not_fit_is_declined_before_a_job(dataset: str, model: str, solver: str, message: str) -> None:
    with pytest.raises(IncompatibleError, match=message):
        resolve.resolve(dataset, model, solver, {}, Budget(steps=1))


def test_a_target_network_without_what_a_generator_makes_is_declined_before_a_job() -> None:
    with pytest.raises(IncompatibleError, match="no 5×5 convolution with channels in multiples of"):
        resolve.resolve("mnist", "mnist-cnn", "static", {"source": "embedded", "generator.kernel": 5}, Budget(steps=1))
    settings = {"source": "embedded", "generator.size": "1M", "generator.chunk": 6}
    with pytest.raises(IncompatibleError, match=r"makes 6,900 weights, the target has .*: set generator.size=fit"):
        resolve.resolve("multimnist", "lenet", "chunked-phn-ls", settings, Budget(steps=1))


def test_a_solver_declines_a_problem_before_a_job(seams_registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(IncompatibleError, match="small-solver trains at most 20 weights, the target has"):
        resolve.resolve("lending", "small-dense", "small-solver", {}, Budget(steps=1))


@pytest.mark.parametrize("stacking", ["grouped", "split"])
@pytest.mark.parametrize(
    ("dataset", "model"), [(seams.Phrases(), seams.BagOfWords()), (seams.Molecules(), seams.SmallGnn())]
)
def test_stacked_nets_with_named_inputs_equal_separate_nets(dataset: Dataset, model: Model, stacking: Any) -> None:
    problem = Problem(dataset, model)
    nets = [problem.new_weights() for _ in range(3)]
    weights = {name: torch.stack([net[name] for net in nets]).requires_grad_() for name in problem.shapes}
    batch = problem.prepare(dataset.load("train").take(torch.arange(0, 30, 2)))
    losses = [
        problem.losses(problem.outputs_of_sets(weights, batch.inputs, stacking_name), batch)
        for stacking_name in ("separate", stacking)
    ]
    torch.testing.assert_close(losses[0], losses[1])
    gradients = [torch.autograd.grad(set_losses.sum(), list(weights.values())) for set_losses in losses]
    torch.testing.assert_close(gradients[0], gradients[1])


def test_the_measured_strategy_takes_named_inputs() -> None:
    problem = Problem(seams.Phrases(), seams.BagOfWords())
    choice = measured(problem, problem.dataset.load("train").take(slice(0, 16)), 3, 1, 1000)
    assert (choice.strategy.stacking, choice.remark) == ("grouped", "")


def test_batches_shuffle_all_named_inputs_alike() -> None:
    samples = seams.Phrases().load("train")
    batch = Batches(samples, 16, 3).at(2)
    rows = {tuple(row): i for i, row in enumerate(torch.cat(list(samples.inputs.values()), dim=1).tolist())}
    index = [rows[tuple(row)] for row in torch.cat(list(batch.inputs.values()), dim=1).tolist()]
    assert len(set(index)) == 16
    assert torch.equal(batch.targets["low"], samples.targets["low"][index])


def test_named_inputs_are_prepared_moved_and_joined_by_name() -> None:
    images = torch.arange(8, dtype=torch.uint8).reshape(2, 1, 2, 2)
    samples = Samples({"image": images, "ids": torch.tensor([3, 4])}, {"y": torch.tensor([0.5, math.nan])})
    problem = Problem(seams.Phrases(), seams.BagOfWords(), dtype=torch.float64)
    batch = problem.prepare(samples)
    assert batch.inputs["image"].dtype == torch.float64
    assert torch.equal(batch.inputs["image"], (images.float() / 255).double())
    assert torch.equal(batch.inputs["ids"], torch.tensor([3, 4]))
    joined = Samples.cat([samples.take(slice(1, 2)), samples.take(torch.tensor([0]))])
    assert joined.inputs["ids"].tolist() == [4, 3]
    assert samples.to("meta").inputs["ids"].device.type == "meta"
    with pytest.raises(ShapeError, match="input 'b' has 3 rows, the first input has 2"):
        Samples({"a": torch.zeros(2), "b": torch.zeros(3)})
    with pytest.raises(ShapeError, match="have no inputs"):
        Samples({})


def test_export_of_named_inputs_is_declined_with_the_reason() -> None:
    job = resolve.resolve("phrases", "bag-of-words", "phn-ls", {}, Budget(steps=1))
    problem = Problem(seams.Phrases(), seams.BagOfWords())
    network = PHN().build(problem, finite_rays(2))
    record = execute(job)
    with pytest.raises(IncompatibleError, match=r"reads inputs of shape 'tokens' \[7\], 'mask' \[7\]: images"):
        onnx.check_fits(Trained(record, problem, network))


class Joins(ParetoNetwork):
    """Concatenates the preference to one tensor, and does not say so."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.line = torch.nn.Linear(problem.n_objectives, 1)

    def forward(self, inputs: Any, preferences: Any) -> Any:
        raise AssertionError("called with inputs that it cannot take")


class Joining(Generator):
    """Builds a network that reads inputs itself."""

    def build(self, problem: Problem, rays: Any) -> ParetoNetwork:
        return Joins(problem)


def test_a_network_that_reads_inputs_itself_is_declined_at_the_start_unless_it_says_otherwise() -> None:
    problem = Problem(seams.Phrases(), seams.BagOfWords())
    solver = GradientSolver(Joining(), Linear(), GradientOptions())
    with pytest.raises(IncompatibleError, match="Joining takes one tensor, this dataset has the named inputs"):
        solver.start(problem, Setting(finite_rays(2), Seeds(), 1, 1))


def test_inputs_that_are_not_finite_are_found_among_named_ones() -> None:
    problem = Problem(seams.Molecules(), seams.SmallGnn())
    batch = problem.dataset.load("train").take(slice(0, 4))
    batch.inputs["atoms"][1, 0, 0] = math.nan
    batch.inputs["edges"][2, 0, 0] = math.inf
    solver = GradientSolver(Stack(), Linear(), GradientOptions())
    solver.start(problem, Setting(finite_rays(2), Seeds(), 1, 1))
    assert likely_cause(solver, problem, [batch]).startswith("2 of a batch's 4 inputs hold NaN or infinity")


class PlainMean(seams.Gaps):
    """Losses that take NaN labels as they are."""

    objectives = (
        seams.Objective("value", lambda o, b: seams.squared(o["value"], b.targets["value"]).mean()),
        seams.Gaps.objectives[1],
    )


def test_a_loss_that_takes_missing_labels_as_they_are_is_named_with_what_to_do() -> None:
    problem = Problem(PlainMean(), seams.SmallDense())
    samples = problem.dataset.load("train")
    solver = GradientSolver(Stack(), Linear(), GradientOptions())
    training = train(solver, problem, samples, limit=Limit(steps=3), batch_size=16, seeds=Seeds(), rays=finite_rays(2))
    assert training.status == "diverged"
    assert "targets 'value' hold NaN: average over the labels that exist" in training.message


def test_a_batch_without_labels_of_an_objective_takes_no_step_for_it() -> None:
    problem = Problem(seams.Gaps(), seams.SmallDense())
    samples = problem.dataset.load("train")
    unlabelled = samples.take(samples.targets["value"].isnan())
    solver = GradientSolver(Stack(), Linear(), GradientOptions(optimiser="sgd", lr=0.1))
    solver.start(problem, Setting(finite_rays(2), Seeds(), 1, 1))
    weights = solver.network.weights(finite_rays(2))
    before = {name: tensor.detach().clone() for name, tensor in weights.items()}
    losses = solver.step(problem.prepare(unlabelled))
    assert losses[:, 0].tolist() == [0.0] * len(losses)
    after = solver.network.weights(finite_rays(2))
    moved = {name: not torch.equal(before[name], after[name]) for name in before}
    assert moved == {name: not name.startswith("heads.value") for name in before}


GENERATORS = ["stack", "endpoints", "phn", "chunked-phn", "cpmtl", "task"]


@pytest.mark.parametrize("generator", GENERATORS)
def test_a_generator_starts_at_pretrained_weights_and_leaves_out_a_frozen_layer(
    seams_registry: Registry, generator: str
) -> None:
    """The network predicts as the model does. Conformance tests images, and that a step moves no frozen parameter."""
    problem = Problem(seams.Lending(), seams.TunedDense())
    torch.manual_seed(3)
    network = small(seams_registry.get("generator", generator)).build(problem, finite_rays(2))
    network.eval()
    problem.train(False)
    batch = problem.prepare(problem.dataset.load("train").take(slice(0, 40)))
    target_output = problem.target(batch.inputs)["y"]
    for outputs in network(batch.inputs, finite_rays(2)):
        torch.testing.assert_close(outputs["y"], target_output)
    n_trained, n_frozen = 8 * 8 + 8 + 8 + 1, 4 * 8 + 8
    assert problem.n_target_parameters == n_trained
    assert problem.n_served_parameters == n_trained + n_frozen
    stored = {"stack": 5 * n_trained + n_frozen, "endpoints": 2 * n_trained + n_frozen}
    assert network.n_stored_parameters == stored.get(generator, network.n_stored_parameters)
    if generator in (
        "phn",
        "chunked-phn",
        "cpmtl",
    ):  # the trained difference is stored in addition to the pretrained weights
        trained = sum(p.numel() for p in network.parameters())
        assert network.n_stored_parameters == trained + n_trained + n_frozen


@pytest.mark.parametrize("solver", ["ls", "phn-ls", "chunked-phn-ls", "cpmtl-ls"])
def test_trained_networks_around_pretrained_weights_are_kept_and_read(solver: str, tmp_path: Path) -> None:
    settings = {"lr": 0.02, **({"generator.size": "fit"} if solver.startswith("chunked") else {})}
    job = resolve.resolve(
        "lending", "tuned-dense", solver, settings, Budget(steps=20, batch_size=16), n_rays=3, n_finite=3
    )
    record = execute(job, weights=tmp_path / "weights.safetensors")
    assert record.status == "completed", record.failure
    trained = load(record, tmp_path / "weights.safetensors")
    front = evaluate(
        trained.network, trained.problem, trained.problem.dataset.load("test"),
        torch.tensor(record.fronts["test"].preferences),
    )  # fmt: skip
    torch.testing.assert_close(
        torch.tensor(front.losses),
        torch.tensor(record.fronts["test"].losses, dtype=torch.float64),
        rtol=1e-5,
        atol=1e-6,
    )
    pretrained = seams.TunedDense().build(seams.Lending())
    assert torch.equal(trained.problem.target.frozen.weight, pretrained.frozen.weight)
    served = trained.network.weights(torch.tensor([[0.5, 0.5]]))["tuned.weight"][0].detach()
    assert not torch.equal(served, pretrained.tuned.weight)


def test_batches_zip_the_tasks_and_start_shorter_ones_again() -> None:
    """Every epoch of a task has each sample at most once, in a new order."""
    samples = seams.Offices().load("train")
    batches, same_batches = Batches(samples, 16, 5), Batches(samples, 16, 5)
    assert {name: len(task_samples) for name, task_samples in samples.tasks.items()} == {
        "art": 160,
        "clipart": 96,
        "product": 40,
    }
    assert (len(samples), batches.per_epoch) == (160, 10)
    rows_by_task: dict[str, list[Any]] = {name: [] for name in samples.tasks}
    for step in range(20):
        batch = batches.at(step)
        assert isinstance(batch, TaskSamples)
        for name, task_samples in batch.tasks.items():
            assert len(task_samples) == 16
            rows_by_task[name] += [tuple(row) for row in task_samples.inputs.tolist()]
            assert torch.equal(task_samples.inputs, same_batches.at(step).tasks[name].inputs)  # type: ignore[attr-defined]
    for name, per_epoch in (("art", 160), ("clipart", 96), ("product", 32)):
        epochs = [
            rows_by_task[name][i : i + per_epoch] for i in range(0, len(rows_by_task[name]) - per_epoch + 1, per_epoch)
        ]
        assert all(len(set(epoch)) == per_epoch for epoch in epochs)
        assert epochs[0] != epochs[1]
    assert torch.equal(batches.at(13).tasks["art"].inputs, Batches(samples, 16, 5).at(13).tasks["art"].inputs)  # type: ignore[attr-defined]


@pytest.mark.parametrize("generator", [Stack(), PHN(), Input()])
@pytest.mark.parametrize("batch_size", [7, 250])
def test_each_task_is_judged_on_all_its_samples_and_no_others(generator: Generator, batch_size: int) -> None:
    torch.manual_seed(0)
    problem = Problem(seams.Offices(), seams.SmallDense())
    rays, samples = finite_rays(3), problem.dataset.load("test")
    network = generator.build(problem, rays)
    front = evaluate(network, problem, samples, rays, batch_size=batch_size)
    assert isinstance(samples, TaskSamples)
    with torch.no_grad():
        for i, name in enumerate(seams.DOMAINS):
            task_samples = samples.tasks[name]
            outputs_of_rays = network(task_samples.inputs, rays)
            losses = [float(problem.objectives[i].loss(outputs, task_samples)) for outputs in outputs_of_rays]
            assert front.losses[:, i].tolist() == pytest.approx(losses, rel=1e-5)
            errors = [
                float((o[name].argmax(1) != task_samples.targets["label"]).float().mean()) for o in outputs_of_rays
            ]
            assert front.metrics[f"{name}/error"] == pytest.approx(errors)
            assert front.metrics[f"{name}/pooled error"] == pytest.approx(errors)


def test_a_step_on_several_tasks_has_the_gradient_of_each_task_alone() -> None:
    """Stacked nets and separate nets, against one backward pass per task."""
    torch.manual_seed(0)
    problem = Problem(seams.Offices(), seams.SmallDense())
    batch = problem.prepare(Batches(problem.dataset.load("train"), 16, 0).at(3))
    assert isinstance(batch, TaskSamples)
    nets = [problem.new_weights() for _ in range(2)]
    weights = {name: torch.stack([net[name] for net in nets]).requires_grad_() for name in problem.shapes}
    separate_losses = torch.stack([
        torch.stack([
            problem.objectives[i].loss(problem.outputs({n: w[k] for n, w in weights.items()}, samples.inputs), samples)
            for i, samples in enumerate(batch.tasks.values())
        ])
        for k in range(2)
    ])  # fmt: skip
    expected = torch.autograd.grad(separate_losses[:, 1].sum(), list(weights.values()), materialize_grads=True)
    for stacking_name in ("separate", "grouped"):
        losses = problem.losses(problem.outputs_of_sets(weights, batch.inputs, stacking_name), batch)
        torch.testing.assert_close(losses, separate_losses)
        gradients = torch.autograd.grad(losses[:, 1].sum(), list(weights.values()), materialize_grads=True)
        torch.testing.assert_close(gradients, expected)


def test_training_on_several_tasks_resumes_exactly(tmp_path: Path) -> None:
    def job_after(n_first: int) -> list[float]:
        problem = Problem(seams.Offices(), seams.SmallDense())
        samples, checkpoint = problem.dataset.load("train"), tmp_path / f"{n_first}.pt"
        for steps in (n_first, 25):
            solver = GradientSolver(PHN(), Linear(), GradientOptions(lr=0.01))
            training = train(
                solver, problem, samples, limit=Limit(steps=steps), batch_size=16, seeds=Seeds(1, 1, 1, 1),
                rays=finite_rays(3), checkpoint=checkpoint, checkpoint_seconds=0,
            )  # fmt: skip
        return training.recent_losses

    assert job_after(25) == job_after(12)


def test_samples_of_tasks_are_checked() -> None:
    samples = seams.Offices().load("val")
    with pytest.raises(ShapeError, match="positions of samples differ between tasks"):
        samples.take(torch.tensor([0, 1]))
    with pytest.raises(ShapeError, match="there are no tasks"):
        TaskSamples({})
    problem = Problem(seams.Offices(), seams.SmallDense())
    with pytest.raises(ShapeError, match=r"have the tasks \['art'\], the objectives are"):
        problem.parts(TaskSamples({"art": samples.tasks["art"]}))
    assert [len(task_samples) for task_samples in samples.take(slice(20, 40)).tasks.values()] == [20, 16, 0]  # type: ignore[attr-defined]
