"""Photos of the user: CelebA and Office in their formats, against torchvision's readers on the same generated files."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss
from torchvision.datasets import CelebA as Reference
from torchvision.datasets import ImageFolder
from torchvision.transforms import Compose, PILToTensor, Resize

from mobench import options
from mobench.errors import DataError, OptionError
from mobench.interfaces import Problem, Samples, StoredSamples, TaskSamples
from mobench.jobs.job import Budget
from mobench.jobs.resolve import resolve
from mobench.jobs.suite import load
from mobench.plugins import registry
from mobench.runs.execution import execute
from mobench.testing.conformance import cases_of
from mobench_photos.celeba import ATTRIBUTES, CelebA
from mobench_photos.measures import balanced_accuracy
from mobench_photos.office import Office31, OfficeDataset, OfficeHome, drawn_by_class
from mobench_photos.photos import read_photo, spread
from mobench_resnet18.resnet18 import ResNet18

SPLITS = ("train", "val", "test")
OFFICES = {"office31": Office31, "office-home": OfficeHome}
FOLDERS = {"office31": ("amazon", "dslr", "webcam"), "office-home": ("Art", "Clipart", "Product", "Real World")}
N_FACES = 60
MAY_DECLINE = ("no CUDA device is here", "its samples are in memory")


def photo(path: Path, seed: int, size: tuple[int, int] = (22, 27)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(path)


def celeba_files(folder: Path) -> np.ndarray:
    """Write faces and all lists of torchvision's CelebA; return the labels [N, 40] of 0 and 1."""
    labels = (np.random.default_rng(0).random((N_FACES, len(ATTRIBUTES))) < 0.4).astype(int)
    names = [f"{i + 1:06d}.jpg" for i in range(N_FACES)]
    for i, name in enumerate(names):
        photo(folder / "img_align_celeba" / name, i)
    rows = [f"{name} {' '.join(f'{2 * v - 1:2d}' for v in row)}\n" for name, row in zip(names, labels, strict=True)]
    (folder / "list_attr_celeba.txt").write_text(f"{N_FACES}\n{' '.join(ATTRIBUTES)} \n{''.join(rows)}")
    split = np.repeat([0, 1, 2], [36, 12, 12])
    (folder / "list_eval_partition.txt").write_text(
        "".join(f"{name} {s}\n" for name, s in zip(names, split, strict=True))
    )
    (folder / "identity_CelebA.txt").write_text("".join(f"{name} 1\n" for name in names))
    for file, n in (("list_bbox_celeba.txt", 4), ("list_landmarks_align_celeba.txt", 10)):
        lines = "".join(f"{name} {' '.join('1' * n)}\n" for name in names)
        (folder / file).write_text(f"{N_FACES}\nx\n{lines}")
    return labels


def office_files(folder: Path, name: str) -> None:
    """Write five photos of each class and domain, in files that differ, and a file that is no photo."""
    n_classes = OFFICES[name].n_classes
    for i in range(7):
        photo(folder / "one" / f"{i}.jpg", i, (12, 10))
    for d, domain in enumerate(FOLDERS[name]):
        for c in range(n_classes):
            place = folder / domain / ("images" if name == "office31" else "") / f"Kind_{c:02d}"
            place.mkdir(parents=True)
            for i in range(5):
                (place / f"{i:05d}.jpg").hardlink_to(folder / "one" / f"{(d + c + i) % 7}.jpg")
    (place / "Thumbs.db").write_bytes(b"no photo")
    shutil.rmtree(folder / "one")


@pytest.fixture(scope="module")
def photos_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    celeba_files(folder / "celeba")
    for name in OFFICES:
        office_files(folder / name, name)
    return folder


