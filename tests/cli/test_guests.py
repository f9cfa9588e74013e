"""Plugins of other distributions, installed by pip: one that works, and one for each kind of defect."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from in_process import IN_PROCESS

pytestmark = pytest.mark.slow

Cli = Any
GUESTS = Path(__file__).parent / "guests"
HEADER = "from mobench import Pair, Spec, hookimpl\n"

BROKEN = {
    "raises": ("raise RuntimeError('no such GPU')", "RuntimeError: no such GPU"),
    "exits": ("import sys; sys.exit('licence expired')", "SystemExit: licence expired"),
    "panics": (
        "class PanicException(BaseException):\n    def __str__(self):\n        raise SystemExit\nraise PanicException",
        "PanicException: (its message cannot be read: SystemExit in __str__)",
    ),
    "targets": ("@hookimpl\ndef mobench_models():\n    return [Spec('m', None)]", "target=None: a value of type str"),
    "imports": ("import a_package_that_nobody_has", "ModuleNotFoundError"),
    "syntax": ("def x(:", "SyntaxError"),
    "misspelt": ("@hookimpl\ndef mobench_solver():\n    return []", "unknown hook 'mobench_solver'"),
    "argument": ("@hookimpl\ndef mobench_solvers(surprise):\n    return []", "surprise"),
    "rubbish": ("@hookimpl\ndef mobench_solvers():\n    return ['ls']", "return a list of Spec"),
    "version": (
        "@hookimpl\ndef mobench_models():\n    return [Spec('m', 'a:B', interface=99)]",
        "interface version 99",
    ),
}


def install(project: Path, target: Path) -> None:
    """pip install, without network, to a folder that PYTHONPATH then names."""
    words = ["-m", "pip", "install", "-q", "--no-build-isolation", "--no-deps", "--target", str(target), str(project)]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr


def environment_with(target: Path) -> dict[str, str]:
    """Environment in which a folder's distributions are found, and all that were found before."""
    return {"PYTHONPATH": os.pathsep.join([str(target), *filter(None, [os.environ.get("PYTHONPATH")])])}


