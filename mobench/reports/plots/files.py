"""Figures as files, the same to the byte for the same figure."""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

if TYPE_CHECKING:
    import pandas as pd

# when and by which release a file was made would differ between two that show the same
METADATA: Mapping[str, Mapping[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "png": {"Software": None},
}
SAYS: Mapping[str, str] = {"svg": "Description", "pdf": "Subject", "png": "Description"}
DPI = 150


def render(figure: Figure, format_: str, data: bytes) -> bytes:
    """The figure as SVG, PDF or PNG; call it inside `style.theme()`.

    data: what is drawn, as CSV. The file says its SHA-256, so that a figure can be told from one of other
        records, although fonts and releases make pictures of the same numbers differ.
    """
    buffer = io.BytesIO()
    said = {SAYS[format_]: f"mobench plot of the numbers with SHA-256 {hashlib.sha256(data).hexdigest()}"}
    with warnings.catch_warnings():
        # a name in a script that the font lacks is boxes in PNG and PDF; an SVG holds the name itself
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format=format_, metadata={**METADATA[format_], **said}, dpi=DPI)
    return buffer.getvalue()


def as_csv(table: pd.DataFrame) -> bytes:
    """Numbers to ten digits: more differ with the processor that took the means."""
    return table.to_csv(index=False, lineterminator="\n", float_format="%.10g").encode()


def harmless(name: str) -> str:
    """A name as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9_+]+", "-", name)[:40].strip("-") or "x"
