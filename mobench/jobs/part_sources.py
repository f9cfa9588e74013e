"""Parts of a combination by role while its options are collected: their classes and the options that names set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from mobench import options
from mobench.errors import OptionError
from mobench.interfaces import Dirichlet
from mobench.jobs.job import Part
from mobench.jobs.precedence import BUDGET, Layer
from mobench.learning.gradient_solver import GradientOptions
from mobench.learning.samplers import DEFAULT
from mobench.plugins import Entry, Kind, Pair, Registry, Spec, pair_of
from mobench.text import name_hint


@dataclass(frozen=True)
class PartSource:
    """One part of a job while its options are being collected."""

    role: str
    name: str
    cls: type[Any]
    version: str
    defaults: Layer

    @property
    def is_registered(self) -> bool:
        """Whether the part can be created from its name."""
        return True

    @property
    def accepted(self) -> list[str]:
        return [o.name for o in options.describe(self.cls)]

    def create(self, part: Part) -> Any:
        """Return the object that the part describes."""
        return options.restore(self.cls, part.options, f"{self.role} {self.name!r}")

    def part(self, settings: Mapping[str, Any]) -> Part:
        title = f"{self.role} {self.name!r}"
        built = options.build(self.cls, settings, title)
        try:
            return Part(name=self.name, version=self.version, options=options.values(built))
        except ValidationError as error:
            raise OptionError(f"{title}: {error.errors(include_url=False)[0]['msg']}") from error


@dataclass(frozen=True)
class ObjectSource(PartSource):
    """A part that is an object of this process; its options are fixed.

    new_object: returns the object.
    fixed: the part of the job, whose version identifies the contents of the object.
    """

    new_object: Callable[[], Any]
    fixed: Part

    @property
    def is_registered(self) -> bool:
        return False

    @property
    def accepted(self) -> list[str]:
        return []

    def create(self, part: Part) -> Any:
        return self.new_object()

    def part(self, settings: Mapping[str, Any]) -> Part:
        if settings:
            raise OptionError(
                f"{self.role} {self.name!r} is an object, and its option {next(iter(settings))!r} is set: set options "
                "when the object is created"
            )
        return self.fixed


def object_source(role: Kind, fixed: Part, new_object: Callable[[], Any]) -> ObjectSource:
    """Return the source of a part that `new_object` returns. fixed: the part that the job states."""
    return ObjectSource(role, fixed.name, object, fixed.version, Layer(f"{role} {fixed.name!r}", {}), new_object, fixed)


def piece_of(role: Kind, entry: Entry) -> PartSource:
    """Return the part that a registered name stands for."""
    settings = entry.spec.defaults if isinstance(entry.spec, Spec) else {}
    defaults = Layer(f"{role} {entry.name!r}", {f"{role}.{key}": value for key, value in settings.items()})
    return PartSource(role, entry.name, entry.load(), entry.version, defaults)


def solver_pieces(entries: Registry, name: str, layers: Sequence[Layer]) -> tuple[dict[str, PartSource], Layer]:
    """Return the parts of a solver by role, and the options that the name of a pair sets.

    layers: the settings of higher precedence; one of them can choose the sampler of a pair.
    """
    pair, version = pair_of(name), "pair"
    if pair is None:
        entry = entries.get("solver", name)
        if not isinstance(entry.spec, Pair):
            return {"solver": piece_of("solver", entry)}, Layer(f"solver {name!r}", {})
        pair, version = entry.spec, entry.version
    defaults = Layer(f"solver {name!r}", pair.defaults)
    pieces = {
        "solver": PartSource("solver", name, GradientOptions, version, Layer(f"solver {name!r}", {})),
        "generator": piece_of("generator", entries.get("generator", pair.generator)),
        "balancer": piece_of("balancer", entries.get("balancer", pair.balancer)),
        "sampler": _sampler_piece(entries, _sampler_name([defaults, *layers])),
    }
    return pieces, defaults


def _sampler_piece(entries: Registry, name: str) -> PartSource:
    if name == DEFAULT:  # jobs do not state it, so they do not need its plugin
        return PartSource("sampler", name, Dirichlet, "1", Layer(f"sampler {name!r}", {}))
    return piece_of("sampler", entries.get("sampler", name))


def _sampler_name(layers: Sequence[Layer]) -> str:
    """Return the name of the sampler that the settings choose, lowest precedence first."""
    names = [layer.settings[key] for layer in layers for key in ("sampler", "solver.sampler") if key in layer.settings]
    # a value that is not a text is rejected together with the other options
    return next((name for name in reversed(names) if isinstance(name, str)), DEFAULT)


def exact_name(key: str, pieces: Mapping[str, PartSource]) -> str:
    """Return an option with the prefix of its part. Raises: OptionError for an unknown part or option."""
    role, dot, _ = key.partition(".")
    if dot:
        if role not in pieces and role != BUDGET:
            raise OptionError(f"setting {key!r}: no part is called {role!r}; accepted: {', '.join([*pieces, BUDGET])}")
        return key
    takers = [r for r, piece in pieces.items() if key in piece.accepted]
    if not takers:
        accepted = [name for piece in pieces.values() for name in piece.accepted]
        names = " × ".join(piece.name for piece in pieces.values())
        raise OptionError(f"no part of {names} has an option {key!r}{name_hint(key, accepted)}")
    if len(takers) > 1:
        exact = " or ".join(f"{r}.{key}" for r in takers)
        raise OptionError(f"option {key!r} belongs to {' and '.join(takers)}: write {exact}")
    return f"{takers[0]}.{key}"
