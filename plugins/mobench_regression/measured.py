"""River flow (RF1), soil of the Jura, elastic properties of crystals (AFLOW), and the SARCOS robot arm."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mobench import files, user_folders
from mobench.datafiles import require
from mobench.errors import DataError
from mobench.interfaces import Split
from mobench.options import option
from mobench_regression.dataset import TableRegression
from mobench_regression.splits import Parts, blocks, drawn
from mobench_regression.table import Table, TableArray, number, read_csv

GAUGES = ("CHSI2", "NASI2", "EADM7", "SCLM7", "CLKM7", "VALI2", "NAPM7", "DLDI4")
HOURS_BACK, HOURS_AHEAD = 60, 48
"""How far the inputs of a row reach back, and its targets ahead."""
N_BLOCKS = 20
LAND_USES = ("Forest", "Meadow", "Pasture", "Tillage")
ROCKS = ("Argovian", "Kimmeridgian", "Portlandian", "Quaternary", "Sequanian")
METALS = ("Co", "Cr", "Ni", "Zn")
PROPERTIES = {
    "ael_bulk_modulus_vrh": ("bulk-modulus", "ln GPa"),
    "ael_shear_modulus_vrh": ("shear-modulus", "ln GPa"),
    "ael_debye_temperature": ("debye-temperature", "ln K"),
    "agl_thermal_conductivity_300K": ("thermal-conductivity", "ln W/(m K)"),
    "agl_thermal_expansion_300K": ("thermal-expansion", "1/K"),
    "Egap": ("band-gap", "eV"),
    "energy_atom": ("energy", "eV/atom"),
}
"""Column of the file -> name and unit of the target. Units that begin with ln are of logarithms."""
SMALLEST = 1e-3
"""Lower bound of values whose logarithm is taken."""
N_ELEMENTS = 83
MAX_SARCOS_BYTES = 2**25
N_JOINTS = 7


@dataclass(frozen=True)
class RiverFlow(TableRegression):
    """Flow at eight gauges of the Mississippi's river network in 48 hours, from the last 60 hours of all eight.

    Hourly rows in order of time. The year is divided into 20 blocks: of every five, three are for training, one
    for validation and one for testing. At the borders 108 rows are left out, so that no hour is in rows of two
    splits. Rows with missing inputs (the first 60 of each file) are left out.
    """

    names = dict.fromkeys(GAUGES, "as published")
    n_inputs = 64

    def read(self) -> Table:
        rows = [row for path in require("riverflow").values() for row in read_csv(path)]
        values = _numbers(rows, list(rows[0]))
        values = values[~np.isnan(values).any(axis=1)]
        return Table(values[:, : self.n_inputs], values[:, self.n_inputs :], np.arange(len(values)))

    def parts(self, table: Table) -> Parts:
        return blocks(len(table.inputs), N_BLOCKS, HOURS_BACK + HOURS_AHEAD)


@dataclass(frozen=True)
class Jura(TableRegression):
    """Cadmium, copper and lead in the topsoil of the Swiss Jura, from place, land use, rock and four other metals.

    The 100 points of the usual validation set are the test split; a fifth of the 259 others is for validation.
    """

    names = dict.fromkeys(("Cd", "Cu", "Pb"), "mg/kg")
    n_inputs = 2 + len(LAND_USES) + len(ROCKS) + len(METALS)

    def read(self) -> Table:
        tables = [read_csv(path) for path in require("jura").values()]
        rows = [row for table in tables for row in table]
        indicators = [
            [float(row["Landuse"] == use) for use in LAND_USES] + [float(row["Rock"] == rock) for rock in ROCKS]
            for row in rows
        ]
        inputs = np.hstack([_numbers(rows, ["Xloc", "Yloc"]), np.array(indicators), _numbers(rows, METALS)])
        groups = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
        return Table(inputs, _numbers(rows, list(self.names)), groups)

    def parts(self, table: Table) -> Parts:
        first, second = np.flatnonzero(table.groups == 0), np.flatnonzero(table.groups == 1)
        parts = drawn(np.arange(len(first)), self.split_seed, test=0.0)
        return {"train": first[parts["train"]], "val": first[parts["val"]], "test": second}


@dataclass(frozen=True)
class Aflow(TableRegression):
    """Seven computed properties of 4,855 crystals, from the fractions of 83 elements in their formulas.

    Formulas of the same elements (a chemical system) are in the same split.
    """

    names = dict(PROPERTIES.values())  # noqa: RUF012
    n_inputs = N_ELEMENTS

    def read(self) -> Table:
        (path,) = require("aflow").values()
        rows = read_csv(path)
        values = _numbers(rows, list(PROPERTIES))
        for j, (_, unit) in enumerate(PROPERTIES.values()):
            if unit.startswith("ln"):
                values[:, j] = np.log(np.maximum(values[:, j], SMALLEST))
        fractions, systems = composition([row["formula"] for row in rows])
        return Table(fractions, values, systems)


@dataclass(frozen=True)
class Sarcos(TableRegression):
    """Torques of seven joints of a robot arm, from positions, velocities and accelerations of the joints.

    The files cannot be fetched. The test file is the test split; a fifth of the other rows is for validation.
    Training rows that occur in the test file as well are left out.
    """

    folder: str = option("sarcos", "folder with sarcos_inv.mat and sarcos_inv_test.mat; looked for in the data folders")

    names = {f"torque-{joint + 1}": "Nm" for joint in range(N_JOINTS)}  # noqa: RUF012
    n_inputs = 3 * N_JOINTS

    def read(self) -> Table:
        train, test = (self._matrix(name) for name in ("sarcos_inv", "sarcos_inv_test"))
        test_rows = {row.tobytes() for row in test}
        train = train[[row.tobytes() not in test_rows for row in train]]
        values = np.concatenate([train, test])
        groups = np.repeat([0, 1], [len(train), len(test)])
        return Table(values[:, : self.n_inputs], values[:, self.n_inputs :], groups)

    def parts(self, table: Table) -> Parts:
        first = np.flatnonzero(table.groups == 0)
        parts = drawn(np.arange(len(first)), self.split_seed, test=0.0)
        of_first: dict[Split, NDArray[np.int64]] = {split: first[rows] for split, rows in parts.items()}
        return {**of_first, "test": np.flatnonzero(table.groups == 1)}

    def _matrix(self, name: str) -> TableArray:
        """Return the matrix [N, 28] of a MATLAB file, whose variable has the name of the file."""
        from scipy.io import loadmat

        path = user_folders.require("sarcos", self.folder) / f"{name}.mat"
        try:
            content: Any = io.BytesIO(files.read(path, MAX_SARCOS_BYTES))
            values = np.asarray(loadmat(content, variable_names=[name])[name], np.float64)
        except Exception as error:  # a damaged file can raise almost any exception
            reason = " ".join(str(error).split())[:120]
            raise DataError(
                f"{path.name} is not a MATLAB file with a matrix {name!r} ({reason}): download it again"
            ) from error
        if values.ndim != 2 or values.shape[1] != 4 * N_JOINTS or not len(values):
            raise DataError(f"{path.name} has a matrix {values.shape}: {4 * N_JOINTS} columns are expected")
        return values


def composition(formulas: Sequence[str]) -> tuple[TableArray, NDArray[np.int64]]:
    """Return the fractions of elements [N, elements] of formulas such as "Al2O3", and the chemical systems [N].

    The elements are those that occur, in alphabetical order. Formulas with the same elements are of one system.

    Raises: DataError for a formula that is not a sequence of elements and amounts.
    """
    parsed: list[dict[str, float]] = []
    for formula in formulas:
        parts = re.findall(r"([A-Z][a-z]?)(\d*\.?\d*)", formula)
        if not parts or "".join(element + amount for element, amount in parts) != formula:
            raise DataError(f"{formula[:40]!r} is not a formula such as Al2O3: fetch the file again")
        amounts: dict[str, float] = {}
        for element, amount in parts:
            amounts[element] = amounts.get(element, 0.0) + float(amount or 1)
        parsed.append(amounts)
    elements = {element: i for i, element in enumerate(sorted({e for amounts in parsed for e in amounts}))}
    fractions = np.zeros((len(parsed), len(elements)))
    for row, amounts in zip(fractions, parsed, strict=True):
        for element, amount in amounts.items():
            row[elements[element]] = amount / math.fsum(amounts.values())
    systems: dict[tuple[str, ...], int] = {}
    return fractions, np.array([systems.setdefault(tuple(sorted(a)), len(systems)) for a in parsed])


def _numbers(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> TableArray:
    missing = next((column for column in columns if column not in rows[0]), None)
    if missing is not None:
        raise DataError(f"a table has no column {missing!r}: fetch its file again")
    return np.array([[number(row[column]) for column in columns] for row in rows])
