"""Read a CSV file: its rows as texts, and its columns as numbers or texts."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mobench import files
from mobench.errors import DataError, nearest

DELIMITERS = ",;\t"
MAX_BYTES = 2**30
MISSING = frozenset({"", "?", "na", "n/a", "nan", "null", "none"})
"""Texts of a missing value, in lower case."""
MIN_ROWS = 20
"""Fewest rows that can be divided into three splits."""
NUMERIC_SHARE = 0.5
"""If more of the values of a column are numbers, the other ones are mistakes."""


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers. values: [N] float64, NaN where a value is missing."""

    values: NDArray[np.float64]


@dataclass(frozen=True)
class TextColumn:
    """A column of texts. values: one text per row, "" where a value is missing."""

    values: tuple[str, ...]


CsvColumn = NumberColumn | TextColumn


def read_columns(path: Path, checksum: str, categories: Collection[str] = ()) -> dict[str, CsvColumn]:
    """Return the columns of a CSV file with a header, by name.

    Values are separated by commas, semicolons or tabs, whichever the header has most.

    checksum: SHA-256 of the file; empty: it is not compared.
    categories: names of columns whose values are texts, although they look like numbers.

    Raises: DataError if the file cannot be read, has another checksum, is not a table, or has a column in which most
        values are numbers and some are not.
    """
    header, lines = _table(path, checksum)
    for name in categories:
        if name not in header:
            raise no_column(path, name, header)
    return {
        name: _column(path, name, [row[j].strip() for _, row in lines], [n for n, _ in lines], name in categories)
        for j, name in enumerate(header)
    }


def no_column(path: Path, name: str, accepted: Sequence[str]) -> DataError:
    """Return the error for a column that a file does not have."""
    hint = nearest(name, accepted) or f"; its columns are {', '.join(accepted)}"
    return DataError(f"{shown(path)} has no column {shown(name, 80)!r}{hint}")


def _table(path: Path, checksum: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the names of the columns, and the rows with their line numbers."""
    data = _bytes(path)
    if checksum and sha256(data).hexdigest() != checksum:
        raise DataError(
            f"{shown(path)} has changed: its SHA-256 is {sha256(data).hexdigest()}, the job states {checksum}; "
            "restore the file, or run the command for the new file into another folder"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{shown(path)} is not UTF-8 text (byte {error.start}): save the table as CSV in UTF-8"
        ) from error
    first_line = text.lstrip("\r\n").partition("\n")[0]
    delimiter = max(DELIMITERS, key=first_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        lines = [(reader.line_num, row) for row in reader if any(field.strip() for field in row)]
    except csv.Error as error:
        raise DataError(f"{shown(path)}, line {reader.line_num}: {error}; save the table as CSV again") from error
    if not lines:
        raise DataError(f"{shown(path)} is empty: pass a CSV file with a header line and one row per sample")
    header = _header(path, lines.pop(0)[1])
    for number, row in lines:
        if len(row) != len(header):
            raise DataError(
                f"{shown(path)}, line {number} has {len(row)} values, the header has {len(header)} columns: correct "
                "the line, and quote values that contain the separator"
            )
    if len(lines) < MIN_ROWS:
        raise DataError(
            f"{shown(path)} has {len(lines)} rows: at least {MIN_ROWS} are needed to train, select and test"
        )
    return header, lines


def _header(path: Path, row: Sequence[str]) -> list[str]:
    names = [name.strip() for name in row]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None or "" in names or not all(name.isprintable() for name in names):
        problem = "a column without a name" if not repeated else f"two columns {shown(repeated, 80)!r}"
        raise DataError(f"{shown(path)} has {problem} in its header: give each column a name of its own")
    return names


def _column(path: Path, name: str, texts: list[str], line_numbers: list[int], is_text: bool) -> CsvColumn:
    present = ["" if text.lower() in MISSING else text for text in texts]
    numbers = [_number(text) for text in present]
    n_present = sum(map(bool, present))
    n_numbers = sum(number is not None and not math.isnan(number) for number in numbers)
    if is_text or n_numbers <= NUMERIC_SHARE * n_present:
        return TextColumn(tuple(present))
    if None in numbers:
        row = numbers.index(None)
        raise DataError(
            f"{shown(path)}, line {line_numbers[row]}: {shown(texts[row], 40)!r} in column "
            f"{shown(name, 80)!r} is not a number, most other values are: correct it or leave it empty, or name the "
            "column in the option dataset.categories"
        )
    return NumberColumn(np.array(numbers, np.float64))


def _number(text: str) -> float | None:
    """Return a number, NaN for a missing value, and None for any other text."""
    if not text:
        return math.nan
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _bytes(path: Path) -> bytes:
    try:
        return files.read(path, MAX_BYTES)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{shown(path)} cannot be read ({reason}): pass the path of a CSV file") from error


def shown(value: str | Path, limit: int = 200) -> str:
    """Return a text of the user for a message, shortened and without characters that cannot be printed."""
    text = "".join(character if character.isprintable() else "?" for character in str(value))
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
