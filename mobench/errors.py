"""Every error that mobench raises on purpose.

Each message has three parts: what was given, what is accepted, what to do.
The newer classes are also the built-in type a caller would expect, so that
`except ValueError` goes on working.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class MobenchError(Exception):
    """Something a person can mend; shown on the command line without a traceback."""


class OptionError(MobenchError, ValueError):
    """An option does not exist, or its value is of the wrong type or out of range."""


class UnknownNameError(MobenchError, LookupError):
    """No dataset, model, generator, balancer, solver or suite has this name."""


class ShapeError(MobenchError, ValueError):
    """A tensor has the wrong shape."""


class PreferenceError(MobenchError, ValueError):
    """A preference is not on the simplex, or a finite Pareto set has no net for it."""


class NonFiniteError(MobenchError, ArithmeticError):
    """A loss, a gradient or a weight is NaN or infinite."""


class IncompatibleError(MobenchError, TypeError):
    """A dataset, model, generator or balancer declines this combination, with its reason."""


class PluginError(MobenchError, ImportError):
    """A plugin cannot be loaded, or raised where it must not."""


class NewNameError(MobenchError, ValueError):
    """A new package cannot have this name, or cannot be written where it was asked for."""


class DataError(MobenchError, ValueError):
    """A data file is missing, truncated or not the one it claims to be."""


class SuiteError(MobenchError, ValueError):
    """A suite file cannot be read as one."""


class RecordError(MobenchError, ValueError):
    """A record cannot be read as one."""


class StoreError(MobenchError, OSError):
    """Records cannot be written where they were asked for."""

    def __str__(self) -> str:  # OSError would print the tuple of its arguments
        return str(self.args[0]) if self.args else ""


class NothingToDrawError(MobenchError, ValueError):
    """Records hold nothing of what a plot shows; the message says why."""


def nearest(given: str, accepted: Iterable[str]) -> str:
    """`; did you mean 'a' or 'b'?` for the closest accepted names, or ''."""
    close = get_close_matches(given, list(accepted), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(repr(name) for name in close)}?" if close else ""


def unknown_name(kind: str, given: str, accepted: Iterable[str]) -> UnknownNameError:
    """The error for a name that is not registered, with the nearest ones that are."""
    known = sorted(accepted)
    hint = nearest(given, known) or f"; accepted: {', '.join(known) or 'none is registered'}"
    return UnknownNameError(f"no {kind} is called {given!r}{hint} (`mobench list` shows all)")
