"""Mulan's multi-target sets: energy efficiency, concrete slump, water quality, occupations, sales, flight prices."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import ClassVar

import numpy as np

from mobench.datafiles import require
from mobench_regression.dataset import TableRegression
from mobench_regression.table import Table, TableArray, read_arff, read_csv

PERSONS = "ln(1 + persons)"
SALES = "ln(1 + sales)"
OCCUPATIONS = (
    "58028", "15014", "32511", "15017", "98502", "92965", "32314", "13008", "21114", "85110", "27311", "98902",
    "65032", "92998", "27108", "53905",
)  # fmt: skip
"""Codes of the occupations, in the order of the file."""
TAXA = (
    "25400", "29600", "30400", "33400", "17300", "19400", "34500", "38100", "49700", "50390", "55800", "57500",
    "59300", "37880",
)  # fmt: skip
AIRLINES = ("all", "all-nonstop", "DL", "CO", "FL", "UA")


@dataclass(frozen=True)
class EmbeddedTable(TableRegression):
    """A table that comes with the package."""

    file: ClassVar[str]

    def read(self) -> Table:
        with resources.as_file(resources.files("mobench_regression").joinpath(self.file)) as path:
            rows = read_csv(path)
        return _table(np.array([[float(value) for value in row.values()] for row in rows]), len(self.names))


@dataclass(frozen=True)
class Enb(EmbeddedTable):
    """Heating and cooling load of 768 simulated buildings."""

    file = "enb.csv"
    names = {"heating": "kWh/m²", "cooling": "kWh/m²"}  # noqa: RUF012 - a frozen table
    n_inputs = 8


@dataclass(frozen=True)
class Slump(EmbeddedTable):
    """Slump, flow and strength of 103 samples of concrete."""

    file = "slump.csv"
    names = {"slump": "cm", "flow": "cm", "strength": "MPa"}  # noqa: RUF012
    n_inputs = 7


@dataclass(frozen=True)
class MulanTable(TableRegression):
    """A table of Mulan's repository; the last columns are the targets.

    collection: name of the data collection with the one file.
    has_counts: whether inputs and targets are counts and amounts of any magnitude, of which ln(1 + x) is taken.
    """

    collection: ClassVar[str]
    has_counts: ClassVar[bool] = False

    def read(self) -> Table:
        (path,) = require(self.collection).values()
        values = read_arff(path)
        return _table(np.sign(values) * np.log1p(np.abs(values)) if self.has_counts else values, len(self.names))


@dataclass(frozen=True)
class Wq(MulanTable):
    """Abundance of 14 taxa in 1,060 samples of Slovenian rivers, from 16 properties of the water."""

    collection = "wq"
    names = {f"taxon-{code}": "abundance class" for code in TAXA}  # noqa: RUF012
    n_inputs = 16
    reference_loss = 2.0


@dataclass(frozen=True)
class Oes97(MulanTable):
    """Persons in 16 occupations in 334 cities, from those in 263 others."""

    collection = "oes97"
    has_counts = True
    names = {f"occupation-{code}": PERSONS for code in OCCUPATIONS}  # noqa: RUF012
    n_inputs = 263


@dataclass(frozen=True)
class Osales(MulanTable):
    """Sales of 639 products in the twelve months after their launch."""

    collection = "osales"
    has_counts = True
    names = {f"month-{month}": SALES for month in range(1, 13)}  # noqa: RUF012
    n_inputs = 401
    largest_input = 5.0


@dataclass(frozen=True)
class FlightPrices(MulanTable):
    """Minimum prices for one route: any airline, any without a stop, and four airlines.

    Rows of the same day of departure have similar prices and are in the same split.
    """

    names = {f"price-{airline}": "US dollar" for airline in AIRLINES}  # noqa: RUF012
    n_inputs = 411
    largest_input = 5.0
    reference_loss = 3.5

    def read(self) -> Table:
        table = super().read()
        return Table(table.inputs, table.targets, table.inputs[:, 0].astype(np.int64))


@dataclass(frozen=True)
class Atp1d(FlightPrices):
    """Prices of the next day, 337 rows."""

    collection = "atp1d"


@dataclass(frozen=True)
class Atp7d(FlightPrices):
    """Lowest prices within the next seven days, 296 rows."""

    collection = "atp7d"


def embed(arff: Path, target: Path, header: str) -> None:
    """Write the embedded CSV file of an ARFF file; `header` names its columns."""
    lines = [",".join(f"{value:g}" for value in row) for row in read_arff(arff)]
    target.write_text("\n".join([header, *lines]) + "\n")


def _table(values: TableArray, n_targets: int) -> Table:
    return Table(values[:, :-n_targets], values[:, -n_targets:], np.arange(len(values)))
