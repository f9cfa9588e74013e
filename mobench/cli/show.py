"""`mobench show`: one name with its options, defaults and source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from mobench.cli.console import print_table
from mobench.errors import PluginError, unknown_name
from mobench.plugins import KINDS, Entry, Pair, Registry, SuiteFile, registry


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
        print(f"{entry.kind} {name}: {spec.summary}".rstrip(": "))
        print(f"  from {entry.plugin.origin}, version {entry.version}")
        if isinstance(spec, SuiteFile):
            print(spec.path.read_text(), end="")
            continue
        if spec.source:
            print(f"  source: {spec.source}")
        if isinstance(spec, Pair):
            _show_pair(known, spec)
        else:
            print((entry.load().__doc__ or "").strip())
            _options(entry.load(), spec.defaults, "")


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
        print_table(["option", "default", "accepted", "meaning"], rows)
    else:
        print(f"  {prefix.rstrip('.') or 'it'} has no options")