@pytest.fixture
def generated(photos_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MOBENCH_DATA", str(photos_folder))
    return photos_folder


@pytest.fixture
def faces(generated: Path, tmp_path: Path) -> Path:
    """A folder of faces that a test may damage."""
    shutil.copytree(generated / "celeba", tmp_path / "celeba")
    return tmp_path / "celeba"


class Unchecked(Reference):
    """Torchvision's reader without the checksums of the published files."""

    def _check_integrity(self) -> bool:
        return True


def test_faces_and_attributes_are_those_that_torchvision_reads(generated: Path) -> None:
    transform = Compose([Resize((16, 16)), PILToTensor()])
    for split, name in zip(SPLITS, ("train", "valid", "test"), strict=True):
        reference = Unchecked(str(generated), name, transform=transform)
        samples = CelebA(size=16).load(split)  # type: ignore[arg-type]
        assert isinstance(samples, StoredSamples)
        assert len(samples) == len(reference) > 0
        batch = samples.take(slice(None))
        for i, (image, attributes) in enumerate(reference):
            assert torch.equal(batch.inputs[i], image)
            assert [int(batch.targets[attribute][i]) for attribute in ATTRIBUTES] == attributes.tolist()


def test_attributes_and_numbers_of_faces_are_options(generated: Path) -> None:
    few = options.build(CelebA, {"tasks": ["Young", "Bald"], "size": 16, "limit": 9})
    assert [objective.name for objective in few.objectives] == list(few.heads) == ["Young", "Bald"]
    assert len(few.protocol.reference) == 2
    part = few.load("train").take(slice(None))
    assert part.inputs.shape == (9, 3, 16, 16)
    all_faces = CelebA(size=16).load("train").take(spread(36, 9))
    assert torch.equal(part.inputs, all_faces.inputs)
    assert torch.equal(part.targets["Bald"], all_faces.targets["Bald"])
    assert spread(36, 9).tolist() == list(range(0, 36, 4))
    for bad, message in ((["Yuong"], "Young"), (["Young", "Young"], "name each once")):
        with pytest.raises(OptionError, match=message):
            options.build(CelebA, {"tasks": bad})


def test_losses_and_metrics_of_faces_are_those_of_scikit_learn(generated: Path) -> None:
    dataset = CelebA(size=8)
    batch = dataset.load("train").take(slice(None))
    outputs = {name: torch.randn(len(batch), 1, dtype=torch.float64) for name in ATTRIBUTES}
    for objective in dataset.objectives[:5]:
        labels = batch.targets[objective.name].numpy()
        logits = outputs[objective.name][:, 0]
        assert float(objective.loss(outputs, batch)) == pytest.approx(log_loss(labels, logits.sigmoid()))
        accuracy, balanced = (float(metric.measure(outputs, batch)) for metric in objective.metrics)
        assert accuracy == pytest.approx(accuracy_score(labels, logits > 0))
        assert balanced == pytest.approx(balanced_accuracy_score(labels, logits > 0))
    assert dataset.protocol.nadir == (math.log(2),) * 40


def test_balanced_accuracy_of_one_class_is_its_accuracy() -> None:
    measure = balanced_accuracy("a")
    batch = Samples(torch.zeros(4, 1), {"a": torch.ones(4, dtype=torch.long)})
    assert float(measure({"a": torch.tensor([[1.0], [1], [1], [-1]])}, batch)) == 0.75
    assert float(measure({"a": torch.zeros(0, 1)}, batch.take(slice(0, 0)))) == 0


Damage = Callable[[str], str]
BAD_LISTS: dict[str, tuple[str, Damage, str]] = {
    "another count": ("list_attr_celeba.txt", lambda text: text.replace("60\n", "61\n", 1), "state '61'"),
    "another attribute": ("list_attr_celeba.txt", lambda text: text.replace("Bald ", "Bold ", 1), "first lines"),
    "a label of 0": ("list_attr_celeba.txt", lambda text: text.replace(" -1 ", "  0 ", 1), "the value '0'"),
    "a row too short": ("list_attr_celeba.txt", lambda text: text[: text.rindex(" ")] + "\n", "41 fields|is not the"),
    "another folder": ("list_attr_celeba.txt", lambda text: text.replace("000001", "../001"), "not those|outside"),
    "empty": ("list_attr_celeba.txt", lambda text: "", "is not the list of CelebA"),
    "other faces": ("list_eval_partition.txt", lambda text: text.replace("000002", "000202"), "not those"),
    "a fourth split": ("list_eval_partition.txt", lambda text: text.replace(" 2\n", " 3\n", 1), "the value '3'"),
}


@pytest.mark.parametrize("case", BAD_LISTS)
def test_damaged_lists_of_faces_are_refused(case: str, faces: Path) -> None:
    file, damage, message = BAD_LISTS[case]
    text = (faces / file).read_text()
    assert damage(text) != text
    (faces / file).write_text(damage(text))
    with pytest.raises(DataError, match=f"(?s)({message}).*download it again"):
        CelebA(folder=str(faces)).load("train")


def test_missing_and_damaged_photos_are_named(faces: Path) -> None:
    samples = CelebA(folder=str(faces), size=8).load("train")
    content = (faces / "img_align_celeba" / "000002.jpg").read_bytes()
    (faces / "img_align_celeba" / "000001.jpg").unlink()
    (faces / "img_align_celeba" / "000002.jpg").write_bytes(content[: len(content) // 2])
    (faces / "img_align_celeba" / "000003.jpg").write_bytes(b"not an image")
    for i in range(3):
        with pytest.raises(DataError, match=rf"00000{i + 1}\.jpg is not a readable photo .* unpack the archive again"):
            samples.take(slice(i, i + 1))


def test_grey_photos_have_three_equal_channels(tmp_path: Path) -> None:
    Image.fromarray(np.full((9, 5), 77, np.uint8)).save(tmp_path / "grey.png")
    assert torch.equal(read_photo(tmp_path / "grey.png", 4), torch.full((3, 4, 4), 77, dtype=torch.uint8))


@pytest.mark.parametrize("dataset", [CelebA, Office31, OfficeHome])
def test_without_files_the_expected_folder_is_told(
    dataset: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOBENCH_DATA", str(tmp_path))
    with pytest.raises(
        DataError, match=r"no folder with the user's files of .* is not in \$MOBENCH_DATA.* in the option `folder`"
    ):
        dataset().load("train")
    with pytest.raises(
        DataError, match=r"has no (img_align_celeba|amazon|Art) and no .* from .* in the option `folder`"
    ):
        dataset(folder=str(tmp_path)).load("train")


@pytest.mark.parametrize("name", OFFICES)
def test_objects_and_labels_are_those_that_torchvision_finds(name: str, generated: Path) -> None:
    dataset = OFFICES[name](size=8)
    parts = {split: dataset.load(split) for split in SPLITS}  # type: ignore[arg-type]
    for domain, folder in zip(dataset.domains, FOLDERS[name], strict=True):
        root = generated / name / folder
        reference = ImageFolder(str(root / "images" if name == "office31" else root))
        expected = {str(Path(path).relative_to(generated / name)): label for path, label in reference.samples}
        labels_by_path: dict[str, int] = {}
        for samples in parts.values():
            assert isinstance(samples, TaskSamples)
            stored: Any = samples.tasks[domain]
            labels = stored.take(slice(None)).targets[domain].tolist()
            labels_by_path |= dict(zip(stored.rows.paths.tolist(), labels, strict=True))
        assert labels_by_path == expected
        assert [len(part.tasks[domain]) for part in parts.values()] == [3 * dataset.n_classes] + [dataset.n_classes] * 2  # type: ignore[attr-defined]


def test_numbers_of_drawn_photos_are_those_of_libmtl() -> None:
    """In LibMTL's lists 92 backpacks of amazon are 55, 18 and 19; 12 of dslr are 7, 2 and 3."""
    photos = [(f"back_pack/{i:03d}.jpg", "back_pack") for i in range(92)] + [
        (f"bike/{i}.jpg", "bike") for i in range(12)
    ]
    parts = drawn_by_class(photos, 0)
    for label, expected in (("back_pack", (55, 18, 19)), ("bike", (7, 2, 3))):
        assert tuple(sum(kind == label for _, kind in parts[split]) for split in SPLITS) == expected  # type: ignore[index]
    assert sorted(photo for part in parts.values() for photo in part) == sorted(photos)
    assert drawn_by_class(photos[::-1], 0) == parts != drawn_by_class(photos, 1)


def test_lists_of_libmtl_replace_the_drawn_splits(generated: Path, tmp_path: Path) -> None:
    for domain in ("Art", "Clipart", "Product", "Real_World"):
        for i, split in enumerate(SPLITS):
            # the class numbers of the lists have an order of their own, and are not used
            lines = [f"{domain}/Kind_{c:02d}/{i:05d}.jpg {64 - c}\n" for c in (3, 1)]
            (tmp_path / f"{domain}_{split}.txt").write_text("".join(lines))
    dataset = OfficeHome(lists=str(tmp_path), size=8)
    part: Any = dataset.load("val")
    stored = part.tasks["real-world"]
    assert stored.rows.paths.tolist() == ["Real World/Kind_03/00001.jpg", "Real World/Kind_01/00001.jpg"]
    assert stored.take(slice(None)).targets["real-world"].tolist() == [3, 1]
    for text, message in (
        ("Art/Kind_01/99999.jpg 1\n", "names 'Art/Kind_01/99999.jpg', which is not below"),
        ("Kind_01.jpg 1\n", "without CLASS/PHOTO"),
        ("Art/a/1.jpg 1\nArt/a/1.jpg 2\n", "names a photo twice"),
    ):
        (tmp_path / "Art_val.txt").write_text(text)
        with pytest.raises(DataError, match=message):
            dataset.load("val")
    (tmp_path / "Art_val.txt").unlink()
    with pytest.raises(DataError, match=r"has no list Art_val\.txt: lists of LibMTL are expected"):
        dataset.load("val")


def test_odd_folders_of_objects_name_the_expected_layout(tmp_path: Path) -> None:
    office_files(tmp_path, "office-home")
    shutil.rmtree(tmp_path / "Product" / "Kind_07")
    with pytest.raises(
        DataError, match="product has none of 'Kind_07': 65 classes with photos, the same in all domains"
    ):
        OfficeHome(folder=str(tmp_path)).load("train")
    (tmp_path / "Real World").rename(tmp_path / "Real-World")
    with pytest.raises(DataError, match=r"no folder 'Real World' or .*DOMAIN/CLASS/PHOTO\.jpg"):
        OfficeHome(folder=str(tmp_path)).load("train")


def test_losses_of_objects_are_of_their_own_task(generated: Path) -> None:
    dataset: OfficeDataset = Office31(size=8, limit=6)
    samples = dataset.load("train")
    assert isinstance(samples, TaskSamples)
    for objective in dataset.objectives:
        batch = samples.tasks[objective.name].take(slice(None))
        scores = torch.randn(6, 31, dtype=torch.float64)
        labels = batch.targets[objective.name].numpy()
        expected = log_loss(labels, scores.softmax(1), labels=range(31))
        assert float(objective.loss({objective.name: scores}, batch)) == pytest.approx(expected)
        accuracy = float(objective.metrics[0].measure({objective.name: scores}, batch))
        assert accuracy == pytest.approx(accuracy_score(labels, scores.argmax(1)))
    assert dataset.protocol.nadir == (math.log(31),) * 3


@pytest.mark.parametrize("name", ["celeba", "office31"])
def test_conformance_on_generated_files(name: str, generated: Path) -> None:
    for case in cases_of(registry().get("dataset", name)):
        result = case.run()
        assert result.state != "failed", f"{case}: {result.message}"
        assert result.state == "passed" or result.message.startswith(MAY_DECLINE), f"{case}: {result.message}"


@pytest.mark.parametrize("name", ["celeba", "office31"])
def test_jobs_of_the_suite_run_on_generated_files(name: str, generated: Path) -> None:
    (entry,) = (entry for entry in load("photos").entries if name in entry.datasets)
    assert len(entry.solvers) >= 10
    assert entry.models == ["resnet18"]
    small = {"dataset.size": 32, "dataset.limit": 6, **({"tasks": ["Male", "Young"]} if name == "celeba" else {})}
    job = resolve(name, "lenet", entry.solvers[-1], {**entry.set, **small}, Budget(steps=2, batch_size=4))
    record = execute(job, threads=1)
    assert record.failure is None, record.failure
    test = record.fronts["test"]
    assert test.n_samples == 6
    assert {metric.partition("/")[0] for metric in test.metrics} == set(record.objectives)


def test_resnet18_serves_photos(generated: Path) -> None:
    for dataset in (CelebA(size=64), Office31()):
        Problem(dataset, ResNet18())
    problem = Problem(CelebA(size=32, limit=2), ResNet18())
    batch = problem.prepare(problem.dataset.load("train").take(slice(None)))
    assert problem.target(batch.inputs)["Male"].shape == (2, 1)
