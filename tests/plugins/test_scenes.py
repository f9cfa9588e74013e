"""NYUv2, Cityscapes and CamVid on generated files of their formats: samples, splits, losses, metrics, messages."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn import metrics as reference
from torch.nn import functional

from mobench.errors import DataError
from mobench.interfaces import Dataset, Problem, Samples, StoredSamples, check_model
from mobench.jobs.job import Budget
from mobench.jobs.resolve import resolve
from mobench.plugins import registry
from mobench.runs.execution import execute
from mobench.testing.conformance import cases_of
from mobench_networks.fcn import Fcn
from mobench_scenes import measures
from mobench_scenes.arrays import Cityscapes, NyuV2
from mobench_scenes.camvid import CLASSES, CamVid

NYU_SIZE, CITY_SIZE, CAMVID_SIZE = (16, 24), (8, 16), (36, 48)
N_TRAIN, N_TEST = 50, 4
SPLITS = ("train", "val", "test")


def write_arrays(
    place: Path, size: tuple[int, int], labels: dict[str, int], has_normals: bool, n_train: int = N_TRAIN
) -> Path:
    """Write scenes as in the archives of MTAN; labels: name of the folder -> number of classes.

    The first channel of an image is constant and tells its folder and number.
    """
    draw = np.random.default_rng(0)
    for part, n in (("train", n_train), ("val", N_TEST)):
        for name in ("image", "depth", *labels, *(("normal",) if has_normals else ())):
            (place / part / name).mkdir(parents=True)
        for i in range(n):
            image = draw.random((*size, 3))
            image[..., 0] = (i + 100 * (part == "val")) / 256
            np.save(place / part / "image" / f"{i}.npy", image)
            for name, n_classes in labels.items():
                np.save(place / part / name / f"{i}.npy", draw.integers(-1, n_classes, size).astype(np.float32))
            depth = draw.uniform(0.5, 9.0, (*size, 1)) * (draw.random((*size, 1)) > 0.2)
            np.save(place / part / "depth" / f"{i}.npy", depth.astype(np.float32))
            if has_normals:
                normals = draw.normal(size=(*size, 3))
                normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
                normals *= draw.random((*size, 1)) > 0.2
                np.save(place / part / "normal" / f"{i}.npy", normals.astype(np.float32))
    return place


def write_images(place: Path, size: tuple[int, int]) -> Path:
    """Write scenes as in the folder CamVid of the SegNet tutorial."""
    draw = np.random.default_rng(0)
    for part, n in (("train", 6), ("val", 2), ("test", 3)):
        for name in (part, f"{part}annot"):
            (place / name).mkdir(parents=True)
        for i in range(n):
            Image.fromarray(draw.integers(0, 256, (*size, 3), dtype=np.uint8)).save(place / part / f"Seq_{i}.png")
            # the last three classes are in no image
            labels = draw.choice([0, 1, 2, 3, 4, 5, 6, 7, 11], size).astype(np.uint8)
            Image.fromarray(labels).save(place / f"{part}annot" / f"Seq_{i}.png")
    return place


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with all three sets."""
    root = tmp_path_factory.mktemp("scenes")
    write_arrays(root / "nyuv2", NYU_SIZE, {"label": 13}, has_normals=True, n_train=20)
    write_arrays(root / "cityscapes", CITY_SIZE, {"label_7": 7, "label_19": 19}, has_normals=False)
    write_images(root / "CamVid", CAMVID_SIZE)
    return root


