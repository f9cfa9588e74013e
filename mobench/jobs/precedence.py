"""Which value of an option holds where several places set it: one order, for every command and from Python.

From the weakest to the strongest:

1. the class of a dataset, model, solver, generator or balancer: the default of its field;
2. its name: `Spec.defaults`, and over them the `Pair.defaults` of the solver;
3. the suite: `[budget]`;
4. the entry: `[entries.budget]`, `[entries.set]`;
5. the solver's own table: `[solvers.NAME]`;
6. the search: what a trial of `mobench tune` takes from `[search.space]` and `[search.solvers.NAME]`;
7. the command line: `--set`, `--epochs`, `--steps`, `--seconds`, and the same arguments of `mobench.run`.

`lr` and `solver.lr` are two spellings of one option, and epochs, steps and seconds are one budget: a stronger place
replaces them whatever their spelling, and one place may set them once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from mobench.errors import OptionError, nearest
from mobench.jobs.job import Budget
from mobench.text import one_line

COMMAND_LINE = "command line"
SUITE_BUDGET = "[budget]"
BUDGET = "budget"
LENGTHS = ("budget.epochs", "budget.steps", "budget.seconds")
LENGTH = "length of the budget"


@dataclass(frozen=True)
class Layer:
    """The settings of one place, such as the table `[solvers.ls]` of a suite."""

    source: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Setting:
    """The value of one option, and where it comes from.

    name:      the option with its part in front, such as "solver.lr".
    key:       the same as its place spells it, such as "lr".
    overrides: the settings of weaker places that it replaces, the strongest first.
    """

    name: str
    key: str
    value: Any
    source: str
    overrides: tuple[Setting, ...] = ()


def combine(layers: Sequence[Layer], exact: Callable[[str], str]) -> list[Setting]:
    """The settings that hold, in the order in which their options are first set.

    layers: the weakest first.
    exact:  gives an option its part, "lr" -> "solver.lr"; raises OptionError for a key that is no option.

    Raises: OptionError where one layer sets an option twice.
    """
    settings: dict[str, Setting] = {}
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
            settings[slot] = Setting(name, key, value, layer.source, replaced)
    return list(settings.values())


def budget_layer(source: str, budget: Budget | None) -> Layer:
    """What a budget sets, as settings; values that it leaves at their default are not among them."""
    values = {} if budget is None else budget.model_dump(exclude_unset=True, exclude_none=True)
    return Layer(source, {f"{BUDGET}.{name}": value for name, value in values.items()})


def budget_of(settings: Iterable[Setting]) -> Budget:
    """The budget that settings mean; those of other parts are passed over. Raises: OptionError."""
    prefix = f"{BUDGET}."
    values = {s.name.removeprefix(prefix): s.value for s in settings if s.name.startswith(prefix)}
    accepted = [name for name in Budget.model_fields if name != "elsewhere"]
    for name, value in values.items():
        if name not in accepted:
            hint = nearest(name, accepted) or f"; accepted: {', '.join(accepted)}"
            raise OptionError(f"a budget has no {name!r}{hint}")
        # pydantic would take true for 1
        if isinstance(value, bool):
            raise OptionError(f"budget.{name} was given {value}: pass a number above 0")
    try:
        return Budget(**values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join([BUDGET, *map(str, first["loc"])])
        raise OptionError(f"{where} was given {one_line(repr(first['input']), 100)}: {first['msg']}") from error


def is_same_option(name: str, other: str) -> bool:
    """Whether two exact names are replaced by one another."""
    return _slot(name) == _slot(other)


def _slot(name: str) -> str:
    """Options of one slot replace each other."""
    return LENGTH if name in LENGTHS else name


def _why_one(slot: str) -> str:
    if slot == LENGTH:
        return "and a budget takes exactly one of epochs, steps and seconds"
    return f"which are both the option {slot!r}"
