"""Options of a plugin: the fields of its dataclass, validated by pydantic."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from mobench.errors import MobenchError, OptionError, PluginError
from mobench.text import described, message_of, name_hint

T = TypeVar("T")


def option(default: Any, help: str, added: bool = False) -> Any:
    """Return a dataclass field with a help text. Mutable defaults are not accepted; use tuples.

    Ranges are part of the annotation: `rate: Annotated[float, Gt(0)] = option(1e-3, "step size")`
    with `Gt`, `Ge`, `Interval` from annotated_types.

    added: True if the option was added to a plugin that already has records. Its default must reproduce the
        previous behaviour. A job omits the option while it has its default, so the ids of earlier jobs do not
        change. The default of an added option must not change within one version of the plugin.
    """
    return dataclasses.field(default=default, metadata={"help": help, "added": added})


@dataclass(frozen=True)
class Option:
    """One option of a plugin, for listings.

    added: see `option`.
    """

    name: str
    type: str
    default: Any
    help: str
    added: bool = False


def describe(cls: type) -> list[Option]:
    """Return the options of a plugin class, in the order of its fields."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return [
        Option(f.name, _type_name(hints[f.name]), f.default, f.metadata.get("help", ""), _is_added(f))
        for f in _option_fields(cls)
    ]


def values(plugin: Any) -> dict[str, Any]:
    """Return the options of a plugin object as a job stores them: plain JSON values by name.

    Options with `added=True` are omitted if they have their default value.
    `build` reconstructs the same object from the result.
    """
    plain = {f.name: (f, _plain(getattr(plugin, f.name))) for f in _option_fields(type(plugin))}
    return {name: value for name, (f, value) in plain.items() if not (_is_added(f) and value == _plain(f.default))}


def build(cls: type[T], given: Mapping[str, Any], whose: str = "") -> T:
    """Build a plugin object from option values of JSON or command-line types.

    whose: name of the plugin in messages; by default the name of the class.

    Raises: OptionError for an unknown option (with the nearest names), a value of the wrong type or
        out of range, or a combination that the plugin rejects; PluginError if the plugin raises another exception.
    """
    from pydantic import ConfigDict, ValidationError, create_model

    whose = whose or cls.__name__
    hints = typing.get_type_hints(cls, include_extras=True)
    fields = {f.name: f for f in _option_fields(cls)}
    for name in given:
        if name not in fields:
            hint = name_hint(name, fields, none="none, it has no options")
            raise OptionError(f"{whose} has no option {name!r}{hint}")
    for name, value in given.items():
        # pydantic would convert true to 1
        if _has_bool(value) and not _takes_bool(hints[name]):
            raise OptionError(f"{whose}: option {name!r} was given {value}: accepted: {_type_name(hints[name])}")
    schema: dict[str, Any] = {n: (hints[n], _default(f)) for n, f in fields.items()}
    model = create_model(cls.__name__, __config__=ConfigDict(extra="forbid", allow_inf_nan=False), **schema)
    try:
        checked = model.model_validate(dict(given))
    except ValidationError as error:
        raise OptionError(_explain(whose, error, hints)) from error
    try:
        return cls(**{n: getattr(checked, n) for n in fields})
    except OptionError:
        raise
    except ValueError as error:
        raise OptionError(f"{whose}: {message_of(error)}") from error
    except (KeyboardInterrupt, MobenchError):
        raise
    except BaseException as error:  # a plugin's own code
        raise PluginError(f"{whose} cannot be created with these options: {described(error)}") from error


def _option_fields(cls: type) -> list[dataclasses.Field[Any]]:
    if not dataclasses.is_dataclass(cls):
        raise OptionError(f"{cls.__name__} is not a dataclass: decorate it with @dataclass")
    return [f for f in dataclasses.fields(cls) if f.init]


def _is_added(f: dataclasses.Field[Any]) -> bool:
    return bool(f.metadata.get("added", False))


def _default(f: dataclasses.Field[Any]) -> Any:
    if f.default is not dataclasses.MISSING:
        return f.default
    if f.default_factory is not dataclasses.MISSING:
        return f.default_factory()
    return ...


def _explain(whose: str, error: Any, hints: Mapping[str, Any]) -> str:
    """Return a message for the first validation error."""
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else "?"
    given = first["input"]
    return (
        f"{whose}: option {name!r} was given {given!r}: {first['msg'][0].lower()}{first['msg'][1:]} "
        f"(accepted: {_type_name(hints.get(name, 'a value'))})"
    )


def _has_bool(value: Any) -> bool:
    """Whether a value is a boolean or a list that contains one."""
    return isinstance(value, bool) or (isinstance(value, list | tuple) and any(map(_has_bool, value)))


def _takes_bool(hint: Any) -> bool:
    """Whether a type accepts booleans; False for types that contain only numbers and None."""
    arguments = [argument for argument in typing.get_args(hint) if argument is not Ellipsis]
    if typing.get_origin(hint) is typing.Annotated:
        return _takes_bool(arguments[0])
    if typing.get_origin(hint) is typing.Literal:
        return True
    return any(map(_takes_bool, arguments)) if arguments else hint not in (int, float, type(None))


def _type_name(hint: Any) -> str:
    """Return a readable name of a type: "float > 0", "'adam' or 'sgd'", "list of (int > 0)"."""
    if isinstance(hint, str):
        return hint
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        limits = " and ".join(filter(None, map(_limit, arguments[1:])))
        return f"{_type_name(arguments[0])} {limits}".rstrip()
    if origin is typing.Literal:
        return " or ".join(map(repr, arguments))
    if origin is tuple and arguments[-1] is Ellipsis:
        return f"list of ({_type_name(arguments[0])})"
    if origin is tuple:
        return f"{len(arguments)} of ({_type_name(arguments[0])})"
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")


def _limit(limit: Any) -> str:
    """Return a bound from annotated_types as a comparison."""
    signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤", "min_length": "length ≥", "max_length": "length ≤"}
    bounds = ((sign, getattr(limit, name, None)) for name, sign in signs.items())
    return " and ".join(
        f"{sign} {bound}" for sign, bound in bounds if bound not in (None, 0) or (sign in (">", "≥") and bound == 0)
    )


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)
