"""`mobench export`: write the tables and networks of records as files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from mobench.cli.leaderboard import board_of, folder_of, read_records
from mobench.cli.output import warn, wrote
from mobench.cli.progress import steps


def export(
    folder: Annotated[Path, typer.Argument(help="A folder written by `mobench run`, or a suite in results/.")],
    format: Annotated[
        str, typer.Option(help="Comma-separated formats: md, csv, tidy.csv, seeds.csv, tex, html, parquet, onnx.")
    ] = "md,csv",
    preset: Annotated[
        str,
        typer.Option(
            help="Comma-separated: leaderboard, rays, accuracy, hypervolume, cost, budgets, fronts, datasets, tasks, "
            "errors.",
        ),
    ] = "leaderboard",
    out: Annotated[Path | None, typer.Option(help="Folder to write to; default: the same folder.")] = None,
    columns: Annotated[str, typer.Option(help="Comma-separated columns; default: all, in tex the main ones.")] = "",
    dataset: Annotated[str, typer.Option(help="Comma-separated datasets whose rows are written.")] = "",
    solver: Annotated[str, typer.Option(help="Comma-separated solvers whose rows are written.")] = "",
    decimals: Annotated[int | None, typer.Option(min=0, max=12, help="Digits after the decimal point.")] = None,
    digits: Annotated[int | None, typer.Option(min=1, max=12, help="Significant digits (not with --decimals).")] = None,
    caption: Annotated[str, typer.Option(help="Caption of the table.")] = "",
    label: Annotated[str, typer.Option(help="Label of the table in LaTeX.")] = "",
    width: Annotated[str, typer.Option(help="What a LaTeX table fits: column or page.")] = "page",
    standalone: Annotated[bool, typer.Option("--standalone", help="Write a complete LaTeX document.")] = False,
    per_ray: Annotated[bool, typer.Option("--per-ray", help="Also write the preset rays.")] = False,
) -> None:
    """Write the records of a folder as tables, and its networks as ONNX."""
    from mobench.errors import OptionError
    from mobench.jobs import arguments
    from mobench.reports.tables import presets
    from mobench.reports.tables import table_files as tables
    from mobench.reports.tables.content import Wanted
    from mobench.reports.tables.fitting import check_width
    from mobench.reports.tables.sheet import Digits

    if decimals is not None and digits is not None:
        raise OptionError("--decimals and --digits were both given: pass one of them")
    formats = arguments.parse_names(format, "--format")
    tables.check_formats(formats, OTHERS)
    names = list(dict.fromkeys([*arguments.parse_names(preset, "--preset"), *(["rays"] if per_ray else [])]))
    if not formats or not names:
        raise OptionError("--format or --preset is empty: leave it out, or name what to write")
    chosen = {name: presets.preset(name) for name in names}
    if (columns or label) and len(chosen) > 1:
        raise OptionError(f"--columns and --label belong to one table, not {len(chosen)}: export each one separately")
    of_tables = [name for name in formats if name in tables.FORMATS]
    place = folder_of(folder)
    if of_tables:
        records = read_records([place])
        board = board_of(records)
        selection = Wanted(
            arguments.parse_names(columns, "--columns"),
            arguments.parse_names(dataset, "--dataset"),
            arguments.parse_names(solver, "--solver"),
            Digits(decimals, digits),
            caption,
            label,
            standalone,
            check_width(width),
        )
        # make all tables before the first file is written, so that a wrong option writes nothing
        texts: dict[str, str | bytes] = {}
        for name, chosen_preset in chosen.items():
            table = chosen_preset.make(board, records, selection)
            texts |= tables.texts(table, name, of_tables)
        for path in tables.write_texts(out or place, texts):
            wrote(path)
    for name in formats:
        if name in OTHERS:
            OTHERS[name](place, out or place)


def _networks(folder: Path, out: Path) -> None:
    """Write the networks of a folder as ONNX, and warn about those that were declined, with the reason."""
    from mobench.records.store import Store
    from mobench.reports import onnx

    store = Store(folder)
    records = store.contents().records
    with steps("export networks", sum(r.status == "completed" for r in records)) as step:
        written, declined = onnx.export(store, records, out, step)
    for line in declined:
        warn(line, "declined")
    for path in written:
        wrote(path)


OTHERS: Mapping[str, Callable[[Path, Path], None]] = {"onnx": _networks}
"""Formats other than tables -> function that writes them from the records of one folder into another folder."""
