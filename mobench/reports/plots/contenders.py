"""The solvers that a plot compares: per dataset, best first, grouped into families."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from mobench.records.record import Record
from mobench.reports.analysis.comparable import select
from mobench.reports.analysis.row_labels import labels_of, seed_name, seed_order
from mobench.reports.plots.appearance import is_named
from mobench.reports.plots.short_names import short_names, units_of, volume_unit, with_unit
from mobench.reports.plots.solver_looks import looks_of
from mobench.reports.plots.style import COLOURS, MARKERS, Look, look, shown

FAMILIES = ("one network for all preferences", "a net per preference", "one point, no preference", "imported",
            "points without preferences")  # fmt: skip


@dataclass(frozen=True)
class Contender:
    """A solver on a dataset: its completed records sorted by seed, and its style.

    short:      the name shown in plots.
    n_expected: number of seeds that occur on this dataset; for an imported front, its own number of records.
    identity:   what decides the colour if looks follow names: the solver with all its options.
    """

    name: str
    short: str
    family: str
    records: tuple[Record, ...]
    n_expected: int
    look: Look
    identity: str = ""

    @property
    def label(self) -> str:
        """Text of the legend, with the number of seeds if some are missing."""
        n = len(self.records)
        return self.short if n == self.n_expected else f"{self.short} ({n} of {self.n_expected} seeds)"

    @property
    def colour(self) -> str:
        """Colour in plots that show families: that of the family, or of the solver if looks follow names."""
        return self.look.colour if is_named() else COLOURS[FAMILIES.index(self.family)]

    @property
    def marker(self) -> str:
        """Marker in plots that show families: that of the family, or of the solver if looks follow names."""
        return self.look.marker if is_named() else MARKERS[FAMILIES.index(self.family)]

    @property
    def quality(self) -> float:
        """Mean hypervolume on the test split."""
        return quality(self.records)


@dataclass(frozen=True)
class Group:
    """The contenders of one dataset, best first.

    units:     unit of each loss; "" if unknown.
    reference: reference point of the hypervolume.
    explained: end of a heading that explains the values in brackets after the names.
    """

    dataset: str
    objectives: tuple[str, ...]
    units: tuple[str, ...]
    reference: tuple[float, ...]
    contenders: tuple[Contender, ...]
    explained: str = ""

    @property
    def rows(self) -> list[tuple[str, list[Contender]]]:
        """Contenders that share a panel: all of them if there are enough colours, else one panel per family."""
        if len(self.contenders) <= len(COLOURS) or is_named():
            return [("", list(self.contenders))]
        by_family = [(f, [c for c in self.contenders if c.family == f]) for f in FAMILIES]
        return [(family, members) for family, members in by_family if members]

    def rows_of(self, names: Container[str]) -> list[tuple[str, list[Contender]]]:
        """Return the rows with only the named contenders; empty rows are left out."""
        rows = ((family, [c for c in members if c.name in names]) for family, members in self.rows)
        return [(family, members) for family, members in rows if members]

    @property
    def measure(self) -> str:
        """Axis label of hypervolume, with its unit and reference point."""
        return f"{with_unit('hypervolume', volume_unit(self.units))}, reference {self.bounds}"

    @property
    def bounds(self) -> str:
        return ", ".join(f"{r:g}" for r in self.reference)

    @property
    def losses(self) -> list[str]:
        """Axis label of the loss of each objective."""
        return [with_unit(f"{shown(o)} loss", unit) for o, unit in zip(self.objectives, self.units, strict=True)]

    @property
    def seeds(self) -> str:
        n = max(c.n_expected for c in self.contenders)
        return "1 seed" if n == 1 else f"{n} seeds"


def family_of(record: Record) -> str:
    """Return the family of a record: one of `FAMILIES`."""
    if record.imported is not None:
        return FAMILIES[3]
    if len(record.fronts["test"].preferences) == 1:
        return FAMILIES[2]
    if not record.fronts["test"].preferences:
        return FAMILIES[4]
    return FAMILIES[0] if record.cost is None or record.cost.n_models == 1 else FAMILIES[1]


def quality(records: Sequence[Record]) -> float:
    """Return the mean hypervolume on the test split."""
    return fmean(r.indicators["test"]["hypervolume"] or 0.0 for r in records)


def groups_of(records: Sequence[Record]) -> list[Group]:
    """Return one group per dataset, with the records that the leaderboard also keeps."""
    comparable = select(records).records
    by_dataset: dict[str, list[Record]] = defaultdict(list)
    for record in comparable:
        by_dataset[record.job.dataset.name].append(record)
    names = _names(comparable)
    groups = (_group(dataset, by_dataset[dataset], names) for dataset in sorted(by_dataset))
    return [group for group in groups if group.contenders]


def _names(records: Sequence[Record]) -> dict[str, str]:
    """Return record id -> name, with the model if the dataset has several; imported fronts have no model."""
    labels = labels_of(records)
    models: dict[str, set[str]] = defaultdict(set)
    for record in records:
        if record.imported is None:
            models[record.job.dataset.name].add(record.job.model.name)
    return {
        r.id: f"{labels[r.id]} · {r.job.model.name}"
        if r.imported is None and len(models[r.job.dataset.name]) > 1
        else labels[r.id]
        for r in records
    }


def _identities(names: Sequence[str], by_name: Mapping[str, Sequence[Record]]) -> list[str]:
    """Return what decides the colour of each row: its solver with all options, whatever other rows are shown.

    Rows of the same solver, such as those of two models, and imported fronts have their names instead.
    """
    solvers = [name if (r := by_name[name][0]).imported is not None else r.job.solver.text for name in names]
    return [name if solvers.count(solver) > 1 else solver for name, solver in zip(names, solvers, strict=True)]


def _group(dataset: str, records: Sequence[Record], names: dict[str, str]) -> Group:
    by_name: dict[str, list[Record]] = defaultdict(list)
    for record in sorted(records, key=lambda r: (seed_order(r.job.seeds), r.id)):
        if record.status == "completed":
            by_name[names[record.id]].append(record)
    if not by_name:
        return Group(dataset, (), (), (), ())
    n_expected = len({seed_name(r.job.seeds) for r in records if r.imported is None})
    ordered = sorted(by_name, key=lambda name: (-quality(by_name[name]), name))
    called = short_names(ordered)
    one_panel = len(ordered) <= len(COLOURS)
    position: dict[str, int] = defaultdict(int)
    contenders, identities = [], dict(zip(ordered, _identities(ordered, by_name), strict=True))
    named = dict(zip(ordered, looks_of(list(identities.values())), strict=True))
    for name in ordered:
        family = family_of(by_name[name][0])
        panel = "" if one_panel else family
        own_records = tuple(by_name[name])
        expected = n_expected if own_records[0].imported is None else len(own_records)
        style = named[name] if is_named() else look(position[panel])
        contenders.append(Contender(name, called.short[name], family, own_records, expected, style, identities[name]))
        position[panel] += 1
    first = by_name[ordered[0]][0]
    reference = tuple(np.asarray(first.protocol.get("reference", [np.nan] * len(first.objectives)), float).tolist())
    units = units_of(first.job.dataset, first.objectives)
    return Group(dataset, tuple(first.objectives), units, reference, tuple(contenders), called.explained)
