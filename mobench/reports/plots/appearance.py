"""Appearance of figures for papers and slides: width, size of text, and whether there is a heading."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from mobench.errors import OptionError

WIDTHS: Mapping[str, float] = {"column": 3.25, "page": 5.5}
"""Name -> width in inches: a column of ICML and a page of NeurIPS, as in LaTeX tables."""
NARROWEST, WIDEST = 2.5, 40.0
STYLES: Mapping[str, tuple[float, float]] = {"paper": (8.0, 5.5), "slides": (14.0, 10.0)}
"""Style -> size of text in points, and default width in inches."""
EM = 0.6
"""Upper estimate of the mean width of a letter of DejaVu Sans, relative to the size of the text."""


@dataclass(frozen=True)
class Appearance:
    """How figures are set.

    inches: width; None for the sizes of the figures beside the records, which differ by kind.
    text:   size of text in points; None as for `inches`. If it is set, colours and markers follow the names of solvers.
    title:  whether figures have a heading.
    """

    inches: float | None = None
    text: float | None = None
    title: bool = True


_CURRENT: ContextVar[Appearance] = ContextVar("appearance", default=Appearance())  # noqa: B039  (frozen)


def appearance(style: str | None = None, width: str | float | None = None, title: bool = True) -> Appearance:
    """Return an appearance. A width without a style implies the style paper.

    Raises: OptionError for a style that does not exist, or a width that is no name and no number of inches in range.
    """
    if style is None and width is None:
        return Appearance(title=title)
    if style is not None and style not in STYLES:
        raise OptionError(f"no style of figures is called {style!r}; accepted: {', '.join(STYLES)}")
    text, inches = STYLES[style or "paper"]
    return Appearance(inches if width is None else _inches(width), text, title)


def _inches(width: str | float) -> float:
    if isinstance(width, str) and width in WIDTHS:
        return WIDTHS[width]
    try:
        inches = float(width)
    except ValueError:
        inches = math.nan
    if not NARROWEST <= inches <= WIDEST:
        raise OptionError(
            f"the width of a figure was given as {width!r}; accepted: {', '.join(WIDTHS)}, or "
            f"{NARROWEST:g} to {WIDEST:g} inches: pass --width column, for example"
        )
    return inches


@contextmanager
def appearing(chosen: Appearance) -> Iterator[None]:
    """Make figures inside the context in an appearance."""
    token = _CURRENT.set(chosen)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def current() -> Appearance:
    return _CURRENT.get()


def is_named() -> bool:
    """Return whether colours and markers follow the names of solvers."""
    return current().text is not None


def points(default: float) -> float:
    """Return the size of text: that of the appearance, or the default."""
    return current().text or default


def scale() -> float:
    """Return the size of text relative to that of papers."""
    return (current().text or 8.0) / 8.0


def n_across(inches: float, most: int) -> int:
    """Return how many panels of a least width, with text of 8 points, fit side by side: 1 to `most`."""
    available = current().inches
    return most if available is None else max(1, min(most, int(available / (inches * scale()))))


def filled(text: str, inches: float | None = None) -> str:
    """Wrap a text to a width; default: that of the figure. Without a width the text is returned as it is."""
    inches = inches if inches is not None else current().inches
    if inches is None:
        return text
    return textwrap.fill(text, max(10, int(72 * inches / (EM * points(8.0)))), break_long_words=True)
