"""Single-label pictures: splits, augmentation, and CIFAR-10 in its real on-disk format."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.datasets import CIFAR10

from mobench.errors import DataError, IncompatibleError
from mobench.interfaces import Problem, Samples, Seeds, Setting, seeded
from mobench.jobs.job import Budget
from mobench.jobs.resolve import make_solver, resolve
from mobench.learning.batches import Batches
from mobench.learning.loop import Limit, train
from mobench_images import cifar
from mobench_images.cnn import MnistCnn
from mobench_images.dataset import Cifar10, FashionMnist, Mnist, OneLabel
from mobench_multimnist import pictures
from mobench_multimnist.compose import Pictures
from mobench_static.kernels import StaticKernelNetwork
from mobench_wide_resnet.wide_resnet import WideResNet


@pytest.mark.parametrize("dataset", [Mnist(), FashionMnist()])
def test_splits_are_55000_5000_10000_and_disjoint(dataset: OneLabel, monkeypatch: pytest.MonkeyPatch) -> None:
    def numbered(name: str, part: str) -> Pictures:
        """Pictures of one row of four bytes, their number."""
        numbers = np.arange(60_000 if part == "train" else 10_000, dtype="<u4")
        return Pictures(numbers.view(np.uint8).reshape(-1, 1, 4), (numbers % 10).astype(np.uint8))

    monkeypatch.setattr(pictures, "full", numbered)
    parts = [dataset.load(split) for split in ("train", "val", "test")]
    assert [len(p) for p in parts] == [55_000, 5_000, 10_000]
    train_, val, _ = (p.inputs.numpy().reshape(-1, 4).copy().view("<u4")[:, 0] for p in parts)
    assert not set(train_.tolist()) & set(val.tolist())
    assert torch.bincount(parts[1].targets["class"]).min() > 400


def test_embedded_digits_are_mixed_and_limit_takes_the_first() -> None:
    dataset = Mnist(source="embedded")
    train_, val = dataset.load("train"), dataset.load("val")
    assert (len(train_), len(val)) == (3600, 400)
    assert torch.bincount(train_.targets["class"][:500], minlength=10).min() > 20
    limited = Mnist(source="embedded", limit=7).load("test")
    assert torch.equal(limited.inputs, dataset.load("test").inputs[:7])


def test_augmentation_moves_pictures_and_nothing_else() -> None:
    """At shift 1 each picture is one of the nine crops of the padded picture, and all nine occur."""
    images = torch.randint(1, 256, (200, 1, 6, 6), generator=seeded(0)).to(torch.uint8)
    batch = Samples(images, {"class": torch.arange(200)})
    moved = Mnist().augment(batch, seeded(1))
    padded = torch.nn.functional.pad(images, (1, 1, 1, 1))
    offsets = []
    for image, padded_image in zip(moved.inputs, padded, strict=True):
        matches = [
            (r, c) for r in range(3) for c in range(3) if torch.equal(image, padded_image[:, r : r + 6, c : c + 6])
        ]
        assert len(matches) == 1
        offsets += matches
    assert len(set(offsets)) == 9
    assert torch.equal(moved.targets["class"], batch.targets["class"])
    assert torch.equal(Mnist(shift=0).augment(batch, seeded(1)).inputs, images)


def test_augmentation_depends_on_seed_and_step_alone() -> None:
    batches = [Batches(Mnist(source="embedded", limit=90).load("train"), 16, seed) for seed in (0, 0, 1)]
    random_numbers = [torch.rand(4, generator=b.random(step)) for b in batches for step in (3, 4)]
    assert torch.equal(random_numbers[0], random_numbers[2])
    assert len({tuple(d.tolist()) for d in random_numbers}) == 4


def test_half_of_cifars_pictures_are_mirrored() -> None:
    images = torch.arange(32, dtype=torch.uint8).expand(400, 3, 32, 32)
    moved = Cifar10(shift=0).augment(Samples(images, {"class": torch.zeros(400)}), seeded(0)).inputs
    mirrored = moved[:, 0, 0, 0] == 31
    assert torch.equal(moved[mirrored], images[mirrored].flip(3))
    assert torch.equal(moved[~mirrored], images[~mirrored])
    assert 150 < int(mirrored.sum()) < 250


class Unchecked(CIFAR10):
    """The loader without its MD5 sums, for generated files in the real format."""

    train_list = [(name, None) for name, _ in CIFAR10.train_list]  # noqa: RUF012
    test_list = [(name, None) for name, _ in CIFAR10.test_list]  # noqa: RUF012
    meta = {**CIFAR10.meta, "md5": None}  # noqa: RUF012


@pytest.fixture
def generated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / cifar.FOLDER
    folder.mkdir()
    draw = np.random.default_rng(0)
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        content = {"data": draw.integers(0, 256, (8, 3072), dtype=np.uint8), "labels": draw.integers(0, 10, 8).tolist()}
        (folder / name).write_bytes(pickle.dumps(content))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": [str(i) for i in range(10)]}))
    monkeypatch.setenv("MOBENCH_DATA", str(tmp_path))
    return folder


def test_cifar_is_read_from_its_real_format(generated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar, "reader", Unchecked)
    dataset = Cifar10()
    parts = [dataset.load(split) for split in ("train", "val", "test")]
    assert [len(p) for p in parts] == [36, 4, 8]
    raw = pickle.loads((generated / "test_batch").read_bytes())
    # a row is 1,024 red, 1,024 green, 1,024 blue values
    assert torch.equal(parts[2].inputs, torch.from_numpy(raw["data"].reshape(8, 3, 32, 32)))
    assert parts[2].targets["class"].tolist() == raw["labels"]
    prepared = dataset.prepare(parts[2])
    expected = (raw["data"][0, 0] / 255 - 0.4914) / 0.2470
    assert float(prepared.inputs[0, 0, 0, 0]) == pytest.approx(expected, abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("solver", ["ls", "static-cifar"])
def test_one_training_step_on_cifars_format(generated: Path, monkeypatch: pytest.MonkeyPatch, solver: str) -> None:
    """WRN-40-2, plain and generated: every trained tensor moves."""
    monkeypatch.setattr(cifar, "reader", Unchecked)
    job = resolve("cifar10", "wrn-40-2", solver, {}, Budget(steps=1, batch_size=8))
    trained_solver = make_solver(job.solver)
    torch.manual_seed(0)
    problem = Problem(Cifar10(), WideResNet())
    common = {"batch_size": 8, "seeds": Seeds(), "rays": torch.ones(1, 1)}
    training = train(trained_solver, problem, problem.dataset.load("train"), limit=Limit(steps=1), **common)
    assert training.status == "completed"
    after = [p.detach().clone() for p in trained_solver.pareto_set.parameters()]
    fresh_solver = make_solver(job.solver)
    torch.manual_seed(0)
    fresh_solver.start(Problem(Cifar10(), WideResNet()), Setting(torch.ones(1, 1), Seeds(), 1, 1))
    moved = [not torch.equal(a, b) for a, b in zip(after, fresh_solver.pareto_set.parameters(), strict=True)]
    assert all(moved)
    if solver == "static-cifar":
        assert isinstance(trained_solver.pareto_set, StaticKernelNetwork)
        assert trained_solver.pareto_set.n_generated_layers == 36


def test_files_that_are_not_cifars_are_never_unpickled(generated: Path) -> None:
    """Checksums are verified, so generated files are refused."""

    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (generated / "ran",))

    (generated / "data_batch_1").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(DataError, match="not CIFAR-10 as published"):
        Cifar10().load("train")
    assert not (generated / "ran").exists()


def test_without_the_files_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOBENCH_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"CIFAR10.* and move it to cifar-10-batches-py below"):
        Cifar10().load("train")


@pytest.mark.parametrize("options", [{"depth": 41}, {"depth": 11}])
def test_depths_that_are_no_wide_network(options: dict[str, int]) -> None:
    with pytest.raises(IncompatibleError, match="6 n \\+ 4"):
        WideResNet(**options).check(Cifar10())


def test_even_kernels_are_refused() -> None:
    with pytest.raises(IncompatibleError, match="even"):
        MnistCnn(kernel=4).check(Mnist())
