"""A method of a guest, from `mobench new` to a verified submission; and results that were never computed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from in_process import IN_PROCESS
from submissions import CONTACT, edit_records

import mobench
from mobench.board.layout import State, read_board, read_submission, read_verification
from mobench.board.sandboxed_process import chosen_sandbox
from mobench.board.sandboxes import SandboxView, python_paths
from mobench.board.states import standing_of
from mobench.errors import OptionError
from mobench.metrics.indicators import hypervolume

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
SUITE = """
seeds = [0, 1]
[budget]
steps = 20
[[entries]]
datasets = ["vlmop2"]
models = ["point"]
solvers = ["ls"]
"""


def done(process: subprocess.CompletedProcess[str]) -> str:
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


@pytest.mark.slow
def test_a_guest_goes_from_a_new_package_to_a_verified_row_of_a_site(
    cli: Cli, tmp_path: Path, environment: dict[str, str]
) -> None:
    board, site = tmp_path / "board", tmp_path / "site"
    (tmp_path / "tiny.toml").write_text(SUITE)
    key_line, *_ = done(cli("board", "key", "key.pem", "--json")).splitlines()
    public = json.loads(key_line)["public"]
    board.mkdir()
    (board / "board.toml").write_text(f'title = "T"\nstores = ["tiny"]\n[verifiers]\nme = "{public}"\n')
    done(cli("run", "tiny.toml", "--out", "board/tiny", *IN_PROCESS))

    done(cli("new", "balancer", "my-rule"))
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-build-isolation", "--no-deps", "--target", str(site)]
    done(subprocess.run([*pip, str(tmp_path / "mobench-my-rule")], capture_output=True, text=True, check=False))
    guest = {"PYTHONPATH": str(site)}
    done(cli("run", "tiny.toml", "--out", "mine", "--solver", "phn-my-rule", *IN_PROCESS, env=guest))
    text = done(cli("submit", "mine", "--to", "board", *options(CONTACT), env=guest))
    assert "2 records for store tiny" in text
    assert "wheels/mobench_my_rule-0.1.0-py3-none-any.whl, SHA-256 " in text
    (folder,) = (board / "submissions").iterdir()
    assert [d.name for d in read_submission(folder).distributions] == ["mobench-my-rule"]

    text = done(cli("board", "verify", folder, "--key", "key.pem", *isolation()))
    assert text.splitlines()[-1] == f"{folder.name}: verified"
    assert "mobench check mobench-my-rule" in text
    outcome = read_verification(folder)
    assert outcome is not None
    assert [rerun.agrees for rerun in outcome.reruns] == [True, True], "one submitted seed and one that was not"
    assert outcome.reruns[0].identical
    assert outcome.core_seconds > 0.5
    standing = standing_of(folder, read_submission(folder), read_board(board).verifiers, is_imported=False)
    assert standing.state is State.VERIFIED

    done(cli("site", "board", "--out", "pages"))
    front_page = (tmp_path / "pages" / "index.html").read_text()
    (row,) = re.findall(r'<tr data-state="(\w+)"[^>]* data-name="phn-my-rule">', front_page)
    assert row == "verified"
    assert "agrees" in (tmp_path / "pages" / "submissions" / f"{folder.name}.html").read_text()


@pytest.mark.slow
def test_results_that_were_never_computed_are_rejected_by_a_rerun(submission: Path, board: Path, key: Path) -> None:
    """All that can be checked without a rerun agrees: hypervolumes follow from the losses, hashes from the files."""

    def better(content: dict[str, Any]) -> None:
        for split, front in content["fronts"].items():
            front["losses"] = [[0.9 * loss for loss in row] for row in front["losses"]]
            value = hypervolume(front["losses"], content["protocol"]["reference"])
            content["indicators"][split]["hypervolume"] = value

    edit_records(submission, better)
    outcome = mobench.verify_submission(submission, key=key, isolation=isolation()[-1])
    assert outcome.state is State.REJECTED
    assert "does not agree: " in outcome.reason
    assert "losses, test" in outcome.reason
    assert [rerun.agrees for rerun in outcome.reruns] == [False]
    standing = standing_of(submission, read_submission(submission), read_board(board).verifiers, is_imported=False)
    assert (standing.state, standing.reason) == (State.REJECTED, outcome.reason), "the row stays, with its reason"


def options(values: dict[str, str]) -> list[str]:
    return [word for name, value in values.items() for word in (f"--{name}", value)]


def isolation() -> list[str]:
    """Return the option of the strongest sandbox; where no sandbox works and this is not CI, of none."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            chosen_sandbox("auto", SandboxView(python_paths(), Path(scratch), {"PATH": os.environ["PATH"]}))
        except OptionError:
            if os.environ.get("CI"):
                raise
            return ["--isolation", "none"]
    return ["--isolation", "auto"]
