"""Inputs as tensors: tables with standardised numbers and one-hot categories, images, and other tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mobench.errors import DataError, ShapeError
from mobench.fronts.target_encoding import Label, means_and_deviations, plain_label, sorted_labels
from mobench.text import one_line

MOST_CATEGORIES = 1000
"""Most categories of one column."""


@dataclass(frozen=True)
class InputEncoding:
    """How raw inputs become tensors.

    shape: of one input tensor.
    dtype: of the raw tensor, such as "float32" or "uint8".
    columns: names of the columns of a frame; empty for tensors and arrays.
    categories: column of texts or categories -> its accepted values, in sorted order; each becomes 0 or 1.
    means, deviations: of each entry of a standardised table on the training part; empty if it is not standardised.
    lowest, highest: of the raw numbers of each entry of a table on the training part; of all numbers for other inputs.
    """

    shape: tuple[int, ...]
    dtype: str
    columns: tuple[str, ...] = ()
    categories: Mapping[str, tuple[Label, ...]] | None = None
    means: tuple[float, ...] = ()
    deviations: tuple[float, ...] = ()
    lowest: tuple[float, ...] = ()
    highest: tuple[float, ...] = ()

    @property
    def entry_names(self) -> tuple[str, ...]:
        """Names of the entries of a table with named columns: "age", "work=private"; empty for other inputs."""
        categories = self.categories or {}
        return tuple(
            name
            for column in self.columns
            for name in ([f"{column}={v}" for v in categories[column]] if column in categories else [column])
        )

    def raw(self, x: Any) -> Tensor:
        """Return inputs [N, *shape] as a tensor in the units of the user, with categories as 0 and 1.

        Raises: ShapeError for another shape; DataError for missing columns and unknown categories.
        """
        if self.columns:
            return torch.from_numpy(_table(x, self.columns, self.categories or {}))
        tensor = as_tensor(x)
        if tuple(tensor.shape[1:]) != self.shape or tensor.ndim == 0:
            raise ShapeError(
                f"the inputs have shape {list(tensor.shape)}: pass {['N', *self.shape]}, one row per sample"
            )
        if (tensor.dtype == torch.uint8) != (self.dtype == "uint8"):
            raise DataError(
                f"the inputs have type {tensor.dtype}, the training data had {self.dtype}: pass images in the same "
                "type, because uint8 images are divided by 255"
            )
        return tensor

    def standardised(self, raw: Tensor) -> Tensor:
        """Return network inputs for raw ones: numbers minus mean over deviation as float32, missing ones 0."""
        if not self.means:
            return raw.float() if raw.is_floating_point() else raw
        means, deviations = (torch.tensor(v, dtype=torch.float64, device=raw.device) for v in self._scale)
        return ((raw.double() - means) / deviations).nan_to_num(nan=0.0).float()

    @property
    def _scale(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        return self.means, self.deviations


def encoding_of(x: Any, train: Tensor, standardise: bool | None) -> tuple[Tensor, InputEncoding]:
    """Return raw inputs as a tensor, and their encoding.

    x: a frame, a tensor or an array [N, ...].
    train: positions of the training part.
    standardise: whether numbers are standardised; None: those of a table [N, d].

    Raises: DataError for values that are not accepted.
    """
    columns: tuple[str, ...] = ()
    categories: dict[str, tuple[Label, ...]] = {}
    if is_frame(x):
        columns = tuple(map(str, x.columns))
        if len(set(columns)) < len(columns):
            raise DataError("the frame has two columns of the same name: rename one")
        categories = {str(name): _categories(x[name], str(name)) for name in x.columns if not _is_number(x[name])}
        raw = torch.from_numpy(_table(x, columns, categories))
    else:
        raw = as_tensor(x)
        if raw.ndim == 0:
            raise ShapeError("the inputs are one number: pass [N, ...], one row per sample")
    dtype = str(raw.dtype).removeprefix("torch.")
    is_table = raw.ndim == 2
    standardise = is_table and dtype != "uint8" if standardise is None else standardise
    if standardise and not is_table:
        raise DataError(
            f"standardise=True, but the inputs have shape {list(raw.shape)}: tables [N, d] are standardised; scale "
            "other inputs yourself"
        )
    if raw.is_floating_point() and (raw.isinf().any() or (not standardise and raw.isnan().any())):
        raise DataError(
            "the inputs have infinite or missing numbers: pass finite numbers; NaN is accepted in tables with "
            "standardise=True, where it becomes the mean"
        )
    chosen = raw[train].double().numpy()
    numbers = chosen if is_table else chosen.reshape(-1, 1)
    gone = np.isnan(numbers)
    lowest = tuple(np.where(gone.all(0), 0.0, np.where(gone, np.inf, numbers).min(0)).tolist())
    highest = tuple(np.where(gone.all(0), 0.0, np.where(gone, -np.inf, numbers).max(0)).tolist())
    encoding = InputEncoding(tuple(raw.shape[1:]), dtype, columns, categories or None, (), (), lowest, highest)
    if not standardise:
        return raw, encoding
    means, deviations = (list(values) for values in means_and_deviations(numbers))
    for i, name in enumerate(encoding.entry_names):
        if name not in columns:  # 0 or 1
            means[i], deviations[i] = 0.0, 1.0
    means = [0.0 if np.isnan(mean) else mean for mean in means]
    return raw, InputEncoding(
        encoding.shape, dtype, columns, categories or None, tuple(means), tuple(deviations), lowest, highest
    )


def is_frame(x: Any) -> bool:
    """Return whether a value is a pandas frame."""
    return hasattr(x, "columns") and hasattr(x, "iloc")


def as_tensor(x: Any) -> Tensor:
    """Return a tensor or an array of numbers as a tensor on the CPU, booleans as float32. Raises: DataError."""
    if isinstance(x, Tensor):
        tensor = x.detach().cpu()
    else:
        array = np.asarray(x)
        if array.dtype.kind not in "biuf":
            raise DataError(
                f"the inputs have values of type {array.dtype}: pass numbers, or a pandas frame, whose columns of "
                "texts are encoded one-hot"
            )
        kinds = {np.dtype(np.uint16): np.int32, np.dtype(np.uint32): np.int64, np.dtype(np.uint64): np.int64}
        tensor = torch.from_numpy(np.array(array, kinds.get(array.dtype, array.dtype)))
    return tensor.float() if tensor.dtype == torch.bool else tensor


def _is_number(column: Any) -> bool:
    """Return whether a column has numbers or booleans. Raises: DataError for dates and other types."""
    from pandas.api import types

    if isinstance(column.dtype, types.CategoricalDtype):
        return False
    if types.is_bool_dtype(column) or (types.is_numeric_dtype(column) and not types.is_complex_dtype(column)):
        return True
    if types.is_object_dtype(column) or types.is_string_dtype(column):
        return False
    raise DataError(
        f"column {str(column.name)!r} has type {column.dtype}: numbers, booleans, texts and categories are accepted; "
        "convert it or drop it"
    )


def _categories(column: Any, name: str) -> tuple[Label, ...]:
    labels = sorted_labels(column.dropna().to_numpy(), name)
    if len(labels) > MOST_CATEGORIES:
        raise DataError(
            f"column {name!r} has {len(labels)} different texts: at most {MOST_CATEGORIES} categories are encoded "
            "one-hot; drop it, or replace it by numbers"
        )
    return tuple(labels)


def _table(x: Any, columns: Sequence[str], categories: Mapping[str, Sequence[Label]]) -> Any:
    """Return the columns of a frame as float64 [N, d]: numbers, and 0 or 1 for each category."""
    if not is_frame(x):
        raise DataError(
            f"the inputs are {type(x).__name__}: pass a pandas frame with the columns {one_line(', '.join(columns))}, "
            "as in the training data"
        )
    by_name = {str(name): x[name] for name in x.columns}
    blocks = []
    for name in columns:
        if name not in by_name:
            raise DataError(f"the frame has no column {name!r}: pass the columns {one_line(', '.join(columns))}")
        if name not in categories:
            blocks.append(_numbers(by_name[name], name)[:, None])
            continue
        column, position = by_name[name], {label: i for i, label in enumerate(categories[name])}
        block = np.zeros((len(column), len(position)))
        for row, (value, gone) in enumerate(zip(column.tolist(), column.isna().tolist(), strict=True)):
            if gone:
                continue
            if plain_label(value) not in position:
                raise DataError(
                    f"column {name!r} has the value {value!r}: the training data had "
                    f"{one_line(', '.join(map(repr, position)), 200)}"
                )
            block[row, position[plain_label(value)]] = 1.0
        blocks.append(block)
    if not blocks:
        raise DataError("the frame has no columns: pass at least one")
    return np.concatenate(blocks, axis=1)


def _numbers(column: Any, name: str) -> Any:
    try:
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise DataError(f"column {name!r} has values that are no numbers: the training data had numbers") from error
