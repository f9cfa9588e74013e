"""The cache is used if it is available, and nothing depends on it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mobench import datafiles
from mobench.errors import DataError
from mobench.interfaces import Strategy
from mobench.jobs.job import Budget
from mobench.jobs.resolve import resolve
from mobench.kernels import compiled
from mobench.learning.measured_strategy import Choice
from mobench.runs import strategy_cache as strategies
from mobench.user_cache import user_cache_dir

UNUSABLE = ["a file", "too long", "a loop", "unknown home"]


@pytest.fixture(params=UNUSABLE)
def unusable(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that can be neither read nor written."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MOBENCH_DATA", raising=False)
    cache = tmp_path / ("x" * 300 if request.param == "too long" else "cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    if request.param == "a file":
        cache.write_text("mine")
    elif request.param == "a loop":
        cache.symlink_to(cache)
    elif request.param == "unknown home":
        # what `expanduser` does for a user whom the system does not know
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setattr(os.path, "expanduser", lambda path: path)


def test_a_strategy_is_measured_where_none_can_be_kept(unusable: None, tmp_path: Path) -> None:
    job = resolve("vlmop2", "point", "ls", {}, Budget(steps=1))
    before = sorted(tmp_path.rglob("*"))
    for remark in ("first", "second"):
        choice = strategies.remembered(job, 1, "cpu", 1, lambda: Choice(Strategy(), remark))  # noqa: B023
        assert choice.remark == remark
    assert sorted(tmp_path.rglob("*")) == before


def test_a_library_is_compiled_where_none_can_be_kept(unusable: None, tmp_path: Path) -> None:
    source = tmp_path / "answer.c"
    source.write_text("int answer(void) { return 42; }\n")
    before = sorted(tmp_path.rglob("*"))
    compiled.library.cache_clear()
    assert not compiled.at_hand(source)
    assert compiled.library(source).answer() == 42
    assert sorted(tmp_path.rglob("*")) == before


def test_a_data_file_is_missing_where_none_can_be_kept(unusable: None, tmp_path: Path) -> None:
    from mobench.hookspecs import DataFile

    file = DataFile("set", "set/a.bin", "0" * 64)
    assert datafiles.locate(file) is None
    with pytest.raises(DataError, match="could not be fetched"):
        datafiles.obtain(file)


def test_a_folder_of_an_unknown_user_holds_no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    from mobench.hookspecs import DataFile

    monkeypatch.setenv("MOBENCH_DATA", "~nobody-of-this-name/data")
    assert datafiles.locate(DataFile("set", "set/a.bin", "0" * 64)) is None


def test_a_home_that_is_known_has_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert user_cache_dir("data") == tmp_path / "mobench" / "data"
