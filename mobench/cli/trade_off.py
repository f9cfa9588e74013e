"""`mobench trade-off`: the front of a suite's solvers in two or more columns of the leaderboard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mobench.errors import OptionError
from mobench.output.printing import say, wrote
from mobench.output.result_lines import TradeOffLine

if TYPE_CHECKING:
    from mobench.jobs.suite import TradeOff


def trade_off(
    suite: Annotated[str, typer.Argument(help="A suite with a [trade_off] table: its name or its TOML file.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the records; default: results/<suite>.")] = None,
) -> None:
    """Print the front of a suite's solvers, such as error against memory, and write it beside the records."""
    from mobench.jobs import suite as suites
    from mobench.runs.suite_run import folder_of

    chosen = suites.load(suite)
    if chosen.trade_off is None:
        raise OptionError(f"suite {chosen.name!r} has no [trade_off] table: add one with columns and reference")
    tell_trade_off(chosen.trade_off, folder_of(chosen, out))


def tell_trade_off(options: TradeOff, folder: Path) -> None:
    """Print the trade-off of the records in a folder, and write it to files there."""
    from mobench.cli.leaderboard import read_board
    from mobench.reports.tables import trade_off as report

    board = report.trade_off(read_board(folder), options.columns, options.reference)
    say(
        report.to_markdown(board, options.columns, options.reference),
        TradeOffLine(options.columns, options.reference, board.table.to_dict("records"), board.hypervolume),
    )
    for path in report.export(board, options.columns, options.reference, folder):
        wrote(path)
