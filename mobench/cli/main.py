"""The `mobench` command: its subcommands, error messages and exit codes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import typer

from mobench.cli import (
    board_commands,
    check,
    compare,
    data,
    export,
    help,
    import_,
    leaderboard,
    list,
    new,
    plot,
    plugins,
    report,
    run,
    season,
    show,
    site,
    submit,
    trade_off,
    tune,
    verify,
)
from mobench.cli.app import App
from mobench.cli.exit_codes import ExitCode
from mobench.errors import MobenchError, OptionError
from mobench.output.output_lines import EndLine
from mobench.output.printing import complain, json_lines
from mobench.output.streams import guard_streams, lost_output
from mobench.text import described, message_of

app = App(
    name="mobench",
    help="A benchmark of multi-objective deep learning: datasets, models and solvers as plugins.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("help")(help.help_)
app.command("list")(list.list_)
app.command("show")(show.show)
app.command("plugins")(plugins.plugins)
app.command("new")(new.new)
app.command("check")(check.check)
app.command("leaderboard")(leaderboard.leaderboard)
app.command("compare")(compare.compare)
app.command("export")(export.export)
app.command("report")(report.report)
app.command("site")(site.site)
app.command("trade-off")(trade_off.trade_off)
app.command("import")(import_.import_)
app.command("verify")(verify.verify)
app.command("submit")(submit.submit)
app.command("plot")(plot.plot)
app.command("tune")(tune.tune)
app.add_typer(data.app, name="data")
app.add_typer(season.app, name="season")
app.add_typer(board_commands.app, name="board")


def _version(is_wanted: bool) -> None:
    if is_wanted:
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
    """Run the command line and exit. An error prints one line and gives an exit code other than 0.

    With `--json`, standard output consists of JSON lines only, also after errors. The last line has the exit code.
    """
    guard_streams()
    # plots are written to files; the backend of a notebook that started this process may not be installed here
    os.environ["MPLBACKEND"] = "agg"
    # errors of the command-line parser must be JSON too
    if "--json" not in sys.argv[1:]:
        code = _run()
        _leave(_judged(code, lost_output()))
    with json_lines() as stream:
        code = _run()
        stream.finish()
        stream.emit(EndLine(code))
    _leave(_judged(code, stream.lost))


def _judged(code: int, lost: OSError | None) -> int:
    """Return the exit code, or NOT_WRITTEN if a successful command could not write to standard output."""
    if lost is None or code != ExitCode.SUCCESS:
        return code
    complain(f"standard output could not be written: {lost.strerror or lost}; the command itself is complete")
    return ExitCode.NOT_WRITTEN


def _run() -> int:
    """Run the requested command, print errors, and return its exit code."""
    try:
        _check_words(sys.argv[1:])
        return int(app(standalone_mode=False) or 0)
    except typer.Exit as stop:
        return stop.exit_code
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except (KeyboardInterrupt, typer.Abort):
        complain("interrupted")
        return ExitCode.INTERRUPTED
    except MobenchError as error:
        notes = [f"({note})" for note in getattr(error, "__notes__", [])]
        return _failed(" ".join([message_of(error), *notes]), ExitCode.USAGE, error)
    except BaseException as error:
        # usage errors of typer have no public base class; a command without arguments shows its whole help
        usage: Any = error
        if hasattr(usage, "format_message"):
            if type(usage).__name__ == "NoArgsIsHelpError":
                usage.show()
                return ExitCode.USAGE
            return _failed(usage.format_message(), ExitCode.USAGE)
        return _failed(f"{described(error)} (this is a bug; --debug shows where)", ExitCode.INTERNAL, error)


def _check_words(words: Sequence[str]) -> None:
    """Raise OptionError for arguments that are not valid UTF-8, because records store the command line."""
    for word in words:
        if any("\ud800" <= character <= "\udfff" for character in word):
            raise OptionError(f"{word!r} is not UTF-8: rename the file or folder")


def _failed(message: str, code: int, error: BaseException | None = None) -> int:
    if error is not None and os.environ.get("MOBENCH_DEBUG"):
        import traceback

        traceback.print_exception(error)
    complain(message)
    return code


def _leave(code: int) -> NoReturn:
    """Exit with a code, and ignore Ctrl-C from now on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)
