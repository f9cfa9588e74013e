"""Parsing of worker events. The lines are validated, because plugins can write to the worker's pipe too."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, get_args

from mobench.records.record import Status

MAX_CHARACTERS = 1 << 16
"""Maximum length of a line; a longer line is not an event."""
Tell = Callable[[dict[str, Any]], None]
"""Function that receives the events of a job."""
OF_RUNNERS = ("present", "start", "end")
"""Phases of events that only a runner sends."""


def parse_event(line: str | bytes) -> dict[str, Any] | None:
    """Return the event in a line, or None if the line is truncated, is no JSON object, or has a value of a wrong type.

    Every event has a "phase". Unknown fields are not validated.
    """
    try:
        event = json.loads(line) if len(line) <= MAX_CHARACTERS else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or not isinstance(event.get("phase"), str) or event["phase"] in OF_RUNNERS:
        return None
    return event if all(is_valid(event[name]) for name, is_valid in _FIELDS.items() if name in event) else None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63)


def _is_finite_or_none(value: Any) -> bool:
    return value is None or (_is_number(value) and math.isfinite(value))


_FIELDS: dict[str, Callable[[Any], bool]] = {
    "status": lambda value: value in get_args(Status),
    "message": _is_text,
    "split": _is_text,
    "fraction": lambda value: _is_number(value) and 0 <= value <= 1,
    "losses": lambda value: isinstance(value, list) and all(map(_is_number, value)),
    "hypervolume": _is_finite_or_none,
    "seconds": _is_finite_or_none,
}
