"""Short names of solvers for plots, and units of losses and volumes for axes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mobench.errors import MobenchError
from mobench.jobs.job import Part
from mobench.reports.plots.style import LONGEST, shown
from mobench.text import single_spaced

_OPTION = re.compile(r"(\(|, )([a-z]+)((?:\.[\w-]+| version)?)=")
_POWERS = {1: "", 2: "²", 3: "³", 4: "⁴", 5: "⁵"}


@dataclass(frozen=True)
class ShortNames:
    """Short names of the solvers of a plot.

    short:   full name -> a line of at most LONGEST characters, plus a number if two names would be equal.
    options: the options whose values the names contain, if there was no room for "option=value"; else "".
    """

    short: dict[str, str]
    options: str = ""

    @property
    def explained(self) -> str:
        """End of a heading that explains the values in brackets; "" if there are none."""
        return f"; in brackets: {self.options}" if self.options else ""


def short_names(names: Sequence[str]) -> ShortNames:
    """Return distinct short names for one plot; all names are shortened in the same way, so they stay comparable.

    If some names are too long, options lose their role ("lr=0.1" for "solver.lr=0.1"), then their own name. Names
    that are still too long lose their middle.
    """
    for shorten in (_unchanged, _without_roles):
        if short := _fitting(names, shorten):
            return ShortNames(short)
    options = ", ".join(dict.fromkeys(m[2] + m[3] for name in names for m in _OPTION.finditer(single_spaced(name))))
    if options and (short := _fitting(names, _values)):
        return ShortNames(short, options)
    return ShortNames(_apart({name: shown(_values(single_spaced(name))) for name in names}), options)


def units_of(dataset: Part, objectives: Sequence[str]) -> tuple[str, ...]:
    """Return the unit of each loss as declared by the dataset's plugin; "" if the plugin is not installed."""
    from mobench.jobs.resolve import make_dataset

    try:
        declared = {o.name: o.unit for o in make_dataset(dataset).objectives}
    except MobenchError:  # the plugin is not installed; its records can still be drawn
        declared = {}
    return tuple(declared.get(name, "") for name in objectives)


def volume_unit(units: Sequence[str]) -> str:
    """Return the unit of a volume in losses with the given units; "" if a loss has no unit."""
    if not all(units):
        return ""
    if len(set(units)) == 1:
        return units[0] + _POWERS.get(len(units), f"^{len(units)}")
    return "·".join(units)


def with_unit(label: str, unit: str) -> str:
    """Return an axis label: "loss [nats]", or the label without a unit."""
    return f"{label} [{unit}]" if unit else label


def _unchanged(name: str) -> str:
    return name


def _without_roles(name: str) -> str:
    return _OPTION.sub(lambda m: f"{m[1]}{m[3][1:] if m[3].startswith('.') else m[2] + m[3]}=", name)


def _values(name: str) -> str:
    return _OPTION.sub(r"\1", name)


def _fitting(names: Sequence[str], shorten: Callable[[str], str]) -> dict[str, str]:
    """Return the shortened names; empty if a name is too long or two names are equal."""
    shortened = {name: shorten(single_spaced(name)) for name in names}
    fits = all(len(text) <= LONGEST for text in shortened.values()) and len(set(shortened.values())) == len(shortened)
    return shortened if fits else {}


def _apart(names: dict[str, str]) -> dict[str, str]:
    """Return the names with a number appended to duplicates."""
    used_names: set[str] = set()
    for name, text in names.items():
        unique, n = text, 1
        while unique in used_names:
            n += 1
            unique = f"{text} #{n}"
        used_names.add(unique)
        names[name] = unique
    return names
