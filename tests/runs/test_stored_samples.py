"""Samples that stay on disk are trained and judged like the same samples in memory, for any number of processes."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import seams
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Subset, TensorDataset

import mobench.plugins
from mobench import Dataset, Problem, Samples, Seeds, StoredSamples, TaskSamples
from mobench.array_files import ArrayRows
from mobench.errors import ShapeError
from mobench.events import TrainingProgress
from mobench.interfaces import Split, Strategy
from mobench.jobs import resolve
from mobench.jobs.job import Budget, Job
from mobench.learning.batches import Batches
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.loop import Limit, Training, train
from mobench.learning.preferences import dense_rays, finite_rays
from mobench.metrics import subset
from mobench.metrics.evaluation import evaluate
from mobench.metrics.subset import subset_of
from mobench.plugins import Plugin, Registry
from mobench.records.record import Record
from mobench.runs.execution import _Run, execute
from mobench.runs.run_options import RunOptions
from mobench_linear.linear import Linear
from mobench_linear.stack import Stack
from mobench_phn.phn import PHN

pytestmark = pytest.mark.slow

N_ROWS = 7


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    registry = Registry.discover()
    registry.add(Plugin("seams", "guest-seams", "1.0", module="seams"), seams)
    monkeypatch.setattr(mobench.plugins, "_of_process", [registry])
    resolve._problem_of.cache_clear()
    yield
    resolve._problem_of.cache_clear()


def numbers() -> Samples:
    inputs = torch.arange(4 * N_ROWS).reshape(N_ROWS, 4)
    return Samples(inputs, {"y": torch.arange(N_ROWS) * 10})


class Pairs:
    """A map-style dataset without `__getitems__`."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, position: int) -> Any:
        return self.samples.inputs[position], {name: target[position] for name, target in self.samples.targets.items()}


def same(first: Samples, second: Samples) -> bool:
    return torch.equal(first.inputs, second.inputs) and all(
        torch.equal(first.targets[name], second.targets[name]) for name in {**first.targets, **second.targets}
    )


# jobs


def job_on(dataset: str, solver: str, **settings: Any) -> Job:
    model = {"album": "small-fcn", "desks": "small-dense", "offices": "small-dense"}[dataset]
    return resolve.resolve(dataset, model, solver, {"lr": 0.02, **settings}, Budget(epochs=1.5, batch_size=32))


def record_of(job: Job, n_processes: int = 0) -> Record:
    record = execute(job, RunOptions(strategy=Strategy(), data_workers=n_processes))
    assert record.status == "completed", record.failure
    return record


@pytest.mark.parametrize("solver", ["ls", "phn-ls", "modo"])
def test_stored_and_in_memory_samples_give_the_same_record_to_the_bit(solver: str) -> None:
    in_memory = record_of(job_on("album", solver, in_memory=True))
    stored = job_on("album", solver, in_memory=False)
    digests = {record_of(stored, n).digest for n in ((0, 2) if solver == "ls" else (0,))}
    assert digests == {in_memory.digest}


def test_stored_samples_of_some_tasks_give_the_same_record_to_the_bit() -> None:
    in_memory = record_of(job_on("offices", "ls"))
    for n_processes in (0, 1):
        stored = record_of(job_on("desks", "ls"), n_processes)
        # Offices evaluates the first training samples, stored tasks a random subset
        assert {**stored.fronts, "train": None} == {**in_memory.fronts, "train": None}
        assert [point.train_losses for point in stored.trace] == [point.train_losses for point in in_memory.trace]


def training_of(dataset: Dataset, n_processes: int, **how: Any) -> tuple[list[Tensor], Training]:
    torch.manual_seed(0)
    problem = Problem(dataset, seams.SmallFcn())
    samples = dataset.load("train")
    if isinstance(samples, StoredSamples):
        samples = samples.read_by(n_processes)
    solver = GradientSolver(PHN(), Linear(), GradientOptions(lr=0.02))
    training = train(
        solver, problem, samples, batch_size=16, seeds=Seeds(1, 2, 3, 4), rays=finite_rays(2),
        validation=dataset.load("val"), **how,
    )  # fmt: skip
    return [parameter.detach().clone() for parameter in solver.network.parameters()], training


