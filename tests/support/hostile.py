"""Malicious values inserted into parsed JSON, for tests of the code that reads records."""

from __future__ import annotations

import random
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from mobench.jobs.job import Job

FUZZ = settings(
    max_examples=150, deadline=None, database=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
HOSTILE = (
    "", "\x1b[2J\x1b]0;owned\x07", "../../../etc/passwd", "<script>alert(1)</script>", "\\input{/etc/passwd}",
    "a|b\n| c", "=cmd()", "\u202egnp.exe", "x" * 5000, "\x00",
)  # fmt: skip
values = st.one_of(
    st.sampled_from(HOSTILE),
    st.sampled_from((float("nan"), float("inf"), -float("inf"), 1e308, 5e-324, 2**63, 2**200, -1, 0, None, True)),
    st.integers(), st.floats(), st.text(st.characters(exclude_categories=["Cs"])),
    st.just([]), st.just({}), st.lists(st.floats(), max_size=3), st.dictionaries(st.text(max_size=3), st.none()),
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path to every value of parsed JSON."""
    elements = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, element in elements:
        yield (*path, key)
        yield from places(element, (*path, key))


def spoil(content: Any, data: st.DataObject) -> Any:
    """Return a copy in which one or two values are replaced or added."""
    result = deepcopy(content)
    for _ in range(data.draw(st.integers(1, 2))):
        ways = sorted(places(result), key=str)
        *way, last = data.draw(st.sampled_from(ways))
        inner = result
        for key in way:
            inner = inner[key]
        if data.draw(st.booleans()) and isinstance(inner, dict):
            inner[data.draw(st.sampled_from(HOSTILE))] = data.draw(values)
        else:
            inner[last] = data.draw(values)
    return result


def own_id(content: Any) -> Any:
    """Return the content with the id of its job, which an attacker can compute too."""
    try:
        content["id"] = Job.model_validate(content["job"]).id
    except (ValueError, KeyError, TypeError):
        return content
    return content


def fit_to_print(message: str) -> bool:
    return message.isprintable() and len(message) < 2000


NUMBERS = (0, 0.0, -0.0, -1.0, 1, 1e99, -1e99, 5e-324, 2**40)
WORDS = tuple(text[:190] for text in HOSTILE if text)


def tampered(content: Any, data: st.DataObject) -> Any:
    """Return a copy with some values replaced by others of the same type; most copies are still valid records."""
    # hypothesis cannot draw one number for each value
    chance = random.Random(data.draw(st.integers(0, 2**32)))
    share = data.draw(st.sampled_from((0.02, 0.2, 1.0)))

    def other(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: other(element) for key, element in value.items()}
        if isinstance(value, list):
            return [other(element) for element in value]
        if value is None or chance.random() > share:
            return value
        if isinstance(value, int | float):
            return chance.choice((value, *NUMBERS))
        return chance.choice(WORDS)

    parts = ("protocol", "fronts", "indicators", "cost", "trace", "notes", "provenance", "objectives", "job")
    result = {**content, **{part: other(content[part]) for part in parts if chance.random() < 0.4}}
    result["status"] = chance.choice(("completed", "completed", "completed", "failed", "diverged"))
    if chance.random() < 0.5:
        result["notes"] = {word: word for word in WORDS if word.isprintable()}
        result["failure"] = {"kind": "<b>", "message": chance.choice(WORDS), "traceback": chance.choice(WORDS)}
    if chance.random() < 0.2:
        result["fronts"] = {split: front for split, front in result["fronts"].items() if split == "test"}
    return own_id(result)
