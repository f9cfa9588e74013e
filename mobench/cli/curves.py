"""`mobench curves`: validation against steps and seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mobench.cli.output import warn, wrote


def curves(
    folder: Annotated[Path, typer.Argument(help="A folder that `mobench run` wrote.")],
    out: Annotated[Path | None, typer.Option(help="Where to write; by default the same folder.")] = None,
) -> None:
    """Draw how validation went against steps and against seconds, one line per run."""
    from mobench.reports import curves as report
    from mobench.runs.store import Store

    contents = Store(folder).contents()
    for error in contents.unreadable:
        warn(str(error))
    for path in report.export(contents.records, out or folder):
        wrote(path)
