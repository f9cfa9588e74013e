"""`mobench show`: one name with its options, defaults and source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from mobench import files
from mobench.cli.console import print_table
from mobench.cli.list import fields_of
from mobench.cli.output import events, say
from mobench.errors import PluginError, SuiteError, unknown_name
from mobench.files import MAX_SUITE_BYTES
from mobench.plugins import KINDS, Entry, Pair, Registry, SuiteFile, registry
from mobench.text import one_line


def show(
    name: Annotated[str, typer.Argument(help="A registered name, or generator+balancer.")],
    kind: Annotated[str | None, typer.Option(help="Where a name is of several kinds.")] = None,
) -> None:
    """Show what a name is: its source, and its options with their defaults."""
    known = registry()
    if "+" in name:
        generator, _, balancer = name.partition("+")
        _show_pair(known, Pair(name, generator, balancer))
        return
    for entry in _find(known, name, kind):
        spec = entry.spec
        as_text = events() is None
        if as_text:
            print(f"{entry.kind} {name}: {spec.summary}".rstrip(": "))
            print(f"  from {entry.plugin.origin}, version {entry.version}")
        if isinstance(spec, SuiteFile):
            text = _text(spec)
            say(text.removesuffix("\n"), "entry", **fields_of(entry), text=text)
            continue
        if not as_text:
            doc = "" if isinstance(spec, Pair) else (entry.load().__doc__ or "").strip()
            say("", "entry", **fields_of(entry), text=doc)
        elif spec.source:
            print(f"  source: {spec.source}")
        if isinstance(spec, Pair):
            _show_pair(known, spec)
        else:
            if as_text:
                print((entry.load().__doc__ or "").strip())
            _options(entry.load(), spec.defaults, "")


def _text(spec: SuiteFile) -> str:
    """The suite's TOML. Raises: SuiteError where it cannot be read."""
    try:
        return files.read(spec.path, MAX_SUITE_BYTES).decode()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SuiteError(f"suite file {one_line(spec.path.name)} cannot be read: {reason}") from error


def _find(known: Registry, name: str, kind: str | None) -> list[Entry]:
    kinds = [k for k in KINDS if kind in (None, k)]
    if not kinds:
        raise unknown_name("kind", str(kind), KINDS)
    found = [known.entries[k][name] for k in kinds if name in known.entries[k]]
    if found:
        return found
    disputed = [k for k in kinds if name in known.conflicts[k]]
    if disputed:
        known.get(disputed[0], name)
        raise PluginError(name)
    raise unknown_name(kind or "plugin", name, [n for k in kinds for n in known.entries[k]])


def _show_pair(known: Registry, pair: Pair) -> None:
    from mobench.learning.gradient_solver import GradientOptions

    if events() is None:
        print(f"  generator {pair.generator} + balancer {pair.balancer}, trained by gradients")
    parts: dict[str, type[Any]] = {
        "solver": GradientOptions,
        "generator": known.get("generator", pair.generator).load(),
        "balancer": known.get("balancer", pair.balancer).load(),
    }
    for role, cls in parts.items():
        own = {k.partition(".")[2]: v for k, v in pair.defaults.items() if k.startswith(f"{role}.")}
        _options(cls, own, f"{role}.")


def _options(cls: type[Any], own: Mapping[str, Any], prefix: str) -> None:
    from mobench.options import describe

    rows = [[f"{prefix}{o.name}", str(own.get(o.name, o.default)), o.type, o.help] for o in describe(cls)]
    if rows:
        title = prefix.rstrip(".") if events() is not None else ""
        print_table(["option", "default", "accepted", "meaning"], rows, title)
    elif events() is None:
        print(f"  {prefix.rstrip('.') or 'it'} has no options")
