"""Text of messages: escape control characters, shorten, format exceptions, and suggest names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

MAX_LINE = 500


def printable(text: str) -> str:
    """Replace non-printable characters by backslash escapes; keep newlines and tabs.

    Printable means `str.isprintable`. It is False for control characters, terminal escapes, characters that change
    the writing direction, and lone surrogates.
    """
    return text if text.isprintable() else "".join(c if c.isprintable() or c in "\n\t" else _escaped(c) for c in text)


def one_line(text: str, limit: int = MAX_LINE) -> str:
    """Return the printable text as one line of at most `limit` characters, for quoting in messages."""
    line = printable(" ".join(text[: 4 * limit].split()))
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def single_spaced(text: str) -> str:
    """Return the text as one line, with control characters, lone surrogates and repeated spaces as single spaces."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", " ", text).split())


def message_of(error: BaseException) -> str:
    """Return the message of an exception, or a placeholder if its `__str__` raises."""
    try:
        return str(error)
    except KeyboardInterrupt:
        raise
    except BaseException as second:
        return f"(its message cannot be read: {type(second).__name__} in __str__)"


def described(error: BaseException) -> str:
    """Return the type and the message of an exception in one line."""
    message = one_line(message_of(error), 4 * MAX_LINE)
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def first_line(error: BaseException) -> str:
    """Return the first line of an exception's message, or the exception's type if the message is empty."""
    return next(iter(message_of(error).strip().splitlines()), type(error).__name__)


def near_names(unknown: str, accepted: Iterable[str]) -> str:
    """Return `; did you mean 'a' or 'b'?` for the closest accepted names, or ''."""
    close = get_close_matches(unknown, list(accepted), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(repr(name) for name in close)}?" if close else ""


def name_hint(unknown: str, accepted: Iterable[str], intro: str = "accepted:", none: str = "none") -> str:
    """Return the end of a message about an unknown name: the closest accepted names, or else all of them.

    intro: text before the list of all names. none: text instead of the list if there are no names.
    """
    names = list(dict.fromkeys(accepted))
    return near_names(unknown, names) or f"; {intro} {', '.join(names) or none}"


def file_name_part(name: str) -> str:
    """Return a name with at most 40 letters, digits, `_`, `+` and `-`, for use as part of a file name."""
    return re.sub(r"[^A-Za-z0-9_+]+", "-", name)[:40].strip("-") or "x"


def shortened(text: str, limit: int) -> str:
    """Shorten a text to about `limit` characters and escape what JSON cannot encode.

    A longer text keeps its first quarter of the limit and its last three quarters.
    """
    if len(text) > limit:
        head, tail = limit // 4, limit - limit // 4
        text = f"{text[:head]}\n… {len(text) - limit} characters left out …\n{text[-tail:]}"
    return text.encode(errors="backslashreplace").decode()


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
