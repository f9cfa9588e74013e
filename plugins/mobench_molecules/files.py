"""Readers of the raw files of QM9: geometries (SDF), properties (CSV) and the list of uncertain molecules."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mobench import files
from mobench.errors import DataError
from mobench_molecules.graphs import ELEMENTS

MAX_ATOMS = 29
"""Of a molecule of QM9, with its hydrogens."""
MAX_SDF_BYTES, MAX_CSV_BYTES, MAX_LIST_BYTES = 2**30, 2**27, 2**24
END = "$$$$"
"""Line after a record of an SDF file."""
HEADER_LINES = 9
"""Lines of uncharacterized.txt before the first molecule."""


@dataclass(frozen=True)
class Molecules:
    """Molecules in the order of the files.

    numbers:   atomic numbers [N, 29]; 0 for padding.
    positions: [N, 29, 3] in Å; 0 for padding.
    values:    properties [N, m], the requested columns of the CSV file.
    """

    numbers: NDArray[np.uint8]
    positions: NDArray[np.float32]
    values: NDArray[np.float64]


def read_molecules(folder: Path, columns: tuple[str, ...]) -> Molecules:
    """Return the molecules of the three files in a folder, without those that uncharacterized.txt lists.

    columns: names of columns of gdb9.sdf.csv.

    The last result is kept while the files do not change, because a job loads three splits of them.

    Raises: DataError if a file is missing or damaged, or if the files do not belong together.
    """
    paths = [folder / name for name in ("gdb9.sdf", "gdb9.sdf.csv", "uncharacterized.txt")]
    return _molecules(folder, columns, *(path.stat().st_mtime_ns for path in paths))


@lru_cache(maxsize=1)
def _molecules(folder: Path, columns: tuple[str, ...], *mtimes_ns: int) -> Molecules:
    names, numbers, positions = parse_sdf(_text(folder / "gdb9.sdf", MAX_SDF_BYTES))
    table = _properties(folder / "gdb9.sdf.csv", columns)
    if table.index.tolist() != names:
        raise DataError(
            f"gdb9.sdf has {len(names)} molecules and gdb9.sdf.csv {len(table)} rows, which are not the same in the "
            "same order: both files of one archive are expected; unpack it again"
        )
    uncertain = uncharacterized(_text(folder / "uncharacterized.txt", MAX_LIST_BYTES))
    keep = np.array([int(name.removeprefix("gdb_")) not in uncertain for name in names])
    return Molecules(numbers[keep], positions[keep], table.to_numpy(np.float64)[keep])


def parse_sdf(text: str) -> tuple[list[str], NDArray[np.uint8], NDArray[np.float32]]:
    """Return names [N], atomic numbers [N, 29] and positions [N, 29, 3] of the records of an SDF file (V2000).

    A record has three lines of header, of which the first is its name such as gdb_1, and a line of counts that begins
    with the number of atoms in three columns. A line per atom follows: coordinates in columns of ten, and a symbol.

    Raises: DataError for another format, an unknown element or more than 29 atoms.
    """
    *records, rest = text.replace("\r\n", "\n").split(f"{END}\n")
    if rest.strip() or not records:
        raise _damaged("gdb9.sdf", f"its last record does not end with {END}")
    numbers = np.zeros((len(records), MAX_ATOMS), np.uint8)
    positions = np.zeros((len(records), MAX_ATOMS, 3), np.float32)
    names = []
    for i, record in enumerate(records):
        lines = record.split("\n")
        try:
            n_atoms = int(lines[3][:3])
            atoms = lines[4 : 4 + n_atoms]
            numbers[i, :n_atoms] = [ELEMENTS[atom[31:34].strip()] for atom in atoms]
            coordinates = " ".join([atom[:30] for atom in atoms]).split()
            positions[i, :n_atoms] = np.array(coordinates, np.float64).reshape(n_atoms, 3)
            names.append(_name(lines[0]))
        except (ValueError, IndexError, KeyError) as error:
            raise _damaged("gdb9.sdf", f"record {i + 1} cannot be read: {type(error).__name__} {error}") from error
    if not np.isfinite(positions).all():
        raise _damaged("gdb9.sdf", "it has a coordinate that is not finite")
    return names, numbers, positions


def uncharacterized(text: str) -> set[int]:
    """Return the numbers in the names gdb_N of the molecules that uncharacterized.txt lists after its header.

    These molecules failed a check of consistency: their geometry belongs to another molecule.

    Raises: DataError if no line begins with a number.
    """
    rows = [line.split() for line in text.splitlines()[HEADER_LINES:]]
    numbers = {int(row[0]) for row in rows if row and row[0].isdecimal()}
    if not numbers:
        raise _damaged("uncharacterized.txt", f"no line after the first {HEADER_LINES} begins with a number")
    return numbers


def _properties(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Return columns of the CSV file; the index are the names of the molecules."""
    try:
        table = pd.read_csv(io.StringIO(_text(path, MAX_CSV_BYTES)), index_col="mol_id")
        values = table[list(columns)].astype(np.float64)
    except (ValueError, KeyError, pd.errors.ParserError) as error:
        raise _damaged(path.name, " ".join(str(error).split())[:120]) from error
    if not np.isfinite(values.to_numpy()).all():
        raise _damaged(path.name, "it has a value that is not a finite number")
    return values


def _name(line: str) -> str:
    name = line.strip()
    if not name.startswith("gdb_") or not name.removeprefix("gdb_").isdecimal():
        raise ValueError(f"its name is {name[:20]!r}, gdb_N is expected")
    return name


def _text(path: Path, at_most: int) -> str:
    try:
        return files.read(path, at_most).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(path.name, " ".join(str(error).split())[:120]) from error


def _damaged(file: str, reason: str) -> DataError:
    return DataError(
        f"{file} is not a file of QM9 ({reason}): the raw file that torch_geometric.datasets.QM9 downloads is "
        "expected; download it again"
    )
