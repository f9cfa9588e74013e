"""Tables for programs: CSV and Parquet, with every digit, intervals in columns of their own."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from mobench.reports.tables.escaping import csv as escaped

if TYPE_CHECKING:
    import pandas as pd


def csv(frame: pd.DataFrame, decimals: int | None = None) -> str:
    """The frame as CSV, in UTF-8. Missing values are empty.

    Texts that a spreadsheet would run as a formula begin with an apostrophe.
    """
    shown = frame.rename(columns=lambda name: escaped(str(name)))
    shown = shown.map(lambda value: escaped(value) if isinstance(value, str) else value)
    text: str = shown.to_csv(
        index=False, lineterminator="\n", float_format=None if decimals is None else f"%.{decimals}f"
    )
    return text


def parquet(frame: pd.DataFrame, caption: str = "") -> bytes:
    """The frame as a Parquet file, names and texts as they are.

    Neither times nor pandas' own notes are in it, so equal frames give equal bytes; the file does say
    which version of Arrow wrote it, and another version may lay the same values out differently.
    """
    import pyarrow as pa
    from pyarrow import parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.replace_schema_metadata({"caption": caption} if caption else None)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()
