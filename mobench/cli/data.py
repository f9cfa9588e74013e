"""`mobench data`: list, fetch and verify the files that datasets read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mobench.cli.exit_codes import ExitCode
from mobench.cli.output import App, say
from mobench.cli.progress import steps
from mobench.cli.result_lines import DataFileLine, DataFileState
from mobench.errors import DataError
from mobench.plugins import DataFile, UserFiles
from mobench.text import one_line

app = App(help="Fetch, list and verify data files.", no_args_is_help=True)
Collections = Annotated[list[str] | None, typer.Argument(help="Collections of data files; default: all.")]


@app.command("list")
def list_() -> None:
    """List the data files that plugins register: whether each is present, its size and its licence.

    Files that cannot be fetched are marked as the user's; one line stands for all of a dataset.
    """
    from mobench.datafiles import collections, locate, user_files

    for name, files in sorted(collections().items()):
        for file in files:
            place = locate(file)
            state: DataFileState = "here" if place else "missing"
            line = f"{name:<16} {state:<7} {file.path}  {_size(file)}  {one_line(file.licence) or 'licence not stated'}"
            _tell(line + (f"  ({place})" if place else ""), file, state, place)
    for name, provided in sorted(user_files().items()):
        _tell_user_files(name, provided)


@app.command()
def fetch(names: Collections = None) -> None:
    """Fetch the missing files, trying their sources in order, and verify them."""
    from mobench.datafiles import collection, collections, obtain

    files_by_name = {name: collection(name) for name in names or sorted(collections())}
    with steps("fetch", sum(map(len, files_by_name.values()))) as step:
        for name, files in files_by_name.items():
            for file in files:
                step(file.path)
                obtain(file, say, step.within)
            say(f"{name}: {len(files)} files, all verified")


@app.command()
def verify(names: Collections = None) -> None:
    """Check the SHA-256 of every file; the exit code is not 0 if any is missing or wrong."""
    from mobench.datafiles import collection, collections, locate
    from mobench.datafiles import verify as check

    files = [file for name in names or sorted(collections()) for file in collection(name)]
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


def _size(file: DataFile | UserFiles) -> str:
    """Return the size of a file, for example "38 kB"."""
    if not file.n_bytes:
        return "size not stated"
    if file.n_bytes >= 1e9:
        return f"{file.n_bytes / 1e9:.1f} GB"
    return f"{file.n_bytes / 1e6:.1f} MB" if file.n_bytes >= 1e6 else f"{file.n_bytes / 1e3:.0f} kB"


def _tell_user_files(name: str, provided: UserFiles) -> None:
    """Print whether the default folder of the user's files of a dataset is there, with everything in it."""
    from mobench.datafiles import user_folder

    try:
        place = str(user_folder(name))
    except DataError:
        place = None
    state: DataFileState = "here" if place else "missing"
    size = f"about {_size(provided)}" if provided.n_bytes else _size(provided)
    licence = one_line(provided.licence) or "licence not stated"
    line = f"{name:<16} {state:<7} {provided.folder}/  {size}  {licence}  (user's files"
    line += f": {place})" if place else f", from {one_line(provided.origin)})"
    say(line, DataFileLine(name, provided.folder, state, place, "", provided.n_bytes, provided.licence, is_users=True))


def _tell(line: str, file: DataFile, state: DataFileState, place: Path | None, message: str = "") -> None:
    """Print the state of a data file."""
    at = None if place is None else str(place)
    say(line, DataFileLine(file.name, file.path, state, at, message, file.n_bytes, file.licence))
