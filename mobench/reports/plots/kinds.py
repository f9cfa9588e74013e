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
    "anytime": PlotSource("anytime", "validation against seconds, steps and gradient evaluations"),
    "critical-difference": PlotSource(
        "critical_difference", "average ranks, and which solvers the seeds do not separate", ranked=True
    ),
    "cost-quality": PlotSource("cost_quality", "hypervolume against time and memory, and the front of solvers in it"),
    "memory": PlotSource("memory", "what one network stores against a net for each preference"),
    "ray-alignment": PlotSource("alignment", "does a larger preference give a smaller loss; non-uniformity per ray"),
}


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
) -> Drawn:
    """Write the plots of the records into a folder as `<kind>-<dataset>.<format>`; each file is written atomically.

    kinds:   names in KINDS; by default all.
    formats: names in FORMATS; by default svg. csv contains the plotted numbers.
    tell:    called with the name of each plot before it is drawn.

    Raises: OptionError for an unknown kind or format; StoreError if files cannot be written; NothingToDrawError if
        no plot could be drawn.
    """
    chosen = _chosen("plot", kinds, list(KINDS)) or list(KINDS)
    chosen_formats = _chosen("format of plots", formats, FORMATS) or ["svg"]
    from mobench.reports.plots.contenders import groups_of

    groups = groups_of(records)
    drawn = Drawn()
    for kind in chosen:
        for name, subject in _subjects(KINDS[kind], records, groups):
            tell(f"{kind}{name}")
            try:
                files = _files(KINDS[kind].load(), subject, chosen_formats)
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
