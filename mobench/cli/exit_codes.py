"""Exit codes of the `mobench` command."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit code of a command."""

    SUCCESS = 0
    """The command did what was asked; for `run`: every job that was not declined has a result."""
    NO_RESULT = 1
    """A job has no result, records do not agree, or a check failed."""
    USAGE = 2
    """The command cannot do what was asked; the message says what to change."""
    INTERNAL = 70
    """A bug of mobench; `--debug` shows the traceback."""
    NOT_WRITTEN = 74
    """The command succeeded, but standard output could not be written."""
    INTERRUPTED = 130
    """The command was interrupted."""
