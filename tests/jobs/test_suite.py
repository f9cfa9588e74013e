"""Suites: TOML to jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mobench.errors import MobenchError, OptionError, SuiteError, UnknownNameError
from mobench.files import MAX_SUITE_BYTES
from mobench.jobs import plan as plans
from mobench.jobs import suite as suites
from mobench.jobs.bounds import check_key_depth
from mobench.plugins import registry

HEAD = "seeds = [0, 1]\n[budget]\nsteps = 5\n"


def write(folder: Path, text: str, head: str = HEAD) -> str:
    path = folder / "mine.toml"
    path.write_text(head + text)
    return str(path)


def entry(datasets: list[str], solvers: list[str], more: str = "") -> str:
    return f"[[entries]]\ndatasets = {datasets}\nmodels = ['point']\nsolvers = {solvers}\n{more}\n"


def test_jobs_are_the_cross_product_each_once(tmp_path: Path) -> None:
    text = entry(["vlmop2", "zdt1"], ["ls", "phn-ls"]) + entry(["vlmop2"], ["ls"])
    plan = plans.plan(suites.load(write(tmp_path, text)))
    assert plan.suite == "mine"
    combinations = [(j.dataset.name, j.solver.name, j.seeds.solver) for j in plan.jobs]
    assert sorted(combinations) == sorted(
        (d, s, k) for d in ("vlmop2", "zdt1") for s in ("ls", "phn-ls") for k in (0, 1)
    )
    assert all(j.seeds.data == j.seeds.solver for j in plan.jobs)


def test_every_option_is_spelled_out_in_a_job(tmp_path: Path) -> None:
    plan = plans.plan(suites.load(write(tmp_path, entry(["vlmop2"], ["phn-ls"]))))
    job = plan.jobs[0]
    assert job.dataset.options == {"n_variables": 20}
    assert job.solver.generator is not None
    assert job.solver.generator.options == {"hidden": [100, 100], "features": 100}
    assert job.solver.options["alpha"] == 0.2


def test_options_of_an_entry_and_of_single_solvers(tmp_path: Path) -> None:
    more = "[entries.set]\nlr = 0.5\nn_variables = 7\n[solvers.ls]\nlr = 0.25\n"
    plan = plans.plan(suites.load(write(tmp_path, entry(["vlmop2"], ["ls", "phn-ls"], more))))
    rates = {j.solver.name: j.solver.options["lr"] for j in plan.jobs}
    assert rates == {"ls": 0.25, "phn-ls": 0.5}
    assert {j.dataset.options["n_variables"] for j in plan.jobs} == {7}


def test_an_entry_may_have_a_budget_of_its_own(tmp_path: Path) -> None:
    text = entry(["vlmop2"], ["ls"], "budget = {seconds = 2}") + entry(["zdt1"], ["ls"])
    plan = plans.plan(suites.load(write(tmp_path, text)))
    assert {(j.dataset.name, j.budget.steps, j.budget.seconds) for j in plan.jobs} == {
        ("vlmop2", None, 2.0),
        ("zdt1", 5, None),
    }


def test_what_is_overridden_replaces_what_the_suite_says(tmp_path: Path) -> None:
    text = entry(["vlmop2"], ["ls"]) + entry(["zdt1"], ["ls"])
    suite = suites.overridden(
        suites.load(write(tmp_path, text)),
        datasets=["dtlz2"],
        solvers=["stack+linear"],
        settings={"lr": 0.1},
        seeds=[4],
        budget={"epochs": 3.0, "steps": None, "seconds": None},
    )
    (job,) = plans.plan(suite).jobs
    assert (job.dataset.name, job.solver.name, job.seeds.solver, job.budget.epochs, job.budget.steps) == (
        "dtlz2", "stack+linear", 4, 3.0, None,
    )  # fmt: skip
    assert job.solver.options["lr"] == 0.1


def chosen(tmp_path: Path, **names: list[str]) -> set[tuple[str, str, float]]:
    """Dataset, solver and learning rate of the remaining jobs of two entries that set different rates."""
    text = entry(["vlmop2"], ["ls", "phn-ls"], "[entries.set]\nlr = 0.1") + entry(
        ["zdt1", "vlmop2"], ["ls"], "[entries.set]\nlr = 0.2"
    )
    plan = plans.plan(suites.overridden(suites.load(write(tmp_path, text)), **names))
    return {(j.dataset.name, j.solver.name, j.solver.options["lr"]) for j in plan.jobs}


def test_names_that_a_suite_has_are_chosen_with_their_entries_own_options(tmp_path: Path) -> None:
    assert chosen(tmp_path, solvers=["phn-ls"]) == {("vlmop2", "phn-ls", 0.1)}
    assert chosen(tmp_path, datasets=["zdt1"]) == {("zdt1", "ls", 0.2)}
    assert chosen(tmp_path, solvers=["ls"], datasets=["vlmop2"]) == {("vlmop2", "ls", 0.1), ("vlmop2", "ls", 0.2)}


def test_names_that_a_suite_lacks_replace_every_entrys(tmp_path: Path) -> None:
    assert chosen(tmp_path, solvers=["epo", "ls"], datasets=["zdt1"]) == {("zdt1", "epo", 0.2), ("zdt1", "ls", 0.2)}
    assert {d for d, _, _ in chosen(tmp_path, datasets=["dtlz2"])} == {"dtlz2"}


def test_a_new_solver_runs_once_on_a_dataset_of_two_entries(tmp_path: Path) -> None:
    """The options are those of the first entry that has the dataset."""
    assert chosen(tmp_path, solvers=["epo"], datasets=["vlmop2"]) == {("vlmop2", "epo", 0.1)}
    assert chosen(tmp_path, solvers=["epo"]) == {("vlmop2", "epo", 0.1), ("zdt1", "epo", 0.2)}


def test_a_choice_that_leaves_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="has no zdt1 × phn-ls"):
        chosen(tmp_path, datasets=["zdt1"], solvers=["phn-ls"])


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("entries = 3", SuiteError, "entries"),
        ("[[entries]]\ndatasets = []\nmodels=['point']\nsolvers=['ls']", SuiteError, "entries.0.datasets"),
        (entry(["vlmop2"], ["ls"], "solver = 'ls'"), SuiteError, "no key 'entries.0.solver'; did you mean 'solvers'"),
        ("[[entries", SuiteError, "is not TOML"),
        ("a = " + "[" * 5000, SuiteError, "is not TOML"),
        (entry(["vlmop"], ["ls"]), UnknownNameError, "no dataset is called 'vlmop'; did you mean 'vlmop2'"),
        (entry(["vlmop2"], ["lss"]), UnknownNameError, "no solver is called 'lss'"),
        (entry(["vlmop2"], ["stack+none"]), UnknownNameError, "no balancer is called 'none'"),
        (entry(["vlmop2"], ["none+linear"]), UnknownNameError, "no generator is called 'none'"),
        (entry(["vlmop2"], ["ls"], "[entries.set]\nrate = 1"), OptionError, "no part of .* has an option 'rate'"),
        (entry(["vlmop2"], ["ls"], "[entries.set]\nlr = 'x'"), OptionError, "solver 'ls': option 'lr' was given 'x'"),
        (entry(["vlmop2"], ["ls"], "[entries.set]\n'optimizer.lr' = 1"), OptionError, "no part is called 'optimizer'"),
        (entry(["vlmop2"], ["ls"], "[entries.set]\n'model.lr' = 1"), OptionError, "model 'point' has no option 'lr'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_one_line(tmp_path: Path, text: str, error: type[MobenchError], message: str) -> None:
    with pytest.raises(error, match=message) as raised:
        plans.plan(suites.load(write(tmp_path, text)))
    assert "\n" not in str(raised.value)


def test_files_that_cannot_be_suites(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="cannot be read"):
        suites.load(str(tmp_path / "missing.toml"))
    big = tmp_path / "big.toml"
    big.write_bytes(b"#" * (MAX_SUITE_BYTES + 1))
    with pytest.raises(SuiteError, match="at most"):
        suites.load(str(big))
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SuiteError, match="is not TOML"):
        suites.load(str(tmp_path / "binary.toml"))
    with pytest.raises(UnknownNameError, match="did you mean 'quick'"):
        suites.load("quik")


def test_too_many_jobs_are_refused_before_any_is_made(tmp_path: Path) -> None:
    seeds = "seeds = [" + ",".join(map(str, range(60_000))) + "]\n[budget]\nsteps = 1\n"
    with pytest.raises(SuiteError, match="split it"):
        plans.plan(suites.load(write(tmp_path, entry(["vlmop2"], ["ls", "phn-ls"]), head=seeds)))


@pytest.mark.parametrize("budget", [{"epochs": 1.0, "steps": 3}, {"epochs": -1.0}])
def test_an_impossible_budget_is_refused(tmp_path: Path, budget: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="budget"):
        suites.overridden(suites.load(write(tmp_path, entry(["vlmop2"], ["ls"]))), budget=budget)


@pytest.mark.parametrize("name", registry().names("suite"))
def test_every_registered_suite_is_whole(name: str) -> None:
    suite = suites.load(name)
    plan = plans.plan(suite)
    assert plan.jobs
    assert plan.declined == []
    assert suite.summary


def test_keeping_weights_is_no_part_of_a_job(tmp_path: Path) -> None:
    text = 'seeds = [0]\n[budget]\nsteps = 1\n[[entries]]\ndatasets = ["zdt1"]\nmodels = ["point"]\nsolvers = ["ls"]\n'
    (tmp_path / "bare.toml").write_text(text)
    (tmp_path / "kept.toml").write_text(f"keep_weights = true\n{text}")
    without_weights, with_weights = (suites.load(str(tmp_path / name)) for name in ("bare.toml", "kept.toml"))
    assert (without_weights.keep_weights, with_weights.keep_weights) == (False, True)
    assert [job.id for job in plans.plan(without_weights).jobs] == [job.id for job in plans.plan(with_weights).jobs]


UNUSED = {
    "[solvers.phn_ls]\nlr = 1": r"has a table \[solvers\.phn_ls\], but no such solver; did you mean 'phn-ls'",
    "[solvers.epo]\nlr = 1": r"\[solvers\.epo\], but no such solver; its solvers are ls, phn-ls",
    "[search.space]\nlr = [1]\n[search.solvers.phnls]\nlr = [2]": r"\[search\.solvers\.phnls\].*did you mean 'phn-ls'",
    "[solver.ls]\nlr = 1": "no key 'solver'; did you mean 'solvers'",
    "[overrides]\nlr = 1": "no key 'overrides'",
    "[search]\nmetrik = 'x'\n[search.space]\nlr = [1]": r"no key 'search\.metrik'; did you mean 'metric'",
    "[search]\ntrials = 3\n[search.space]\nlr = [1]": "a grid tries every combination of its space: leave trials out",
    "[search]\nsampler = 'tpe'\n[search.space]\nlr = {low = 0.1, hi = 1}": r"lr\.hi'; did you mean 'high'",
    "[search.space]\nlr = 0.1": r"search\.space\.lr: pass a list of values, or a range",
    "[trade_off]\ncolumns = ['a', 'b']\nrefrence = [1, 2]": r"'trade_off\.refrence'; did you mean 'reference'",
    "[[entries]]\ndatasets = ['zdt1']\nmodels = ['point']\nsolvers = ['ls']\nbudget = {epoch = 1}": "mean 'epochs'",
}


@pytest.mark.parametrize("text", UNUSED)
def test_a_key_that_nothing_uses_is_refused_with_the_nearest_that_exists(tmp_path: Path, text: str) -> None:
    with pytest.raises(SuiteError, match=UNUSED[text]) as raised:
        suites.load(write(tmp_path, entry(["vlmop2"], ["ls", "phn-ls"]) + text))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[solvers.ls]\nlrr = 1", "solver 'ls' has no option 'lrr'; did you mean 'lr'"),
        ("[solvers.ls]\n'generator.size' = 1", "generator 'stack' has no option 'size'"),
        ("[solvers.ls]\n'budget.step' = 1", "a budget has no 'step'; did you mean 'steps'"),
        ("[entries.set]\n'budgett.steps' = 1", "no part is called 'budgett'; accepted: .*budget"),
    ],
)
def test_an_option_of_a_table_that_no_part_has_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        plans.plan(suites.load(write(tmp_path, entry(["vlmop2"], ["ls"]) + text)))


def test_a_choice_of_solvers_leaves_out_the_tables_of_the_others(tmp_path: Path) -> None:
    tables = "[solvers.phn-ls]\nlr = 0.25\n[search.space]\nlr = [1]\n[search.solvers.phn-ls]\nlr = [2]\n"
    loaded = suites.load(write(tmp_path, entry(["vlmop2"], ["ls", "phn-ls"]) + tables))
    for solvers in (["ls"], ["epo"]):
        chosen = suites.overridden(loaded, solvers=solvers)
        suites.check_tables(chosen)
        assert chosen.solvers == {}
        assert chosen.search is not None
        assert chosen.search.solvers == {}
    assert suites.overridden(loaded, solvers=["phn-ls"]).solvers == {"phn-ls": {"lr": 0.25}}


@pytest.mark.parametrize(
    "line",
    ["seeds = [true]", "seeds = [0.0]", "seeds = ['0']", "n_rays = '9'", "keep_weights = 'yes'", "n_looks = true",
     "rays = [['0.5', '0.5'], [1, 0]]"],
)  # fmt: skip
def test_a_value_of_another_type_is_no_value(tmp_path: Path, line: str) -> None:
    with pytest.raises(SuiteError, match=line.split()[0]):
        suites.load(write(tmp_path, entry(["vlmop2"], ["ls"]), head=f"{line}\n[budget]\nsteps = 5\n"))
    with pytest.raises(SuiteError, match="steps"):
        suites.load(write(tmp_path, entry(["vlmop2"], ["ls"]), head="[budget]\nsteps = true\n"))


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path: Path) -> None:
    plain = suites.load(write(tmp_path, entry(["vlmop2"], ["ls"])))
    (tmp_path / "mine.toml").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "mine.toml").read_bytes())
    assert suites.load(tmp_path / "mine.toml") == plain


@pytest.mark.parametrize(
    ("file", "name"), [("my suite.toml", "my-suite"), ("é.toml", "my-suite"), ("a" * 90 + ".toml", "a" * 80)]
)
def test_a_file_whose_name_is_no_suites_says_what_to_write_into_it(tmp_path: Path, file: str, name: str) -> None:
    text = HEAD + entry(["vlmop2"], ["ls"])
    (tmp_path / file).write_text(text)
    with pytest.raises(SuiteError, match=f'put `name = "{name}"` in the file, or rename it'):
        suites.load(tmp_path / file)
    (tmp_path / file).write_text(f'name = "{name}"\n{text}')
    assert suites.load(tmp_path / file).name == name


def test_a_file_of_a_registered_suites_name_is_not_taken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shell creates an empty file for `mobench run quick > quick`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quick").touch()
    assert suites.load("quick").entries[0].datasets == ["multimnist"]
    (tmp_path / "quick").write_text(HEAD + entry(["vlmop2"], ["ls"]))
    assert suites.load("quick").entries[0].datasets == ["multimnist"]
    assert suites.load("./quick").entries[0].datasets == ["vlmop2"]
    (tmp_path / "mine").write_text(HEAD + entry(["vlmop2"], ["ls"]))
    assert suites.load("mine").entries[0].datasets == ["vlmop2"]


@pytest.mark.parametrize("part", ["a", '"a.b"', "'a'"])
@pytest.mark.parametrize("form", ["{} = 1", "[{}]", "x = {{{} = 1}}"])
def test_a_dotted_key_of_very_many_parts_is_refused_before_it_is_parsed(tmp_path: Path, part: str, form: str) -> None:
    path = tmp_path / "deep.toml"
    path.write_text(form.format(".".join([part] * 40_000)))
    with pytest.raises(SuiteError, match="a key has more than 16 parts"):
        suites.load(str(path))


@pytest.mark.parametrize("text", ["# {}", 'summary = "{}"', "summary = '{}'", 'summary = """\n{}"" {}"""'])
def test_dots_in_texts_and_comments_make_no_deep_key(text: str) -> None:
    check_key_depth(text.replace("{}", ".".join("a" * 100)))


@pytest.mark.parametrize("text", ['"\\' * 100_000, "'" * 100_001, '"' * 100_001, "a " * 100_000, "a." * 15 + "a = 0.5"])
def test_texts_without_an_end_are_looked_through_once(text: str) -> None:
    check_key_depth(text)
