"""Small problems for tests: which registered datasets come first."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobench.datafiles import collections
from mobench.interfaces import Dataset
from mobench.plugins import registry
from mobench.testing.small import small_datasets
from mobench.user_folders import folders_by_name


def test_datasets_without_their_files_are_tried_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading them would try to fetch the files, which may take long or fail."""
    monkeypatch.setenv("MOBENCH_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    tried: list[type[Dataset]] = []

    def accepts(dataset: Dataset) -> bool:
        tried.append(type(dataset))
        return False

    assert list(small_datasets(accepts)) == []
    several = [entry for entry in registry().entries["dataset"].values() if len(entry.load()().objectives) > 1]
    lacking = {entry.load() for entry in several if entry.name in collections() or entry.name in folders_by_name()}
    complete = {entry.load() for entry in several} - lacking
    assert len(lacking) > 10
    assert max(map(tried.index, complete)) < min(map(tried.index, lacking))
