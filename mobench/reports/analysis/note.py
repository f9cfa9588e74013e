"""Text of a note of a table, with the columns that it is about."""

from __future__ import annotations

from collections.abc import Iterable


class Note(str):
    """The text of a note, with the columns that it is about.

    columns: names; empty for a note that concerns every table of the leaderboard, as a plain string does.
    """

    columns: tuple[str, ...]

    def __new__(cls, text: str, *columns: str) -> Note:
        note = super().__new__(cls, text)
        note.columns = columns
        return note


def notes_about(notes: Iterable[str], columns: Iterable[str]) -> list[str]:
    """Return the notes that concern every table, or at least one of the columns."""
    shown = set(columns)
    return [n for n in notes if not isinstance(n, Note) or not n.columns or shown.intersection(n.columns)]
