"""Writing a site: every file, and removal of those of an earlier site that no longer belong to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mobench import files
from mobench.board.site import board_content, data_files
from mobench.board.site.board_feed import changes, json_feed
from mobench.board.site.method_content import methods
from mobench.board.site.site_pages import pages
from mobench.board.site.site_rows import StoreRows
from mobench.errors import StoreError
from mobench.text import one_line

LIST = "data/files.txt"
"""The file that names all files of a site, one a line. A folder that has it is a site, whose files are replaced."""
MAX_LIST_BYTES = 2**24


@dataclass(frozen=True)
class WrittenSite:
    """A site. index: its front page. faults: one line for each submission that no table has."""

    index: Path
    n_files: int
    n_bytes: int
    faults: tuple[str, ...]


def write(board: Path, out: Path, tell: Callable[[str], None] = lambda label: None) -> WrittenSite:
    """Write the site of a board. The same board, mobench and plugins give the same bytes.

    tell: called with the name of each step before it starts.

    Raises: StoreError for a folder that is no board, and where `out` cannot be written or has files of something else.
    """
    old_names = _old_names(out)
    tell("records")
    content = board_content.read(board)
    stores = [StoreRows(store) for store in content.stores]
    tell("pages")
    names, n_bytes = set[str](), 0
    try:
        for name, text in _contents(content, stores):
            data = text if isinstance(text, bytes) else text.encode(errors="backslashreplace")
            path = out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write_whole(path, data, durable=False)
            names.add(name)
            n_bytes += len(data)
        for name in sorted(old_names - names):
            (out / name).unlink(missing_ok=True)
        listed = "".join(f"{name}\n" for name in sorted({*names, LIST}))
        files.write_whole(out / LIST, listed.encode(), durable=False)
    except OSError as error:
        raise StoreError(
            f"the site cannot be written to {one_line(str(out))}: {error.strerror or error}; make room or name another "
            "folder"
        ) from error
    return WrittenSite(out / "index.html", len(names) + 1, n_bytes + len(listed), content.faults)


def _contents(content: board_content.BoardContent, stores: list[StoreRows]) -> Iterator[tuple[str, str | bytes]]:
    entries = changes(content, stores)
    yield from pages(content, stores, methods(stores, content.submissions), entries, data_files.names(stores))
    yield "feed.json", json_feed(content.board, entries)
    yield from data_files.contents(content, stores)


def _old_names(out: Path) -> set[str]:
    """Return the files of the site in a folder. Raises: StoreError for a folder with files of something else."""
    try:
        if not out.exists() or not any(out.iterdir()):
            return set()
        text = files.read(out / LIST, MAX_LIST_BYTES).decode()
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{one_line(str(out))} has files and is not a site that mobench made: name a new or an empty folder"
        ) from error
    parts = {name: PurePosixPath(name).parts for name in text.splitlines()}
    return {name for name, names in parts.items() if names and ".." not in names and not name.startswith("/")} - {LIST}
