"""`mobench site`: write the static site of a board."""

from __future__ import annotations

from pathlib import Path

from mobench.api import board_sites
from mobench.cli.python_options import Detail, options_of
from mobench.output.output_lines import WroteLine
from mobench.output.printing import say, warn


@options_of(board_sites.site, out=Detail(short="-o"))
def site(board: Path, out: Path) -> None:
    """Write the static site of a board: leaderboards, methods, submissions, plain data files and a feed."""
    written = board_sites.written_site(board, out=out)
    for line in written.faults:
        warn(line, "not in a table")
    say(
        f"wrote {written.index}: {written.n_files} files, {written.n_bytes / 1e6:.1f} MB", WroteLine(str(written.index))
    )
