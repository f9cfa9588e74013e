"""Lines that `--json` writes: one JSON object per line on standard output, with its kind in `event`.

The last line is always `end`, with the exit code. After an error, an `error` line precedes it (and a line on
standard error, as without `--json`). Numbers that are not finite are null. Later versions may add kinds and
fields, but do not remove any.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class OutputLine:
    """Base class of all lines.

    event: kind of the line; a constant of each class.
    """

    event: ClassVar[str]

    def to_json(self) -> str:
        """Return the line as a JSON object: its kind and its fields."""
        return json.dumps({"event": self.event, **_as_json(self)}, allow_nan=False)


@dataclass(frozen=True)
class ProgressLine(OutputLine):
    """Progress of a command: `done` of `total` steps are done, and step `label` is running.

    total: null if unknown.
    """

    event = "progress"
    what: str
    label: str
    done: float
    total: float | None


@dataclass(frozen=True)
class TableLine(OutputLine):
    """A table as it is displayed: its cells are strings."""

    event = "table"
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class WroteLine(OutputLine):
    """A file or folder that was written."""

    event = "wrote"
    path: str


@dataclass(frozen=True)
class TextLine(OutputLine):
    """A line of text without an event kind of its own."""

    event = "line"
    text: str


@dataclass(frozen=True)
class WarningLine(OutputLine):
    """A warning, which does not end the command."""

    event = "warning"
    message: str


@dataclass(frozen=True)
class ErrorLine(OutputLine):
    """The reason why the command failed."""

    event = "error"
    message: str


@dataclass(frozen=True)
class EndLine(OutputLine):
    """The last line.

    code: exit code of the command.
    """

    event = "end"
    code: int


def _as_json(value: Any) -> Any:
    """Return dataclasses as dictionaries, tuples as lists and numbers that are not finite as None, recursively."""
    if is_dataclass(value):
        return {field.name: _as_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