@pytest.fixture(autouse=True)
def data_folder(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOBENCH_DATA", str(data))


def everything(samples: StoredSamples) -> Samples:
    return samples.take(slice(None))


def test_samples_are_the_arrays_of_the_files(data: Path) -> None:
    batch = everything(NyuV2(size=NYU_SIZE).load("test"))
    for i in range(N_TEST):
        stored = {p.name: np.load(p / f"{i}.npy") for p in (data / "nyuv2" / "val").iterdir()}
        np.testing.assert_array_equal(batch.inputs[i], stored["image"].transpose(2, 0, 1).astype(np.float32))
        np.testing.assert_array_equal(batch.targets["segmentation"][i], stored["label"])
        np.testing.assert_array_equal(batch.targets["depth"][i], stored["depth"][..., 0])
        np.testing.assert_allclose(batch.targets["normal"][i], stored["normal"].transpose(2, 0, 1), atol=1e-7)
    dtypes = {"segmentation": torch.int64, "depth": torch.float32, "normal": torch.float32}
    assert {name: target.dtype for name, target in batch.targets.items()} == dtypes


def test_smaller_samples_have_means_of_colours_and_one_label_of_each_square(data: Path) -> None:
    coarse = everything(NyuV2(size=(8, 12)).load("test"))
    image, label, depth, normal = (
        np.load(data / "nyuv2" / "val" / name / "0.npy") for name in ("image", "label", "depth", "normal")
    )
    by_torch = functional.avg_pool2d(torch.from_numpy(image).movedim(-1, 0), 2)
    np.testing.assert_allclose(coarse.inputs[0], by_torch, rtol=1e-6)
    np.testing.assert_array_equal(coarse.targets["segmentation"][0], label[1::2, 1::2])
    np.testing.assert_array_equal(coarse.targets["depth"][0], depth[1::2, 1::2, 0])
    np.testing.assert_allclose(coarse.targets["normal"][0], normal[1::2, 1::2].transpose(2, 0, 1), atol=1e-7)
    pixels = np.asarray(Image.open(data / "CamVid" / "val" / "Seq_1.png")).astype(float)
    image = CamVid(size=(12, 16)).load("val").take(torch.tensor([1])).inputs[0].numpy()
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, np.rint(pixels.reshape(12, 3, 16, 3, 3).mean((1, 3))).transpose(2, 0, 1))


def numbers_of(samples: StoredSamples) -> list[int]:
    return (everything(samples).inputs[:, 0, 0, 0] * 256).round().long().tolist()


def test_the_folder_val_is_the_test_split_and_validation_is_drawn_in_blocks_of_the_training_part() -> None:
    numbers = {split: numbers_of(Cityscapes(size=CITY_SIZE).load(split)) for split in SPLITS}  # type: ignore[arg-type]
    assert numbers["test"] == [100, 101, 102, 103]
    assert sorted(numbers["train"] + numbers["val"]) == list(range(N_TRAIN))
    assert len({number // 10 for number in numbers["val"]}) == 1
    assert len(numbers["val"]) == 10
    others = [numbers_of(Cityscapes(size=CITY_SIZE, split_seed=seed).load("val")) for seed in range(1, 5)]
    assert any(other != numbers["val"] for other in others)
    assert numbers_of(Cityscapes(size=CITY_SIZE, limit=2).load("test")) == [100, 102]


def test_camvid_has_its_published_splits_and_no_class_for_pixels_without_a_label(data: Path) -> None:
    sizes = {"train": 6, "val": 2, "test": 3}
    for split, n in sizes.items():
        batch = everything(CamVid(size=CAMVID_SIZE).load(split))  # type: ignore[arg-type]
        assert len(batch) == n
        for i in range(n):
            stored = np.asarray(Image.open(data / "CamVid" / f"{split}annot" / f"Seq_{i}.png")).astype(int)
            np.testing.assert_array_equal(batch.targets["segmentation"][i], np.where(stored == 11, -1, stored))


def outputs_for(dataset: Dataset, n: int) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return {name: torch.randn(n, *shape, generator=draw, dtype=torch.float64) for name, shape in dataset.heads.items()}


def values_of(dataset: Dataset, outputs: dict[str, torch.Tensor], batch: Samples) -> dict[str, dict[str, float]]:
    """Objective -> "loss" and names of the metrics -> value."""
    return {
        o.name: {
            name: float(m(outputs, batch)) for name, m in (("loss", o.loss), *((m.name, m.measure) for m in o.metrics))
        }
        for o in dataset.objectives
    }


@pytest.mark.parametrize(
    ("dataset", "n_classes"),
    [(NyuV2(size=NYU_SIZE), 13), (Cityscapes(size=CITY_SIZE), 7), (Cityscapes(size=CITY_SIZE, n_classes=19), 19)],
    ids=["nyuv2", "cityscapes", "19-classes"],
)
def test_segmentation_and_depth_are_judged_as_by_scikit_learn(dataset: Any, n_classes: int) -> None:
    batch = everything(dataset.load("test"))
    outputs = outputs_for(dataset, len(batch))
    values = values_of(dataset, outputs, batch)
    labels = batch.targets["segmentation"].flatten().numpy()
    scores = outputs["segmentation"].movedim(1, -1).reshape(-1, n_classes)[torch.from_numpy(labels >= 0)]
    truth, predicted = labels[labels >= 0], scores.argmax(1).numpy()
    assert values["segmentation"] == pytest.approx(
        {
            "loss": reference.log_loss(truth, scores.softmax(1), labels=range(n_classes)),
            "mIoU": reference.jaccard_score(truth, predicted, average="macro"),
            "accuracy": reference.accuracy_score(truth, predicted),
        }
    )
    depths, predicted = batch.targets["depth"].double().flatten().numpy(), outputs["depth"].flatten().numpy()
    is_valid = depths > 0
    assert 0.7 < is_valid.mean() < 0.9
    absolute = reference.mean_absolute_error(depths[is_valid], predicted[is_valid])
    relative = reference.mean_absolute_percentage_error(depths[is_valid], predicted[is_valid])
    assert values["depth"] == pytest.approx({"loss": absolute, "abs": absolute, "rel": relative})


def angles_by_numpy(outputs: dict[str, torch.Tensor], batch: Samples) -> np.ndarray:
    """Return the angles in degrees by the arc tangent of |a × b| and a · b."""
    predicted, labels = (np.moveaxis(t.double().numpy(), 1, -1) for t in (outputs["normal"], batch.targets["normal"]))
    is_valid = np.abs(labels).sum(-1) > 0
    a, b = predicted[is_valid], labels[is_valid]
    return np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), (a * b).sum(-1)))


