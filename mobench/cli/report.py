"""`mobench report`: write a folder of records as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mobench.cli.output import say, warn
from mobench.cli.output_lines import WroteLine
from mobench.cli.progress import steps
from mobench.cli.result_lines import LiveNetworkLine

NAMED = 4


def report(
    folder: Annotated[Path, typer.Argument(help="A folder written by `mobench run`.")],
    out: Annotated[Path | None, typer.Option(help="The HTML file; default: report.html in the same folder.")] = None,
    live: Annotated[bool, typer.Option("--live/--no-live", help="Embed the trained networks in the page.")] = True,
) -> None:
    """Write one HTML file that works offline: leaderboard, interactive fronts, and networks that run in the page."""
    from mobench.records.store import Store
    from mobench.reports.page import build

    path = out if out is not None else folder / "report.html"
    with steps("report") as step:
        written = build.write(Store(folder), path, live, step)
    for reason in dict.fromkeys(row["reason"] for row in written["left_out"]):
        rows = [f"{row['dataset']} · {row['name']}" for row in written["left_out"] if row["reason"] == reason]
        named = ", ".join(rows) if len(rows) <= NAMED else f"{len(rows)} rows"
        warn(f"{named}: {reason}", "not live")
    for network in written["networks"]:
        line = LiveNetworkLine(network["dataset"], network["name"], network["seed"])
        say(f"live: {line.dataset} · {line.name} seed {line.seed}", line)
    say(f"wrote {path} ({written['bytes'] / 1e6:.1f} MB): open it in a browser", WroteLine(str(path)))
