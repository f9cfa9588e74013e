"""`mobench data`: the files that datasets read."""

from __future__ import annotations

from typing import Annotated

import typer

from mobench.cli.output import App
from mobench.errors import DataError

app = App(help="Fetch, list and verify data files.", no_args_is_help=True)
Names = Annotated[list[str] | None, typer.Argument(help="Collections; by default all.")]


@app.command("list")
def list_() -> None:
    """List the data files that plugins register, and whether they are here."""
    from mobench.datafiles import collections, locate

    for name, files in sorted(collections().items()):
        for file in files:
            place = locate(file)
            print(f"{name:<16} {'here   ' if place else 'missing'} {file.path}" + (f"  ({place})" if place else ""))


@app.command()
def fetch(names: Names = None) -> None:
    """Fetch what is missing, from one source after the other, and check it."""
    from mobench.datafiles import collections, require

    for name in names or sorted(collections()):
        print(f"{name}: {len(require(name, print))} files, all verified")


@app.command()
def verify(names: Names = None) -> None:
    """Check the SHA-256 of every file; the exit code is not 0 if any is missing or wrong."""
    from mobench.datafiles import collection, collections, locate
    from mobench.datafiles import verify as check

    bad = 0
    for name in names or sorted(collections()):
        for file in collection(name):
            place = locate(file)
            try:
                if place is None:
                    raise DataError(f"missing: run `mobench data fetch {name}`")
                check(file, place)
                print(f"ok      {file.path}")
            except DataError as error:
                bad += 1
                print(f"BAD     {file.path}: {error}")
    if bad:
        raise typer.Exit(1)
