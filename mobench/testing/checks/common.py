"""Conformance checks of every kind of plugin, and functions that checks share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mobench import options
from mobench.errors import OptionError
from mobench.interfaces import Inputs, map_inputs
from mobench.plugins import Entry, Pair, SuiteFile
from mobench.registration import BASES
from mobench.testing.outcomes import Declined, demand
from mobench.testing.small import small


def described(entry: Entry) -> None:
    """It says what it is: a summary, a source, a docstring, help for each option"""
    spec = entry.spec
    kind = type(spec).__name__
    demand(spec.summary, f"the {kind} has no summary: give it one line, which `mobench list` shows")
    if isinstance(spec, SuiteFile):
        return
    demand(
        spec.source,
        f"the {kind} has no source: give it source=, a paper with its equation or section, or where else it comes from",
    )
    if isinstance(spec, Pair):
        return
    cls = entry.load()
    demand(
        issubclass(cls, BASES[entry.kind]),
        f"{cls.__name__} is not a {BASES[entry.kind].__name__}: derive it from mobench.{BASES[entry.kind].__name__}",
    )
    docstring = cls.__dict__.get("__doc__") or ""
    # if there is no docstring, dataclass writes the signature instead
    demand(
        docstring and not docstring.startswith(f"{cls.__name__}("),
        f"{cls.__name__} has no docstring: state in its first line what it returns or does",
    )
    for option in options.describe(cls):
        demand(
            option.help,
            f"option {option.name!r} has no help: write {option.name}: … = option(default, 'what it means')",
        )


def options_round_trip(entry: Entry) -> None:
    """Its options survive a record: as JSON and back they build an equal object; unknown ones are refused

    An added option that is not given is not stated either (see `mobench.option`).
    """
    if isinstance(entry.spec, Pair):
        raise Declined("the options of a pair are those of its parts")
    cls = entry.load()
    instance = small(entry)
    written = options.values(instance)
    again = options.values(options.restore(cls, json.loads(json.dumps(written))))
    for name, value in written.items():
        demand(
            again.get(name) == value,
            f"option {name!r} was {value!r} and came back as {again.get(name)!r}: leave options as they are given, and "
            "keep what is computed from them in fields of other names",
        )
    for added in (o for o in options.describe(cls) if o.added):
        stated = options.values(options.restore(cls, {k: v for k, v in written.items() if k != added.name}))
        demand(
            added.name not in stated,
            f"option {added.name!r} has added=True, and its value in earlier records {added.omitted!r} became "
            f"{stated.get(added.name)!r}, which changes the id of every job: leave options as they are given",
        )
    try:
        options.build(cls, {"no_such_option": 1})
    except OptionError:
        return
    demand(False, "an option that does not exist was accepted: let the fields of the dataclass be the only options")


def assert_reached(module: nn.Module) -> None:
    """Every trained parameter has a gradient that is finite and not all zero."""
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        gradient = parameter.grad
        demand(
            gradient is not None,
            f"no gradient reaches {name}: use it in forward, without detach(), or set requires_grad_(False)",
        )
        assert gradient is not None
        demand(torch.isfinite(gradient).all(), f"the gradient of {name} is not finite: keep logs and roots away from 0")
        demand(
            gradient.any(),
            f"the gradient of {name} is zero everywhere: start it where it matters, as small random values",
        )


def same_inputs(first: Inputs, second: Inputs) -> bool:
    """Whether two inputs, tensors or named tensors, are equal bit for bit; NaN equals NaN."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return first.keys() == second.keys() and all(same_inputs(first[name], second[name]) for name in first)
    if isinstance(first, Mapping) or isinstance(second, Mapping):
        return False
    return same_tensors(first, second)


def same_tensors(first: Tensor, second: Tensor) -> bool:
    """Whether two tensors are equal; NaN equals NaN."""
    if first.dtype != second.dtype or first.shape != second.shape:
        return False
    if not first.is_floating_point():
        return torch.equal(first, second)
    return bool(((first == second) | (first.isnan() & second.isnan())).all())


def copied(inputs: Inputs) -> Inputs:
    """Return a copy of inputs."""
    return map_inputs(torch.Tensor.clone, inputs)


def equal_states(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Whether two state dicts hold the same tensors, and equal other values."""

    def equal(a: Any, b: Any) -> bool:
        return torch.equal(a, b) if isinstance(a, torch.Tensor) else bool(a == b)

    return first.keys() == second.keys() and all(equal(first[name], second[name]) for name in first)
