"""Text that others wrote, made fit for a terminal and for one line."""

from __future__ import annotations

MAX_LINE = 500


def printable(text: str) -> str:
    """The text with every character that a terminal might obey, or not show, as a backslash escape.

    Line ends and tabs stay. What is printable is what `str.isprintable` says: controls, escapes, characters that
    turn the direction of writing and halves of surrogate pairs are not.
    """
    return text if text.isprintable() else "".join(c if c.isprintable() or c in "\n\t" else _escaped(c) for c in text)


def one_line(text: str, limit: int = MAX_LINE) -> str:
    """The same in one line of at most `limit` characters, for messages that quote what others wrote."""
    line = printable(" ".join(text[: 4 * limit].split()))
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def message_of(error: BaseException) -> str:
    """What an exception says; a plugin's exception may itself raise when it is asked."""
    try:
        return str(error)
    except KeyboardInterrupt:
        raise
    except BaseException as second:
        return f"(its message cannot be read: {type(second).__name__} in __str__)"


def described(error: BaseException) -> str:
    """An exception's type and message, in one line."""
    message = one_line(message_of(error), 4 * MAX_LINE)
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def shortened(text: str, limit: int) -> str:
    """What JSON can hold of a text, in about `limit` characters: of a longer one its beginning and more of its end."""
    if len(text) > limit:
        head, tail = limit // 4, limit - limit // 4
        text = f"{text[:head]}\n… {len(text) - limit} characters left out …\n{text[-tail:]}"
    return text.encode(errors="backslashreplace").decode()


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