def test_normals_are_judged_as_by_numpy() -> None:
    dataset = NyuV2(size=NYU_SIZE)
    batch = everything(dataset.load("test"))
    outputs = outputs_for(dataset, len(batch))
    # predictions near the labels, so that every threshold has angles below it
    outputs["normal"] = 3 * (batch.targets["normal"] + 0.3 * outputs["normal"])
    values = values_of(dataset, outputs, batch)["normal"]
    angles = angles_by_numpy(outputs, batch)
    assert values.pop("median") == pytest.approx(np.median(angles), abs=0.01)
    expected = {f"within-{degrees:g}": (angles < degrees).mean() for degrees in (11.25, 22.5, 30)}
    assert 0.01 < expected["within-11.25"] < expected["within-22.5"] < expected["within-30"] < 1
    expected |= {"loss": (1 - np.cos(np.radians(angles))).mean(), "mean": angles.mean()}
    assert values == pytest.approx(expected, rel=1e-5)


def test_metrics_are_of_the_pixels_of_the_whole_split_and_not_means_over_batches() -> None:
    dataset = NyuV2(size=NYU_SIZE)
    batch = everything(dataset.load("test"))
    batch.targets["normal"][1:, :, 1:] = 0  # nearly all labels are in the first scene
    outputs = outputs_for(dataset, len(batch))
    for metric in dataset.objectives[2].metrics:
        parts = [
            metric.measure.statistics({k: o[i : i + 1] for k, o in outputs.items()}, batch.take(slice(i, i + 1)))  # type: ignore[union-attr]
            for i in range(len(batch))
        ]
        sums = {name: sum(part[name].double() for part in parts) for name in parts[0]}
        assert float(metric.measure.finish(sums)) == pytest.approx(float(metric.measure(outputs, batch)))  # type: ignore[union-attr, arg-type]


def test_the_classes_of_camvid_count_equally_in_one_objective() -> None:
    dataset = CamVid(size=CAMVID_SIZE)
    batch = dataset.prepare(everything(dataset.load("test")))
    outputs = outputs_for(dataset, len(batch))
    labels = batch.targets["segmentation"].flatten().numpy()
    scores = outputs["segmentation"].movedim(1, -1).reshape(-1, len(CLASSES))[torch.from_numpy(labels >= 0)]
    truth, predicted = labels[labels >= 0], scores.argmax(1).numpy()
    weight = 1 / np.bincount(truth, minlength=len(CLASSES)).clip(1)[truth]
    expected = {
        "loss": reference.log_loss(truth, scores.softmax(1), labels=range(len(CLASSES)), sample_weight=weight),
        "accuracy": np.mean([(predicted[truth == c] == c).mean() for c in np.unique(truth)]),
    }
    values = values_of(dataset, outputs, batch)
    assert values["balanced"] == pytest.approx(expected)
    assert values["segmentation"]["accuracy"] == pytest.approx(reference.accuracy_score(truth, predicted))


