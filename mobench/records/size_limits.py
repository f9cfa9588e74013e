"""Truncate messages and notes of plugins to the sizes that a record accepts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import islice
from numbers import Integral, Real
from typing import Any

from mobench.errors import IncompatibleError
from mobench.records import provenance
from mobench.records.record import Failure
from mobench.text import one_line, shortened

MESSAGE, DETAILS, NOTE, NAME = 4000, 40_000, 2000, 100
"""Maximum numbers of characters."""
MOST_NOTES = 200
DECLINED = IncompatibleError.__name__
"""The failure kind of a job that one of its parts declines. The worker writes no record for it."""


def failure(kind: str, message: str, details: str = "") -> Failure:
    """Return the failure of a job. File names in `details` are reduced to their last two parts."""
    return Failure(
        kind=one_line(kind, NAME),
        message=shortened(message, MESSAGE),
        traceback=provenance.without_paths(shortened(details, DETAILS)),
    )


def weights_not_kept(reason: str) -> dict[str, float | int | str]:
    """Return the note for a trained network that could not be kept as requested."""
    return {"weights": f"not kept: {one_line(reason)}"}


def sound_notes(notes: Mapping[Any, Any]) -> dict[str, float | int | str]:
    """Return a solver's notes in the form that a record accepts.

    Values that are not finite numbers become text. Texts that are too long and notes that are too many are cut, and
    the result says so: an invalid note must not cost the result of a training run.
    """
    sound = {one_line(str(name), NAME) or "?": _sound(value) for name, value in islice(notes.items(), MOST_NOTES)}
    return sound | ({"notes_left_out": len(notes) - MOST_NOTES} if len(notes) > MOST_NOTES else {})


def _sound(value: Any) -> float | int | str:
    if isinstance(value, Integral) and abs(int(value)) < 2**63:
        return int(value)
    if isinstance(value, Real) and not isinstance(value, Integral) and math.isfinite(value):
        return float(value)
    return shortened(str(value), NOTE)
