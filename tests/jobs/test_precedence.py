"""The order in which places override each other's settings, on every surface."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from in_process import IN_PROCESS

from mobench.errors import OptionError
from mobench.jobs import plan as plans
from mobench.jobs import precedence
from mobench.jobs import suite as suites
from mobench.jobs.plan import apart
from mobench.jobs.precedence import Layer, combine
from mobench.jobs.resolve import resolve_layers, solver_options
from mobench.search import study
from mobench.search import tables as report
from mobench.search.proposals import Trial
from mobench.search.study import StudyResult
from mobench.search.trial import plan_of

Cli = Any
RATES = {"[entries.set]": 0.2, "[solvers.phn-ls]": 0.3, "[search]": 0.4, "command line": 0.5}
"""The places that may set a learning rate besides its class, the weakest first, each with its own value."""
SPELLINGS = ("lr", "solver.lr")


def suite(tmp_path: Path, places: dict[str, str], budget: str = "steps = 5") -> suites.Suite:
    """A suite in which these places of RATES set the learning rate, under the spelling given."""
    text = f'[budget]\n{budget}\n[[entries]]\ndatasets = ["vlmop2"]\nmodels = ["point"]\nsolvers = ["phn-ls"]\n'
    if (key := places.get("[entries.set]")) is not None:
        text += f'[entries.set]\n"{key}" = {RATES["[entries.set]"]}\n'
    if (key := places.get("[solvers.phn-ls]")) is not None:
        text += f'[solvers.phn-ls]\n"{key}" = {RATES["[solvers.phn-ls]"]}\n'
    (tmp_path / "mine.toml").write_text(text)
    loaded = suites.load(tmp_path / "mine.toml")
    key = places.get("command line", "")
    return suites.overridden(loaded, settings={key: RATES["command line"]} if key else {})


def rate(plan: plans.Plan) -> Any:
    (job,) = plan.jobs
    return job.solver.options["lr"]


def every_combination() -> list[dict[str, str]]:
    """Each choice of places, each under both spellings."""
    chosen: list[dict[str, str]] = [{}]
    for place in RATES:
        chosen += [{**other_places, place: key} for other_places in chosen for key in SPELLINGS]
    return chosen


@pytest.mark.parametrize("places", every_combination(), ids=str)
def test_the_strongest_place_holds_whatever_its_spelling(tmp_path: Path, places: dict[str, str]) -> None:
    """The oracle is the order of RATES: the last place that sets the option."""
    chosen = suite(tmp_path, places)
    searched = {key: RATES["[search]"] for place, key in places.items() if place == "[search]"}
    expected = [RATES[place] for place in RATES if place in places]
    plan = plan_of(chosen, searched)
    assert rate(plan) == (expected[-1] if expected else 0.001)
    (combination,) = plan.combinations
    lr_settings = [setting for setting in combination.settings if setting.name == "solver.lr"]
    assert len(lr_settings) == (len(expected) > 0)
    for setting in lr_settings:
        assert [setting.value, *(weaker.value for weaker in setting.overrides)] == expected[::-1]
        sources = [place for place in RATES if place in places]
        assert [setting.source, *(weaker.source for weaker in setting.overrides)] == sources[::-1]
    if "[search]" not in places:
        assert rate(plans.plan(chosen)) == rate(plan), "run and tune have the same order"


def test_a_pairs_default_is_stronger_than_its_parts_and_its_class_and_weaker_than_the_suite(tmp_path: Path) -> None:
    """`phn-ls` sets alpha = 0.2; `static-cifar` sets its generator's kernel."""
    _, of_phn = solver_options("phn-ls")
    assert (of_phn["solver.alpha"].value, of_phn["solver.alpha"].source) == (0.2, "solver 'phn-ls'")
    _, of_dropout = solver_options("dropout-ls")
    assert (of_dropout["generator.kind"].value, of_dropout["generator.kind"].source) == (
        "dropout",
        "generator 'dropout'",
    )
    (setting,) = (
        s
        for s in resolve_layers(
            "vlmop2", "point", "phn-ls", [Layer("[budget]", {"budget.steps": 1}), Layer("[entries.set]", {"alpha": 3})]
        ).settings
        if s.name == "solver.alpha"
    )
    assert [(s.value, s.source) for s in (setting, *setting.overrides)] == [
        (3, "[entries.set]"),
        (0.2, "solver 'phn-ls'"),
    ]


@pytest.mark.parametrize("place", ["[entries.set]", "[solvers.ls]", "command line", "[search]"])
def test_one_place_sets_an_option_once(place: str) -> None:
    layers = [Layer("[budget]", {"budget.steps": 1}), Layer(place, {"lr": 0.1, "solver.lr": 0.2})]
    with pytest.raises(
        OptionError, match=r"sets 'lr' and 'solver\.lr', which are both the option 'solver\.lr'"
    ) as raised:
        resolve_layers("vlmop2", "point", "ls", layers)
    assert str(raised.value).startswith(place)


