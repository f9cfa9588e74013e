"""`mobench data`: list, fetch and verify the files that datasets read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mobench.cli.output import App, say
from mobench.cli.progress import steps
from mobench.errors import DataError

app = App(help="Fetch, list and verify data files.", no_args_is_help=True)
Names = Annotated[list[str] | None, typer.Argument(help="Collections of data files; default: all.")]


@app.command("list")
def list_() -> None:
    """List the data files that plugins register, and whether they are here."""
    from mobench.datafiles import collections, locate

    for name, files in sorted(collections().items()):
        for file in files:
            place = locate(file)
            line = f"{name:<16} {'here   ' if place else 'missing'} {file.path}" + (f"  ({place})" if place else "")
            _tell(line, name, file.path, "here" if place else "missing", place)


@app.command()
def fetch(names: Names = None) -> None:
    """Fetch what is missing, from one source after the other, and check it."""
    from mobench.datafiles import collection, collections, obtain

    files_by_name = {name: collection(name) for name in names or sorted(collections())}
    with steps("fetch", sum(map(len, files_by_name.values()))) as step:
        for name, files in files_by_name.items():
            for file in files:
                step(file.path)
                obtain(file, say, step.within)
            say(f"{name}: {len(files)} files, all verified")


@app.command()
def verify(names: Names = None) -> None:
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
                _tell(f"ok      {file.path}", file.name, file.path, "ok", place)
            except DataError as error:
                bad += 1
                _tell(f"BAD     {file.path}: {error}", file.name, file.path, "bad", place, str(error))
    if bad:
        raise typer.Exit(1)


def _tell(line: str, collection: str, path: str, state: str, place: Path | None, message: str = "") -> None:
    """Print the state of a data file."""
    at = None if place is None else str(place)
    say(line, "file", collection=collection, path=path, state=state, place=at, message=message)
