"""What plots call solvers, where there is little room, and how axes name losses and volumes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mobench.errors import MobenchError
from mobench.jobs.job import Part
from mobench.reports.plots.style import LONGEST, flat, shown

_OPTION = re.compile(r"(\(|, )([a-z]+)((?:\.[\w-]+| version)?)=")
_POWERS = {1: "", 2: "²", 3: "³", 4: "⁴", 5: "⁵"}


@dataclass(frozen=True)
class Names:
    """Full name -> a line of at most LONGEST characters, or a few more where only a number tells two apart.

    options: which options the names give the values of, where there was no room for "option=value"; else "".
    """

    short: dict[str, str]
    options: str = ""

    @property
    def explained(self) -> str:
        """A sentence's end for headings: what the values in brackets are."""
        return f"; in brackets: {self.options}" if self.options else ""


def short_names(names: Sequence[str]) -> Names:
    """Names for one plot, no two alike; the same way for all, so that they can be compared.

    Where some are too long, options lose their role ("lr=0.1" for "solver.lr=0.1"), then their own name as
    well; what is still too long loses its middle.
    """
    for shorten in (_whole, _without_roles):
        if found := _fitting(names, shorten):
            return Names(found)
    options = ", ".join(dict.fromkeys(m[2] + m[3] for name in names for m in _OPTION.finditer(flat(name))))
    if options and (found := _fitting(names, _values)):
        return Names(found, options)
    return Names(_apart({name: shown(_values(flat(name))) for name in names}), options)


def units_of(dataset: Part, objectives: Sequence[str]) -> tuple[str, ...]:
    """The unit of each loss as the data set's plugin declares it; "" where that plugin is not installed."""
    from mobench.jobs.resolve import make_dataset

    try:
        declared = {o.name: o.unit for o in make_dataset(dataset).objectives}
    except MobenchError:  # a stranger's data set: its records can be drawn all the same
        declared = {}
    return tuple(declared.get(name, "") for name in objectives)


def volume_unit(units: Sequence[str]) -> str:
    """The unit of a volume in losses of these units; "" where one of them has none."""
    if not all(units):
        return ""
    if len(set(units)) == 1:
        return units[0] + _POWERS.get(len(units), f"^{len(units)}")
    return "·".join(units)


def with_unit(label: str, unit: str) -> str:
    """What an axis says: "loss [nats]", or the label alone."""
    return f"{label} [{unit}]" if unit else label


def _whole(name: str) -> str:
    return name


def _without_roles(name: str) -> str:
    return _OPTION.sub(lambda m: f"{m[1]}{m[3][1:] if m[3].startswith('.') else m[2] + m[3]}=", name)


def _values(name: str) -> str:
    return _OPTION.sub(r"\1", name)


def _fitting(names: Sequence[str], shorten: Callable[[str], str]) -> dict[str, str]:
    """The names shortened; none where one is too long, or two are alike."""
    found = {name: shorten(flat(name)) for name in names}
    fits = all(len(text) <= LONGEST for text in found.values()) and len(set(found.values())) == len(found)
    return found if fits else {}


def _apart(found: dict[str, str]) -> dict[str, str]:
    """A number after those that are alike."""
    taken: set[str] = set()
    for name, text in found.items():
        unique, n = text, 1
        while unique in taken:
            n += 1
            unique = f"{text} #{n}"
        taken.add(unique)
        found[name] = unique
    return found
