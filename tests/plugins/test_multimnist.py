"""Two images on a canvas: positions, pairs, and invalid inputs."""

from __future__ import annotations

import gzip
import hashlib
import os
import pickle
import struct
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mobench import options
from mobench.errors import DataError, OptionError
from mobench.jobs.resolve import dataset_part, make_dataset
from mobench_multimnist import pictures
from mobench_multimnist.compose import CANVAS, SIDE, Pictures, compose
from mobench_multimnist.dataset import MultiFashion, MultiFashionMnist, MultiMnist


def marked(label_of: list[int], value: int) -> Pictures:
    """Images with the constant `value`, except for the upper left pixel, which is the number of the image."""
    images = np.full((len(label_of), SIDE, SIDE), value, np.uint8)
    images[:, 0, 0] = np.arange(len(label_of)) + 1
    return Pictures(images, np.array(label_of, np.uint8))


def box(image: Any, value: int) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(image == value)
    return int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())


def test_corners_are_four_pixels_from_the_centre() -> None:
    pairs = compose(marked([0] * 9, 100), marked([1] * 9, 200), 30, "corners", "max", seed=0)
    for image in pairs.images[:, 0]:
        assert image[27, 0] == 100
        assert box(image, 200) == (8, 35, 8, 35)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_jitter_keeps_boxes_in_their_ranges(seed: int) -> None:
    right_only = compose(marked([0] * 9, 0), marked([1] * 9, 200), 40, "jitter", "max", seed)
    corners = {box(image, 200)[::2] for image in right_only.images[:, 0]}
    assert all(5 <= row <= 8 and 5 <= column <= 8 for row, column in corners)
    left_only = compose(marked([0] * 9, 100), marked([1] * 9, 0), 40, "jitter", "max", seed)
    # the last row and column of the left box are 27 further on
    ends = {box(image, 100)[1::2] for image in left_only.images[:, 0]}
    assert all(27 <= row <= 30 and 27 <= column <= 30 for row, column in ends)


def test_jitter_reaches_all_sixteen_places_of_each_box() -> None:
    pairs = compose(marked([0] * 9, 0), marked([1] * 9, 200), 2000, "jitter", "max", seed=0)
    assert {box(image, 200)[::2] for image in pairs.images[:, 0]} == {(r, c) for r in range(5, 9) for c in range(5, 9)}


def test_overlap_is_the_brighter_pixel_or_the_saturated_sum() -> None:
    left_pictures, right_pictures = marked([0] * 9, 100), marked([1] * 9, 200)
    brighter = compose(left_pictures, right_pictures, 5, "corners", "max", seed=0).images[:, 0, 9:28, 9:28]
    summed = compose(left_pictures, right_pictures, 5, "corners", "add", seed=0).images[:, 0, 9:28, 9:28]
    assert (brighter == 200).all()
    assert (summed == 255).all()
    dark = compose(marked([0] * 9, 30), marked([1] * 9, 40), 5, "corners", "add", seed=0).images[:, 0, 9:28, 9:28]
    assert (dark == 70).all()


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_the_two_classes_differ(seed: int) -> None:
    digits = marked([0, 0, 0, 1, 2, 2, 3], 50)
    pairs = compose(digits, digits, 100, "jitter", "max", seed)
    assert (pairs.left != pairs.right).all()


def mutual_information(left_labels: Any, right_labels: Any) -> float:
    """Return the mutual information of two labels below ten, in nats."""
    joint = np.zeros((10, 10))
    np.add.at(joint, (np.asarray(left_labels), np.asarray(right_labels)), 1 / len(left_labels))
    independent = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    occurs = joint > 0
    return float((joint[occurs] * np.log(joint[occurs] / independent[occurs])).sum())


@pytest.mark.slow
def test_different_classes_tie_the_labels_and_any_classes_leave_them_independent() -> None:
    """Ten equal classes give ln 10/9 = 0.105 nats; a guess that knows the other label is right in 1 of 9 cases."""
    garments, digits = (marked([c for c in range(10) for _ in range(3)], value) for value in (50, 60))
    tied = compose(garments, digits, 60_000, "jitter", "max", seed=0)
    free = compose(garments, digits, 60_000, "jitter", "max", seed=0, classes="any")
    assert mutual_information(tied.left, tied.right) == pytest.approx(np.log(10 / 9), abs=2e-3)
    # the estimate from n pairs of independent labels has a mean of 81/2n
    assert mutual_information(free.left, free.right) == pytest.approx(81 / 120_000, abs=5e-4)
    assert float((free.left == free.right).mean()) == pytest.approx(0.1, abs=0.005)
    assert [float((tied.right[tied.left == 3] == c).mean()) for c in (3, 4)] == pytest.approx([0, 1 / 9], abs=0.015)


