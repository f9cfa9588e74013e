"""Commands behave the same in forks of one process as in separate processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from readmes.preloaded import Preloaded


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code"), [(["list", "solvers"], 0), (["show", "phn-lss"], 2), (["new", "model", "mine"], 0), ([], 2)]
)
def test_streams_code_and_folder_are_the_same(
    preloaded: Preloaded, cli: Any, environment: dict[str, str], tmp_path: Path, words: list[str], code: int
) -> None:
    apart = tmp_path / "apart"
    apart.mkdir()
    copy = preloaded.run(words, apart, environment)
    separate_run = cli(*words)
    assert (copy.returncode, copy.stdout, copy.stderr) == (
        separate_run.returncode,
        separate_run.stdout,
        separate_run.stderr,
    )
    assert separate_run.returncode == code
    content_by_path = {path.relative_to(apart): path.read_bytes() for path in apart.rglob("*") if path.is_file()}
    assert content_by_path == {path: (tmp_path / path).read_bytes() for path in content_by_path}
    assert bool(content_by_path) == (words[:1] == ["new"])


def test_one_command_leaves_nothing_to_the_next(
    preloaded: Preloaded, environment: dict[str, str], tmp_path: Path
) -> None:
    blocked = preloaded.run(["list", "solvers"], tmp_path, {**environment, "MOBENCH_BLOCK": "epo"})
    after = preloaded.run(["list", "solvers"], tmp_path, environment)
    assert "phn-epo" not in blocked.stdout
    assert "phn-epo" in after.stdout