def test_losses_and_metrics_without_any_label_are_zero_with_finite_gradients() -> None:
    for dataset in (NyuV2(size=NYU_SIZE), CamVid(size=CAMVID_SIZE)):
        batch = dataset.prepare(everything(dataset.load("test")))
        for name, target in batch.targets.items():
            target.fill_(-1 if name == "segmentation" else 0)
        outputs = {name: torch.zeros(len(batch), *shape, requires_grad=True) for name, shape in dataset.heads.items()}
        for objective in dataset.objectives:
            loss = objective.loss(outputs, batch)
            loss.backward()  # type: ignore[no-untyped-call]
            assert float(loss.detach()) == 0
            with torch.no_grad():
                assert [float(metric.measure(outputs, batch)) for metric in objective.metrics] == [0] * len(
                    objective.metrics
                )
        assert all(output.grad is None or output.grad.isfinite().all() for output in outputs.values())


def test_the_median_of_few_angles_is_their_middle() -> None:
    """Predictions turned by 10, 20 and 60 degrees from the first axis."""
    turned = torch.deg2rad(torch.tensor([10.0, 20.0, 60.0], dtype=torch.float64))
    predicted = torch.stack([turned.cos(), turned.sin(), torch.zeros(3, dtype=torch.float64)])[None, :, None]
    labels = torch.zeros(1, 3, 1, 3, dtype=torch.float64)
    labels[:, 0] = 1
    batch = Samples(torch.zeros(1, 3, 1, 3), {"normal": labels})
    assert float(measures.median_angle("normal")({"normal": predicted}, batch)) == pytest.approx(20, abs=0.01)


