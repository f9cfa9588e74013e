"""Precedence of settings: which value of an option takes effect when several places set it.

The order is the same for every command and for Python. From the lowest to the highest precedence:

1. the class of a dataset, model, solver, generator, balancer or sampler: the default of its field;
2. its name: `Spec.defaults`, overridden by the `Pair.defaults` of the solver;
3. the suite: `[budget]`;
4. the entry: `[entries.budget]`, `[entries.set]`;
5. the solver's own table: `[solvers.NAME]`;
6. the preset: `preset` of the entry, or `--preset`;
7. the search: the values that a trial of `mobench tune` takes from `[search.space]` and `[search.solvers.NAME]`;
8. the command line: `--set`, `--epochs`, `--steps`, `--seconds`, `--precision`, and the same arguments of
   `mobench.run`.

`lr` and `solver.lr` are two spellings of one option, and epochs, steps and seconds are one budget. A place of higher
precedence replaces them regardless of the spelling. Each place may set them only once.

`combine` applies the order. `mobench.jobs.plan.layers_of` lists the places 3 to 8 of a combination, lowest first;
`mobench.jobs.part_sources` gives the places 1 and 2. A new place is a `Layer` in `layers_of`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from mobench.errors import OptionError
from mobench.jobs.job import Budget
from mobench.text import name_hint, one_line

COMMAND_LINE = "command line"
SUITE_BUDGET = "[budget]"
BUDGET = "budget"
LENGTHS = ("budget.epochs", "budget.steps", "budget.seconds")
LENGTH = "length of the budget"


@dataclass(frozen=True)
class Layer:
    """The settings of one place, for example the table `[solvers.ls]` of a suite."""

    source: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class OptionSetting:
    """The value of one option and its source.

    name:      the option with the prefix of its part, for example "solver.lr".
    key:       the option as written in the source, for example "lr".
    overrides: the settings of lower precedence that it replaces, highest precedence first.
    """

    name: str
    key: str
    value: Any
    source: str
    overrides: tuple[OptionSetting, ...] = ()


def combine(layers: Sequence[Layer], exact: Callable[[str], str]) -> list[OptionSetting]:
    """Return the settings that take effect, in the order in which their options are first set.

    layers: the layers, lowest precedence first.
    exact:  adds the prefix of its part to an option, "lr" -> "solver.lr"; raises OptionError for an unknown option.

    Raises: OptionError where one layer sets an option twice.
    """
    settings: dict[str, OptionSetting] = {}
    for layer in layers:
        keys: dict[str, str] = {}
        for key, value in layer.settings.items():
            name = exact(key)
            slot = _slot(name)
            if slot in keys:
                raise OptionError(f"{layer.source} sets {keys[slot]!r} and {key!r}, {_why_one(slot)}: keep one of them")
            keys[slot] = key
            weaker = settings.get(slot)
            replaced = () if weaker is None else (replace(weaker, overrides=()), *weaker.overrides)
            settings[slot] = OptionSetting(name, key, value, layer.source, replaced)
    return list(settings.values())


def budget_layer(source: str, budget: Budget | None) -> Layer:
    """Return the fields that a budget sets as a layer. Fields at their default are not included."""
    fields = {} if budget is None else {name: v for name, v in budget if name in budget.model_fields_set}
    return Layer(source, {f"{BUDGET}.{name}": value for name, value in fields.items() if value is not None})


def budget_of(settings: Iterable[OptionSetting]) -> Budget:
    """Return the budget that the settings define. Settings of other parts are ignored. Raises: OptionError."""
    prefix = f"{BUDGET}."
    values = {s.name.removeprefix(prefix): s.value for s in settings if s.name.startswith(prefix)}
    accepted = [name for name in Budget.model_fields if name != "elsewhere"]
    for name, value in values.items():
        if name not in accepted:
            raise OptionError(f"a budget has no {name!r}{name_hint(name, accepted)}")
        # pydantic would accept true as 1
        if isinstance(value, bool):
            raise OptionError(f"budget.{name} was given {value}: pass a number above 0")
    try:
        return Budget(**values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option_name = ".".join([BUDGET, *map(str, first["loc"])])
        raise OptionError(f"{option_name} was given {one_line(repr(first['input']), 100)}: {first['msg']}") from error


def is_same_option(name: str, other: str) -> bool:
    """Return whether settings of two exact names replace each other."""
    return _slot(name) == _slot(other)


def _slot(name: str) -> str:
    """Return the slot of an option. Options of the same slot replace each other."""
    return LENGTH if name in LENGTHS else name


def _why_one(slot: str) -> str:
    if slot == LENGTH:
        return "and a budget takes exactly one of epochs, steps and seconds"
    return f"which are both the option {slot!r}"
