"""Completion of commands, options and registered names, by the protocol of each shell and by bash itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mobench.cli.completion import list_of, one_of
from mobench.cli.main import app
from mobench.plugins import registry

SHELLS = {
    "bash": ".bash_completions/mobench.sh",
    "zsh": ".zfunc/_mobench",
    "fish": ".config/fish/completions/mobench.fish",
}
"""Shell -> the file below the home folder that has its completion."""


def completed(line: str) -> list[str]:
    """Return what bash is offered for the last word of a line."""
    words = line.split(" ")
    env = {"_MOBENCH_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    done = CliRunner().invoke(app, [], env=env, prog_name="mobench")
    assert done.exit_code == 0, done.output
    return done.output.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("mobench lead", ["leaderboard"]),
        ("mobench data ver", ["verify"]),
        ("mobench run --keep", ["--keep-weights"]),
        ("mobench run qui", ["quick"]),
        ("mobench tune stan", ["standard", "standard-causes", "standard-falling", "standard-long", "standard-search"]),
        ("mobench run quick --solver phn-h", ["phn-hvi"]),
        ("mobench run quick --solver ls,phn-h", ["ls,phn-hvi"]),
        ("mobench leaderboard quick --dataset zdt", ["zdt1", "zdt2", "zdt3"]),
        ("mobench run quick --model len", ["lenet", "lenet-cosmos"]),
        ("mobench run quick --precision b", ["bf16"]),
        ("mobench show vlm", ["vlmop2"]),
        ("mobench check vlm", ["vlmop2"]),
        ("mobench list sam", ["sampler"]),
        ("mobench help prot", ["protocol"]),
        ("mobench help leader", ["leaderboard"]),
    ],
)
def test_commands_options_and_registered_names_are_completed(line: str, expected: list[str]) -> None:
    assert completed(line) == expected


def test_every_registered_name_is_offered_where_it_is_accepted() -> None:
    for option, kind in (("--solver", "solver"), ("--dataset", "dataset"), ("--model", "model")):
        assert sorted(completed(f"mobench run quick {option} ")) == sorted(registry().names(kind))  # type: ignore[arg-type]
    assert completed("mobench run ") == list(registry().names("suite"))


@pytest.mark.parametrize(("shell", "form"), [("zsh", '"vlmop2"'), ("fish", "vlmop2")])
def test_other_shells_get_the_same_names_in_their_form(shell: str, form: str) -> None:
    env = {
        "_MOBENCH_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": "mobench show vlm",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }  # fmt: skip
    done = CliRunner().invoke(app, [], env=env, prog_name="mobench")
    assert form in done.output


def test_a_list_completes_its_last_name_and_repeats_none() -> None:
    names = ("ls", "lorpman", "phn-ls")
    assert list_of(lambda: names)("ls,l") == ["ls,lorpman"]
    assert list_of(lambda: names)("") == list(names)
    assert one_of(lambda: names)("l") == ["ls", "lorpman"]


def test_completion_imports_nothing_heavy(environment: dict[str, str]) -> None:
    script = (
        "import sys; sys.argv = ['mobench']\n"
        "from mobench.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "print('HEAVY', sorted({'torch', 'pandas', 'numpy', 'scipy'} & set(sys.modules)))"
    )
    env = {
        **environment, "_MOBENCH_COMPLETE": "complete_bash", "COMP_WORDS": "mobench run quick --solver ls,phn-h",
        "COMP_CWORD": "4",
    }  # fmt: skip
    words = [sys.executable, "-c", script]
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "HEAVY []"


@pytest.mark.parametrize("shell", SHELLS)
def test_installation_names_the_file_that_it_writes(
    shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("typer._completion_shared._get_shell_name", lambda: shell)
    monkeypatch.setenv("HOME", str(tmp_path))
    done = CliRunner().invoke(app, ["--install-completion"], prog_name="mobench")
    assert done.exit_code == 0, done.output
    path = tmp_path / SHELLS[shell]
    assert str(path) in "".join(done.output.splitlines())
    assert "_MOBENCH_COMPLETE" in path.read_text()


@pytest.mark.slow
def test_bash_completes_after_the_installation(tmp_path: Path, environment: dict[str, str], command: list[str]) -> None:
    env = {**environment, "HOME": str(tmp_path), "PATH": f"{Path(command[0]).parent}{os.pathsep}{environment['PATH']}"}

    def bash(script: str) -> str:
        done = subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    written = bash("mobench --install-completion; true")
    path = tmp_path / SHELLS["bash"]
    assert str(path) in written
    assert str(path) in (tmp_path / ".bashrc").read_text()
    # what bash does when Tab is pressed after `mobench run quick --solver phn-h`
    offered = bash(
        "source ~/.bashrc; COMP_WORDS=(mobench run quick --solver phn-h); COMP_CWORD=4; "
        "$(complete -p mobench | sed 's/.* -F \\([^ ]*\\) .*/\\1/') mobench; echo \"${COMPREPLY[@]}\""
    )
    assert offered.split() == ["phn-hvi"]
