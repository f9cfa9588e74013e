"""`mobench curves`: validation against steps and seconds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def curves(
    folder: Annotated[Path, typer.Argument(help="A folder that `mobench run` wrote.")],
    out: Annotated[Path | None, typer.Option(help="Where to write; by default the same folder.")] = None,
) -> None:
    """Draw how validation went against steps and against seconds, one line per run."""
    from mobench.reports import curves as report
    from mobench.runs.store import Store

    contents = Store(folder).contents()
    for error in contents.unreadable:
        print(f"warning: {error}", file=sys.stderr)
    for path in report.export(contents.records, out or folder):
        print(f"wrote {path}")
