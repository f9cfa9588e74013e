"""Three digits on an image: where they are, how the canvas is reduced, and which digits meet."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from mobench import options
from mobench.errors import DataError, OptionError
from mobench_multimnist import pictures
from mobench_multimnist.compose import SIDE, Pictures
from mobench_multimnist.three import WIDE, ThreeDigits, compose_three, reduced

SMALL = {"source": "embedded", "images": 600, "test_images": 300}


def small(**more: Any) -> ThreeDigits:
    return options.build(ThreeDigits, {**SMALL, **more})


def areas(canvas: np.ndarray) -> np.ndarray:
    """Averages of 1.5×1.5 pixels as fractions: every pixel is cut into 2×2 equal ones, of which 3×3 are averaged."""
    fine = canvas.repeat(2, 0).repeat(2, 1)
    n = len(fine) // 3
    return np.array(
        [[Fraction(int(fine[3 * r : 3 * r + 3, 3 * c : 3 * c + 3].sum()), 9) for c in range(n)] for r in range(n)]
    )


def test_the_reduced_canvas_holds_rounded_averages_of_areas() -> None:
    canvas = np.random.default_rng(0).integers(0, 256, (3, 9, 9)).astype(np.uint8)
    for image, small_image in zip(canvas, reduced(canvas), strict=True):
        exact = areas(image)
        assert small_image.shape == (6, 6)
        assert all(abs(int(a) - b) <= Fraction(1, 2) for a, b in zip(small_image.ravel(), exact.ravel(), strict=True))
    assert (reduced(np.full((1, WIDE, WIDE), 255, np.uint8)) == 255).all()


@pytest.mark.parametrize(
    ("digit", "rows", "columns"),
    # 28 of 42 pixels are 18⅔ of 28: pixel 18 is covered in part, and so is pixel 9 at the other end
    [(0, (0, 18), (0, 18)), (1, (9, 27), (4, 23)), (2, (0, 18), (9, 27))],
)
def test_the_three_places(digit: int, rows: tuple[int, int], columns: tuple[int, int]) -> None:
    values = np.zeros(3, np.uint8)
    values[digit] = 200
    digits = Pictures(np.broadcast_to(values[:, None, None], (3, SIDE, SIDE)).copy(), np.arange(3, dtype=np.uint8))
    images, labels = compose_three(digits, np.array([[0, 1, 2]]))
    assert labels.tolist() == [[0, 1, 2]]
    r, c = np.nonzero(images[0, 0])
    assert (r.min(), r.max(), c.min(), c.max()) == (*rows, *columns)


def test_the_brighter_of_overlapping_pixels_is_kept() -> None:
    images = np.stack([np.full((SIDE, SIDE), value, np.uint8) for value in (50, 200, 100)])
    composed, _ = compose_three(Pictures(images, np.zeros(3, np.uint8)), np.array([[0, 1, 2], [2, 1, 0]]))
    assert (composed[:, 0, 12:16, 12:16] == 200).all()
    assert composed[0, 0, 2, 2] == 50
    assert composed[1, 0, 2, 2] == 100


def test_splits_have_their_sizes_and_their_own_digits() -> None:
    sizes = {split: len(small().load(split)) for split in ("train", "val", "test")}  # type: ignore[arg-type]
    assert sizes == {"train": 500, "val": 100, "test": 300}
    digits = {
        split: {image.tobytes() for image in pictures.of_split("mnist", split, "embedded", 1 / 6, 0).images}  # type: ignore[arg-type]
        for split in ("train", "val", "test")
    }
    assert not digits["train"] & digits["val"]
    assert not (digits["train"] | digits["val"]) & digits["test"]
    assert (len(digits["train"] | digits["val"]), len(digits["test"])) == (4000, 1000)


def test_labels_are_those_of_the_places_and_independent() -> None:
    samples = small(test_images=6000).load("test")
    assert list(samples.targets) == ["top-left", "bottom", "top-right"]
    first, second, third = (samples.targets[place] for place in samples.targets)
    for a, b in ((first, second), (second, third), (first, third)):
        # a tenth of independent pairs agree, with a deviation of 0.4 %
        assert float((a == b).float().mean()) == pytest.approx(0.1, abs=0.016)
    assert torch.equal(samples.inputs, small(test_images=6000, images=60).load("test").inputs)
    assert not torch.equal(samples.inputs, small(test_images=6000, composition_seed=1).load("test").inputs)


def test_objectives_read_their_own_head() -> None:
    dataset = small()
    batch = dataset.prepare(dataset.load("test").take(slice(0, 40)))
    outputs = {place: 50.0 * torch.nn.functional.one_hot(labels, 10) for place, labels in batch.targets.items()}
    outputs["bottom"] = -outputs["bottom"]
    losses = [float(objective.loss(outputs, batch)) for objective in dataset.objectives]
    accuracies = [float(objective.metrics[0].measure(outputs, batch)) for objective in dataset.objectives]
    assert losses[0] == pytest.approx(0, abs=1e-6)
    assert losses[1] > 10
    assert losses[2] == pytest.approx(0, abs=1e-6)
    assert accuracies == [1.0, 0.0, 1.0]


def test_other_sources_and_impossible_options_are_refused() -> None:
    with pytest.raises(DataError, match="full and embedded are accepted"):
        ThreeDigits(source="nowhere").load("train")
    with pytest.raises(OptionError):
        small(images=0)
