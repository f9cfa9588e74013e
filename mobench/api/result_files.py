"""`mobench.report`, `mobench.plot` and `mobench.export`: write records as files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobench.api.calls import NameOfOption, progress_shown, warn
from mobench.errors import OptionError, StoreError

if TYPE_CHECKING:
    from mobench.records.outline import Measured
    from mobench.reports.plots.kinds import Drawn

NETWORKS = "onnx"
"""The format of networks; the other formats of `export` are tables."""
N_NAMED = 4


def report(
    folder: str | Path, *, out: str | Path | None = None, live: bool = True, progress: bool | None = None
) -> Path:
    """Write records as one HTML file that works offline, and return its path.

    The page has the leaderboard, interactive fronts, and networks that run in the page. Solvers whose networks are not
    in the page are reported as a UserWarning.

    Args:
        folder: A folder written by `mobench run`, or a suite in results/.
        out: The HTML file; default: report.html in the same folder.
        live: Embed the trained networks in the page.
        progress: As in `run`.

    Raises:
        StoreError: If there are no records, or the page cannot be written.
    """
    with progress_shown(progress):
        path, written = page(folder, out=out, live=live)
    for line in not_live(written):
        warn(f"not live: {line}")
    return path


def plot(
    folder: str | Path,
    kinds: str | Sequence[str] = (),
    *,
    format: str | Sequence[str] = ("svg",),
    out: str | Path | None = None,
    dataset: str | Sequence[str] = (),
    solver: str | Sequence[str] = (),
    width: str | None = None,
    style: str | None = None,
    title: bool = True,
    progress: bool | None = None,
) -> list[Path]:
    """Draw the records of a folder, and return the paths of the files.

    Plots that the records have no data for, and unreadable records, are reported as a UserWarning.

    Args:
        folder: A folder written by `mobench run`, or a suite in results/.
        kinds: Kinds of plots; default: all.
        format: Formats: svg, pdf, png, csv. A csv file contains the plotted numbers.
        out: Folder to write to; default: plots in the same folder.
        dataset: Datasets that are drawn.
        solver: Solvers that are drawn.
        width: Width of the figures: column, page, or a number of inches.
        style: Size of text and default width: paper or slides. With a style, or a width, each solver has the colour
            and marker of its name in every figure. A width without a style implies paper.
        title: Draw a heading.
        progress: As in `run`.

    Raises:
        OptionError: For an unknown kind, format, dataset, solver, width or style.
        StoreError: If there are no records, or files cannot be written.
        NothingToDrawError: If no plot could be drawn.
    """
    with progress_shown(progress):
        drawn = plots(
            folder, kinds, format=format, out=out, dataset=dataset, solver=solver, width=width, style=style,
            title=title, warn=warn,
        )  # fmt: skip
    for reason in drawn.empty:
        warn(f"not drawn: {reason}")
    return drawn.paths


def export(
    folder: str | Path,
    *,
    format: str | Sequence[str] = ("md", "csv"),
    preset: str | Sequence[str] = ("leaderboard",),
    out: str | Path | None = None,
    columns: str | Sequence[str] = (),
    dataset: str | Sequence[str] = (),
    solver: str | Sequence[str] = (),
    decimals: int | None = None,
    digits: int | None = None,
    caption: str = "",
    label: str = "",
    width: str = "page",
    standalone: bool = False,
    per_ray: bool = False,
    progress: bool | None = None,
) -> list[Path]:
    """Write the records of a folder as tables, and its networks as ONNX; return the paths of the files.

    Networks that cannot be exported, and unreadable records, are reported as a UserWarning.

    Args:
        folder: A folder written by `mobench run`, or a suite in results/.
        format: Formats: md, csv, tidy.csv, seeds.csv, tex, html, parquet, onnx.
        preset: Tables: leaderboard, rays, accuracy, hypervolume, cost, budgets, fronts, datasets, tasks, errors.
        out: Folder to write to; default: the same folder.
        columns: Columns; default: all, in tex the main ones.
        dataset: Datasets whose rows are written.
        solver: Solvers whose rows are written.
        decimals: Digits after the decimal point.
        digits: Significant digits (not with decimals).
        caption: Caption of the table.
        label: Label of the table in LaTeX.
        width: What a LaTeX table fits: column or page.
        standalone: Write a complete LaTeX document.
        per_ray: Also write the preset rays.
        progress: As in `run`.

    Raises:
        OptionError: For options that do not exist or do not belong together; no file is written.
        StoreError: If there are no records, or files cannot be written.
    """
    with progress_shown(progress):
        written, declined = exported(
            folder, format=format, preset=preset, out=out, columns=columns, dataset=dataset, solver=solver,
            decimals=decimals, digits=digits, caption=caption, label=label, width=width, standalone=standalone,
            per_ray=per_ray, warn=warn,
        )  # fmt: skip
    for line in declined:
        warn(f"declined: {line}")
    return written


def page(folder: str | Path, *, out: str | Path | None, live: bool) -> tuple[Path, dict[str, Any]]:
    """Write the page of `report`; return its path, and its networks, rows without one and size. Raises: StoreError."""
    from mobench.output.progress import steps
    from mobench.records.reading import folder_of
    from mobench.records.store import Store
    from mobench.reports.page import build

    place = folder_of(folder)
    path = Path(out) if out is not None else place / "report.html"
    with steps("report") as step:
        return path, build.write(Store(place), path, live, step)


def not_live(written: dict[str, Any]) -> list[str]:
    """Return one line per reason why solvers have no network in a page."""
    lines = []
    for reason in dict.fromkeys(row["reason"] for row in written["left_out"]):
        rows = [f"{row['dataset']} · {row['name']}" for row in written["left_out"] if row["reason"] == reason]
        lines.append(f"{', '.join(rows) if len(rows) <= N_NAMED else f'{len(rows)} rows'}: {reason}")
    return lines


def plots(
    folder: str | Path,
    kinds: str | Sequence[str],
    *,
    format: str | Sequence[str],
    out: str | Path | None,
    dataset: str | Sequence[str],
    solver: str | Sequence[str],
    width: str | None,
    style: str | None,
    title: bool,
    warn: Callable[[str], None],
) -> Drawn:
    """Draw the plots of `plot`. warn: called for each unreadable record. Raises: MobenchError."""
    from mobench.jobs import arguments
    from mobench.output.progress import steps
    from mobench.records.reading import folder_of
    from mobench.records.store import Store
    from mobench.reports.plots.appearance import appearance
    from mobench.reports.plots.kinds import DrawnRows, draw

    look = appearance(style, width, title)
    place = folder_of(folder)
    contents = Store(place).contents()
    for error in contents.unreadable:
        warn(str(error))
    if not contents.records:
        raise StoreError(f"there are no records in {place}: name a folder that `mobench run` wrote")
    with steps("plot") as step:
        return draw(
            contents.records,
            Path(out) if out is not None else place / "plots",
            arguments.names(kinds, "kinds"),
            arguments.names(format, "format"),
            step,
            DrawnRows(arguments.names(dataset, "dataset"), arguments.names(solver, "solver")),
            look,
        )


def exported(
    folder: str | Path,
    *,
    format: str | Sequence[str],
    preset: str | Sequence[str],
    out: str | Path | None,
    columns: str | Sequence[str],
    dataset: str | Sequence[str],
    solver: str | Sequence[str],
    decimals: int | None,
    digits: int | None,
    caption: str,
    label: str,
    width: str,
    standalone: bool,
    per_ray: bool,
    warn: Callable[[str], None],
    named: NameOfOption = str,
) -> tuple[list[Path], list[str]]:
    """Write the files of `export`; return their paths, and a line for each network that was declined.

    warn: called with a line for each unreadable record.
    named: how error messages name an argument.

    Raises: MobenchError.
    """
    from mobench.jobs import arguments
    from mobench.records import reading
    from mobench.reports.analysis.leaderboard import leaderboard
    from mobench.reports.tables import presets
    from mobench.reports.tables import table_files as tables
    from mobench.reports.tables.content import Wanted
    from mobench.reports.tables.sheet import Digits
    from mobench.reports.tables.table_widths import check_width

    if decimals is not None and digits is not None:
        raise OptionError(f"{named('decimals')} and {named('digits')} were both given: pass one of them")
    formats = arguments.names(format, "format")
    tables.check_formats(formats, [NETWORKS])
    names = list(dict.fromkeys([*arguments.names(preset, "preset"), *(["rays"] if per_ray else [])]))
    if not formats or not names:
        raise OptionError(f"{named('format')} or {named('preset')} is empty: leave it out, or name what to write")
    chosen = {name: presets.preset(name) for name in names}
    if (columns or label) and len(chosen) > 1:
        raise OptionError(
            f"{named('columns')} and {named('label')} belong to one table, not {len(chosen)}: export each one "
            "separately"
        )
    place = reading.folder_of(folder)
    target = Path(out) if out is not None else place
    written: list[Path] = []
    if of_tables := [name for name in formats if name in tables.FORMATS]:
        # outlines take a quarter of the memory of records, and a store's index has them
        needs_records = any(chosen_preset.needs_records for chosen_preset in chosen.values())
        read = reading.read_records if needs_records else reading.read_outlines
        records: Sequence[Measured] = read([place], warn)
        board = leaderboard(records)
        selection = Wanted(
            arguments.names(columns, "columns"),
            arguments.names(dataset, "dataset"),
            arguments.names(solver, "solver"),
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
        written += tables.write_texts(target, texts)
    if NETWORKS not in formats:
        return written, []
    networks, declined = _networks(place, target)
    return [*written, *networks], declined


def _networks(folder: Path, out: Path) -> tuple[list[Path], list[str]]:
    """Write the networks of a folder as ONNX; return their paths, and a line for each that was declined."""
    from mobench.output.progress import steps
    from mobench.records.store import Store
    from mobench.reports import onnx

    store = Store(folder)
    records = store.contents().records
    with steps("export networks", sum(r.status == "completed" for r in records)) as step:
        return onnx.export(store, records, out, step)
