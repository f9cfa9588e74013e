"""Figures as files; equal figures give the same bytes."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

if TYPE_CHECKING:
    import pandas as pd

# omit dates and versions, which differ between files of the same figure
METADATA: Mapping[str, Mapping[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "png": {"Software": None},
}
SAYS: Mapping[str, str] = {"svg": "Description", "pdf": "Subject", "png": "Description"}
DPI = 150


def render(figure: Figure, format_: str, data: bytes) -> bytes:
    """Return the figure as SVG, PDF or PNG; call it inside `style.theme()`.

    data: the plotted numbers as CSV. Their SHA-256 is stored in the metadata of the file. It identifies the numbers
        of a figure even if fonts or library versions change the image.
    """
    buffer = io.BytesIO()
    origin = {SAYS[format_]: f"mobench plot of the numbers with SHA-256 {hashlib.sha256(data).hexdigest()}"}
    with warnings.catch_warnings():
        # characters that the font lacks are drawn as boxes in PNG and PDF; an SVG contains the text itself
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format=format_, metadata={**METADATA[format_], **origin}, dpi=DPI)
    return buffer.getvalue()


def as_csv(table: pd.DataFrame) -> bytes:
    """Return a table as CSV with ten digits; further digits of means depend on the processor."""
    return table.to_csv(index=False, lineterminator="\n", float_format="%.10g").encode()
