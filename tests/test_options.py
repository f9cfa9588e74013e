from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Gt, Interval, Len

from mobench import options
from mobench.errors import OptionError
from mobench.options import option


@dataclass(frozen=True)
class Example:
    """An example."""

    rate: Annotated[float, Gt(0)] = option(0.5, "step size")
    kind: Literal["a", "b"] = option("a", "which")
    widths: Annotated[tuple[Annotated[int, Gt(0)], ...], Len(1)] = option((3, 4), "of layers")
    flag: bool = option(False, "on or off")

    def __post_init__(self) -> None:
        if self.kind == "b" and self.flag:
            raise ValueError("kind b takes no flag")


def test_what_is_not_given_has_its_default() -> None:
    assert options.build(Example, {}) == Example()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"rate": "1e-3"}, Example(rate=1e-3)),
        ({"rate": 2}, Example(rate=2.0)),
        ({"widths": [5]}, Example(widths=(5,))),
        ({"flag": "true"}, Example(flag=True)),
    ],
)
def test_values_come_as_json_or_as_text(values: dict[str, Any], expected: Example) -> None:
    assert options.build(Example, values) == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rat": 1}, r"no option 'rat'; did you mean 'rate'\?"),
        ({"zzz": 1}, "no option 'zzz'; accepted: rate, kind, widths, flag"),
        ({"rate": "fast"}, r"option 'rate' was given 'fast': .*accepted: float > 0"),
        ({"rate": 0}, "greater than 0"),
        ({"rate": float("nan")}, "finite"),
        ({"kind": "c"}, "'a' or 'b'"),
        ({"widths": [0]}, "greater than 0"),
        ({"widths": []}, "at least 1"),
        ({"kind": "b", "flag": True}, "Example: kind b takes no flag"),
    ],
)
def test_bad_options_are_told_in_one_line(values: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message) as raised:
        options.build(Example, values)
    assert "\n" not in str(raised.value)


def test_values_and_build_are_inverse() -> None:
    example = Example(rate=0.1, widths=(7, 8, 9))
    assert options.build(Example, options.values(example)) == example
    assert options.values(example)["widths"] == [7, 8, 9]


@dataclass(frozen=True)
class Grown(Example):
    """An example with options that were added later."""

    power: float = option(1.0, "exponent", added=True)
    cuts: tuple[int, ...] = option((1, 2), "where it is cut", added=True)
    limit: int | None = option(None, "at most so many", added=True)


def test_an_added_option_is_stated_only_where_it_differs_from_its_default() -> None:
    assert options.values(Grown()) == options.values(Example())
    assert options.values(options.build(Grown, {"power": "1", "cuts": [1, 2], "limit": None})) == options.values(
        Example()
    )
    assert options.values(Grown(power=2.0, cuts=(1,), limit=0)) == {
        **options.values(Example()), "power": 2.0, "cuts": [1], "limit": 0
    }  # fmt: skip


@pytest.mark.parametrize("instance", [Grown(), Grown(power=0.0), Grown(rate=0.1, cuts=(), limit=3)])
def test_values_and_build_are_inverse_with_added_options(instance: Grown) -> None:
    assert options.build(Grown, options.values(instance)) == instance


def test_added_options_are_listed_with_the_others() -> None:
    assert [(o.name, o.default) for o in options.describe(Grown) if o.added] == [
        ("power", 1.0), ("cuts", (1, 2)), ("limit", None)
    ]  # fmt: skip
    with pytest.raises(OptionError, match="accepted: rate, kind, widths, flag, power, cuts, limit"):
        options.build(Grown, {"zzz": 1})


@dataclass(frozen=True)
class Changed(Example):
    """An example with an added option whose default differs from earlier records."""

    scope: str = option("shared", "which parameters", added=True, earlier="all")


def test_a_job_that_omits_an_option_has_the_value_of_earlier_records() -> None:
    assert options.values(Changed(scope="all")) == options.values(Example())
    assert options.values(options.build(Changed, {})) == {**options.values(Example()), "scope": "shared"}
    for instance in (Changed(), Changed(scope="all"), Changed(scope="other")):
        assert options.restore(Changed, options.values(instance)) == instance
    (scope,) = (o for o in options.describe(Changed) if o.added)
    assert (scope.default, scope.omitted) == ("shared", "all")


def test_an_earlier_value_is_of_an_added_option() -> None:
    with pytest.raises(OptionError, match="added=True"):
        option(1, "x", earlier=2)


def test_described_with_type_default_and_help() -> None:
    by_name = {o.name: o for o in options.describe(Example)}
    assert list(by_name) == ["rate", "kind", "widths", "flag"]
    assert (by_name["rate"].type, by_name["rate"].default, by_name["rate"].help) == ("float > 0", 0.5, "step size")
    assert by_name["kind"].type == "'a' or 'b'"


def test_limits_are_readable() -> None:
    @dataclass(frozen=True)
    class Share:
        share: Annotated[float, Interval(ge=0, lt=1)] = option(0.0, "")

    assert options.describe(Share)[0].type == "float ≥ 0 and < 1"


def test_what_is_no_dataclass_is_refused() -> None:
    class Plain:
        pass

    with pytest.raises(OptionError, match="@dataclass"):
        options.build(Plain, {})


@pytest.mark.parametrize("values", [{"rate": True}, {"widths": [True, 2]}, {"widths": [3, False]}])
def test_true_and_false_are_no_numbers_in_lists_either(values: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=r"was given .*(True|False).*accepted"):
        options.build(Example, values)


def test_true_and_false_are_values_of_their_own_types() -> None:
    @dataclass(frozen=True)
    class Flags:
        several: tuple[bool, ...] = option((), "")
        maybe: bool | None = option(None, "")
        either: Literal[True, "auto"] = option("auto", "")

    built = options.build(Flags, {"several": [True, False], "maybe": False, "either": True})
    assert built == Flags((True, False), False, True)
