"""Options of a plugin: the fields of its dataclass, validated by pydantic."""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from mobench.errors import MobenchError, OptionError, PluginError
from mobench.text import described, message_of, name_hint

if TYPE_CHECKING:
    from pydantic import BaseModel

T = TypeVar("T")


def option(default: Any, help: str, added: bool = False, earlier: Any = dataclasses.MISSING) -> Any:
    """Return a dataclass field with a help text. Mutable defaults are not accepted; use tuples.

    Ranges are part of the annotation: `rate: Annotated[float, Gt(0)] = option(1e-3, "step size")`
    with `Gt`, `Ge`, `Interval` from annotated_types.

    added: True if the option was added to a plugin that already has records. A job omits the option while it has
        the value that reproduces the previous behaviour, so the ids of earlier jobs do not change.
    earlier: the value that reproduces the previous behaviour; by default it is `default`. New jobs get `default`,
        and jobs that omit the option get `earlier`. It must not change within one version of the plugin.

    Raises: OptionError if `earlier` is given for an option without `added`.
    """
    if not added and earlier is not dataclasses.MISSING:
        raise OptionError(f"option with help {help!r} states earlier={earlier!r} but not added=True: state both")
    omitted = default if earlier is dataclasses.MISSING else earlier
    return dataclasses.field(default=default, metadata={"help": help, "added": added, "omitted": omitted})


@dataclass(frozen=True)
class Option:
    """One option of a plugin, for listings.

    added: see `option`.
    omitted: the value of an added option in jobs that omit it.
    """

    name: str
    type: str
    default: Any
    help: str
    added: bool = False
    omitted: Any = None


def describe(cls: type) -> list[Option]:
    """Return the options of a plugin class, in the order of its fields."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return [
        Option(f.name, _type_name(hints[f.name]), f.default, f.metadata.get("help", ""), _is_added(f), _omitted(f))
        for f in _option_fields(cls)
    ]


def values(plugin: Any) -> dict[str, Any]:
    """Return the options of a plugin object as a job stores them: plain JSON values by name.

    Options with `added=True` are omitted if they have the value of earlier records (see `option`).
    `restore` reconstructs the same object from the result.
    """
    plain = {f.name: (f, _plain(getattr(plugin, f.name))) for f in _option_fields(type(plugin))}
    return {name: value for name, (f, value) in plain.items() if not (_is_added(f) and value == _plain(_omitted(f)))}


def restore(cls: type[T], stored: Mapping[str, Any], whose: str = "") -> T:
    """Build the plugin object that a job describes: options that the job omits get the value of earlier records.

    Raises: as `build`.
    """
    omitted = {f.name: _omitted(f) for f in _option_fields(cls) if _is_added(f)}
    return build(cls, {**omitted, **stored}, whose)


def build(cls: type[T], values: Mapping[str, Any], owner: str = "") -> T:
    """Build a plugin object from option values of JSON or command-line types.

    owner: name of the plugin in messages; by default the name of the class.

    Raises: OptionError for an unknown option (with the nearest names), a value of the wrong type or
        out of range, or a combination that the plugin rejects; PluginError if the plugin raises another exception.
    """
    from pydantic import ValidationError

    owner = owner or cls.__name__
    fields = {f.name: f for f in _option_fields(cls)}
    hints, model = _validator(typing.cast(Any, cls))
    for name in values:
        if name not in fields:
            hint = name_hint(name, fields, none="none, it has no options")
            raise OptionError(f"{owner} has no option {name!r}{hint}")
    for name, value in values.items():
        # pydantic would convert true to 1
        if _has_bool(value) and not _takes_bool(hints[name]):
            raise OptionError(f"{owner}: option {name!r} was given {value}: accepted: {_type_name(hints[name])}")
    try:
        checked = model.model_validate(dict(values))
    except ValidationError as error:
        raise OptionError(_explain(owner, error, hints)) from error
    try:
        return cls(**{n: getattr(checked, n) for n in fields})
    except OptionError:
        raise
    except ValueError as error:
        raise OptionError(f"{owner}: {message_of(error)}") from error
    except (KeyboardInterrupt, MobenchError):
        raise
    except BaseException as error:  # a plugin's own code
        raise PluginError(f"{owner} cannot be created with these options: {described(error)}") from error


@functools.lru_cache(maxsize=256)
def _validator(cls: type) -> tuple[dict[str, Any], type[BaseModel]]:
    """Return the type of each option of a plugin class, and the pydantic model that validates them.

    They are kept, because pydantic takes a millisecond to create a model and a plan builds many objects of a class.
    """
    from pydantic import ConfigDict, create_model

    hints = typing.get_type_hints(cls, include_extras=True)
    schema: dict[str, Any] = {f.name: (hints[f.name], _default(f)) for f in _option_fields(cls)}
    config = ConfigDict(extra="forbid", allow_inf_nan=False)
    return hints, create_model(cls.__name__, __config__=config, **schema)


def _option_fields(cls: type) -> list[dataclasses.Field[Any]]:
    if not dataclasses.is_dataclass(cls):
        raise OptionError(f"{cls.__name__} is not a dataclass: decorate it with @dataclass")
    return [f for f in dataclasses.fields(cls) if f.init]


def _is_added(f: dataclasses.Field[Any]) -> bool:
    return bool(f.metadata.get("added", False))


def _omitted(f: dataclasses.Field[Any]) -> Any:
    return f.metadata.get("omitted")


def _default(f: dataclasses.Field[Any]) -> Any:
    if f.default is not dataclasses.MISSING:
        return f.default
    if f.default_factory is not dataclasses.MISSING:
        from pydantic import Field

        return Field(default_factory=f.default_factory)
    return ...


def _explain(owner: str, error: Any, hints: Mapping[str, Any]) -> str:
    """Return a message for the first validation error."""
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else "?"
    value = first["input"]
    return (
        f"{owner}: option {name!r} was given {value!r}: {first['msg'][0].lower()}{first['msg'][1:]} "
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