def test_normalisation_is_that_of_torchvision() -> None:
    plain, normalised = (NyuV2(size=NYU_SIZE, normalisation=name) for name in ("none", "imagenet"))  # type: ignore[arg-type]
    batch = everything(plain.load("test"))
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = (batch.inputs - mean[:, None, None]) / deviation[:, None, None]
    np.testing.assert_allclose(normalised.prepare(batch).inputs, expected, rtol=1e-6)
    assert plain.prepare(batch).inputs is batch.inputs
    images = everything(CamVid(size=CAMVID_SIZE).load("test"))
    as_floats = (images.inputs.float() / 255 - mean[:, None, None]) / deviation[:, None, None]
    prepared = CamVid(size=CAMVID_SIZE, normalisation="imagenet").prepare(images)
    np.testing.assert_allclose(prepared.inputs, as_floats, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dataset", [NyuV2(), Cityscapes(), CamVid()], ids=lambda dataset: type(dataset).__name__)
def test_the_model_fcn_predicts_every_pixel_at_the_real_sizes(dataset: Any) -> None:
    check_model(Fcn(), dataset)
    problem = Problem(dataset, Fcn())
    with torch.no_grad():
        outputs = problem.new_target()(torch.zeros(1, *dataset.input_shape))
    assert {name: tuple(output.shape[1:]) for name, output in outputs.items()} == dataset.heads


def test_a_job_runs_on_each() -> None:
    segmentation = ["segmentation/mIoU", "segmentation/accuracy"]
    angles = ["normal/mean", "normal/median", "normal/within-11.25", "normal/within-22.5", "normal/within-30"]
    metrics = {
        "nyuv2": [*segmentation, "depth/abs", "depth/rel", *angles],
        "cityscapes": [*segmentation, "depth/abs", "depth/rel"],
        "camvid": [*segmentation, "balanced/accuracy"],
    }
    for name, size in (("nyuv2", NYU_SIZE), ("cityscapes", CITY_SIZE), ("camvid", CAMVID_SIZE)):
        chosen = {"size": list(size), "filters": [2, 2]}
        record = execute(resolve(name, "fcn", "ls", chosen, Budget(steps=2, batch_size=2), n_rays=3), threads=1)
        assert record.failure is None, record.failure
        assert list(record.fronts["test"].metrics) == metrics[name]


def conformance_cases() -> list[Any]:
    """All checks but reading by another process for Cityscapes, whose rows are of the same class as those of NYUv2."""
    return [
        case
        for name in ("nyuv2", "cityscapes", "camvid")
        for case in cases_of(registry().get("dataset", name))
        if (name, case.check.__name__) != ("cityscapes", "reads_rows_and_batches_alike")
    ]


@pytest.mark.parametrize("case", conformance_cases(), ids=str)
def test_conformance_on_generated_files(case: Any) -> None:
    """tests/conformance declines these datasets, because the files are missing there."""
    result = case.run()
    assert result.state == "passed" or (result.state == "declined" and "CUDA" in result.message), result.message


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a map of another shape": (
        lambda p: np.save(p / "val/depth/0.npy", np.zeros((16, 24))),
        r"\[height, width, 1\] are",
    ),
    "no array": (lambda p: (p / "val/image/0.npy").write_bytes(b"no array"), "cannot be read as an array"),
    "a class too many": (lambda p: np.save(p / "val/label/0.npy", np.full((16, 24), 13)), "from -1 to 12 are expected"),
    "half a class": (lambda p: np.save(p / "val/label/0.npy", np.full((16, 24), 0.5)), "whole numbers"),
    "NaN": (lambda p: np.save(p / "val/depth/0.npy", np.full((16, 24, 1), np.nan)), "not finite"),
    "another size": (lambda p: np.save(p / "val/image/0.npy", np.zeros((17, 24, 3))), "no multiple of size 16×24"),
    "a file too few": (lambda p: (p / "val/normal/2.npy").unlink(), "has other numbers than"),
    "no files": (lambda p: [f.unlink() for f in (p / "val/image").iterdir()], r"no files 0\.npy"),
    "no folder": (lambda p: shutil.rmtree(p / "train/normal"), "has no train/normal. Accepted is a folder with"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_files_say_what_to_do(damage: str, tmp_path: Path) -> None:
    place = write_arrays(tmp_path / "mine", NYU_SIZE, {"label": 13}, has_normals=True, n_train=2)
    change, message = DAMAGES[damage]
    change(place)
    with pytest.raises(DataError, match=message):
        everything(NyuV2(folder=str(place), size=NYU_SIZE).load("test"))


def test_damaged_images_say_what_to_do(tmp_path: Path) -> None:
    place = write_images(tmp_path / "mine", CAMVID_SIZE)
    dataset = CamVid(folder=str(place), size=CAMVID_SIZE)
    (place / "testannot" / "Seq_0.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"Seq_0\.png is not an image .*: copy the folder again"):
        everything(dataset.load("test"))
    shutil.copy(place / "test" / "Seq_0.png", place / "testannot" / "Seq_0.png")
    with pytest.raises(DataError, match="it has mode RGB, L is expected"):
        everything(dataset.load("test"))
    (place / "testannot" / "Seq_0.png").unlink()
    with pytest.raises(DataError, match="has not one for each of the same name: copy both folders again"):
        dataset.load("test")


@pytest.mark.parametrize(("name", "cls"), [("nyuv2", NyuV2), ("cityscapes", Cityscapes), ("camvid", CamVid)])
def test_a_missing_folder_says_what_is_accepted_and_what_to_do(
    name: str, cls: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOBENCH_DATA", str(tmp_path))
    (folder,) = [folder for folder in registry().user_folders if folder.name == name]
    with pytest.raises(DataError) as missing:
        cls().load("train")
    text = str(missing.value)
    assert f"the user's files of {name} was found: {folder.path!r} is not in $MOBENCH_DATA" in text
    assert f"Accepted is a folder with {', '.join(folder.contents)}: {folder.layout}. {folder.origin}, and" in text


def test_labels_of_other_classes_have_folders_of_their_own() -> None:
    assert everything(Cityscapes(size=CITY_SIZE, n_classes=19).load("test")).targets["segmentation"].max() == 18
    with pytest.raises(DataError, match="has no folder label_2: use the labels of 2 classes, or set n_classes"):
        Cityscapes(size=CITY_SIZE, n_classes=2).load("test")
