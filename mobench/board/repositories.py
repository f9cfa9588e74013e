"""Git repositories of boards: a temporary clone, and commands in it."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mobench.board.layout import BOARD_FILE
from mobench.errors import StoreError
from mobench.text import one_line

GIT_SECONDS = 600


@contextmanager
def cloned(repository: str) -> Iterator[Path]:
    """Yield a temporary clone of a board's repository. Raises: StoreError."""
    with tempfile.TemporaryDirectory(prefix="mobench-board-") as temporary:
        folder = Path(temporary) / "board"
        git(Path(temporary), "clone", "--quiet", "--depth", "1", "--", repository, str(folder))
        if not (folder / BOARD_FILE).is_file():
            raise StoreError(f"{one_line(repository)} is not a board: a board has a file {BOARD_FILE}")
        yield folder


def git(folder: Path, *words: str) -> None:
    """Run git in a folder. Raises: StoreError."""
    try:
        done = subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, text=True, errors="replace", timeout=GIT_SECONDS,
            check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise StoreError(f"git cannot be run: {one_line(str(error))}; name the folder of a board with --to") from error
    if done.returncode != 0:
        reason = one_line(done.stderr, 300)
        raise StoreError(f"git {words[0]} failed: {reason}; name the folder of a board or a repository with --to")
