"""`mobench report`: write a folder of records as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mobench.cli.output import say, warn
from mobench.cli.progress import steps

NAMED = 4


def report(
    folder: Annotated[Path, typer.Argument(help="A folder written by `mobench run`.")],
    out: Annotated[Path | None, typer.Option(help="The HTML file; default: report.html in the same folder.")] = None,
    live: Annotated[bool, typer.Option("--live/--no-live", help="Embed the trained networks in the page.")] = True,
) -> None:
    """Write one HTML file that needs no network: leaderboard, fronts to move along, and networks that answer in it."""
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
        fields = {name: network[name] for name in ("dataset", "name", "seed")}
        say(f"live: {network['dataset']} · {network['name']} seed {network['seed']}", "live", **fields)
    say(f"wrote {path} ({written['bytes'] / 1e6:.1f} MB): open it in a browser", "wrote", path=str(path))
