"""`mobench plot`: draw plots of records as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mobench.cli.output import events, say, warn, wrote
from mobench.cli.progress import steps
from mobench.cli.result_lines import PlotKindLine


def plot(
    folder: Annotated[
        Path | None, typer.Argument(help="A folder written by `mobench run`; without it, list the kinds.")
    ] = None,
    kinds: Annotated[
        list[str] | None, typer.Argument(help="Kinds of plots; default: all.", metavar="[KIND]...")
    ] = None,
    format: Annotated[str, typer.Option(help="Comma-separated formats: svg, pdf, png, csv.")] = "svg",
    out: Annotated[Path | None, typer.Option(help="Folder to write to; default: plots in the same folder.")] = None,
) -> None:
    """Draw the records of a folder, or list the kinds of plots."""
    from mobench.reports.plots.kinds import FORMATS, KINDS, draw

    if folder is None:
        width = max(map(len, KINDS))
        for name, kind in KINDS.items():
            text = f"{name:{width}}  {kind.summary}"
            say(text, PlotKindLine(name, kind.summary, list(FORMATS)))
        if events() is None:
            print(f"formats: {', '.join(FORMATS)} (the numbers that are drawn)")
        return
    from mobench.errors import StoreError
    from mobench.jobs.arguments import parse_names
    from mobench.records.store import Store

    contents = Store(folder).contents()
    for error in contents.unreadable:
        warn(str(error))
    if not contents.records:
        raise StoreError(f"there are no records in {folder}: name a folder that `mobench run` wrote")
    formats = parse_names(format, "--format")
    with steps("plot") as step:
        drawn = draw(contents.records, out if out is not None else folder / "plots", kinds or [], formats, step)
    for reason in drawn.empty:
        warn(reason, "not drawn")
    for path in drawn.paths:
        wrote(path)
