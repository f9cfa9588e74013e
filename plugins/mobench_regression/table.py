"""Tables of numbers: readers of CSV and ARFF files, and exact standardisation."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mobench import files
from mobench.errors import DataError

Array = NDArray[np.float64]
MAX_BYTES = 2**26
"""Of a table: ten times the largest of those that are read."""


@dataclass(frozen=True)
class Table:
    """Rows of a regression problem.

    inputs:  [N, d]; NaN where a value is missing.
    targets: [N, m], in original units or their logarithms, as the dataset states.
    groups:  [N]; rows of one group belong to the same split. Without groups, each row is its own.
    """

    inputs: Array
    targets: Array
    groups: NDArray[np.int64]


def read_csv(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file with a header, as texts by column name.

    Raises: DataError if the file cannot be read or a row has another number of fields than the header.
    """
    lines = csv.reader(io.StringIO(_text(path)))
    header = next(lines, [])
    rows = list(lines)
    uneven = next((number for number, row in enumerate(rows, start=2) if len(row) != len(header)), None)
    if not rows or uneven is not None:
        where = "it has no rows" if not rows else f"line {uneven} has not the {len(header)} fields of the header"
        raise DataError(f"{path.name} is not the expected CSV file ({where}): fetch it again with `mobench data fetch`")
    return [dict(zip(header, row, strict=True)) for row in rows]


def read_arff(path: Path) -> Array:
    """Return the rows [N, columns] of a dense ARFF file whose attributes all are numeric; "?" becomes NaN.

    Raises: DataError if the file cannot be read or is of another format.
    """
    n_attributes, rows, in_data = 0, [], False
    for line in map(str.strip, _text(path).splitlines()):
        if not line or line.startswith("%"):
            continue
        if in_data:
            rows.append([number(field) for field in line.split(",")])
        elif line.lower().startswith("@attribute"):
            n_attributes += 1
        elif line.lower().startswith("@data"):
            in_data = True
    if not rows or any(len(row) != n_attributes for row in rows):
        raise DataError(
            f"{path.name} is not a dense ARFF file with {n_attributes} values in every row: fetch it again with "
            "`mobench data fetch`"
        )
    return np.array(rows)


def number(field: str) -> float:
    """Return a field as a number; an empty field and "?" are NaN.

    Raises: DataError for any other text.
    """
    field = field.strip()
    if field in ("", "?"):
        return math.nan
    try:
        return float(field)
    except ValueError as error:
        raise DataError(f"a table has {field[:40]!r} where a number is expected: fetch the file again") from error


def mean_and_deviation(columns: Array) -> tuple[Array, Array]:
    """Return mean and standard deviation [d] of the columns [N, d] without their NaN; 0 and 1 for an empty column.

    The deviation of a constant column is 1. Sums are exact, so that every machine gets the same result.
    """
    means, deviations = np.zeros(columns.shape[1]), np.ones(columns.shape[1])
    for j, column in enumerate(columns.T):
        values = column[~np.isnan(column)].tolist()
        if not values:
            continue
        means[j] = math.fsum(values) / len(values)
        variance = math.fsum((value - means[j]) ** 2 for value in values) / len(values)
        if variance > 1e-24 * max(1.0, means[j] ** 2):
            deviations[j] = math.sqrt(variance)
    return means, deviations


def _text(path: Path) -> str:
    try:
        return files.read(path, MAX_BYTES).decode("utf-8", errors="replace")
    except OSError as error:
        raise DataError(f"{path.name} cannot be read ({error.strerror}): fetch it again") from error
