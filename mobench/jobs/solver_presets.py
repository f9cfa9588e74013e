"""Presets: named settings of solvers, such as the training of a method's paper."""

from __future__ import annotations

from mobench.errors import OptionError
from mobench.hookspecs import SolverPreset
from mobench.jobs.precedence import Layer
from mobench.plugins import Pair, Spec, pair_of, registry
from mobench.text import name_hint


def presets_of(solver: str) -> tuple[SolverPreset, ...]:
    """Return the presets of a solver; none for "generator+balancer". Raises: UnknownNameError."""
    if pair_of(solver) is not None:
        return ()
    spec = registry().get("solver", solver).spec
    return tuple(spec.presets) if isinstance(spec, (Spec, Pair)) else ()


def preset_layer(solver: str, name: str | None) -> Layer:
    """Return the settings of a solver's preset; no settings if the name is None.

    Raises: OptionError if the solver has no preset of this name; UnknownNameError.
    """
    if name is None:
        return Layer("preset", {})
    presets = {preset.name: preset for preset in presets_of(solver)}
    if name not in presets:
        names = name_hint(name, sorted(presets), "its presets are") if presets else "; it has none"
        raise OptionError(
            f"solver {solver!r} has no preset {name!r}{names}: `mobench show NAME` lists the presets of a solver; "
            "choose solvers that have it with --solver, or in an entry of the suite"
        )
    return Layer(f"preset {name!r}", presets[name].settings)
