"""Writers of machine-readable tables, CSV and Parquet, with all digits and separate columns for half widths."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from mobench.reports.tables.escaping import csv as escaped

if TYPE_CHECKING:
    import pandas as pd


def csv(frame: pd.DataFrame, decimals: int | None = None) -> str:
    """Return the frame as CSV. Missing values are empty.

    Text that a spreadsheet would run as a formula gets a leading apostrophe.
    """
    shown = frame.rename(columns=lambda name: escaped(str(name)))
    shown = shown.map(lambda value: escaped(value) if isinstance(value, str) else value)
    text: str = shown.to_csv(
        index=False, lineterminator="\n", float_format=None if decimals is None else f"%.{decimals}f"
    )
    return text


def parquet(frame: pd.DataFrame, caption: str = "") -> bytes:
    """Return the frame as a Parquet file; names and text are not escaped.

    The file has no timestamps and no pandas metadata, so equal frames give equal bytes. It contains the version of
    Arrow that wrote it, and other versions can encode the same values differently.
    """
    import pyarrow as pa
    from pyarrow import parquet as pq

    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.replace_schema_metadata({"caption": caption} if caption else None)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()
