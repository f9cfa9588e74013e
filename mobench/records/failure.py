"""What a job says in words, in a size that a record takes: anybody's plugin chose them."""

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
"""Characters at most."""
MOST_NOTES = 200
DECLINED = IncompatibleError.__name__
"""The kind of failure of a job that one of its parts declines. Its worker writes no record."""


def failure(kind: str, message: str, details: str = "") -> Failure:
    """Why a job has no result; of file names in the details, the last two parts."""
    return Failure(
        kind=one_line(kind, NAME),
        message=shortened(message, MESSAGE),
        traceback=provenance.without_paths(shortened(details, DETAILS)),
    )


def weights_not_kept(reason: str) -> dict[str, float | int | str]:
    """The note of a record whose trained network was to be kept and is not."""
    return {"weights": f"not kept: {one_line(reason)}"}


def sound_notes(notes: Mapping[Any, Any]) -> dict[str, float | int | str]:
    """A solver's notes as a record holds them. What is no finite number becomes text, and what is too long or too
    much is cut and says so: a note is no reason to lose what was trained."""
    kept = {one_line(str(name), NAME) or "?": _sound(value) for name, value in islice(notes.items(), MOST_NOTES)}
    return kept | ({"notes_left_out": len(notes) - MOST_NOTES} if len(notes) > MOST_NOTES else {})


def _sound(value: Any) -> float | int | str:
    if isinstance(value, Integral) and abs(int(value)) < 2**63:
        return int(value)
    if isinstance(value, Real) and not isinstance(value, Integral) and math.isfinite(value):
        return float(value)
    return shortened(str(value), NOTE)
