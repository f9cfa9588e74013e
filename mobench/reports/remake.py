"""Remake the tables, figures and page beside records: `python -m mobench.reports.remake FOLDER...`.

Only files that exist are rewritten, so a folder keeps its choice of tables and formats. Records are not changed. A
figure is drawn again only if its numbers have changed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from mobench.files import write_whole
from mobench.records.record import Record
from mobench.records.store import Store
from mobench.reports.analysis.leaderboard import Leaderboard, leaderboard
from mobench.reports.tables import presets, trade_off
from mobench.reports.tables.content import Wanted
from mobench.reports.tables.table_files import FORMATS, texts, write_texts

PAGE = "report.html"


def remake(folder: Path) -> Iterator[Path]:
    """Write the tables, figures and page of a folder again, and yield the path of each file.

    Raises: StoreError if there are no records or a file cannot be written.
    """
    records = Store(folder).contents().records
    board = leaderboard(records)
    for name, preset in presets.PRESETS.items():
        formats = [format_ for format_ in FORMATS if (folder / f"{name}.{format_}").is_file()]
        if formats:
            yield from write_texts(folder, texts(preset.make(board, records, Wanted()), name, formats))
    yield from _trade_off(folder, board, records)
    yield from _figures(folder / "plots", records)
    if (folder / PAGE).is_file():
        from mobench.reports.page import build

        build.write(Store(folder), folder / PAGE)
        yield folder / PAGE


def _trade_off(folder: Path, board: Leaderboard, records: Sequence[Record]) -> Iterator[Path]:
    from mobench.jobs import suite as suites

    if (folder / "trade_off.md").is_file() and (settings := suites.load(folder.resolve().name).trade_off) is not None:
        front = trade_off.trade_off(board, settings.columns, settings.reference)
        yield from trade_off.export(front, settings.columns, settings.reference, folder)


def _figures(plots_folder: Path, records: Sequence[Record]) -> Iterator[Path]:
    """Draw the figures whose numbers, the CSV file beside each, have changed."""
    if not plots_folder.is_dir():
        return
    from mobench.reports.plots.kinds import figures

    stems = {path.stem for path in plots_folder.iterdir()}
    for stem, figure in figures(records):
        formats = sorted(path.suffix[1:] for path in plots_folder.glob(f"{stem}.*"))
        if stem not in stems or (plots_folder / f"{stem}.csv").read_bytes() == figure(["csv"])["csv"]:
            continue
        for format_, data in figure(formats).items():
            write_whole(plots_folder / f"{stem}.{format_}", data)
            yield plots_folder / f"{stem}.{format_}"


def main(folders: Sequence[str]) -> None:
    """Remake every folder and print the path of each file that was written."""
    for folder in folders:
        if (Path(folder) / "records").is_dir():
            for path in remake(Path(folder)):
                print(path, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
