"""Formatting of numbers and times for the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mobench.output.tally import TimeLeft


def numbers(values: Sequence[float]) -> str:
    """Format values with four significant digits, separated by spaces."""
    return " ".join(f"{value:.4g}" for value in values)


def duration(left: TimeLeft) -> str:
    """Format a remaining time: "1:05", "about 2:03:00" or "unknown"."""
    if left.seconds is None:
        return "unknown"
    return f"about {clock(left.seconds)}" if left.guessed else clock(left.seconds)


def clock(seconds: float) -> str:
    """Format seconds as m:ss, h:mm:ss, or days and hours."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
