"""The figures in results/ are drawn from the records of their folder; pixels are not compared, because fonts differ."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from mobench.errors import NothingToDrawError
from mobench.records.store import Store
from mobench.reports.plots.contenders import groups_of
from mobench.reports.plots.figure_files import as_csv
from mobench.reports.plots.kinds import KINDS, _subjects

RESULTS = Path(__file__).parents[3] / "results"
SUITES = ["analytic", "methods", "sequence", "standard"]


def tables(suite: str) -> Iterator[tuple[str, bytes]]:
    """File name without its ending -> the numbers that a figure of these records would show."""
    records = Store(RESULTS / suite).contents().records
    groups = groups_of(records)
    for kind, plot in KINDS.items():
        for name, subject in _subjects(plot, records, groups):
            yield f"{kind}{name}", as_csv(plot.load().table(subject))


@pytest.mark.slow
@pytest.mark.parametrize("suite", SUITES)
def test_committed_figures_are_made_from_the_committed_records(suite: str) -> None:
    folder = RESULTS / suite / "plots"
    table_by_stem = dict(tables(suite))
    stems = {path.stem for path in folder.iterdir()}
    assert stems, "no figure is there"
    assert stems <= set(table_by_stem)
    for stem in sorted(stems):
        data = (folder / f"{stem}.csv").read_bytes()
        assert data == table_by_stem[stem], stem
        checksum = hashlib.sha256(data).hexdigest().encode()
        for format_ in ("svg", "png"):
            assert checksum in (folder / f"{stem}.{format_}").read_bytes(), f"{stem}.{format_} is of other numbers"


def test_what_is_not_committed_cannot_be_drawn() -> None:
    """Sequence has one objective: no fronts, no alignment, no network for all preferences."""
    records = Store(RESULTS / "sequence").contents().records
    stems = {path.stem for path in (RESULTS / "sequence" / "plots").iterdir()}
    for kind, plot in KINDS.items():
        for name, subject in _subjects(plot, records, groups_of(records)):
            if f"{kind}{name}" not in stems:
                with pytest.raises(NothingToDrawError):
                    plot.load().draw(subject)
