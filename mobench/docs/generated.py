"""Pages of the documentation that are made from the registry, the command line and the plugin READMEs."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from mobench.plugins import KINDS, Entry, Kind, Pair, Plugin, SuiteFile, registry

ROOT = Path(__file__).parents[2]
PUBLIC_MODULES = (
    "mobench", "mobench.api", "mobench.fronts", "mobench.interfaces", "mobench.hookspecs", "mobench.options",
    "mobench.plugins",
    "mobench.errors", "mobench.events", "mobench.numerics", "mobench.measures", "mobench.array_files",
    "mobench.datafiles", "mobench.downloads", "mobench.files", "mobench.metrics.indicators",
    "mobench.metrics.evaluation", "mobench.testing", "mobench.testing.conformance",
    "mobench.testing.families", "mobench.testing.properties", "mobench.testing.small",
)  # fmt: skip


def write_pages(folder: Path) -> None:
    """Write every generated page below `folder`; files that are already right keep their time stamps."""
    pages = dict(all_pages())
    for path in folder.rglob("*.md"):
        if path.relative_to(folder).as_posix() not in pages:
            path.unlink()
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


def all_pages() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of every generated page."""
    entries = [entry for kind in KINDS for entry in registry().entries[kind].values()]
    yield "methods.md", methods_page(entries)
    yield "datasets.md", datasets_page(entries)
    yield "suites.md", suites_page(entries)
    plugins = {entry.plugin.name: entry.plugin for entry in entries}
    for name, plugin in sorted(plugins.items()):
        yield f"plugins/{name}.md", plugin_page(plugin, [e for e in entries if e.plugin.name == name])
    yield "cli.md", command_line_page()
    yield "columns.md", columns_page()
    yield "events.md", events_page()
    yield "tutorial.md", without_relative_links((ROOT / "mobench" / "scaffold" / "TUTORIAL.md").read_text("utf-8"))
    yield "interface.md", without_relative_links((ROOT / "mobench" / "INTERFACE.md").read_text("utf-8"))
    yield "results.md", without_relative_links((ROOT / "results" / "README.md").read_text("utf-8"))
    yield "api.md", api_page()


def methods_page(entries: Iterable[Entry]) -> str:
    """Solvers and their parts, and models: name, summary, source and version, with a link to each README."""
    kinds: tuple[Kind, ...] = ("solver", "generator", "balancer", "sampler", "model")
    parts = ["# Methods\n\nA solver is a generator of networks and a balancer of objectives, or a class of its own.\n"]
    for kind in kinds:
        rows = [_row(entry) for entry in entries if entry.kind == kind]
        parts.append(f"## {kind.capitalize()}s\n\n{_table(('name', 'what it is', 'source', 'version'), rows)}")
    return "\n".join(parts)


def datasets_page(entries: Iterable[Entry]) -> str:
    """Data sets: name, summary, objectives, reference point and where their files come from."""
    rows = []
    for entry in entries:
        if entry.kind == "dataset":
            dataset = entry.load()(**getattr(entry.spec, "defaults", {}))
            objectives = ", ".join(objective.name for objective in dataset.objectives)
            reference = ", ".join(f"{value:g}" for value in dataset.protocol.reference)
            rows.append((_link(entry), entry.spec.summary, objectives, f"({reference})", dataset.protocol.version))
    heading = "# Data sets\n\nAll objectives are minimised. The hypervolume is taken against the reference point.\n"
    return f"{heading}\n{_table(('name', 'what it is', 'objectives', 'reference point', 'protocol'), rows)}"


def suites_page(entries: Iterable[Entry]) -> str:
    """Suites: name, summary and the file itself."""
    parts = ["# Suites\n\nA suite is a TOML file; `mobench run NAME` runs it.\n"]
    for entry in entries:
        if isinstance(entry.spec, SuiteFile):
            text = entry.spec.path.read_text(encoding="utf-8")
            parts.append(f"## {entry.name}\n\n{entry.spec.summary}\n\n```toml\n{text.rstrip()}\n```\n")
    return "\n".join(parts)


def plugin_page(plugin: Plugin, entries: Iterable[Entry]) -> str:
    """The README of a plugin, and the options of everything that it registers."""
    readme = resources.files(_module(plugin)).joinpath("README.md").read_text(encoding="utf-8")
    parts = [without_relative_links(readme).rstrip(), "\n## Registered names\n"]
    for entry in entries:
        if isinstance(entry.spec, SuiteFile):
            continue
        parts.append(f"### {entry.kind} `{entry.name}`\n\n{entry.spec.summary}\n")
        if not isinstance(entry.spec, Pair):
            parts.append(_options_table(entry))
    return "\n".join(parts) + "\n"


def command_line_page() -> str:
    """The help text of every command, as the command prints it."""
    import typer

    from mobench.cli.main import app

    parts = ["# Command line\n\nThe help texts of all commands, as `--help` prints them.\n"]
    for words, command in _commands(typer.main.get_command(app), ("mobench",)):
        context = command.make_context(" ".join(words), [], resilient_parsing=True)
        parts.append(f"## {' '.join(words)}\n\n```text\n{command.get_help(context).rstrip()}\n```\n")
    return "\n".join(parts)


