"""Text from plugins and files: escape control characters, shorten, and format exceptions."""

from __future__ import annotations

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
