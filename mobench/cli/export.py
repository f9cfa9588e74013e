"""`mobench export`: comparison tables as files, from records alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mobench.cli.leaderboard import read_board
from mobench.cli.output import warn, wrote


def export(
    folder: Annotated[Path, typer.Argument(help="A folder that `mobench run` wrote.")],
    format: Annotated[str, typer.Option(help="Formats, with commas between: md, csv, onnx (networks).")] = "md,csv",
    out: Annotated[Path | None, typer.Option(help="Where to write; by default the same folder.")] = None,
    columns: Annotated[str, typer.Option(help="Columns, with commas between; by default all.")] = "",
    decimals: Annotated[int | None, typer.Option(min=0, max=12, help="Digits behind the point.")] = None,
    per_ray: Annotated[bool, typer.Option("--per-ray", help="One row per preference and split as well.")] = False,
) -> None:
    """Write the leaderboard of a folder as tables."""
    from mobench.reports import tables

    chosen = [c.strip() for c in columns.split(",") if c.strip()]
    formats = [f.strip() for f in format.split(",") if f.strip()]
    if "onnx" in formats:
        formats.remove("onnx")
        _networks(folder, out or folder)
    for path in tables.export(read_board(folder), out or folder, formats, chosen, decimals) if formats else []:
        wrote(path)
    if per_ray:
        from mobench.reports import rays
        from mobench.runs.store import Store

        for path in rays.export(Store(folder).contents().records, out or folder):
            wrote(path)


def _networks(folder: Path, out: Path) -> None:
    """Write the networks of a folder as ONNX, and say which were declined and why."""
    from mobench.reports import onnx
    from mobench.runs.store import Store

    store = Store(folder)
    written, declined = onnx.export(store, store.contents().records, out)
    for line in declined:
        warn(line, "declined")
    for path in written:
        wrote(path)
