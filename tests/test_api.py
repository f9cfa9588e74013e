"""`mobench.run` and `mobench.leaderboard` refuse the same input as the command line, with the same messages."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from in_process import IN_PROCESS, InProcess

import mobench
from mobench.errors import MobenchError, OptionError, StoreError, SuiteError, UnknownNameError
from mobench.jobs import suite as suites

Cli = Any


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    """A folder with the two records of the tiny suite."""
    shutil.copytree(finished, tmp_path / "out")
    return tmp_path / "out"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_folder_without_records_is_an_error_and_no_empty_table(tmp_path: Path) -> None:
    for folder in ("nosuch", tmp_path):
        with pytest.raises(StoreError, match=r"there are no records in .*name a folder that `mobench run` wrote"):
            mobench.leaderboard(folder)


def test_a_suites_name_is_its_folder_below_results_also_where_a_file_has_it(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command line does the same; a shell creates the file for `mobench leaderboard tiny > tiny`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    out.rename(tmp_path / "results" / "tiny")
    (tmp_path / "tiny").touch()
    assert list(mobench.leaderboard("tiny")["solver"]) == list(mobench.leaderboard("results/tiny")["solver"])


def test_records_that_cannot_be_read_are_warned_of(out: Path, tiny: Path) -> None:
    (out / "records" / "broken.json").write_bytes(b"{")
    with pytest.warns(UserWarning, match=r"broken\.json"):
        assert len(mobench.leaderboard(out)) == 2
    with pytest.warns(UserWarning, match=r"broken\.json"):
        assert len(mobench.run(str(tiny), out=out)) == 2


def test_a_combination_that_a_part_declines_is_warned_of(out: Path, tiny: Path) -> None:
    with pytest.warns(UserWarning, match=r"declined: vlmop2 × point × phn\+min-norm: .*ignores the preference"):
        mobench.run(tiny, solver=["phn+min-norm", "ls"], out=out)


REFUSED: dict[str, tuple[dict[str, Any], type[MobenchError], str]] = {
    "no jobs at once": ({"jobs": 0}, OptionError, "jobs was given 0: pass a whole number from 1"),
    "half a job": ({"jobs": 1.5}, OptionError, "jobs was given 1.5"),
    "true jobs": ({"jobs": True}, OptionError, "jobs was given True"),
    "a device that torch has not": ({"device": "gpu"}, OptionError, "device gpu cannot be used"),
    "a device that is no name": ({"device": None}, OptionError, "device None cannot be used"),
    "rays off the simplex": ({"rays": np.array([[0.5, 0.6], [0.2, 0.8]])}, MobenchError, "not on the simplex"),
    "rays in a row": ({"rays": np.array([0.5, 0.5])}, OptionError, "rays was given .*pass lists of finite"),
    "rays of text": ({"rays": [["0.5", "0.5"], ["1", "0"]]}, OptionError, "rays was given"),
    "rays that are no numbers": ({"rays": [[float("nan"), 1.0], [0.5, 0.5]]}, OptionError, "rays was given"),
    "one seed": ({"seeds": 3}, OptionError, "seeds was given 3: pass a list"),
    "seeds as text": ({"seeds": "0,1"}, OptionError, "seeds was given '0,1'"),
    "half a seed": ({"seeds": [0.5]}, OptionError, r"seeds was given \[0.5\]"),
    "a true seed": ({"seeds": [True]}, OptionError, r"seeds was given \[True\]"),
    "a seed below zero": ({"seeds": [-1]}, OptionError, "seeds.0"),
    "a number as a name": ({"solver": 3}, OptionError, "solver was given 3"),
    "a solver of 300 characters": ({"solver": "x" * 300}, OptionError, "at most 200 characters"),
    "a solver that is none": ({"solver": "phn-l"}, UnknownNameError, "did you mean 'phn-ls'"),
    "NaN": ({"settings": {"lr": float("nan")}}, OptionError, "option 'lr' was given nan"),
    "an infinite option": ({"settings": {"lr": float("inf")}}, OptionError, "option 'lr' was given inf"),
    "an option that is none": ({"settings": {"lrr": 1}}, OptionError, "did you mean 'lr'"),
    "an option too large to record": ({"settings": {"n_preferences": 10**20}}, OptionError, "63 bits"),
    "settings in a row": ({"settings": ["lr"]}, OptionError, "settings was given"),
    "true steps": ({"steps": True}, OptionError, "budget.steps was given True"),
    "endless epochs": ({"epochs": float("inf")}, OptionError, "budget.epochs was given inf"),
    "two lengths": ({"epochs": 1, "steps": 2}, OptionError, "exactly one"),
    "a length twice": ({"steps": 2, "settings": {"budget.steps": 2}}, OptionError, "given twice"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_command_line_refuses_python_refuses(tiny: Path, out: Path, case: str) -> None:
    arguments, error, message = REFUSED[case]
    before = contents(out)
    with pytest.raises(error, match=message) as raised:
        mobench.run(tiny, out=out, **arguments)
    assert "\n" not in str(raised.value)
    assert contents(out) == before


def test_a_suite_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'quick'"):
        mobench.run("quik")
    with pytest.raises(SuiteError, match="cannot be read"):
        mobench.run(tmp_path / "missing.toml")


RAYS = [[0.8, 0.2], [0.5, 0.5], [0.25, 0.75]]


@pytest.mark.parametrize(
    "rays", [RAYS, tuple(map(tuple, RAYS)), np.array(RAYS), torch.tensor(RAYS, dtype=torch.float64)], ids=type
)
def test_arrays_tensors_and_tuples_mean_the_same_as_lists(tiny: Path, rays: Any) -> None:
    loaded = suites.load(tiny)
    assert suites.overridden(loaded, rays=rays).rays == RAYS
    assert suites.overridden(loaded, seeds=np.arange(3)).seeds == suites.overridden(loaded, seeds=range(3)).seeds
    settings = suites.overridden(loaded, settings={"lr": np.float32(0.5), "milestones": np.array([0.5])}).overrides
    assert settings == {"lr": 0.5, "milestones": [0.5]}


def test_python_and_the_command_line_make_the_same_jobs(
    cli: Cli, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mobench.runs.executors.local.LocalExecutor", InProcess)
    done = cli("run", tiny, "--set", "lr=0.05", "--steps", "3", "--rays", str(RAYS), "--out", "a", "-q", *IN_PROCESS)
    assert done.returncode == 0, done.stderr
    mobench.run(tiny, settings={"lr": 0.05}, steps=3, rays=np.array(RAYS), out=tmp_path / "b", jobs=2)
    names = [{path.name for path in (tmp_path / name / "records").glob("*.json")} for name in "ab"]
    assert names[0] == names[1]
    assert len(names[0]) == 2