def columns_page() -> str:
    """Every column of the leaderboard: meaning, direction, unit."""
    from mobench.reports.tables import columns

    rows = [
        (f"`{column.name}`", column.meaning, {"higher": "↑", "lower": "↓", "": ""}[column.better], column.unit)
        for column in columns.catalogue()
    ]
    heading = "# Columns of the tables\n\n↑: larger values are better. ↓: smaller values are better.\n"
    return f"{heading}\n{_table(('column', 'meaning', 'better', 'unit'), rows)}"


def events_page() -> str:
    """Every event of a job and every line of `--json`: meaning, fields and their types, from the classes."""
    from mobench.events import JobEvent
    from mobench.output import output_lines
    from mobench.output.result_lines import LINES

    parts = [
        "# Events\n\nWhat mobench reports about a job during a run, and what `--json` writes.\n",
        "## Events of a job\n\nFrozen dataclasses of `mobench.events`. `mobench.run(..., on_event=function)` calls\n"
        "`function(job, event)` with each of them, one call at a time. `phase` is their name in lines of `--json`.\n",
        *(_event(f"{cls.__name__}, phase `{cls.phase}`", cls) for cls in get_args(JobEvent)),
        f"## Lines of `--json`\n\n{inspect.cleandoc(output_lines.__doc__ or '')}\n",
        *(_event(f"`{kind}`", cls) for kind, cls in LINES.items()),
    ]
    return "\n".join(parts)


def _event(title: str, cls: type[Any]) -> str:
    """The section of an event or a line: its docstring, with the descriptions of fields in a table."""
    text, meanings = described_fields(cls)
    hints = get_type_hints(cls)
    rows = [
        (f"`{field.name}`", _type(hints[field.name], str(field.type)), meanings.get(field.name, ""))
        for field in dataclasses.fields(cls)
    ]
    table = _table(("field", "type", "meaning"), rows) if rows else "It has no fields of its own.\n"
    return f"### {title}\n\n{text}\n\n{table}"


def described_fields(cls: type[Any]) -> tuple[str, dict[str, str]]:
    """Return the docstring of a dataclass without its descriptions of fields, and field -> description.

    A description is a line "field: text" and the indented lines after it.
    """
    text, meanings, last = list[str](), dict[str, str](), ""
    names = {field.name for field in dataclasses.fields(cls)}
    for line in inspect.cleandoc(cls.__doc__ or "").splitlines():
        name, colon, meaning = line.partition(":")
        if colon and name in names:
            last, meanings[name] = name, meaning.strip()
        elif last and line.startswith(" "):
            meanings[last] += f" {line.strip()}"
        else:
            last = ""
            text.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(text)).strip(), meanings


def _type(hint: Any, text: str) -> str:
    values = " or ".join(json.dumps(value) for value in get_args(hint)) if get_origin(hint) is Literal else text
    return f"`{values}`"


def api_page() -> str:
    """The reference of all public modules, from their docstrings."""
    parts = ["# Python reference\n\nThese modules are public; `mobench/interface.txt` lists their names.\n"]
    for name in PUBLIC_MODULES:
        summary = (importlib.import_module(name).__doc__ or "").strip().splitlines()[0]
        members = "\n:members:" if name != "mobench" else ""
        if name == "mobench.testing":  # its names have a home in its modules
            members += "\n:no-index:"
        parts.append(f"## {name}\n\n{summary}\n\n```{{eval-rst}}\n.. automodule:: {name}{_indented(members)}\n```\n")
    return "\n".join(parts)


def as_line_block(app: object, kind: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Replace the lines of a docstring by a reStructuredText line block, which keeps its line breaks."""
    if kind == "module":
        lines.clear()
        return
    lines[:] = ["| " + _escaped(line) if line.strip() else "" for line in lines]


def without_relative_links(text: str) -> str:
    """Markdown whose links and pictures that point into the repository are plain text: the site has no such files."""
    text = re.sub(r"!\[([^\]]*)\]\((?!https?:)[^)]*\)", r"*\1*", text)
    return re.sub(r"\[([^\]]+)\]\((?!https?:|#)[^)]*\)", r"\1", text)


def _row(entry: Entry) -> tuple[str, str, str, str]:
    spec = entry.spec
    composed = f" (`{spec.generator}+{spec.balancer}`)" if isinstance(spec, Pair) else ""
    return _link(entry), f"{spec.summary}{composed}", getattr(spec, "source", ""), entry.version


def _link(entry: Entry) -> str:
    return f"[`{entry.name}`](plugins/{entry.plugin.name}.md)"


def _options_table(entry: Entry) -> str:
    from mobench.options import describe

    defaults: Mapping[str, Any] = getattr(entry.spec, "defaults", {})
    rows = [
        (f"`{option.name}`", f"`{defaults.get(option.name, option.default)}`", option.type, option.help)
        for option in describe(entry.load())
    ]
    return _table(("option", "default", "accepted", "meaning"), rows) if rows else "It has no options.\n"


def _table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    headings = tuple(headings)
    lines = [headings, ("---",) * len(headings), *rows]
    return "".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def _module(plugin: Plugin) -> str:
    return plugin.module.partition(".")[0]


def _commands(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield words, command
    for name, child in sorted(getattr(command, "commands", {}).items()):
        yield from _commands(child, (*words, name))


def _indented(text: str) -> str:
    return text.replace("\n", "\n   ")


def _escaped(line: str) -> str:
    """A line of plain text as reStructuredText that prints it."""
    return re.sub(r"([\\*`_|])", r"\\\1", line)
