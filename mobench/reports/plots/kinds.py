"""Kinds of plots, and drawing records to files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobench.errors import NothingToDrawError, OptionError, StoreError
from mobench.files import write_whole
from mobench.text import file_name_part, name_hint

if TYPE_CHECKING:
    from mobench.records.record import Record
    from mobench.reports.plots.appearance import Appearance
    from mobench.reports.plots.contenders import Group

FORMATS = ("svg", "pdf", "png", "csv")


@dataclass(frozen=True)
class PlotSource:
    """A kind of plot.

    module:  name of the module whose `draw` and `table` make it.
    summary: what it shows.
    ranked:  True if it draws comparisons that its module makes from all records; False if it draws the solvers of
             each dataset.
    """

    module: str
    summary: str
    ranked: bool = False

    def load(self) -> Any:
        return import_module(f"mobench.reports.plots.{self.module}")


KINDS: Mapping[str, PlotSource] = {
    "fronts": PlotSource("fronts", "test fronts, with attainment bands over seeds"),
    "parallel": PlotSource("parallel", "test fronts of four or more objectives as parallel coordinates"),
    "anytime": PlotSource("anytime", "validation against seconds, steps and gradient evaluations"),
    "critical-difference": PlotSource(
        "critical_difference", "average ranks, and which solvers the seeds do not separate", ranked=True
    ),
    "performance-profile": PlotSource(
        "performance_profile",
        "share of data sets and seeds on which a solver is within a factor of the best",
        ranked=True,
    ),
    "cost-quality": PlotSource("cost_quality", "hypervolume against time and memory, and the front of solvers in it"),
    "memory": PlotSource("memory", "what one network stores against a net for each preference"),
    "ray-alignment": PlotSource("alignment", "does a larger preference give a smaller loss; non-uniformity per ray"),
}


@dataclass(frozen=True)
class DrawnRows:
    """Data sets and solvers that are drawn; if empty, all. The name of a solver selects all its sets of options."""

    datasets: Sequence[str] = ()
    solvers: Sequence[str] = ()


def selected(records: Sequence[Record], selection: DrawnRows) -> list[Record]:
    """Return the comparable records of the selection. Raises: OptionError for a data set or solver without records.

    Records are compared before they are selected, so the same records are drawn as without a selection.
    """
    from mobench.reports.analysis.comparable import select
    from mobench.reports.analysis.row_labels import labels_of
    from mobench.reports.tables.content import check_known

    comparable = select(records).records
    labels = labels_of(comparable)
    check_known("dataset", selection.datasets, [r.job.dataset.name for r in comparable])
    check_known("solver", selection.solvers, [n for r in comparable for n in (r.job.solver.name, labels[r.id])])
    return [
        record
        for record in comparable
        if (not selection.datasets or record.job.dataset.name in selection.datasets)
        and (not selection.solvers or {record.job.solver.name, labels[record.id]} & set(selection.solvers))
    ]


@dataclass
class Drawn:
    """The files that were written, and one sentence for each plot that the records have no data for."""

    paths: list[Path] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)


def draw(
    records: Sequence[Record],
    folder: Path,
    kinds: Sequence[str] = (),
    formats: Sequence[str] = (),
    tell: Callable[[str], None] = lambda label: None,
    selection: DrawnRows | None = None,
    chosen_appearance: Appearance | None = None,
) -> Drawn:
    """Write the plots of the records into a folder as `<kind>-<dataset>.<format>`; each file is written atomically.

    kinds:   names in KINDS; by default all.
    formats: names in FORMATS; by default svg. csv contains the plotted numbers.
    tell:    called with the name of each plot before it is drawn.
    selection: data sets and solvers that are drawn; by default all.
    chosen_appearance: width, size of text and heading; by default those of the figures beside the records.

    Raises: OptionError for an unknown kind, format, data set or solver; StoreError if files cannot be written;
        NothingToDrawError if no plot could be drawn.
    """
    chosen = _chosen("plot", kinds, list(KINDS)) or list(KINDS)
    chosen_formats = _chosen("format of plots", formats, FORMATS) or ["svg"]
    from mobench.reports.plots.appearance import Appearance, appearing

    if selection is not None:
        records = selected(records, selection)
    with appearing(chosen_appearance or Appearance()):
        return _draw(records, folder, chosen, chosen_formats, tell)


def _draw(
    records: Sequence[Record], folder: Path, kinds: Sequence[str], formats: Sequence[str], tell: Callable[[str], None]
) -> Drawn:
    from mobench.reports.plots.contenders import groups_of

    groups = groups_of(records)
    drawn = Drawn()
    for kind in kinds:
        for name, subject in _subjects(KINDS[kind], records, groups):
            tell(f"{kind}{name}")
            try:
                files = _files(KINDS[kind].load(), subject, formats)
            except NothingToDrawError as nothing:
                drawn.empty.append(f"{kind}: {nothing}")
                continue
            drawn.paths += _write(folder, {f"{kind}{name}.{format_}": data for format_, data in files.items()})
    if not drawn.paths:
        raise NothingToDrawError("; ".join(drawn.empty) or "there is no completed record: there is nothing to draw")
    return drawn


def figures(records: Sequence[Record]) -> Iterator[tuple[str, Callable[[Sequence[str]], dict[str, bytes]]]]:
    """Yield each figure's file name without its ending, and a function that makes its files in some formats.

    The numbers alone (format csv) are made without drawing.
    """
    from mobench.reports.plots.contenders import groups_of
    from mobench.reports.plots.figure_files import as_csv

    groups = groups_of(records)
    for kind, plot in KINDS.items():
        for name, subject in _subjects(plot, records, groups):
            module = plot.load()

            def files(formats: Sequence[str], module: Any = module, subject: Any = subject) -> dict[str, bytes]:
                return {"csv": as_csv(module.table(subject))} if list(formats) == ["csv"] else _files(
                    module, subject, formats
                )  # fmt: skip

            yield f"{kind}{name}", files


def _subjects(kind: PlotSource, records: Sequence[Record], groups: Sequence[Group]) -> Iterator[tuple[str, Any]]:
    """Yield the suffix of each plot's file name, and the subject that the module draws."""
    subjects = kind.load().subjects(records) if kind.ranked else [(group.dataset, group) for group in groups]
    used_names: set[str] = set()
    for dataset, subject in subjects:
        plain = name = f"-{file_name_part(dataset)}" if dataset else ""
        while name in used_names:
            name = f"{plain}-{len(used_names)}"
        used_names.add(name)
        yield name, subject


def _files(module: Any, subject: Any, formats: Sequence[str]) -> dict[str, bytes]:
    """Return format -> file content of one plot."""
    from mobench.reports.plots.figure_files import as_csv, render
    from mobench.reports.plots.style import theme

    with theme():
        figure = module.draw(subject)
        data = as_csv(module.table(subject))
        return {name: data if name == "csv" else render(figure, name, data) for name in formats}


def _chosen(category: str, names: Sequence[str], accepted: Sequence[str]) -> list[str]:
    for name in names:
        if name not in accepted:
            hint = name_hint(name, accepted)
            raise OptionError(f"no {category} is called {name!r}{hint} (`mobench plot` lists the kinds)")
    return list(dict.fromkeys(names))


def _write(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            write_whole(folder / name, data)
    except OSError as error:
        raise StoreError(f"plots cannot be written to {folder}: {error.strerror or error}") from error
    return [folder / name for name in files]