@pytest.mark.parametrize("cls", [MultiMnist, MultiFashion, MultiFashionMnist])
def test_classes_are_an_option_of_every_dataset_and_leave_the_default_job_alone(cls: Any) -> None:
    name = {MultiMnist: "multimnist", MultiFashion: "multifashion", MultiFashionMnist: "multifashion-mnist"}[cls]
    default_part, spelled_part, any_part = (
        dataset_part(name, settings) for settings in ({}, {"classes": "different"}, {"dataset.classes": "any"})
    )
    assert default_part == spelled_part
    assert "classes" not in default_part.options
    assert any_part.options == {**default_part.options, "classes": "any"}
    assert make_dataset(any_part) == cls(classes="any")


def test_pairs_of_any_classes_reach_every_split() -> None:
    for split in ("train", "val", "test"):
        targets = tiny(classes="any").load(split).targets  # type: ignore[arg-type]
        assert bool((targets["left"] == targets["right"]).any()), split
        targets = tiny().load(split).targets  # type: ignore[arg-type]
        assert not bool((targets["left"] == targets["right"]).any()), split


SMALL = {"source": "embedded", "pairs": 2000, "test_pairs": 500}


def tiny(**more: Any) -> MultiMnist:
    return options.build(MultiMnist, {**SMALL, **more})


def test_splits_have_their_sizes_and_bytes_stay_bytes() -> None:
    dataset = tiny()
    sizes = {split: len(dataset.load(split)) for split in ("train", "val", "test")}  # type: ignore[arg-type]
    assert sizes == {"train": 1800, "val": 200, "test": 500}
    samples = dataset.load("test")
    assert samples.inputs.dtype == torch.uint8
    assert samples.inputs.shape == (500, 1, CANVAS, CANVAS)
    prepared = dataset.prepare(samples)
    assert prepared.inputs.dtype == torch.float32
    assert (float(prepared.inputs.min()), float(prepared.inputs.max())) == (0.0, 1.0)
    assert samples.inputs.dtype == torch.uint8


def test_no_digit_is_in_two_splits() -> None:
    dataset = tiny()
    digits = {
        split: {d.tobytes() for d in dataset._pictures("mnist", split).images} for split in ("train", "val", "test")
    }  # type: ignore[arg-type]
    assert not digits["train"] & digits["val"]
    assert not digits["train"] & digits["test"]
    assert not digits["val"] & digits["test"]
    assert len(digits["train"] | digits["val"]) == 4000
    assert len(digits["test"]) == 1000


def test_the_same_options_give_the_same_samples_and_a_seed_others() -> None:
    assert torch.equal(tiny().load("train").inputs, tiny().load("train").inputs)
    assert not torch.equal(tiny().load("train").inputs, tiny(composition_seed=1).load("train").inputs)


def test_more_training_pairs_leave_the_test_pairs_alone() -> None:
    assert torch.equal(tiny().load("test").inputs, tiny(pairs=100).load("test").inputs)


def test_embedded_digits_are_the_ones_that_were_embedded() -> None:
    data = resources.files("mobench_multimnist").joinpath("digits.npz").read_bytes()
    assert len(data) < 1_000_000
    readme = resources.files("mobench_multimnist").joinpath("README.md").read_text()
    assert hashlib.sha256(data).hexdigest() in readme
    splits = [pictures.embedded("train"), pictures.embedded("test")]
    assert [np.bincount(p.labels).tolist() for p in splits] == [[400] * 10, [100] * 10]


def test_embedding_writes_what_is_read(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    table = np.hstack([draw.integers(0, 256, (12, 784)), np.arange(12)[:, None] % 10])
    with gzip.open(tmp_path / "digits.csv.gz", "wt") as file:
        np.savetxt(file, table, delimiter=",", fmt="%d")
    pictures.embed(tmp_path / "digits.csv.gz", tmp_path / "digits.npz")
    archive = np.load(tmp_path / "digits.npz")
    np.testing.assert_array_equal(archive["images"].reshape(12, -1), table[:, :-1])
    np.testing.assert_array_equal(archive["labels"], table[:, -1])


def test_fashion_is_not_embedded_and_says_so() -> None:
    for cls in (MultiFashion, MultiFashionMnist):
        with pytest.raises(DataError, match="use source=full"):
            cls(source="embedded", pairs=10).load("train")


def idx(array: np.ndarray[Any, Any]) -> bytes:
    return b"\x00\x00\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def test_idx_files_are_read(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (3, 4, 5)).astype(np.uint8)
    (tmp_path / "a").write_bytes(idx(array))
    np.testing.assert_array_equal(pictures.read_idx(tmp_path / "a"), array)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x00",
        b"<html>",
        b"\x00\x00\x0d\x01\x00\x00\x00\x01\x00",  # floats
        idx(np.zeros((3, 4), np.uint8))[:-1],
        idx(np.zeros((3, 4), np.uint8)) + b"\x00",
        b"\x00\x00\x08\x03" + b"\xff" * 12,  # claims 2^96 bytes
        b"\x00\x00\x08\xff\x00\x00\x00\x01",
    ],
)
def test_what_is_no_idx_file_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(DataError, match="fetch it again"):
        pictures.read_idx(tmp_path / "a")


