"""Arguments are parsed completely or refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mobench.errors import OptionError, UnknownNameError
from mobench.interfaces import Strategy
from mobench.jobs import arguments
from mobench.runs import executors
from mobench.runs.executors import Limits

BYTES = {
    "1": 1, "500MB": 500 * 10**6, "2GiB": 2 * 2**30, "1.5GB": 1_500_000_000, "1.5gb": 1_500_000_000, "3 kB": 3000,
    "1kib": 1024, "7B": 7, "1TB": 10**12, "1TiB": 2**40, " 2MB ": 2_000_000, "": None,
}  # fmt: skip


@pytest.mark.parametrize("text", BYTES)
def test_sizes_with_their_units(text: str) -> None:
    assert arguments.parse_bytes(text) == BYTES[text]


@pytest.mark.parametrize(
    "text",
    ["1,5GB", "1.5.0GB", "GB", "5XB", "-1GB", "0", "0GB", "1GB2", "1 000MB", "nan", "inf", "1e9", "1e999GB", "٣GB",
     "9" * 400, "9" * 18 + "PB", "1GB x", "1_000", "5 M B"],
)  # fmt: skip
def test_a_size_is_read_as_a_whole_or_refused(text: str) -> None:
    with pytest.raises(OptionError, match=r"--memory was given .*pass a number and a unit, such as 500MB"):
        arguments.parse_bytes(text)


@pytest.mark.parametrize("text", ["0,,1", ",", "0,", "one", "1.0", "-1", "²", "٣", "0 1", "1_0", "9" * 5000])
def test_seeds_are_read_as_a_whole_or_refused(text: str) -> None:
    with pytest.raises(OptionError, match=r"--seeds was given .*pass comma-separated whole numbers of 0 or more"):
        arguments.parse_seeds(text)
    assert arguments.parse_seeds("0, 2,1") == [0, 2, 1]
    assert arguments.parse_seeds("") == []


@pytest.mark.parametrize(
    "value", [torch.tensor(1.5), torch.tensor([1, 2]), np.array([1, 2]), True, "1", None], ids=repr
)
def test_what_is_no_whole_number_is_refused_whatever_methods_it_has(value: Any) -> None:
    with pytest.raises(OptionError, match=r"jobs was given .*pass a whole number from 1"):
        arguments.count(value, "jobs")
    with pytest.raises(OptionError, match=r"seeds was given .*pass a list of whole numbers"):
        arguments.seeds([value])
    assert arguments.count(np.int64(2), "jobs") == 2
    assert arguments.seeds(torch.tensor([0, 2])) == arguments.seeds(np.array([0, 2])) == [0, 2]


@pytest.mark.parametrize(
    "text", ["[]", "{}", '""', "3", "[[]]", "[0.5, 0.5]", '[["0.5","0.5"],["1","0"]]', "[[true,false],[false,true]]",
             "[[NaN,1],[1,0]]", "[[1e999,1],[1,0]]", "[[0.5,0.5]", "[" * 5000, "0.5,0.5", "[[null,1],[1,0]]"],
)  # fmt: skip
def test_rays_are_read_as_a_whole_or_refused(text: str) -> None:
    with pytest.raises(OptionError, match="--rays was given"):
        arguments.parse_rays(text)
    assert arguments.parse_rays("[[1,0],[0.5,0.5]]") == [[1.0, 0.0], [0.5, 0.5]]


@pytest.mark.parametrize("text", [",", "ls,", ",ls", "ls,,epo"])
def test_names_are_read_as_a_whole_or_refused(text: str) -> None:
    with pytest.raises(OptionError, match="--solver was given"):
        arguments.parse_names(text, "--solver")
    assert arguments.parse_names(" ls , phn+linear,ls", "--solver") == ["ls", "phn+linear"]


def test_names_may_come_from_what_is_read_only_once() -> None:
    assert arguments.names((name for name in ("ls", "epo")), "solver") == ["ls", "epo"]
    with pytest.raises(OptionError, match=r"solver was given .*pass a name or a list of names"):
        arguments.names((name for name in ("ls", 3)), "solver")  # type: ignore[arg-type]


def test_a_setting_is_there_once() -> None:
    assert arguments.parse_settings(["lr=0.1", "kind=a=b", "widths=[1, 2]"]) == {
        "lr": 0.1, "kind": "a=b", "widths": [1, 2],
    }  # fmt: skip
    with pytest.raises(OptionError, match="--set was given 'lr' twice"):
        arguments.parse_settings(["lr=0.1", "lr =0.2"])


@pytest.mark.parametrize(
    "text",
    ["threads=²", "threads=٣", "threads=0", "threads=1,threads=2", "threads=" + "9" * 5000, "threads=10001",
     "layout=contiguous,", "layout=contiguous,layout=batch_last", "layout", "default,threads=1", ","],
)  # fmt: skip
def test_a_strategy_is_read_as_a_whole_or_refused(text: str) -> None:
    with pytest.raises(OptionError, match="strategy"):
        Strategy.parse(text)
    assert Strategy.parse("threads=2,layout=contiguous") == Strategy(layout="contiguous", threads=2)


@pytest.mark.parametrize(
    "limits",
    [{"jobs": 0}, {"jobs": 10**6}, {"jobs": True}, {"jobs": 1.5}, {"cpus": 0}, {"cpus": 10**30}, {"gpus": -1.0},
     {"gpus": math.nan}, {"memory": 0}, {"memory": 2**70}, {"timeout": math.inf}, {"timeout": 1e300},
     {"timeout": -1.0}],
    ids=str,
)  # fmt: skip
def test_a_limit_that_nobody_can_hold_is_refused(limits: dict[str, Any]) -> None:
    (name,) = limits
    with pytest.raises(OptionError, match=f"--{name} was given"):
        Limits(**limits)


@pytest.mark.parametrize("name", ["", ".", "..", ".x", "x.", "a..b", "x" * 300, "os.path ", "local\n", "-", "lokal"])
def test_an_executor_that_can_be_no_module_is_an_unknown_name(name: str) -> None:
    with pytest.raises(UnknownNameError, match="no executor is called"):
        executors.make(name, Limits())


@pytest.mark.parametrize(("name", "message"), [("os.path", "no function make"), ("os.nowhere", "name a module")])
def test_a_module_that_is_no_executor_is_told(name: str, message: str) -> None:
    with pytest.raises(OptionError, match=f"--executor {name} cannot be used: .*{message}"):
        executors.make(name, Limits())


@settings(deadline=None)
@given(st.text(max_size=12))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    parsers: list[Any] = [
        arguments.parse_bytes, arguments.parse_seeds, arguments.parse_rays, Strategy.parse,
        lambda text: arguments.parse_names(text, "--solver"), lambda text: arguments.parse_settings([text]),
    ]  # fmt: skip
    for parse in parsers:
        try:
            parse(text)
        except OptionError as error:
            refusal = str(error)
            assert "\n" not in refusal
