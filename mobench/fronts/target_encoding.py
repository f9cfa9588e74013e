"""Targets as tensors: classes as numbers, standardised real values, and back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from mobench.errors import DataError, ShapeError

TargetRole: TypeAlias = Literal["classes", "binary", "numbers", "plain"]
Label: TypeAlias = bool | int | float | str
MOST_CLASSES = 10_000


@dataclass(frozen=True)
class TargetEncoding:
    """How a target is stored in tensors.

    role: "classes": numbers from 0, −1 where missing. "binary": 0.0 or 1.0, NaN where missing. "numbers": standardised
        float32, NaN where missing. "plain": as it was passed, floats as float32; texts become classes.
    labels: the original labels of the classes, in sorted order.
    means, deviations: of each column on the training part, for numbers.
    shape: of one sample.
    """

    role: TargetRole
    labels: tuple[Label, ...] = ()
    means: tuple[float, ...] = ()
    deviations: tuple[float, ...] = ()
    shape: tuple[int, ...] = ()

    @property
    def width(self) -> int:
        """Width of the head for this target."""
        return len(self.labels) if self.role == "classes" else math.prod(self.shape)

    def decoded(self, output: Tensor) -> Any:
        """Return predictions in original labels or units for outputs [B, width]; an array [B] or [B, d]."""
        if self.role == "classes":
            return np.asarray(self.labels)[output.argmax(-1).cpu().numpy()]
        if self.role == "binary":
            predicted = np.asarray(self.labels)[(output > 0).long().cpu().numpy()]
        else:
            predicted = output.double().cpu().numpy() * np.asarray(self.deviations) + np.asarray(self.means)
        return predicted if self.shape else predicted[:, 0]


def encoded(values: Any, role: TargetRole, train: Tensor, name: str) -> tuple[Tensor, TargetEncoding]:
    """Return a target [N, ...] as a tensor, and its encoding.

    values: a tensor or an array.
    train: positions of the training part, on which numbers are standardised.

    Raises: DataError, ShapeError for values that do not suit the role.
    """
    if role == "plain" and not isinstance(values, Tensor):
        role = "plain" if np.asarray(values).dtype.kind in "biuf" else "classes"
    if role == "plain":
        tensor = values.detach().cpu() if isinstance(values, Tensor) else torch.from_numpy(np.array(values))
        tensor = tensor.float() if tensor.is_floating_point() else tensor
        return tensor, TargetEncoding("plain", shape=tuple(tensor.shape[1:]))
    array = values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim > (1 if role == "classes" else 2):
        accepted = "[N]" if role == "classes" else "[N] or [N, d]"
        raise ShapeError(f"target {name!r} has shape {list(array.shape)}: pass {accepted}, one row per sample")
    if role == "numbers":
        return _numbers(array, train, name)
    return _classes(array, role, name)


def _numbers(array: Any, train: Tensor, name: str) -> tuple[Tensor, TargetEncoding]:
    try:
        array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"target {name!r} has values that are no numbers: pass real numbers, or use cross_entropy({name!r}) for "
            "classes"
        ) from error
    if np.isinf(array).any():
        raise DataError(f"target {name!r} has infinite values: pass finite numbers, and NaN where a label is missing")
    columns = array.reshape(len(array), -1)
    means, deviations = means_and_deviations(columns[train.numpy()])
    if not all(map(math.isfinite, means)):
        raise DataError(f"target {name!r} has a column without any label in the training part: give it labels")
    tensor = torch.from_numpy(((columns - means) / deviations).astype(np.float32)).reshape(array.shape)
    return tensor, TargetEncoding("numbers", (), means, deviations, tuple(array.shape[1:]))


def _classes(array: Any, role: TargetRole, name: str) -> tuple[Tensor, TargetEncoding]:
    missing = _missing(array)
    labels = sorted_labels(array[~missing], name)
    if len(labels) < 2 or len(labels) > (2 if role == "binary" else MOST_CLASSES):
        accepted = "2 values" if role == "binary" else f"2 to {MOST_CLASSES} classes"
        raise DataError(
            f"target {name!r} has {len(labels)} different values: {accepted} are accepted; for real numbers use "
            f"mse({name!r}), for more than two classes cross_entropy({name!r})"
        )
    position = {label: i for i, label in enumerate(labels)}
    flat = [
        -1 if gone else position[plain_label(value)]
        for value, gone in zip(array.ravel().tolist(), missing.ravel().tolist(), strict=True)
    ]
    numbers = torch.tensor(flat, dtype=torch.long).reshape(array.shape)
    encoding = TargetEncoding(role, tuple(labels), shape=tuple(array.shape[1:]))
    if role == "classes":
        return numbers, encoding
    return numbers.float().where(numbers >= 0, torch.full(numbers.shape, math.nan)), encoding


def _missing(array: Any) -> Any:
    """Return where labels are NaN or None, or −1 for numbers, unless the labels are −1 and 1."""
    if array.dtype.kind in "fiu":
        gone = np.isnan(array)
        is_sign = set(np.unique(array[~gone]).tolist()) == {-1, 1}
        return gone if is_sign else gone | (array == -1)
    if array.dtype.kind == "O":
        import pandas as pd

        return np.asarray(pd.isna(array))
    return np.zeros(array.shape, bool)


def sorted_labels(values: Any, name: str) -> list[Label]:
    """Return the different values in sorted order, as plain Python values. Raises: DataError."""
    labels = {plain_label(value) for value in values.tolist()}
    if not all(isinstance(label, bool | int | float | str) for label in labels):
        kinds = sorted({type(label).__name__ for label in labels})
        raise DataError(f"{name!r} has values of type {', '.join(kinds)}: pass numbers, texts or booleans")
    try:
        return sorted(labels)
    except TypeError as error:
        raise DataError(f"{name!r} mixes texts and numbers: pass values of one type") from error


def plain_label(value: Any) -> Any:
    """Return a label as a plain value; a whole float becomes an integer, so that 1.0 and 1 are the same class."""
    value = value.item() if isinstance(value, np.generic) else value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def means_and_deviations(columns: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of each column [N, d] without NaN; the deviation of a constant is 1.

    The mean of a column without values is NaN.
    """
    present = ~np.isnan(columns)
    counts = present.sum(0)
    filled = np.where(present, columns, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = filled.sum(0) / counts
        squares = np.where(present, (columns - means) ** 2, 0.0)
        deviations = np.sqrt(squares.sum(0) / np.maximum(counts, 1))
    deviations = np.where(deviations > 1e-12 * np.maximum(1.0, np.abs(means)), deviations, 1.0)
    return tuple(means.tolist()), tuple(deviations.tolist())


def kind_of(values: Any) -> Literal["classes", "numbers"]:
    """Return whether values look like classes: texts, booleans, or up to 20 different whole numbers."""
    array = values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    if array.ndim > 1 and array.shape[1:] != (1,):
        return "numbers"
    if array.dtype.kind in "iu":
        return "classes" if len(np.unique(array)) <= 20 else "numbers"
    return "numbers" if array.dtype.kind == "f" else "classes"