@pytest.mark.parametrize("n_processes", [0, 2])
def test_training_resumes_exactly_in_the_middle_of_an_epoch(n_processes: int, tmp_path: Path) -> None:
    expected, uninterrupted = training_of(seams.Album(in_memory=True), 0, limit=Limit(steps=25))

    class Interrupt(Exception):
        pass

    def at_step_13(event: TrainingProgress) -> None:
        if event.step == 13:  # an epoch has 10 steps
            raise Interrupt

    saving: dict[str, Any] = {"limit": Limit(steps=25), "checkpoint": tmp_path / "c.pt", "checkpoint_seconds": 0.0}
    with pytest.raises(Interrupt):
        training_of(seams.Album(), n_processes, on_progress=at_step_13, progress_seconds=0.0, **saving)
    weights, training = training_of(seams.Album(), n_processes, **saving)
    assert (training.resumed, training.steps) == (1, 25)
    assert all(map(torch.equal, weights, expected))
    assert [(t.step, t.train_losses, t.hypervolume) for t in training.trace] == [
        (t.step, t.train_losses, t.hypervolume) for t in uninterrupted.trace
    ]
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("device", ["cpu", "cuda:0"])
def test_a_job_reads_with_the_processes_of_its_options_and_for_a_gpu_into_pinned_memory(device: str) -> None:
    options = RunOptions(device, data_workers=3)
    for dataset, names in (("album", [None]), ("desks", ["art", "clipart"])):
        samples = _Run(job_on(dataset, "ls"), options, None, lambda event: None)._load("train")
        for name in names:
            part = samples if name is None else samples.tasks[name]  # type: ignore[attr-defined]
            assert (part.n_processes, part.pin_memory) == (3, device == "cuda:0")


def test_a_row_that_cannot_be_read_fails_the_job_with_its_own_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(self: Any, position: int) -> Any:
        if position == 77:
            raise OSError("page 77 is torn")
        return read(self, position)

    read = seams.Pages.__getitem__
    monkeypatch.setattr(seams.Pages, "__getitem__", failing)
    for n_processes in (0, 1):
        record = execute(job_on("album", "ls"), RunOptions(strategy=Strategy(), data_workers=n_processes))
        assert record.failure is not None
        assert (record.status, record.failure.kind) == ("failed", "OSError")
        assert "page 77 is torn" in record.failure.message
    assert multiprocessing.active_children() == []


# the order of batches


@pytest.mark.parametrize("n_processes", [0, 1, 3])
def test_batches_are_those_of_samples_in_memory_from_any_step_on(n_processes: int) -> None:
    in_memory = Batches(numbers(), 3, seed=5)
    stored = Batches(StoredSamples(Pairs(numbers())).read_by(n_processes), 3, seed=5)
    stream = stored.steps(3, 2)
    for step in range(3, 9):
        batches = next(stream)
        assert len(batches) == 2
        for index, batch in enumerate(batches):
            assert same(batch, in_memory.at(step, index))
            assert same(stored.at(step, index), batch)
    stream.close()
    assert multiprocessing.active_children() == []


def test_an_epoch_has_the_samples_of_torch_s_loader_once_each() -> None:
    """With one batch order, torch's DataLoader gives the same batches."""
    samples = numbers()
    batches = Batches(StoredSamples(Pairs(samples)), 2, seed=1)
    positions = [batches.positions(step).tolist() for step in range(batches.per_epoch)]  # type: ignore[union-attr]
    loader = DataLoader(TensorDataset(samples.inputs, samples.targets["y"]), batch_sampler=positions)
    for step, (inputs, targets) in enumerate(loader):
        assert same(batches.at(step), Samples(inputs, {"y": targets}))
    chosen = [position for batch in positions for position in batch]
    assert len(set(chosen)) == len(chosen) == 6


def test_few_batches_are_read_without_processes() -> None:
    class Process(Pairs):
        def __getitem__(self, position: int) -> Any:
            return torch.zeros(1), {"pid": os.getpid()}

    where = StoredSamples(Process(numbers())).read_by(1)
    assert {int(batch.targets["pid"]) for batch in where.batches([slice(0, 1)] * 31)} == {os.getpid()}
    pids = {int(batch.targets["pid"]) for batch in where.batches([slice(0, 1)] * 32)}
    assert len(pids) == 1
    assert os.getpid() not in pids


def test_reading_ahead_leaves_the_random_state_alone() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    list(StoredSamples(Pairs(numbers())).read_by(1).batches(iter([slice(0, 2)])))
    assert torch.equal(torch.get_rng_state(), before)


# evaluation


