"""Output of listing commands, and that they import no heavy libraries."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from mobench.cli.main import app
from mobench.plugins import KINDS, Pair, registry

Cli = Any
HEAVY = {"torch", "pydantic", "torchvision", "pandas", "numpy", "pymoo", "moocore", "scipy", "seaborn", "matplotlib"}


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["run", "--help"],
        ["list"],
        ["list", "suites"],
        ["plugins"],
        ["data", "list"],
        ["--version"],
        ["show", "quick"],
    ],
)
def test_nothing_heavy_is_imported(words: list[str], environment: dict[str, str]) -> None:
    script = (
        f"import sys; sys.argv = ['mobench', *{words!r}]\n"
        "from mobench.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        f"print('HEAVY', sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "HEAVY []"


@pytest.mark.slow
def test_importing_mobench_is_free_and_its_names_are_there() -> None:
    script = (
        "import sys, mobench; assert 'torch' not in sys.modules; assert 'pandas' not in sys.modules\n"
        "assert set(mobench.__all__) <= set(dir(mobench))\n"
        "for name in mobench.__all__: getattr(mobench, name)\n"
        "assert mobench.__version__"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_every_registered_name_is_listed_with_its_summary(cli: Cli) -> None:
    listed = cli("list").stdout
    for kind in KINDS:
        assert f"{kind}s\n" in listed
        for entry in registry().entries[kind].values():
            (line,) = {
                line for line in listed.splitlines() if line.split()[:1] == [entry.name] and entry.spec.summary in line
            }
            if isinstance(entry.spec, Pair):
                assert f"[{entry.spec.generator}+{entry.spec.balancer}]" in line


def test_one_kind_can_be_listed(cli: Cli) -> None:
    listed = cli("list", "models").stdout
    assert listed.startswith("models\n")
    assert "solvers" not in listed
    wrong = cli("list", "modles")
    assert wrong.returncode == 2
    assert "did you mean 'model'" in wrong.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_everything_can_be_shown(kind: Any) -> None:
    """Commands run in this process, because there are many of them."""
    from typer.testing import CliRunner

    from mobench.cli.main import app
    from mobench.options import describe

    for entry in registry().entries[kind].values():
        done = CliRunner().invoke(app, ["show", entry.name, "--kind", kind])
        assert done.exit_code == 0, done.output
        assert entry.spec.summary in done.stdout
        if kind in ("dataset", "model", "generator", "balancer"):
            for option in describe(entry.load()):
                assert option.name in done.stdout
                assert option.help, f"{entry.name}: option {option.name} has no help"


def test_a_pair_that_nobody_registered_can_be_shown(cli: Cli) -> None:
    description = cli("show", "stack+linear").stdout
    assert "generator stack + balancer linear" in description
    assert "learning rate" in description


def test_what_is_unknown_is_told(cli: Cli) -> None:
    done = cli("show", "phn-lss")
    assert done.returncode == 2
    assert "did you mean 'phn-ls'" in done.stderr


def test_help_names_every_command(cli: Cli) -> None:
    text = cli("--help").stdout
    for command in ("run", "list", "show", "plugins", "check", "leaderboard", "export", "data"):
        assert f"  {command} " in text


def test_no_command_is_a_usage_error_with_help(cli: Cli) -> None:
    done = cli()
    assert done.returncode == 2
    assert "Usage" in done.stdout + done.stderr


def test_version_is_the_distributions(cli: Cli) -> None:
    from importlib.metadata import version

    assert cli("--version").stdout == f"mobench {version('mobench')}\n"


def test_readme_names_every_command_dataset_model_solver_and_suite() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    group: Any = typer.main.get_command(app)
    for command in group.commands:
        assert f"mobench {command}" in readme or f"`{command}`" in readme, command
    for kind in ("dataset", "model", "solver", "suite"):
        for name in registry().names(kind):  # type: ignore[arg-type]
            assert f"`{name}`" in readme, f"README does not mention {kind} {name}"


def test_every_plugin_package_has_a_readme_with_its_names_its_options_and_a_command() -> None:
    import importlib

    from mobench.options import describe
    from mobench.plugins import Spec

    for kind in KINDS:
        for entry in registry().entries[kind].values():
            if entry.plugin.distribution != "mobench":
                continue
            target = (
                entry.spec.target if isinstance(entry.spec, Spec) else f"mobench_{entry.plugin.name.replace('-', '_')}:"
            )
            package = importlib.import_module(target.partition(":")[0].partition(".")[0])
            readme = (Path(str(package.__file__)).parent / "README.md").read_text()
            assert f"`{entry.name}`" in readme, f"{package.__name__}/README.md does not mention {entry.name}"
            assert "mobench run" in readme
            if kind in ("dataset", "model", "generator", "balancer"):
                for option in describe(entry.load()):
                    assert option.name in readme, f"{package.__name__}/README.md: option {option.name}"


def test_the_command_line_is_a_module_too(environment: dict[str, str]) -> None:
    words = [sys.executable, "-m", "mobench", "--version"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("mobench ")
