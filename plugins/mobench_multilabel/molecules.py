"""Dataset `tox21`: toxic effects of molecules, from hashed sequences of symbols in their SMILES notation."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Interval
from numpy.typing import NDArray

from mobench import files
from mobench.errors import DataError
from mobench.options import option
from mobench_multilabel.dataset import MISSING, BinaryTasks, LabelTable
from mobench_multilabel.ngrams import hashed_counts

MAX_BYTES = 2**24
LONGEST = 3
"""Largest number of symbols in a sequence."""
SYMBOL = re.compile(r"\[[^\]]*\]|Br|Cl|%\d\d|.")
"""A bracketed atom, an atom of two letters, a ring bond of two digits, or a single character."""
STEREO = str.maketrans("", "", "@/\\")
"""Marks of spatial arrangement; molecules that differ in them alone are in the same split."""
TASK_SHARES = {
    "NR-AR": 0.0417, "NR-AR-LBD": 0.0345, "NR-AhR": 0.1173, "NR-Aromatase": 0.0517, "NR-ER": 0.1263,
    "NR-ER-LBD": 0.0501, "NR-PPAR-gamma": 0.0287, "SR-ARE": 0.1619, "SR-ATAD5": 0.0369, "SR-HSE": 0.0575,
    "SR-MMP": 0.1581, "SR-p53": 0.0624,
}  # fmt: skip


@dataclass(frozen=True)
class Tox21(BinaryTasks):
    """Twelve toxic effects of 8,014 molecules: seven on nuclear receptors (NR), five stress responses (SR).

    A molecule was not tested for every effect; 17 % of the labels are missing. Inputs are ln(1 + count) of sequences
    of one to three symbols of the SMILES notation, hashed to `hash_columns` columns. This needs no chemistry package.
    """

    hash_columns: Annotated[int, Interval(ge=16, le=2**16)] = option(512, "number of hashed columns")

    shares = TASK_SHARES
    collection = "tox21"

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (self.hash_columns,)

    def read(self, path: Path) -> LabelTable:
        rows = read_rows(path)
        smiles = [row["smiles"] for row in rows]
        counts = hashed_counts([symbols(text) for text in smiles], LONGEST, self.hash_columns)
        labels = [[MISSING if row[task] == "" else int(row[task]) for task in self.shares] for row in rows]
        return LabelTable(np.log1p(counts), np.array(labels, np.int64), groups_of(smiles))


def symbols(smiles: str) -> list[str]:
    """Return the symbols of a SMILES notation: atoms, bonds, branches and ring bonds."""
    return SYMBOL.findall(smiles)


def groups_of(smiles: list[str]) -> NDArray[np.int64]:
    """Return a group [N] for each molecule; molecules of one group differ in spatial arrangement or salts alone.

    The largest of the parts that a dot separates stands for the molecule.
    """
    number: dict[str, int] = {}
    parts = [max(text.translate(STEREO).split("."), key=len) for text in smiles]
    return np.array([number.setdefault(part, len(number)) for part in parts])


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of the compressed table. Raises: DataError if it is damaged or has other columns."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(files.read(path, MAX_BYTES))) as file:
            text = file.read(MAX_BYTES).decode()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"{path.name} is not a compressed table ({error}): run `mobench data fetch tox21`") from error
    rows = list(csv.DictReader(io.StringIO(text)))
    if not rows or not {"smiles", *TASK_SHARES} <= set(rows[0]):
        raise DataError(f"{path.name} has no columns smiles, {', '.join(TASK_SHARES)}: run `mobench data fetch tox21`")
    return rows