@pytest.fixture(scope="session")
def guest_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment with the whole guest."""
    target = tmp_path_factory.mktemp("whole")
    install(GUESTS / "whole", target)
    return environment_with(target)


@pytest.fixture
def guest(tmp_path: Path) -> Callable[[str, str], dict[str, str]]:
    """Installs a one-module distribution as pip leaves it; gives the environment that has it."""
    target = tmp_path / "site"

    def make(name: str, source: str) -> dict[str, str]:
        meta = target / f"guest_{name}-0.1.dist-info"
        meta.mkdir(parents=True)
        (target / f"guest_{name}.py").write_text(HEADER + source)
        (meta / "METADATA").write_text(f"Metadata-Version: 2.1\nName: guest-{name}\nVersion: 0.1\n")
        (meta / "entry_points.txt").write_text(f"[mobench]\n{name} = guest_{name}\n")
        return environment_with(target)

    return make


def test_a_guest_is_listed_with_its_origin_and_shown(cli: Cli, guest_environment: dict[str, str]) -> None:
    listed = cli("list", env=guest_environment).stdout
    for name in ("circles", "place", "between", "worst", "guest-worst", "walk"):
        (line,) = [line for line in listed.splitlines() if line.split()[:1] == [name]]
        assert "guest-whole 3.1" in line
    description = cli("show", "walk", env=guest_environment).stdout
    assert "length of a change" in description
    assert "guest-whole 3.1" in description


def test_a_guest_stands_in_a_leaderboard_beside_the_built_in_ones(
    cli: Cli, guest_environment: dict[str, str], tiny: Path, tmp_path: Path
) -> None:
    solvers = "guest-worst,walk,ls,phn-ls,stack+worst"
    words = ["run", tiny, "--dataset", "circles", "--model", "place", "--solver", solvers, "--out", "out", *IN_PROCESS]
    done = cli(*words, env=guest_environment)
    assert done.returncode == 0, done.stderr
    table = (tmp_path / "out" / "leaderboard.md").read_text()
    for solver in solvers.split(","):
        assert f"| {solver} |" in table
    assert table.count("| complete |") == 5
    data = next((tmp_path / "out" / "records").glob("*walk*")).read_text()
    assert '"guest-whole": "3.1"' in data


def test_a_guests_solver_runs_on_a_built_in_dataset(cli: Cli, guest_environment: dict[str, str], tiny: Path) -> None:
    assert cli("run", tiny, "--solver", "guest-worst", *IN_PROCESS, env=guest_environment).returncode == 0


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_guest_is_reported_and_breaks_nothing(
    cli: Cli, guest: Callable[[str, str], dict[str, str]], case: str
) -> None:
    source, reason = BROKEN[case]
    environment = guest(case, source)
    listed = cli("list", "solvers", env=environment)
    assert listed.returncode == 0
    assert "phn-ls" in listed.stdout
    (warning,) = listed.stderr.splitlines()
    assert f"plugin guest-{case} 0.1" in warning
    assert reason in warning


def test_a_run_goes_on_beside_a_broken_guest(cli: Cli, guest: Callable[[str, str], dict[str, str]], tiny: Path) -> None:
    done = cli("run", tiny, "--solver", "ls", *IN_PROCESS, env=guest("raises", BROKEN["raises"][0]))
    assert done.returncode == 0
    assert "warning: plugin guest-raises 0.1" in done.stderr


def test_a_name_that_two_plugins_offer_is_refused_with_both_origins(
    cli: Cli, guest: Callable[[str, str], dict[str, str]], tiny: Path
) -> None:
    source = "@hookimpl\ndef mobench_solvers():\n    return [Pair('phn-ls', 'phn', 'linear')]"
    environment = guest("twin", source)
    listed = cli("list", env=environment)
    assert "solver 'phn-ls' is offered by guest-twin 0.1 (plugin 'twin') and mobench" in listed.stderr
    refused = cli("run", tiny, "--solver", "phn-ls", env=environment)
    assert refused.returncode == 2
    assert "block its plugin with MOBENCH_BLOCK" in refused.stderr.splitlines()[-1]
    assert cli("run", tiny, "--solver", "ls", *IN_PROCESS, env=environment).returncode == 0
    blocked = cli("run", tiny, "--solver", "phn-ls", *IN_PROCESS, env={**environment, "MOBENCH_BLOCK": "twin"})
    assert blocked.returncode == 0, blocked.stderr


def test_plugins_tells_states_and_tracebacks(cli: Cli, guest: Callable[[str, str], dict[str, str]]) -> None:
    environment = guest("raises", BROKEN["raises"][0])
    plain = cli("plugins", env=environment)
    assert plain.returncode == 0
    (line,) = [line for line in plain.stdout.splitlines() if "guest-raises" in line]
    assert line.startswith("broken")
    assert "guest_raises.py" in cli("plugins", "--details", env=environment).stdout
    assert cli("plugins", "--strict", env=environment).returncode == 1
    assert cli("plugins", "--strict").returncode == 0


def test_a_class_that_cannot_be_imported_fails_where_it_is_used(
    cli: Cli, guest: Callable[[str, str], dict[str, str]], tiny: Path
) -> None:
    source = "@hookimpl\ndef mobench_balancers():\n    return [Spec('late', 'guest_late_parts:Late')]"
    environment = guest("late", source)
    assert cli("list", env=environment).stderr == ""
    done = cli("run", tiny, "--solver", "phn+late", env=environment)
    assert done.returncode == 2
    assert "balancer 'late' of guest-late 0.1 (plugin 'late') cannot be loaded" in done.stderr
    assert "ModuleNotFoundError" in done.stderr


@pytest.mark.slow
def test_a_solver_that_leaves_the_interpreter_takes_only_its_job_along(
    cli: Cli, guest: Callable[[str, str], dict[str, str]], tiny: Path, tmp_path: Path
) -> None:
    source = """
import os
from dataclasses import dataclass
@hookimpl
def mobench_balancers():
    return [Spec("quits", "guest_quits:Quits"), Spec("exits", "guest_quits:Exits")]
def __getattr__(name):
    from mobench import Balancer
    @dataclass(eq=False)
    class Quits(Balancer):
        def __call__(self, losses, preferences, gram):
            os._exit(3)
    @dataclass(eq=False)
    class Exits(Balancer):
        def __call__(self, losses, preferences, gram):
            raise SystemExit("enough")
    return {"Quits": Quits, "Exits": Exits}[name]
"""
    done = cli("run", tiny, "--solver", "stack+quits,stack+exits,ls", "--out", "out", env=guest("quits", source))
    assert done.returncode == 1
    assert "the job's process ended with exit code 3 and left no record" in done.stderr
    assert "failed vlmop2 · stack+exits · seed 0: enough" in done.stderr
    assert "1 jobs run, 0 already present, 0 diverged, 2 failed" in done.stdout


PICKY = """
from dataclasses import dataclass
from mobench.errors import IncompatibleError
@hookimpl
def mobench_balancers():
    return [Spec("picky", "guest_picky:Picky", version="1")]
