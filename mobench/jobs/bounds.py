"""Bounded types of records and suites, which are validated when files of unknown origin are read."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field

MAX_DEPTH = 16
MAX_KEYS = 1000
LARGEST = 1e100
"""Largest accepted absolute value of a computed number: squares and products remain finite."""


def _shown(name: str) -> str:
    if not name.isprintable():
        raise ValueError("a name has only printable characters")
    return name


def plain(value: Any) -> Any:
    """Return the value unchanged.

    Raises: ValueError unless it consists of finite numbers, text, and lists and tables nested at most MAX_DEPTH deep.
    """
    _check_plain(value, 0)
    return value


def few_keys(content: Any) -> None:
    """Raise ValueError where a table of parsed JSON has too many keys, because each may need an error message."""
    waiting = [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if len(value) > MAX_KEYS:
                raise ValueError(f"a table has {len(value)} keys, at most {MAX_KEYS} are accepted")
            waiting.extend(value.values())
        elif isinstance(value, list) and value and isinstance(value[0], list | dict):
            waiting.extend(value)


_PART = r"""(?:[A-Za-z0-9_-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')"""
_TOML = re.compile(
    rf"""(?P<deep>{_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{MAX_DEPTH}}})"""  # a dotted key
    r"""|"{3}(?:[^"\\]|\\.|"(?!""))*+"{3}"""  # multi-line strings
    r"""|'{3}(?:[^']|'(?!''))*+'{3}"""
    rf"""|{_PART}|\#[^\n]*+"""
    r"""|"{3}.*+|'{3}.*+|"[^\n]*+|'[^\n]*+|.""",  # unterminated strings, which would be scanned repeatedly
    re.DOTALL,
)


def check_key_depth(text: str) -> None:
    """Raise ValueError where a dotted key of a TOML text has more than MAX_DEPTH parts.

    The time and memory of `tomllib` grow with the square of the number of parts.
    """
    if any(match.lastgroup == "deep" for match in _TOML.finditer(text)):
        raise ValueError(f"a key has more than {MAX_DEPTH} parts")


def is_point(value: Any, n_objectives: int) -> bool:
    """Return whether a value is a list of one number per objective, each at most LARGEST in absolute value."""
    return (
        isinstance(value, list)
        and len(value) == n_objectives
        and all(isinstance(v, int | float) and not isinstance(v, bool) and abs(v) <= LARGEST for v in value)
    )


def _check_plain(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError(f"values are nested more than {MAX_DEPTH} deep")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ValueError("a whole number has more than 63 bits")
    elements: Iterable[Any] = ()
    if isinstance(value, Mapping):
        elements = value.values()
    elif isinstance(value, list | tuple):
        elements = value
    for element in elements:
        _check_plain(element, depth + 1)


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_shown)]
OptionTable = Annotated[dict[str, Any], Field(max_length=MAX_KEYS), AfterValidator(plain)]
Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]
# validation of a list stops at the first error: a malicious file may contain millions
Numbers = Annotated[list[Number], Field(fail_fast=True)]
Rows = Annotated[list[Numbers], Field(fail_fast=True)]
Values = Annotated[list[Number | None], Field(fail_fast=True)]
"""Numbers, some of which may be missing."""
MAX_SEED = 2**43
"""Batches multiply a seed by about one million."""
Amount = Annotated[float, Field(ge=0, le=LARGEST)]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Seed = Annotated[int, Field(ge=0, lt=MAX_SEED)]
