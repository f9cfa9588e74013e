"""`mobench report`: write a folder of records as one HTML page."""

from __future__ import annotations

from pathlib import Path

from mobench.api import result_files
from mobench.cli.python_options import options_of
from mobench.output.output_lines import WroteLine
from mobench.output.printing import say, warn
from mobench.output.result_lines import LiveNetworkLine


@options_of(result_files.report)
def report(folder: Path, out: Path | None, live: bool) -> None:
    """Write one HTML file that works offline: leaderboard, interactive fronts, and networks that run in the page."""
    path, written = result_files.page(folder, out=out, live=live)
    for line in result_files.not_live(written):
        warn(line, "not live")
    for network in written["networks"]:
        live_line = LiveNetworkLine(network["dataset"], network["name"], network["seed"])
        say(f"live: {live_line.dataset} · {live_line.name} seed {live_line.seed}", live_line)
    say(f"wrote {path} ({written['bytes'] / 1e6:.1f} MB): open it in a browser", WroteLine(str(path)))
