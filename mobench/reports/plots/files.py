"""Figures as files, the same to the byte for the same figure."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

# when and by which release a file was made would differ between two that show the same
METADATA: Mapping[str, Mapping[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "png": {"Software": None},
}
DPI = 200


def render(figure: Figure, format_: str) -> bytes:
    """The figure as SVG, PDF or PNG; call it inside `style.theme()`."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # a name in a script that the font lacks is boxes in PNG and PDF; an SVG holds the name itself
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format=format_, metadata=dict(METADATA[format_]), dpi=DPI)
    return buffer.getvalue()


def harmless(name: str) -> str:
    """A name as part of a file's name."""
    return re.sub(r"[^A-Za-z0-9_+]+", "-", name)[:40].strip("-") or "x"
