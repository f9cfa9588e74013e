"""Progress, warnings and arguments of Python calls."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from mobench.text import one_line

NameOfOption: TypeAlias = Callable[[str], str]
"""Name of a parameter -> its name in error messages, which is an option in the command line."""
_PACKAGE = str(Path(__file__).parents[1])


@contextmanager
def progress_shown(progress: bool | None) -> Iterator[bool]:
    """Show or hide the progress of commands until the end of the block; yield whether it is shown.

    progress: True shows the live view on a terminal and plain lines elsewhere, False shows nothing, and None shows
        the live view on a terminal and nothing elsewhere.
    """
    from mobench.output.printing import quiet
    from mobench.output.progress import on_terminal

    is_shown = on_terminal() if progress is None else progress
    with quiet(not is_shown):
        yield is_shown


def warn(message: str) -> None:
    """Issue a UserWarning that points at the first caller outside mobench."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith((_PACKAGE, contextlib.__file__)):
        frame, level = frame.f_back, level + 1
    warnings.warn(one_line(message, 2000), UserWarning, level)


def paths(folder: str | Path | Sequence[str | Path]) -> list[Path]:
    """Return one path or several as a list."""
    return [Path(folder)] if isinstance(folder, str | Path) else [Path(item) for item in folder]
