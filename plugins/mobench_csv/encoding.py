"""Encoding of input columns: standardised numbers with an indicator of missing values, and indicators of texts."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from mobench_csv.csv_file import NumberColumn, TextColumn
from mobench_regression.table import mean_and_deviation

NumberArray = NDArray[np.float64]
N_FREQUENT = 30
"""Number of texts of an input column that have an indicator of their own; all rarer texts share one."""
LARGEST_INPUT = 5.0
"""Standardised inputs beyond this bound are moved to it."""


def encoded_numbers(
    name: str, column: NumberColumn, rows: NDArray[np.bool_], train: NDArray[np.int64]
) -> tuple[NumberArray, list[str]]:
    """Return the standardised column, and if values are missing, where they are: [N, 1] or [N, 2], and names."""
    values = column.values[rows]
    means, deviations = mean_and_deviation(values[train][:, None])
    standardised = np.nan_to_num((values - means[0]) / deviations[0], nan=0.0).clip(-LARGEST_INPUT, LARGEST_INPUT)
    missing = np.isnan(values)
    if not missing.any():
        return standardised[:, None], [name]
    return np.column_stack([standardised, missing.astype(np.float64)]), [name, f"{name} is missing"]


def encoded_texts(
    name: str, column: TextColumn, rows: NDArray[np.bool_], train: NDArray[np.int64]
) -> tuple[NumberArray, list[str]]:
    """Return one indicator for each frequent text of the training split and one for all others [N, d], and names.

    A missing text counts as a text of its own.
    """
    values = [text for text, is_kept in zip(column.values, rows, strict=True) if is_kept]
    counts = Counter(values[row] for row in train)
    frequent = sorted(sorted(counts), key=lambda text: -counts[text])[:N_FREQUENT]
    position = {text: j for j, text in enumerate(frequent)}
    block = np.zeros((len(values), len(frequent) + 1))
    block[np.arange(len(values)), [position.get(text, len(frequent)) for text in values]] = 1.0
    return block, [f"{name}={text}" if text else f"{name} is missing" for text in frequent] + [f"{name}=other"]
