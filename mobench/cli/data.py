"""`mobench data`: list, fetch and verify the files that datasets read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mobench.cli.app import App
from mobench.cli.exit_codes import ExitCode
from mobench.errors import DataError
from mobench.output.data_lines import DataFileLine, DataFileState, UserFolderLine
from mobench.output.printing import say
from mobench.output.progress import steps
from mobench.plugins import DataFile
from mobench.text import one_line

app = App(help="Fetch, list and verify data files.", no_args_is_help=True)
Collections = Annotated[list[str] | None, typer.Argument(help="Collections of data files; default: all.")]


@app.command("list")
def list_() -> None:
    """List data files, and folders that users provide: whether each is present, its size and its licence."""
    from mobench.datafiles import collections, locate
    from mobench.user_folders import find, folders_by_name

    for name, files in sorted(collections().items()):
        for file in files:
            place = locate(file)
            state: DataFileState = "here" if place else "missing"
            line = f"{name:<16} {state:<7} {file.path}  {_size(file.n_bytes)}  {_licence(file.licence)}"
            _tell(line + (f"  ({place})" if place else ""), file, state, place)
    for name, folder in sorted(folders_by_name().items()):
        place = find(folder)
        line = f"{name:<16} {'here' if place else 'missing':<7} {folder.path}/  {_size(folder.n_bytes)}  "
        line += f"{_licence(folder.licence)}; provided by the user" + (f"  ({place})" if place else "")
        say(
            line,
            UserFolderLine(
                name, folder.path, "here" if place else "missing", None if place is None else str(place),
                folder.layout, folder.origin, folder.n_bytes, folder.licence,
            ),
        )  # fmt: skip


@app.command()
def fetch(names: Collections = None) -> None:
    """Fetch the missing files, trying their sources in order, and verify them."""
    from mobench.datafiles import collections, obtain
    from mobench.user_folders import fetchable

    files_by_name = {name: fetchable(name) for name in names or sorted(collections())}
    with steps("fetch", sum(map(len, files_by_name.values()))) as step:
        for name, files in files_by_name.items():
            for file in files:
                step(file.path)
                obtain(file, say, step.within)
            say(f"{name}: {len(files)} files, all verified")


@app.command()
def verify(names: Collections = None) -> None:
    """Check the SHA-256 of every file; the exit code is not 0 if any is missing or wrong."""
    from mobench.datafiles import collections, locate
    from mobench.datafiles import verify as check
    from mobench.user_folders import fetchable

    files = [file for name in names or sorted(collections()) for file in fetchable(name)]
    bad = 0
    with steps("verify", len(files), lines=False) as step:
        for file in files:
            step(file.path)
            place = locate(file)
            try:
                if place is None:
                    raise DataError(f"missing: run `mobench data fetch {file.name}`")
                check(file, place)
                _tell(f"ok      {file.path}", file, "ok", place)
            except DataError as error:
                bad += 1
                _tell(f"BAD     {file.path}: {error}", file, "bad", place, str(error))
    if bad:
        raise typer.Exit(ExitCode.NO_RESULT)


def _size(n_bytes: int) -> str:
    """Return a size, for example "38 kB"."""
    if not n_bytes:
        return "size not stated"
    if n_bytes >= 1e9:
        return f"{n_bytes / 1e9:.1f} GB"
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes >= 1e6 else f"{n_bytes / 1e3:.0f} kB"


def _licence(licence: str) -> str:
    return one_line(licence) or "licence not stated"


def _tell(line: str, file: DataFile, state: DataFileState, place: Path | None, message: str = "") -> None:
    """Print the state of a data file."""
    at = None if place is None else str(place)
    say(line, DataFileLine(file.name, file.path, state, at, message, file.n_bytes, file.licence))
