"""Exceptions that mobench raises on purpose.

Each message has three parts: what was given, what is accepted, what to do.
Most classes also derive from the built-in exception that a caller expects, so that
`except ValueError` works.
"""

from __future__ import annotations

from collections.abc import Iterable

from mobench.text import name_hint, near_names


class MobenchError(Exception):
    """Base class; an error that the user can fix. The command line shows it without a traceback."""


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
    """A plugin cannot be loaded, or raised an unexpected exception."""


class NewNameError(MobenchError, ValueError):
    """A new package cannot have this name, or cannot be written to the requested folder."""


class DataError(MobenchError, ValueError):
    """A data file is missing, truncated or has a different checksum."""


class SuiteError(MobenchError, ValueError):
    """A suite file is invalid."""


class RecordError(MobenchError, ValueError):
    """A record is invalid."""


class StoreError(MobenchError, OSError):
    """A folder of records cannot be read or written."""

    def __str__(self) -> str:  # OSError would print the tuple of its arguments
        return str(self.args[0]) if self.args else ""


class NothingToDrawError(MobenchError, ValueError):
    """Records contain no data for a plot; the message gives the reason."""


def nearest(name: str, accepted: Iterable[str]) -> str:
    """Return `; did you mean 'a' or 'b'?` for the closest accepted names, or ''."""
    return near_names(name, accepted)


def unknown_name(kind: str, name: str, accepted: Iterable[str]) -> UnknownNameError:
    """Return the error for a name that is not registered; the message suggests the nearest registered names."""
    hint = name_hint(name, sorted(accepted), none="none is registered")
    return UnknownNameError(f"no {kind} is called {name!r}{hint} (`mobench list` shows all)")
