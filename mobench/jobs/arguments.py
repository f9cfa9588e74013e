"""Parsing and validation of arguments, with the same checks for the command line and for Python.

A value is parsed completely or rejected. No part of a text is ignored.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Iterable, Mapping
from typing import Any

from mobench.errors import OptionError
from mobench.jobs.bounds import LARGEST
from mobench.text import first_line, one_line

MAX_SECONDS = 1e9
"""About 30 years. Thread timeouts overflow beyond about 300 years."""
MAX_COUNT = 10_000
MAX_DATA_WORKERS = 256
MAX_DIGITS = 18
UNITS = {
    unit.casefold(): base**power
    for base, suffix in ((1000, "B"), (1024, "iB"))
    for power, unit in enumerate(("", *(f"{prefix}{suffix}" for prefix in "kMGTP")))
} | {"b": 1}


def names(value: str | Iterable[str], argument: str) -> list[str]:
    """Return a list of names from one name or several. Raises: OptionError for values that are not strings."""
    # listed first: an iterator can be read only once
    listed: list[Any] = [value] if isinstance(value, str) else list(value) if isinstance(value, Iterable) else [None]
    if not all(isinstance(name, str) for name in listed):
        raise OptionError(f"{argument} was given {shown(value)}: pass a name or a list of names")
    return listed


def parse_names(text: str, argument: str) -> list[str]:
    """Parse comma-separated names and remove duplicates. An empty text gives an empty list."""
    if not text.strip():
        return []
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise OptionError(f"{argument} was given {shown(text)}: pass comma-separated names")
    return list(dict.fromkeys(parts))


def seeds(values: Iterable[Any], argument: str = "seeds") -> list[int]:
    """Return seeds as a list of `int`, from any sequence or array of whole numbers."""
    listed: list[Any] = list(values) if isinstance(values, Iterable) and not isinstance(values, str) else [None]
    numbers = [_whole(seed) for seed in listed]
    if None in numbers:
        raise OptionError(f"{argument} was given {shown(values)}: pass a list of whole numbers, such as [0, 1, 2]")
    return [seed for seed in numbers if seed is not None]


def parse_seeds(text: str, argument: str = "--seeds") -> list[int]:
    """Parse seeds such as "0,1,2". An empty text gives an empty list."""
    words = [word.strip() for word in text.split(",")] if text.strip() else []
    if not all(re.fullmatch(f"[0-9]{{1,{MAX_DIGITS}}}", word) for word in words):
        raise OptionError(
            f"{argument} was given {shown(text)}: pass comma-separated whole numbers of 0 or more, such as 0,1,2"
        )
    return [int(word) for word in words]


def rays(value: Any, argument: str = "rays") -> list[list[float]]:
    """Return preferences as lists of `float`, from lists, tuples, arrays or tensors."""
    rows = plain(value)
    if not isinstance(rows, list) or not all(
        isinstance(row, list) and row and all(_is_finite_number(number) for number in row) for row in rows
    ):
        raise OptionError(
            f"{argument} was given {shown(value)}: pass lists of finite numbers, such as [[0.4,0.6],[0.6,0.4]]"
        )
    return [[float(number) for number in row] for row in rows]


def parse_rays(text: str, argument: str = "--rays") -> list[list[float]]:
    """Parse preferences from JSON. An empty text gives an empty list."""
    if not text.strip():
        return []
    try:
        rows = rays(json.loads(text), argument)
    except OptionError:
        raise
    except (ValueError, RecursionError) as error:
        raise OptionError(
            f"{argument} was given {shown(text)}: pass a list of lists, such as '[[0.4,0.6],[0.6,0.4]]'"
        ) from error
    if not rows:
        raise OptionError(f"{argument} was given {shown(text)}: pass two rays or more, such as '[[0.4,0.6],[0.6,0.4]]'")
    return rows


def settings(values: Mapping[str, Any] | None, argument: str = "settings") -> dict[str, Any]:
    """Return a dictionary of options with arrays, tensors and tuples converted by `plain`."""
    if values is None:
        return {}
    if not isinstance(values, Mapping) or not all(isinstance(key, str) for key in values):
        raise OptionError(f"{argument} was given {shown(values)}: pass a dictionary, such as {{'lr': 0.001}}")
    return {key: plain(value) for key, value in values.items()}


def parse_settings(texts: Iterable[str], argument: str = "--set") -> dict[str, Any]:
    """Parse options of the form "key=value". A value that is not valid JSON is kept as text.

    Raises: OptionError for a text without "=", and for a duplicate key.
    """
    settings_by_name: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        key = key.strip()
        if not equals or not key:
            raise OptionError(f"{argument} was given {shown(text)}: pass key=value, for example {argument} lr=0.001")
        if key in settings_by_name:
            raise OptionError(f"{argument} was given {shown(key)} twice: pass one value for it")
        try:
            settings_by_name[key] = json.loads(value)
        except (ValueError, RecursionError):
            settings_by_name[key] = value
    return settings_by_name


def parse_bytes(text: str, argument: str = "--memory") -> int | None:
    """Parse a number of bytes such as "500MB" or "2GiB". An empty text gives None."""
    if not text.strip():
        return None
    match = re.fullmatch(rf"([0-9]{{1,{MAX_DIGITS}}}(?:\.[0-9]{{1,{MAX_DIGITS}}})?) ?([A-Za-z]*)", text.strip())
    factor = UNITS.get(match[2].casefold()) if match else None
    n_bytes = int(float(match[1]) * factor) if match and factor else 0
    if not 0 < n_bytes < 2**63:
        raise OptionError(f"{argument} was given {shown(text)}: pass a number and a unit, such as 500MB, 1.5GB or 2GiB")
    return n_bytes


def count(value: Any, argument: str, largest: int = MAX_COUNT, smallest: int = 1) -> int:
    """Return `value` as `int`. Raises: OptionError unless it is a whole number from `smallest` to `largest`."""
    number = _whole(value)
    if number is None or not smallest <= number <= largest:
        raise OptionError(f"{argument} was given {shown(value)}: pass a whole number from {smallest} to {largest}")
    return number


def quantity(value: Any, argument: str, smallest: float = 0.0, largest: float = MAX_SECONDS) -> float:
    """Return `value` as `float`. Raises: OptionError unless it is a finite number within the bounds."""
    if not _is_finite_number(value) or not smallest <= value <= largest:
        raise OptionError(f"{argument} was given {shown(value)}: pass a number from {smallest:g} to {largest:g}")
    return float(value)


def check_device(device: Any, argument: str = "device") -> str:
    """Return the device's name. Raises: OptionError where torch cannot use the device on this machine."""
    if device == "cpu":  # always usable: torch, whose import takes seconds, is not asked
        return "cpu"
    import torch

    name = str(device) if isinstance(device, str | torch.device) else None
    try:
        if name is None:
            raise RuntimeError("it is not the name of a device")
        torch.zeros(1, device=name).tolist()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        why = one_line(first_line(error))
        raise OptionError(f"{argument} {one_line(str(device), 100)} cannot be used: {why}; try cpu") from error
    return name


def plain(value: Any) -> Any:
    """Convert arrays, tensors and their scalars to Python numbers and lists, and tuples to lists."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def shown(value: Any) -> str:
    """Return the `repr` of a value for messages, shortened to one line."""
    return one_line(repr(value), 100)


def _whole(value: Any) -> int | None:
    """A whole number as Python's own; None for anything else. True and False, which are whole numbers too, are not."""
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except TypeError:  # an array or tensor of several numbers, or of a fraction, has the method and raises
        return None


def _is_finite_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST
