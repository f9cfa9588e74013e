"""Values that somebody chose to do harm, put into parsed JSON; for tests of all that reads records."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from mobench.runs.job import Job

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
    """The way to every value of parsed JSON."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*path, key)
        yield from places(one, (*path, key))


def spoil(content: Any, data: st.DataObject) -> Any:
    """A copy with a value or two replaced, left out, or put beside the others."""
    made = deepcopy(content)
    for _ in range(data.draw(st.integers(1, 2))):
        ways = sorted(places(made), key=str)
        *way, last = data.draw(st.sampled_from(ways))
        inner = made
        for key in way:
            inner = inner[key]
        if data.draw(st.booleans()) and isinstance(inner, dict):
            inner[data.draw(st.sampled_from(HOSTILE))] = data.draw(values)
        else:
            inner[last] = data.draw(values)
    return made


def own_id(content: Any) -> Any:
    """The same with the id that its job has: an attacker can work that out too."""
    try:
        content["id"] = Job.model_validate(content["job"]).id
    except (ValueError, KeyError, TypeError):
        return content
    return content


def fit_to_print(message: str) -> bool:
    return message.isprintable() and len(message) < 2000
