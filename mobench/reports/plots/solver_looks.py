"""One colour and marker per solver, from its name alone, so that they agree between figures."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from mobench.reports.plots.style import DASHES, MARKERS, REST, Look

SOLVER_COLOURS = ("#994d33", "#cc4dff", "#330000", "#e66600", "#660099", "#4d80b3", "#3300e6", "#000033")
"""Eight colours from a search over sRGB, readable on white and distinguishable with each type of dichromacy."""
MOST_HIGHLIGHTED = 8


def look_of(name: str) -> Look:
    """Return the colour, marker, filling and dashes of a solver; they depend on its name only.

    Different names can share a colour; they then differ in the marker or its filling, except by a rare coincidence.
    """
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    number, colour = divmod(number, len(SOLVER_COLOURS))
    number, marker = divmod(number, len(MARKERS))
    number, hollow = divmod(number, 2)
    return Look(SOLVER_COLOURS[colour], MARKERS[marker], DASHES[number % len(DASHES)], not hollow, True)


def highlighted(looks: Sequence[Look]) -> list[Look]:
    """Return looks of solvers, best first, with the colour of those after MOST_HIGHLIGHTED replaced by grey."""
    return [
        look if i < MOST_HIGHLIGHTED else replace(look, colour=REST, prominent=False) for i, look in enumerate(looks)
    ]


def looks_of(names: Sequence[str]) -> list[Look]:
    """Return the look of each solver, best solver first: beyond MOST_HIGHLIGHTED solvers, the rest is grey."""
    return highlighted([look_of(name) for name in names])
