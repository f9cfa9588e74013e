"""`mobench export`: comparison tables as files, from records alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mobench.cli.leaderboard import read_board
from mobench.cli.output import warn, wrote


def export(
    folder: Annotated[Path, typer.Argument(help="A folder that `mobench run` wrote.")],
    format: Annotated[
        str, typer.Option(help="With commas between: md, csv, tidy.csv, seeds.csv, tex, html, parquet; onnx: networks.")
    ] = "md,csv",
    out: Annotated[Path | None, typer.Option(help="Where to write; by default the same folder.")] = None,
    columns: Annotated[str, typer.Option(help="Columns, with commas between; by default all, in tex the main.")] = "",
    dataset: Annotated[str, typer.Option(help="Rows of these datasets alone, with commas between.")] = "",
    solver: Annotated[str, typer.Option(help="Rows of these solvers alone, with commas between.")] = "",
    decimals: Annotated[int | None, typer.Option(min=0, max=12, help="Digits behind the point.")] = None,
    digits: Annotated[int | None, typer.Option(min=1, max=12, help="Significant digits instead.")] = None,
    caption: Annotated[str, typer.Option(help="Caption of the table.")] = "",
    label: Annotated[str, typer.Option(help="Label of the table in LaTeX.")] = "",
    standalone: Annotated[bool, typer.Option("--standalone", help="LaTeX that compiles by itself.")] = False,
    preset: Annotated[
        str,
        typer.Option(help="Tables that the field prints instead: hypervolume, cost, accuracy; with commas between."),
    ] = "",
    per_ray: Annotated[bool, typer.Option("--per-ray", help="One row per preference and split as well.")] = False,
) -> None:
    """Write the leaderboard of a folder as tables."""
    from mobench.errors import OptionError
    from mobench.reports import presets, tables
    from mobench.reports.sheet import Digits
    from mobench.runs.store import Store

    if decimals is not None and digits is not None:
        raise OptionError("--decimals and --digits were both given: pass one of them")
    if label and not caption:
        raise OptionError("--label was given without --caption, and it is the caption that gets it: pass both")
    formats = _listed(format)
    networks = "onnx" in formats
    formats = [name for name in formats if name != "onnx"]
    tables.check_formats(formats, also=("onnx",))
    wanted = tables.Wanted(
        _listed(columns), _listed(dataset), _listed(solver), Digits(decimals, digits), caption, label, standalone
    )
    names = _listed(preset)
    if names and wanted.columns:
        raise OptionError("--preset and --columns were both given, and a preset has its own columns: pass one of them")
    records, board = Store(folder).contents().records, read_board(folder)
    written: list[Path] = []
    if names:
        written = presets.export(names, board, records, out or folder, formats, wanted)
    elif formats:
        written = tables.export(board, out or folder, formats, records, wanted)
    if per_ray:
        from mobench.reports import rays

        written += rays.export(records, out or folder, formats, wanted)
    if networks:
        written += _networks(folder, out or folder)
    for path in written:
        wrote(path)


def _networks(folder: Path, out: Path) -> list[Path]:
    """Write the networks of a folder as ONNX, and say which were declined and why."""
    from mobench.reports import onnx
    from mobench.runs.store import Store

    store = Store(folder)
    written, declined = onnx.export(store, store.contents().records, out)
    for line in declined:
        warn(line, "declined")
    return written


def _listed(words: str) -> list[str]:
    return [word.strip() for word in words.split(",") if word.strip()]
