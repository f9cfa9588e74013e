"""`mobench show`: print a registered name with its source, options and defaults, or the definition of a column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mobench import files
from mobench.cli.completion import all_registered, one_of
from mobench.cli.console import print_table
from mobench.cli.list import line_of
from mobench.errors import SuiteError, unknown_name
from mobench.files import MAX_SUITE_BYTES
from mobench.hookspecs import SolverPreset
from mobench.output.printing import events, say
from mobench.output.result_lines import ColumnLine
from mobench.plugins import KINDS, Entry, Pair, Registry, SuiteFile, entries_named, pair_of, registry, unknown_in
from mobench.text import one_line

if TYPE_CHECKING:
    from mobench.options import Option


COLUMN = "column"
"""Kind of the names of columns, which no plugin registers."""


def show(
    name: Annotated[
        str,
        typer.Argument(
            help="A registered name, generator+balancer, or a column of the leaderboard.",
            autocompletion=one_of(all_registered),
        ),
    ],
    kind: Annotated[str | None, typer.Option(help="Kind of the entry, if several kinds have the name.")] = None,
) -> None:
    """Show the source of a registered name, and its options with their defaults; or the definition of a column."""
    entries = registry()
    named = [] if kind == COLUMN else entries_named(entries, name, KINDS)
    is_suite = bool(named) and all(isinstance(entry.spec, SuiteFile) for entry in named)
    # a suite is shown without numpy, which the definitions of columns import
    if kind in (None, COLUMN) and not is_suite and _show_column(name) and not named:
        return
    if pair := pair_of(name):
        _show_pair(pair)
        return
    for entry in _find(entries, name, kind):
        spec = entry.spec
        as_text = events() is None
        if as_text:
            print(f"{entry.kind} {name}: {spec.summary}".rstrip(": "))
            print(f"  from {entry.plugin.origin}, version {entry.version}")
        if isinstance(spec, SuiteFile):
            text = _text(spec)
            say(text.removesuffix("\n"), line_of(entry, text))
            continue
        if not as_text:
            doc = "" if isinstance(spec, Pair) else (entry.load().__doc__ or "").strip()
            say("", line_of(entry, doc))
        elif spec.source:
            print(f"  source: {spec.source}")
        if isinstance(spec, Pair):
            _show_pair(spec)
        else:
            if as_text:
                print((entry.load().__doc__ or "").strip())
            sources = dict.fromkeys(spec.defaults, f"{entry.kind} {name!r}")
            _options(entry.load(), spec.defaults, "", sources)
        _presets(spec.presets)


def _show_column(name: str) -> bool:
    """Print the definition of a column in two lines; return False if no column has the name."""
    from mobench.reports.tables.columns import column, is_defined

    if name.startswith((".", "/")) or not is_defined(name):  # a path is no metric of an objective
        return False
    described = column(name)
    line = ColumnLine(
        described.name, described.meaning, described.better, described.unit, described.statistic, described.source
    )
    say("\n".join(described.definition), line)
    return True


def _text(spec: SuiteFile) -> str:
    """Return the TOML of a suite. Raises: SuiteError if it cannot be read."""
    try:
        return files.read(spec.path, MAX_SUITE_BYTES).decode()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SuiteError(f"suite file {one_line(spec.path.name)} cannot be read: {reason}") from error


def _find(registered: Registry, name: str, kind: str | None) -> list[Entry]:
    kinds = [k for k in KINDS if kind in (None, k)]
    if not kinds and kind != COLUMN:
        raise unknown_name("kind", str(kind), [*KINDS, COLUMN])
    if matching := entries_named(registered, name, kinds):
        return matching
    from mobench.reports.tables.columns import catalogue

    columns = [c.name for c in catalogue()] if kind in (None, COLUMN) else []
    accepted = [n for k in kinds for n in registered.entries[k]] + columns
    raise unknown_in(registered, kind or "plugin or column", name, accepted)


def _show_pair(pair: Pair) -> None:
    from mobench.jobs.resolve import solver_options

    if events() is None:
        print(f"  generator {pair.generator} + balancer {pair.balancer}, trained by gradients")
    classes, settings = solver_options(pair.name)
    for role, cls in classes.items():
        settings_of_role = {
            key.partition(".")[2]: setting for key, setting in settings.items() if key.startswith(f"{role}.")
        }
        _options(
            cls,
            {k: s.value for k, s in settings_of_role.items()},
            f"{role}.",
            {k: s.source for k, s in settings_of_role.items()},
        )


def _presets(presets: Sequence[SolverPreset]) -> None:
    """Print the presets of a solver, one row for each setting."""
    rows = [
        [preset.name, key, str(value), preset.source] for preset in presets for key, value in preset.settings.items()
    ]
    if rows:
        if events() is None:
            print("  presets, for `mobench run SUITE --preset NAME`:")
        print_table(["preset", "option", "value", "source"], rows, "presets" if events() is not None else "")


def _options(cls: type[Any], values: Mapping[str, Any], prefix: str, sources: Mapping[str, str] | None = None) -> None:
    """Print the options of a class.

    values:     defaults that a registered name sets instead of the class's.
    sources: option -> the name that sets its default.
    """
    from mobench.options import describe

    sources = sources or {}
    rows = [
        [f"{prefix}{o.name}", f"{values.get(o.name, o.default)}{_instead(o, sources)}", o.type, o.help]
        for o in describe(cls)
    ]
    if rows:
        title = prefix.rstrip(".") if events() is not None else ""
        print_table(["option", "default", "accepted", "meaning"], rows, title)
    elif events() is None:
        print(f"  {prefix.rstrip('.') or 'it'} has no options")


def _instead(option: Option, sources: Mapping[str, str]) -> str:
    """Describe the name that sets a default and the default of the class; "" if the class sets it."""
    return f" (of {sources[option.name]}; class: {option.default})" if option.name in sources else ""