class CountsReads:
    """Rows that are counted, read one at a time or in batches."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples
        self.n_reads = torch.zeros(len(samples), dtype=torch.long)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, position: int) -> Any:
        raise AssertionError("batches are read by __getitems__")

    def __getitems__(self, positions: list[int]) -> Samples:
        self.n_reads[positions] += 1
        return self.samples.take(torch.tensor(positions))


@pytest.mark.parametrize("generator", [Stack(), PHN()])
def test_a_split_is_read_once_for_all_rays_and_losses_are_those_of_four_rays_at_a_time(
    generator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem, rays = Problem(seams.Album(), seams.SmallFcn()), dense_rays(2, 11)
    network = generator.build(problem, rays)
    in_memory = problem.dataset.load("test").take(slice(None))
    rows = CountsReads(in_memory)
    front = evaluate(network, problem, StoredSamples(rows), rays, batch_size=30)
    assert rows.n_reads.tolist() == [1] * len(rows)

    parts = [evaluate(network, problem, in_memory, four_rays, batch_size=30) for four_rays in torch.split(rays, 4)]
    assert np.array_equal(front.losses, np.concatenate([part.losses for part in parts]))
    metrics = front.metrics["segmentation/mean IoU"]
    assert metrics == [value for part in parts for value in part.metrics["segmentation/mean IoU"]]

    # weights of eight rays fit
    monkeypatch.setattr("mobench.metrics.evaluation.WEIGHT_BYTES", 11 * problem.n_target_parameters * 4)
    rows.n_reads.zero_()
    finished: list[tuple[int, int]] = []
    in_passes = evaluate(
        network, problem, StoredSamples(rows), rays, batch_size=30, progress=lambda *count: finished.append(count)
    )
    assert finished == [(8, 11), (11, 11)]
    assert rows.n_reads.tolist() == [2] * len(rows)
    assert np.array_equal(in_passes.losses, front.losses)


def test_a_split_that_processes_read_ahead_has_the_same_losses() -> None:
    problem, rays = Problem(seams.Album(), seams.SmallFcn()), finite_rays(2)
    network, samples = PHN().build(problem, rays), problem.dataset.load("test")
    assert isinstance(samples, StoredSamples)
    fronts = [evaluate(network, problem, samples.read_by(n), rays, batch_size=2) for n in (0, 2)]
    assert np.array_equal(fronts[0].losses, fronts[1].losses)


def test_pooled_metrics_keep_the_outputs_of_four_rays_only() -> None:
    problem, rays = Problem(seams.Offices(), seams.SmallDense()), dense_rays(3, 10)
    network = Stack().build(problem, rays)
    finished: list[tuple[int, int]] = []
    evaluate(network, problem, problem.dataset.load("val"), rays, progress=lambda *count: finished.append(count))
    assert [n for n, _ in finished[:-1]] == list(range(4, len(rays), 4))


# parts of a split


class SortedByLabel(seams.Album):
    """The first half has dark images, the second half bright ones."""

    def load(self, split: Split) -> Samples:
        images = torch.linspace(0, 1, 60)[:, None, None, None].expand(-1, 3, 6, 6).contiguous()
        labels = torch.zeros(60, 6, 6, dtype=torch.long)
        return Samples(images, {"segmentation": labels, "depth": images[:, :1]})


@pytest.mark.parametrize(
    ("chosen", "is_stored", "is_random"),
    [(None, False, False), (None, True, True), ("first", True, False), ("random", False, True)],
)
def test_a_part_of_a_split_is_what_the_protocol_states(chosen: Any, is_stored: bool, is_random: bool) -> None:
    protocol = replace(seams.Album.protocol, subset=chosen)
    samples = SortedByLabel().load("train")
    part = subset_of(StoredSamples(Pairs(samples)) if is_stored else samples, 20, protocol)
    assert isinstance(part, StoredSamples) == is_stored
    depth = part.take(slice(None)).targets["depth"][:, 0, 0, 0]
    assert len(depth) == len(set(depth.tolist())) == 20
    assert depth.tolist() == sorted(depth.tolist())
    # the mean of the first 20 is 0.16; of a random subset it has a standard deviation of 0.05 about 0.5
    assert abs(float(depth.mean()) - (0.5 if is_random else 0.16)) < (0.2 if is_random else 0.01)


def test_random_subsets_are_equal_for_all_jobs_and_for_each_task_its_own() -> None:
    protocol = replace(seams.Offices.protocol, subset="random")
    samples = seams.Offices().load("train")
    part = subset_of(samples, 50, protocol)
    assert isinstance(part, TaskSamples)
    assert {name: len(task) for name, task in part.tasks.items()} == {"art": 50, "clipart": 50, "product": 40}
    assert torch.equal(part.tasks["product"].inputs, samples.tasks["product"].inputs)  # type: ignore[attr-defined]
    torch.manual_seed(99)
    again = subset_of(samples, 50, protocol)
    assert torch.equal(again.tasks["art"].inputs, part.tasks["art"].inputs)  # type: ignore[attr-defined]


def test_the_trace_and_the_training_front_are_of_the_random_subset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mobench.learning.loop.TRACE_SAMPLES", 20)
    first = record_of(job_on("album", "ls"))
    monkeypatch.setattr(subset, "SEED", 1)
    second = record_of(job_on("album", "ls"))
    assert first.fronts["test"] == second.fronts["test"]
    assert first.fronts["val"] == second.fronts["val"]
    assert first.fronts["train"] != second.fronts["train"]
    assert first.fronts["train"].n_samples == 60
    assert [t.train_losses for t in first.trace] == [t.train_losses for t in second.trace]
    assert [t.hypervolume for t in first.trace] != [t.hypervolume for t in second.trace]


# the type itself


def test_samples_are_read_at_slices_positions_and_masks_in_order() -> None:
    samples, stored = numbers(), StoredSamples(Pairs(numbers()))
    assert (len(stored), str(stored)) == (N_ROWS, "StoredSamples(7 samples of Pairs)")
    indices = [
        slice(None), slice(2, 5), slice(-2, None), slice(0, 0), torch.tensor([6, 0, 3, 3]), torch.tensor([-1, 1]),
        torch.arange(N_ROWS) % 2 == 0,
    ]  # fmt: skip
    for index in indices:
        assert same(stored.take(index), samples.take(index)), index
    every_other = stored.subset(slice(0, None, 2))
    assert len(every_other) == 4
    assert same(every_other.take(torch.tensor([3, 1])), samples.take(torch.tensor([6, 2])))
    assert same(every_other.subset(torch.tensor([1, 2])).take(slice(None)), samples.take(torch.tensor([2, 4])))
    assert same(pickle.loads(pickle.dumps(every_other)).take(slice(None)), every_other.take(slice(None)))
    with pytest.raises(IndexError, match="positions reach from 0 to 7, there are 7 samples"):
        stored.take(torch.tensor([0, 7]))


def test_rows_of_torch_s_datasets_get_names() -> None:
    tensors = TensorDataset(torch.rand(6, 2), torch.arange(6), torch.rand(6))
    stored = StoredSamples(Subset(tensors, [4, 2, 0]), ["label", "weight"])  # has __getitems__
    batch = stored.take(torch.tensor([2, 0]))
    assert torch.equal(batch.inputs, tensors.tensors[0][[0, 4]])
    assert batch.targets["label"].tolist() == [0, 4]
    assert torch.equal(batch.targets["weight"], tensors.tensors[2][[0, 4]])
    assert same(stored.read_row(1), stored.take(torch.tensor([1])))


def test_rows_may_have_named_inputs_arrays_and_numbers() -> None:
    rows: list[Any] = [({"a": np.full(3, i, np.float32), "b": torch.tensor(i)}, {"y": i, "z": i / 2}) for i in range(4)]
    batch = StoredSamples(rows).take(torch.tensor([3, 1]))
    assert {name: tensor.dtype for name, tensor in batch.inputs.items()} == {"a": torch.float32, "b": torch.int64}
    assert batch.inputs["a"].tolist() == [[3, 3, 3], [1, 1, 1]]
    assert (batch.targets["y"].dtype, batch.targets["z"].dtype) == (torch.int64, torch.float64)
    assert batch.targets["z"].tolist() == [1.5, 0.5]


def test_rows_of_read_only_memory_are_copied(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(6.0))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    batch = StoredSamples([(mapped[i : i + 2], {}) for i in range(4)]).take(slice(0, 2))
    batch.inputs.add_(1)
    assert mapped[0] == 0


def test_misuse_is_rejected_with_what_to_do() -> None:
    stored = StoredSamples(Pairs(numbers()))
    for read_all in (
        lambda: stored.inputs,
        lambda: stored.targets,
        lambda: stored.map(torch.neg),
        lambda: stored.to("cpu"),
    ):
        with pytest.raises(ShapeError, match=r"these 7 samples stay on disk.*read some with take\(index\)"):
            read_all()
    with pytest.raises(ShapeError, match=r"a row of TensorDataset is a tuple of 2: return \(inputs, targets\)"):
        StoredSamples(TensorDataset(torch.zeros(2), torch.zeros(2))).take(slice(0, 1))
    with pytest.raises(ShapeError, match="a row of list is int"):
        StoredSamples([1, 2]).take(slice(0, 1))

    class Short(Pairs):
        def __getitems__(self, positions: list[int]) -> list[Any]:
            return [self[position] for position in set(positions)]

    with pytest.raises(ShapeError, match="__getitems__ of Short returned 1 rows for 2 positions"):
        StoredSamples(Short(numbers())).take(torch.tensor([1, 1]))


def test_array_rows_read_batches_from_files_and_memory(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 255, (N_ROWS, 2, 3), dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    rows = ArrayRows({"image": tmp_path / "images.npy", "id": np.arange(N_ROWS)}, {"y": torch.arange(N_ROWS) / 2})
    batch = StoredSamples(rows).take(torch.tensor([5, 6, 0]))
    assert np.array_equal(batch.inputs["image"].numpy(), images[[5, 6, 0]])
    assert batch.inputs["id"].tolist() == [5, 6, 0]
    assert batch.targets["y"].tolist() == [2.5, 3.0, 0.0]