def __getattr__(name):
    from mobench import Balancer
    @dataclass(eq=False)
    class Picky(Balancer):
        def start(self, context):
            raise IncompatibleError("two objectives are too few: take three or more")
        def __call__(self, losses, preferences, gram):
            return preferences
    if name == "Picky":
        return Picky
    raise AttributeError(name)
"""


@pytest.mark.slow
def test_a_solver_that_declines_when_it_starts_is_declined_and_no_failure(
    cli: Cli, guest: Callable[[str, str], dict[str, str]], tiny: Path, tmp_path: Path
) -> None:
    """The result is that of a combination that the plan declines: a reason, no record, no row, exit code 0."""
    environment = guest("picky", PICKY)
    words = ["run", tiny, "--strategy", "default", "--out", "out", "--solver"]
    done = cli(*words, "stack+picky,ls", "--seeds", "0,1", env=environment)
    assert done.returncode == 0, done.stderr
    reason = "declined: vlmop2 × point × stack+picky: two objectives are too few: take three or more"
    assert [line for line in done.stderr.splitlines() if line.startswith("declined:")] == [reason]
    assert done.stderr.count("] declined vlmop2 · stack+picky") == 2, "the lines of both jobs"
    assert "2 jobs run, 0 already present, 0 diverged, 0 failed, 2 declined, in " in done.stdout
    assert "picky" not in (tmp_path / "out" / "leaderboard.csv").read_text()
    assert len(list((tmp_path / "out" / "records").iterdir())) == 2
    picky_run = cli(*words, "stack+picky", "--json", env=environment)
    assert picky_run.returncode == 2
    assert "suite 'tiny' has no job left: vlmop2 × point × stack+picky: two objectives" in picky_run.stderr
    events = [json.loads(line) for line in picky_run.stdout.splitlines()]
    assert [e["status"] for e in events if e["event"] == "job" and e["phase"] == "end"] == ["declined"]


def test_a_guest_can_be_checked(cli: Cli, guest_environment: dict[str, str]) -> None:
    done = cli("check", "guest-whole", env=guest_environment)
    assert done.returncode == 0, done.stdout
    assert "balancer worst, guest-whole 3.1" in done.stdout
    assert re.search(r"passed    weighs_every_family: ", done.stdout)
    for kind, name in (("dataset", "circles"), ("model", "place"), ("generator", "between"), ("solver", "walk")):
        assert f"{kind} {name}, guest-whole 3.1" in done.stdout
    unknown = cli("check", "wurst", env=guest_environment)
    assert unknown.returncode == 2
    assert "did you mean 'worst'" in unknown.stderr


def test_a_guest_that_does_not_conform_is_told_where(cli: Cli, guest: Callable[[str, str], dict[str, str]]) -> None:
    source = """
from dataclasses import dataclass
@hookimpl
def mobench_balancers():
    return [Spec("rude", "guest_rude:Rude", "changes what it is given")]
def __getattr__(name):
    from mobench import Balancer
    @dataclass(eq=False)
    class Rude(Balancer):
        'Spoils the losses.'
        def __call__(self, losses, preferences, gram):
            return losses.mul_(0)
    if name == "Rude":
        return Rude
    raise AttributeError(name)
"""
    done = cli("check", "rude", env=guest("rude", source))
    assert done.returncode == 1
    assert re.search(r"failed    weighs_every_family: .*work on copies", done.stdout)
    assert re.search(r"passed    options_round_trip: ", done.stdout)


def test_the_core_knows_no_plugin_by_name() -> None:
    import mobench
    from mobench.plugins import KINDS, registry

    plugin_names = {e.name for kind in KINDS for e in registry().entries[kind].values()}
    packages = {p.name for p in registry().plugins}
    # words that mobench uses for other things, and the sampler that the core itself defines and uses by default
    generic = {"csv", "linear", "regression", "point", "input", "methods", "paper", "hypervolume", "report", "text"}
    generic.add("dirichlet")
    for path in Path(mobench.__file__).parent.rglob("*.py"):
        if path.parent.name == "notebooks":  # they show what users write
            continue
        text = path.read_text()
        if path.name == "__init__.py" and path.parent.name == "mobench":
            text = text.replace('mobench.run("quick")', "").replace("results/quick", "")
        code = "\n".join(line.split("#")[0] for line in text.splitlines())
        for name in plugin_names - generic:
            assert f'"{name}"' not in code, f"{path.name} names {name}"
        for package in packages:
            module = f"mobench_{package.replace('-', '_')}"
            assert not re.search(rf"(import|from) {module}\b|[\"']{module}[.:\"']", code), (
                f"{path.name} imports a plugin"
            )