def budget_of(**layers: dict[str, Any]) -> dict[str, Any]:
    settings = combine(
        [Layer(name, {f"budget.{k}": v for k, v in budget_options.items()}) for name, budget_options in layers.items()],
        str,
    )
    return precedence.budget_of(settings).model_dump(exclude_none=True)


def test_a_stronger_length_replaces_a_weaker_one_of_another_unit_and_no_batch_size() -> None:
    assert budget_of(suite={"epochs": 2, "batch_size": 64}, entry={"steps": 7}) == {"steps": 7, "batch_size": 64}
    assert budget_of(suite={"epochs": 2}, entry={"batch_size": 64}) == {"epochs": 2, "batch_size": 64}
    assert budget_of(suite={"steps": 2}, entry={"seconds": 1}, command={"epochs": 3}) == {
        "epochs": 3,
        "batch_size": 256,
    }
    with pytest.raises(OptionError, match="exactly one of epochs, steps and seconds"):
        budget_of(command={"epochs": 2, "steps": 3})


@pytest.mark.parametrize(
    ("budget_options", "message"),
    [
        ({"steps": 1, "epoch": 3}, "did you mean 'epochs'"),
        ({"steps": True}, "budget.steps was given True"),
        ({"steps": 0}, "budget.steps was given 0"),
        ({"batch_size": 3}, "exactly one"),
        ({"steps": 1, "elsewhere": True}, "no 'elsewhere'; accepted: epochs, steps, seconds, batch_size"),
    ],
)
def test_what_is_no_budget_is_told(budget_options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        budget_of(suite=budget_options)


def test_a_budget_is_set_by_every_place_in_the_same_order(tmp_path: Path) -> None:
    """An entry's budget replaces what it names; a solver's table, a search and the command line come after it."""
    text = (
        '[budget]\nsteps = 5\nbatch_size = 32\n[[entries]]\ndatasets = ["vlmop2"]\nmodels = ["point"]\n'
        'solvers = ["ls", "epo", "stche"]\nbudget = { steps = 6 }\n[solvers.epo]\n"budget.steps" = 7\n'
    )
    (tmp_path / "mine.toml").write_text(text)
    loaded = suites.load(tmp_path / "mine.toml")
    budget_by_solver = {job.solver.name: (job.budget.steps, job.budget.batch_size) for job in plans.plan(loaded).jobs}
    assert budget_by_solver == {"ls": (6, 32), "epo": (7, 32), "stche": (6, 32)}
    for budget, settings in (({"epochs": 1.0}, {}), ({}, {"budget.epochs": 1.0})):
        overridden = suites.overridden(loaded, budget=budget, settings=settings)
        assert {(job.budget.epochs, job.budget.steps) for job in plans.plan(overridden).jobs} == {(1.0, None)}
    (only,) = [single_suite for single_suite in apart(loaded) if single_suite.entries[0].solvers == ["epo"]]
    assert plan_of(only, {"budget.seconds": 2}).jobs[0].budget.seconds == 2


SEARCHED = """
[budget]
steps = 3
[[entries]]
datasets = ["vlmop2"]
models = ["point"]
solvers = ["ls", "epo"]
[entries.set]
lr = 0.01
[solvers.ls]
lr = 0.001
[search.space]
"solver.lr" = [0.1, 0.02]
momentum = [0.0, 0.5]
[search.solvers.epo]
lr = [0.3, 0.4]
"""


def searched(tmp_path: Path, **overrides: Any) -> suites.Suite:
    (tmp_path / "searched.toml").write_text(SEARCHED)
    return suites.overridden(suites.load(tmp_path / "searched.toml"), **overrides)


def test_trials_train_at_the_values_of_the_search_and_a_solvers_own_space_replaces_the_common_one(
    tmp_path: Path,
) -> None:
    ls, epo = apart(searched(tmp_path))
    assert ls.search is not None
    assert epo.search is not None
    assert ls.search.space == {"solver.lr": [0.1, 0.02], "momentum": [0.0, 0.5]}
    assert epo.search.space == {"lr": [0.3, 0.4], "momentum": [0.0, 0.5]}
    assert [rate(plan_of(ls, {"solver.lr": value})) for value in (0.1, 0.02)] == [0.1, 0.02]
    assert rate(plan_of(ls, {})) == 0.001
    assert rate(plan_of(epo, {"lr": 0.3})) == 0.3


def test_an_option_of_the_command_line_is_not_searched(tmp_path: Path) -> None:
    chosen = searched(tmp_path, settings={"lr": 0.7})
    assert plans.not_searched(chosen) == ["solver.lr"]
    for single_suite, plan in study.first_plans(chosen):
        assert single_suite.search is not None
        assert single_suite.search.space == {"momentum": [0.0, 0.5]}
        assert rate(plan) == 0.7
    with pytest.raises(OptionError, match=r"the command line sets all options of \[search.space\] for ls"):
        study.first_plans(searched(tmp_path, settings={"lr": 0.7, "solver.momentum": 0.1}))


def test_the_best_suite_has_what_its_trials_had(tmp_path: Path) -> None:
    """The settings hold for any order in which their places are merged into one entry."""
    chosen = searched(tmp_path, settings={"momentum": 0.25}, budget={"steps": 4})
    outcomes = []
    for single_suite in apart(chosen):
        (entry,), search = single_suite.entries, single_suite.search
        assert search is not None
        (key,) = search.space
        trial = Trial(0, {key: 0.4}, "complete", 1.0, None)
        outcomes.append(StudyResult("vlmop2", "point", entry.solvers[0], "hypervolume", [trial]))
    (tmp_path / "best.toml").write_text(report.best_suite(outcomes, chosen))
    best = {job.id for job in plans.plan(suites.load(tmp_path / "best.toml")).jobs}
    pairs = zip(apart(chosen), outcomes, strict=True)
    assert best == {plan_of(single_suite, outcome.trials[0].settings).jobs[0].id for single_suite, outcome in pairs}


@pytest.mark.slow
def test_set_reaches_every_solver_and_a_dry_run_shows_what_it_overrides(cli: Cli, tmp_path: Path) -> None:
    """`--set` is stronger than the suite's tables of single solvers, and nothing is run or written."""
    words = ["run", "analytic", "--dataset", "vlmop2", "--solver", "phn-ls,ls", "--seeds", "0", "--set", "lr=0.05"]
    done = cli(*words, "--dry-run", "--json", "--out", "r")
    assert done.returncode == 0, done.stderr
    tables = [event for event in map(json.loads, done.stdout.splitlines()) if event["event"] == "table"]
    jobs, settings = ([dict(zip(t["columns"], row, strict=True)) for row in t["rows"]] for t in tables)
    assert [(job["solver"], job["state"]) for job in jobs] == [("phn-ls", "to run"), ("ls", "to run")]
    rates = {row["solver"]: row for row in settings if row["option"] == "solver.lr"}
    assert {name: (row["value"], row["set by"]) for name, row in rates.items()} == {
        "phn-ls": ("0.05", "command line"),
        "ls": ("0.05", "command line"),
    }
    assert rates["phn-ls"]["overrides"] == "0.001 of [solvers.phn-ls]; 0.01 of [entries.set]"
    assert rates["ls"]["overrides"] == "0.01 of [entries.set]"
    assert not (tmp_path / "r").exists()


@pytest.mark.slow
def test_a_dry_run_names_the_jobs_that_a_run_makes(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    before = cli("run", tiny, "--set", "lr=0.05", "--dry-run", "--json", "--out", "r").stdout
    assert cli("run", tiny, "--set", "lr=0.05", "--out", "r", "-q", *IN_PROCESS).returncode == 0
    after = cli("run", tiny, "--set", "lr=0.05", "--dry-run", "--json", "--out", "r").stdout
    rows = [
        next(e["rows"] for e in map(json.loads, text.splitlines()) if e["event"] == "table") for text in (before, after)
    ]
    contents = [json.loads(path.read_text()) for path in (tmp_path / "r" / "records").glob("*.json")]
    assert {row[0] for row in rows[0]} == {record["id"] for record in contents}
    assert [row[-1] for row in rows[0] + rows[1]] == ["to run"] * 2 + ["has a record"] * 2
    assert {record["job"]["solver"]["options"]["lr"] for record in contents} == {0.05}


def test_a_dry_run_of_a_search_shows_it_and_leaves_no_study(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "searched.toml").write_text(SEARCHED)
    done = cli("tune", "searched.toml", "--set", "lr=0.7", "--dry-run", "--json", "--out", "r")
    assert done.returncode == 0, done.stderr
    assert "solver.lr is not searched: the command line sets it" in done.stderr
    tables = [event for event in map(json.loads, done.stdout.splitlines()) if event["event"] == "table"]
    assert [row[2:] for row in tables[0]["rows"]] == [["ls", "momentum", "0.0, 0.5"], ["epo", "momentum", "0.0, 0.5"]]
    lines = [row[2:] for row in tables[1]["rows"] if row[3] == "solver.lr"]
    assert lines == [
        ["ls", "solver.lr", "0.7", "command line", "0.001 of [solvers.ls]; 0.01 of [entries.set]"],
        ["epo", "solver.lr", "0.7", "command line", "0.01 of [entries.set]"],
    ]
    assert not (tmp_path / "r").exists()


def test_show_says_whose_default_holds_and_which_it_overrides(cli: Cli) -> None:
    done = cli("show", "dropout-ls")
    assert "dropout (of generator 'dropout'; class: noise)" in done.stdout


def test_the_documentation_states_the_order() -> None:
    page = Path(__file__).parents[2] / "mobench" / "docs" / "concepts" / "settings.md"
    text = " ".join(page.read_text().split())
    for weaker, stronger in [("`[entries.set]`", "`[solvers.NAME]`"), ("`[search.space]`", "`--set`")]:
        assert 0 < text.index(weaker) < text.index(stronger, text.index(weaker))