@pytest.mark.parametrize("n_axes", [4, 65, 255])
def test_an_idx_file_of_more_axes_than_pictures_have_is_refused(tmp_path: Path, n_axes: int) -> None:
    (tmp_path / "a").write_bytes(b"\x00\x00\x08" + bytes([n_axes]) + b"\x00\x00\x00\x01" * n_axes + b"\x00")
    with pytest.raises(DataError, match=f"states {n_axes} axes.*fetch it again"):
        pictures.read_idx(tmp_path / "a")


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=40), st.booleans())
def test_any_bytes_are_an_idx_file_or_refused(tmp_path: Path, data: bytes, begun: bool) -> None:
    (tmp_path / "a").write_bytes((b"\x00\x00\x08" if begun else b"") + data)
    try:
        array = pictures.read_idx(tmp_path / "a")
    except DataError as error:
        refusal = str(error)
        assert refusal.isprintable()
        return
    assert idx(array) == (tmp_path / "a").read_bytes()


def papers_file(path: Path, scale: float = 1.0) -> None:
    draw = np.random.default_rng(0)
    parts = []
    for n in (20, 5):
        images = (draw.integers(0, 256, (n, 36, 36)) * scale).astype(np.float32 if scale != 1 else np.uint8)
        parts += [images, draw.integers(0, 10, (n, 2))]
    path.write_bytes(pickle.dumps(tuple(parts)))


@pytest.mark.parametrize("scale", [1.0, 1 / 255])
def test_a_papers_pickle_is_read(tmp_path: Path, scale: float) -> None:
    papers_file(tmp_path / "multi.pickle", scale)
    dataset = MultiMnist(source=str(tmp_path / "multi.pickle"), validation=0.25)
    assert [len(dataset.load(s)) for s in ("train", "val", "test")] == [15, 5, 5]  # type: ignore[arg-type]
    expected = np.random.default_rng(0).integers(0, 256, (20, 36, 36))
    np.testing.assert_array_equal(dataset.load("train").inputs[:, 0], expected[:15])


def test_a_papers_pickle_is_split_by_pairs_so_pictures_recur_and_its_notes_say_so(tmp_path: Path) -> None:
    """Pairs of 30 pictures that start in the left corner: each picture of the validation split is in training pairs."""
    first = marked([i % 10 for i in range(30)], 100)
    pairs = compose(first, marked([0], 0), 400, "corners", "max", seed=0, classes="any")
    labels = np.stack([pairs.left, pairs.right], axis=1)
    path = tmp_path / "multi.pickle"
    path.write_bytes(pickle.dumps((pairs.images, labels, pairs.images, labels)))
    dataset = MultiMnist(source=str(path), validation=0.25)
    train, val = ({int(n) for n in dataset.load(split).inputs[:, 0, 0, 0]} for split in ("train", "val"))  # type: ignore[arg-type]
    assert val <= train
    assert dataset.notes == {"validation": "split by pairs: its pictures may occur in training pairs"}
    assert tiny().notes == {}


def test_a_pickle_that_would_run_something_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    (tmp_path / "evil.pickle").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(DataError, match="which is not part of an array"):
        MultiMnist(source=str(tmp_path / "evil.pickle")).load("train")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "content", [b"", b"rubbish", pickle.dumps([1, 2, 3, 4]), pickle.dumps((np.zeros((2, 3)),) * 4)]
)
def test_another_pickle_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other.pickle").write_bytes(content)
    with pytest.raises(DataError):
        MultiMnist(source=str(tmp_path / "other.pickle")).load("train")


def test_a_missing_pickle_is_named() -> None:
    with pytest.raises(DataError, match=r"nowhere\.pickle"):
        MultiMnist(source="nowhere.pickle").load("train")


def test_a_pipe_or_device_in_the_place_of_a_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(DataError, match="not a regular file"):
            MultiMnist(source=str(path)).load("train")
        with pytest.raises(DataError, match="cannot be read"):
            pictures.read_idx(path)


def test_an_idx_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "large", "wb") as file:
        file.truncate(pictures.MAX_BYTES + 1)
    with pytest.raises(DataError, match="at most"):
        pictures.read_idx(tmp_path / "large")


@pytest.mark.parametrize("bad", [{"pairs": 0}, {"placement": "middle"}, {"combine": "mean"}, {"validation": 1.0}])
def test_impossible_options_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        options.build(MultiMnist, bad)


def test_objectives_read_their_own_head_and_label() -> None:
    dataset = tiny()
    batch = dataset.prepare(dataset.load("test").take(slice(0, 50)))
    sure = {side: 50.0 * torch.nn.functional.one_hot(batch.targets[side], 10) for side in ("left", "right")}
    wrong = {**sure, "right": -sure["right"]}
    left_objective, right_objective = dataset.objectives
    assert float(left_objective.loss(wrong, batch)) == pytest.approx(0, abs=1e-6)
    assert float(left_objective.metrics[0].measure(wrong, batch)) == 1.0
    assert float(right_objective.loss(wrong, batch)) > 10
    assert float(right_objective.metrics[0].measure(wrong, batch)) == 0.0
