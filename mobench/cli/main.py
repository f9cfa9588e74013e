"""`mobench`: the commands, and how errors reach people."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer

from mobench.cli import (
    check,
    data,
    export,
    import_,
    leaderboard,
    list,
    plot,
    plugins,
    report,
    run,
    show,
    trade_off,
    tune,
    verify,
)
from mobench.errors import MobenchError

app = typer.Typer(
    name="mobench",
    help="A benchmark of multi-objective deep learning: datasets, models and solvers as plugins.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("list")(list.list_)
app.command("show")(show.show)
app.command("plugins")(plugins.plugins)
app.command("check")(check.check)
app.command("leaderboard")(leaderboard.leaderboard)
app.command("export")(export.export)
app.command("report")(report.report)
app.command("trade-off")(trade_off.trade_off)
app.command("import")(import_.import_)
app.command("verify")(verify.verify)
app.command("plot")(plot.plot)
app.command("tune")(tune.tune)
app.add_typer(data.app, name="data")

USAGE, INTERNAL = 2, 70


def _version(wanted: bool) -> None:
    if wanted:
        import mobench

        print(f"mobench {mobench.__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """A benchmark of multi-objective deep learning: datasets, models and solvers as plugins."""
    if debug:
        os.environ["MOBENCH_DEBUG"] = "1"


def main() -> None:
    """Run the command line; an error is one line and an exit code that is not 0."""
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except MobenchError as error:
        _fail(" ".join([str(error), *(f"({note})" for note in getattr(error, "__notes__", []))]), USAGE, error)
    except Exception as error:
        # of typer's usage errors, which have no public base class; help that was asked for by no words is shown whole
        usage: Any = error
        if hasattr(usage, "format_message"):
            if type(usage).__name__ == "NoArgsIsHelpError":
                usage.show()
                sys.exit(USAGE)
            _fail(usage.format_message(), USAGE)
        _fail(f"{type(error).__name__}: {error} (this is a bug; --debug shows where)", INTERNAL, error)


def _fail(message: str, code: int, error: BaseException | None = None) -> None:
    if error is not None and os.environ.get("MOBENCH_DEBUG"):
        import traceback

        traceback.print_exception(error)
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)
