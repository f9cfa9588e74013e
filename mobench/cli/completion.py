"""Completion of names by the shell: registered names and other fixed choices, also in comma-separated lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from mobench.plugins import Kind, registry

Complete: TypeAlias = Callable[[str], list[str]]
"""Returns the texts that complete an incomplete one."""


def one_of(names: Callable[[], Iterable[str]]) -> Complete:
    """Return the completion of one name. names: called when the shell asks."""
    return lambda incomplete: [name for name in names() if name.startswith(incomplete)]


def list_of(names: Callable[[], Iterable[str]]) -> Complete:
    """Return the completion of the last of several names that are separated by commas."""

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        chosen = before.split(",")
        return [before + comma + name for name in names() if name.startswith(last) and name not in chosen]

    return complete


def registered(kind: Kind) -> Callable[[], Iterable[str]]:
    """Return a function that returns the registered names of a kind."""
    return lambda: registry().names(kind)


def all_registered() -> list[str]:
    """Return all registered names."""
    entries = registry()
    return sorted({name for names in entries.entries.values() for name in names})


def devices() -> tuple[str, ...]:
    """Return common devices of torch, which is not imported."""
    return ("cpu", "cuda")


OF_OPTIONS: dict[str, Complete] = {
    "suite": one_of(registered("suite")),
    "dataset": list_of(registered("dataset")),
    "model": list_of(registered("model")),
    "solver": list_of(registered("solver")),
    "device": one_of(devices),
    "precision": one_of(lambda: ("fp32", "bf16")),
    "executor": one_of(lambda: ("local", "ray", "slurm")),
}
"""Parameter of a Python function -> completion of its option."""
