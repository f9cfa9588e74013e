"""Presets: named settings of solvers, in suites, on the command line, and where they stand among other settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from mobench.cli.main import app
from mobench.errors import OptionError, PluginError
from mobench.hookspecs import Pair, SolverPreset, Spec
from mobench.jobs import plan as plans
from mobench.jobs import suite as suites
from mobench.jobs.job import Job
from mobench.jobs.solver_presets import presets_of
from mobench.plugins import registry
from mobench.spec_checks import check_spec

PRESETS = [(solver, preset) for solver in registry().names("solver") for preset in presets_of(solver)]
SUITE = """
seeds = [0]
[budget]
epochs = 2
[[entries]]
datasets = ["multimnist"]
models = ["lenet"]
solvers = ["cosmos"]
{preset}
[solvers.cosmos]
lr = 0.004
"""


def jobs_of(path: Path, line: str, **overrides: object) -> list[Job]:
    path.write_text(SUITE.format(preset=line))
    return plans.plan(suites.overridden(suites.load(path), **overrides)).jobs  # type: ignore[arg-type]


@pytest.mark.parametrize(("solver", "preset"), PRESETS, ids=[f"{s} {p.name}" for s, p in PRESETS])
def test_every_preset_states_options_that_exist_and_its_source(solver: str, preset: SolverPreset) -> None:
    name, dataset = ("three-digits", "multimnist3") if preset.name.endswith("three") else ("quick", "multimnist")
    suite = suites.overridden(suites.load(name), datasets=[dataset], solvers=[solver], seeds=[0], preset=preset.name)
    (job,) = plans.plan(suite).jobs
    stated = {f"{role}.{name}": value for role, part in job.parts.items() for name, value in part.options.items()}
    stated |= {f"budget.{name}": value for name, value in job.budget if value is not None}
    for key, value in preset.settings.items():
        expected = job.solver.sampler.name if key == "solver.sampler" and job.solver.sampler else value
        assert stated[key] == (list(expected) if isinstance(expected, tuple) else expected), key
    assert "github.com" in preset.source or "arXiv" in preset.source


def test_the_presets_of_cosmos_and_phn_are_the_papers_numbers() -> None:
    """COSMOS: settings.py of its code. PHN: the defaults of trainer.py of its code."""
    cosmos = {preset.name: dict(preset.settings) for preset in presets_of("cosmos")}
    images = {"epochs": 100, "batch_size": 256, "penalty": 2.0, "alpha": 1.2, "lr": 1e-3, "gamma": 0.1}
    stated = {key.partition(".")[2]: value for key, value in cosmos["paper"].items()}
    assert [round(100 * fraction) for fraction in stated.pop("milestones")] == [20, 40, 80, 90]
    assert stated == images
    assert cosmos["paper-mixed"]["balancer.penalty"] == 8
    for solver in ("phn-ls", "phn-epo"):
        (paper,) = presets_of(solver)
        stated = {key.partition(".")[2]: value for key, value in paper.settings.items()}
        assert stated == {"epochs": 150, "batch_size": 256, "lr": 1e-4, "alpha": 0.2}


def test_a_preset_replaces_the_tables_of_a_suite_and_the_command_line_replaces_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    (plain,), (paper,) = jobs_of(path, ""), jobs_of(path, 'preset = "paper"')
    assert (plain.budget.epochs, plain.solver.options["lr"]) == (2, 0.004)
    assert (paper.budget.epochs, paper.solver.options["lr"]) == (100, 0.001)
    (shorter,) = jobs_of(path, 'preset = "paper"', budget={"epochs": 3}, settings={"solver.lr": 0.02})
    assert (shorter.budget.epochs, shorter.solver.options["lr"]) == (3, 0.02)
    (chosen,) = jobs_of(path, "", preset="paper-mixed")
    assert chosen.budget.epochs == 100
    assert chosen.solver.balancer is not None
    assert chosen.solver.balancer.options["penalty"] == 8


def test_a_solver_without_the_preset_is_an_error_that_lists_its_presets(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"solver 'cosmos' has no preset 'papr'.*'paper'"):
        jobs_of(tmp_path / "mine.toml", 'preset = "papr"')
    with pytest.raises(OptionError, match=r"solver 'ls' has no preset 'paper'; it has none: `mobench show NAME`"):
        plans.plan(suites.overridden(suites.load("quick"), solvers=["ls"], preset="paper"))
    with pytest.raises(OptionError, match="'phn\\+linear' has no preset"):
        plans.plan(suites.overridden(suites.load("quick"), solvers=["phn+linear"], preset="paper"))


def test_the_suite_paper_has_each_solver_at_both_budgets() -> None:
    jobs = plans.plan(suites.load("paper")).jobs
    epochs = {(job.dataset.name, job.solver.name, job.budget.epochs) for job in jobs}
    datasets = ("multimnist", "multifashion", "multifashion-mnist")
    papers = {"cosmos": 100, "phn-ls": 150, "phn-epo": 150}
    assert epochs == {(d, s, e) for d in datasets for s in papers for e in (10, papers[s])}
    assert len(jobs) == len(epochs)


def test_the_commands_take_and_list_presets() -> None:
    runner = CliRunner()
    shown = runner.invoke(app, ["show", "cosmos", "--kind", "solver"]).output
    assert "presets, for `mobench run SUITE --preset NAME`" in shown
    assert all(text in shown for text in ("paper-mixed", "budget.epochs", "settings.py of the authors' code"))
    planned = runner.invoke(app, ["run", "quick", "--solver", "cosmos", "--preset", "paper", "--dry-run"])
    assert planned.exit_code == 0, planned.output
    assert "preset 'paper'" in planned.output


def test_presets_that_are_no_presets_are_rejected() -> None:
    with pytest.raises(PluginError, match="presets="):
        check_spec("solver", Pair("mine", "phn", "linear", presets=("paper",)))  # type: ignore[arg-type]
    with pytest.raises(PluginError, match="a preset of solver 'mine' has settings=3"):
        check_spec("solver", Pair("mine", "phn", "linear", presets=(SolverPreset("paper", 3, ""),)))  # type: ignore[arg-type]
    twice = (SolverPreset("paper", {}, ""), SolverPreset("paper", {}, ""))
    with pytest.raises(PluginError, match="several presets of one name"):
        check_spec("solver", Spec("mine", "a.b:C", presets=twice))
    with pytest.raises(PluginError, match="has a preset 'a b'"):
        check_spec("solver", Spec("mine", "a.b:C", presets=(SolverPreset("a b", {}, ""),)))
