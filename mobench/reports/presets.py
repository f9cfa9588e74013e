"""Tables by name: the leaderboard, and the shapes that reports and papers of the field have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from mobench.errors import OptionError, nearest
from mobench.reports import accuracy, rays, wide
from mobench.reports.content import Content, Wanted, content
from mobench.reports.leaderboard import Leaderboard
from mobench.runs.record import Record

Make = Callable[[Leaderboard, Sequence[Record], Wanted], Content]


@dataclass(frozen=True)
class Preset:
    """A table that has a name.

    summary: what it shows. source: whose table has this shape, or "". make: its content, from records alone.
    """

    summary: str
    make: Make
    source: str = ""


def _wide(shape: wide.Shape) -> Make:
    return partial(wide.content, shape=shape)


PRESETS: Mapping[str, Preset] = {
    "leaderboard": Preset("every quantity; a row per dataset, model and solver", content),
    "rays": Preset(
        "a row per preference: losses and metrics of every split", lambda board, records, wanted: rays.content(
            records, wanted
        )
    ),
    "accuracy": Preset(
        "accuracy in training, validation and testing at each preference", accuracy.content,
        "the student report on CPMTL",
    ),
    "phn": Preset(
        "a row per solver: hypervolume, at equal K as well, non-uniformity and training time on each dataset",
        _wide(wide.Shape(
            ("hypervolume", "hypervolume at equal K", "non-uniformity", "training s"),
            caption="Fronts on the test split, their non-uniformity, and the time of training",
        )),
        "arXiv 2010.04104, which has no column at equal K",
    ),
    "gmooar": Preset(
        "a row per solver: hypervolume on each dataset, and parameters stored",
        _wide(wide.Shape(
            ("hypervolume", "stored parameters"), once=("stored parameters",),
            caption="Hypervolume on the test split, and the parameters that are stored",
        )),
        "Chen & Kwok 2022, Tables 1 and 2",
    ),
    "hypernetworks": Preset(
        "a row per solver: test error on each dataset, and parameters stored",
        _wide(wide.Shape(
            (r"[^/]+/error \(middle ray\)", "stored parameters"), once=("stored parameters",),
            caption="Error on the test split, and the parameters that are stored",
            decimals={r"[^/]+/error \(middle ray\)": 4},
        )),
        "arXiv 1609.09106, the tables of images",
    ),
}  # fmt: skip


def preset(name: str) -> Preset:
    """The preset of this name. Raises: OptionError where there is none."""
    if name not in PRESETS:
        hint = nearest(name, list(PRESETS)) or f"; accepted: {', '.join(PRESETS)}"
        raise OptionError(f"no table is called {name!r}{hint}")
    return PRESETS[name]
