"""Rows of a classification table, their readers, and their conversion to network inputs."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mobench import files
from mobench.errors import DataError
from mobench_regression.table import TableArray

IntArray = NDArray[np.int64]
MAX_BYTES = 2**26
"""Upper bound on the size of a table, compressed or not; the largest has 58 MB."""

ROUNDING: Mapping[str, Any] = {"float_precision": "round_trip"} if int(pd.__version__.partition(".")[0]) < 3 else {}
"""Option of `pandas.read_csv` for correctly rounded numbers, which it does by default since version 3."""


@dataclass(frozen=True)
class ClassifiedRows:
    """Rows of a binary classification problem.

    columns: name -> values [N], numbers or texts.
    labels:  [N], 0 or 1.
    groups:  [N], 0 or 1, the value of the sensitive attribute.
    units:   [N]; rows of one unit belong to the same split. What a unit is depends on the dataset.
    """

    columns: Mapping[str, NDArray[Any]]
    labels: IntArray
    groups: IntArray
    units: IntArray


def binary_rows(
    columns: Mapping[str, NDArray[Any]], labels: NDArray[Any], groups: NDArray[Any], units: NDArray[Any] | None = None
) -> ClassifiedRows:
    """Return rows for labels and groups that are true or false; without units, each row is its own."""
    own_units = np.arange(len(labels)) if units is None else units
    return ClassifiedRows(columns, labels.astype(np.int64), groups.astype(np.int64), own_units.astype(np.int64))


def read_table(
    path: Path,
    texts: Collection[str] = (),
    numbers: Collection[str] = (),
    *,
    names: Sequence[str] | None = None,
    separator: str = ",",
    skip: int = 0,
) -> dict[str, NDArray[Any]]:
    """Return columns of a CSV file, plain or the only file of a ZIP archive: name -> texts or float64 numbers [N].

    texts, numbers: names of the columns to read, by type; other columns are not read.
    names: names of all columns of a file without a header.
    skip:  number of lines before the table.

    Raises: DataError if the file cannot be read, lacks a column, or has no finite number where one is expected.
    """
    options: dict[str, Any] = {} if names is None else {"names": list(names), "header": None}
    try:
        table = pd.read_csv(
            io.BytesIO(_content(path)),
            sep=separator,
            skiprows=skip,
            usecols=[*texts, *numbers],
            dtype={name: np.float64 if name in numbers else object for name in [*texts, *numbers]},
            keep_default_na=False,
            skipinitialspace=True,
            on_bad_lines="error",
            index_col=False,
            **ROUNDING,
            **options,
        )
        columns = {name: table[name].to_numpy(dtype=object) for name in texts}
        columns |= {name: table[name].to_numpy(np.float64) for name in numbers}
    except (ValueError, OSError, zipfile.BadZipFile, EOFError) as error:
        reason = " ".join(str(error).split())[:160]
        raise DataError(
            f"{path.name} is not the expected table ({reason}): fetch it again with `mobench data fetch`"
        ) from error
    bad = next((name for name in numbers if not np.isfinite(columns[name]).all()), None)
    if not len(table) or bad is not None:
        reason = "it has no rows" if not len(table) else f"column {bad} has values that are not finite numbers"
        raise DataError(f"{path.name} is not the expected table ({reason}): fetch it again with `mobench data fetch`")
    return columns


def indicators(values: NDArray[Any], column: str, accepted: Sequence[str]) -> TableArray:
    """Return the one-hot encoding [N, len(accepted)] of texts [N].

    Raises: DataError for a text that is not accepted.
    """
    encoded = np.stack([values == category for category in accepted], axis=1)
    unknown = values[~encoded.any(axis=1)]
    if len(unknown):
        raise DataError(
            f"column {column} has the value {str(unknown[0])[:40]!r}, {len(accepted)} others are accepted, such as "
            f"{accepted[0]!r}: fetch the file again with `mobench data fetch`"
        )
    return encoded.astype(np.float64)


def mean_and_deviation(values: TableArray) -> tuple[float, float]:
    """Return mean and standard deviation of a column [N], from exact sums; the deviation of a constant column is 1.

    Every operation is correctly rounded, so that all machines get the same result.
    """
    mean = math.fsum(values.tolist()) / len(values)
    variance = math.fsum(((values - mean) * (values - mean)).tolist()) / len(values)
    return mean, math.sqrt(variance) if variance > 1e-24 * max(1.0, mean * mean) else 1.0


def _content(path: Path) -> bytes:
    content = files.read(path, MAX_BYTES)
    if path.suffix != ".zip":
        return content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (member,) = archive.infolist()
        if member.file_size > MAX_BYTES:
            raise ValueError(f"{member.filename} has {member.file_size} bytes, at most {MAX_BYTES} are read")
        return archive.read(member)
