"""Losses and metrics of pixels: surface normals, angles, and classes that count equally."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from mobench.interfaces import Metric, Objective, Outputs, Samples, SummedMeasure
from mobench.measures import masked_mean, mean_iou
from mobench_scenes.files import MISSING

THRESHOLDS = (11.25, 22.5, 30.0)
"""Degrees of the shares of pixels whose angle is below them."""
N_BINS = 18_000
"""Bins of the angles from 0 to 180 degrees, of which the median is computed."""
NO_DEPTH = 0.0
"""Depth of a pixel without a label."""


def segmentation(name: str, n_classes: int) -> Objective:
    """Return the mean cross-entropy over labelled pixels, with mIoU and pixel accuracy."""
    metrics = (
        Metric("mIoU", mean_iou(name, n_classes, missing=MISSING)),
        Metric("accuracy", masked_mean(_is_right, name, missing=MISSING)),
    )
    return Objective(name, masked_mean(_cross_entropy, name, missing=MISSING), metrics, "nats", "categorical")


def depth(name: str, unit: str) -> Objective:
    """Return the mean absolute error over pixels with a depth, with the same and the relative error as metrics."""
    absolute, relative = (masked_mean(error, name, missing=NO_DEPTH) for error in (_absolute, _relative))
    metrics = (
        Metric("abs", absolute, higher_is_better=False, unit=unit),
        Metric("rel", relative, higher_is_better=False),
    )
    return Objective(name, absolute, metrics, unit)


def normals(name: str) -> Objective:
    """Return the mean of 1 − cosine over pixels with a normal, with the metrics of angles."""
    metrics = (
        Metric("mean", _of_angles(name, torch.Tensor.double), higher_is_better=False, unit="degrees"),
        Metric("median", median_angle(name), higher_is_better=False, unit="degrees"),
        *(Metric(f"within-{degrees:g}", _of_angles(name, _below(degrees))) for degrees in THRESHOLDS),
    )
    return Objective(name, SummedMeasure(_distances(name), _mean), metrics)


def balanced_cross_entropy(name: str, n_classes: int) -> SummedMeasure:
    """Return the mean over classes of the mean cross-entropy of the class's pixels, for the classes that occur.

    name: the head [B, n_classes, H, W] and its labels [B, H, W].
    """
    return _by_class(name, n_classes, _cross_entropy)


def balanced_accuracy(name: str, n_classes: int) -> SummedMeasure:
    """Return the mean over classes of the share of the class's pixels that are predicted right; arguments as above."""
    return _by_class(name, n_classes, _is_right)


def median_angle(name: str) -> SummedMeasure:
    """Return the median angle in degrees, exact to the width of a bin (0.01 degrees); 0 without any label."""

    def statistics(outputs: Outputs, batch: Samples) -> dict[str, Tensor]:
        angles, present = _angles(name, outputs, batch)
        bins = (angles[present] * (N_BINS / 180)).long().clamp_max(N_BINS - 1)
        return {"counts": torch.bincount(bins, minlength=N_BINS)}

    def finish(sums: Mapping[str, Tensor]) -> Tensor:
        counts = sums["counts"].double()
        below, half = counts.cumsum(0), counts.sum() / 2
        index = torch.searchsorted(below, half.reshape(1)).clamp_max(N_BINS - 1)[0]
        within = (half - (below[index] - counts[index])) / counts[index].clamp_min(1)
        median: Tensor = (index + within) * (180 / N_BINS)
        return median.where(half > 0, torch.zeros_like(median))

    return SummedMeasure(statistics, finish)


def _distances(name: str) -> Callable[[Outputs, Samples], dict[str, Tensor]]:
    def statistics(outputs: Outputs, batch: Samples) -> dict[str, Tensor]:
        cosines, present = _cosines(outputs[name], batch.targets[name])
        return {"sum": (1 - cosines).where(present, torch.zeros_like(cosines)).sum(), "count": present.sum()}

    return statistics


def _mean(sums: Mapping[str, Tensor]) -> Tensor:
    return sums["sum"] / sums["count"].clamp_min(1)


def _of_angles(name: str, function: Callable[[Tensor], Tensor]) -> SummedMeasure:
    """Return the mean of a function of the angles in degrees."""

    def statistics(outputs: Outputs, batch: Samples) -> dict[str, Tensor]:
        angles, present = _angles(name, outputs, batch)
        return {"sum": function(angles[present]).sum(), "count": present.sum()}

    return SummedMeasure(statistics, _mean)


def _below(degrees: float) -> Callable[[Tensor], Tensor]:
    return lambda angles: (angles < degrees).double()


def _angles(name: str, outputs: Outputs, batch: Samples) -> tuple[Tensor, Tensor]:
    """Return angles [B, H, W] in degrees, and where there is a label. In float64: small angles have a cosine near 1."""
    cosines, present = _cosines(outputs[name].double(), batch.targets[name].double())
    return torch.rad2deg(torch.acos(cosines.clamp(-1, 1))), present


def _cosines(predicted: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the cosines [B, H, W] of predictions and labels [B, 3, H, W], and where a label is not the zero vector."""
    present = (labels != 0).any(1)
    return (normalize(predicted, dim=1) * labels).sum(1), present


def _by_class(name: str, n_classes: int, value: Callable[[Tensor, Tensor], Tensor]) -> SummedMeasure:
    """Return the mean over classes of the means of a value per pixel."""

    def statistics(outputs: Outputs, batch: Samples) -> dict[str, Tensor]:
        labels = batch.targets[name]
        values = value(outputs[name], labels.clamp_min(0))
        members = [labels == c for c in range(n_classes)]
        return {
            "sums": torch.stack([values.where(member, torch.zeros_like(values)).sum() for member in members]),
            "counts": torch.stack([member.sum() for member in members]),
        }

    def finish(sums: Mapping[str, Tensor]) -> Tensor:
        n_present = (sums["counts"] > 0).sum().clamp_min(1)
        return (sums["sums"] / sums["counts"].clamp_min(1)).sum() / n_present

    return SummedMeasure(statistics, finish)


def _cross_entropy(output: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(output, labels, reduction="none")


def _is_right(output: Tensor, labels: Tensor) -> Tensor:
    return (output.argmax(1) == labels).to(output)


def _absolute(output: Tensor, labels: Tensor) -> Tensor:
    return (output[:, 0] - labels).abs()


def _relative(output: Tensor, labels: Tensor) -> Tensor:
    return (output[:, 0] - labels).abs() / labels
