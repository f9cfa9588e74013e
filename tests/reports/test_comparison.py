"""Comparisons of solvers against scipy, on the numbers of committed records."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from scipy import stats

from mobench.errors import OptionError
from mobench.records.record import Failure, Record
from mobench.records.store import Store
from mobench.reports.analysis.comparison import compare, reading, to_dict
from mobench.reports.analysis.leaderboard import leaderboard

RESULTS = Path(__file__).parents[2] / "results"


SOLVERS = [
    "cagrad",
    "chunked-phn-ls",
    "cpmtl-ls",
    "cpmtl-moo",
    "dwa",
    "epo",
    "imtl-g",
    "ls",
    "mgda",
    "nash-mtl",
    "pamal",
    "pcgrad",
    "phn-epo",
    "phn-hvi",
    "phn-ls",
    "pmtl",
    "rlw",
    "stche",
    "tche",
    "upgrad",
    "uw",
]
"""The solvers compared here; figures below depend on their number, and the committed folder may get more."""


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return [r for r in Store(RESULTS / "analytic").contents().records if r.job.solver.name in SOLVERS]


def hypervolumes(records: list[Record]) -> pd.DataFrame:
    return pd.DataFrame(
        [(r.job.dataset.name, r.job.seeds.solver, r.job.solver.name, r.indicators["test"]["hypervolume"])
         for r in records],
        columns=["dataset", "seed", "solver", "hypervolume"],
    )  # fmt: skip


def test_seeds_are_the_blocks_of_one_data_set_and_data_sets_those_of_all(records: list[Record]) -> None:
    flat = hypervolumes(records)
    board = leaderboard(records)
    comparisons = compare(board)
    assert [c.dataset for c in comparisons] == [*sorted(flat["dataset"].unique()), ""]
    for comparison in comparisons:
        part = flat[flat["dataset"] == comparison.dataset] if comparison.dataset else flat
        table = part.pivot_table(
            index="seed" if comparison.dataset else "dataset", columns="solver", values="hypervolume"
        )
        ranks = stats.rankdata(-table.to_numpy(), axis=1).mean(axis=0)
        by_name = dict(zip(table.columns, ranks, strict=True))
        ranking = comparison.ranking
        assert ranking.average_ranks == pytest.approx([by_name[name] for name in ranking.solvers])
        assert ranking.n_blocks == len(table)
        if not comparison.dataset:
            table = table.div(pd.Series(board.boxes), axis=0)
        assert ranking.means == pytest.approx(list(table.mean().sort_values(ascending=False)))
        assert ranking.has_too_few_scores == bool(comparison.dataset), "two seeds are too few, eight scores are not"
        assert reading(comparison).startswith(
            "" if comparison.dataset else f"Best by hypervolume: {ranking.solvers[0]}"
        )
        assert bool(reading(comparison)) == (not comparison.dataset)


def test_ranks_within_a_data_set_are_those_of_the_leaderboard() -> None:
    fairness = Store(RESULTS / "fairness").contents().records
    board = leaderboard([r for r in fairness if r.job.dataset.name in ("compas", "crime")])
    for comparison in compare(board)[:2]:
        part = board.table[board.table["dataset"] == comparison.dataset].set_index("solver")
        assert part["rank"].to_dict() == dict(zip(comparison.ranking.solvers, comparison.ranking.ranks, strict=True))
    compas = compare(board)[0]
    assert reading(compas).endswith("Not separated from it (paired bootstrap over seeds): pamal, stche.")


def test_a_verdict_on_two_solvers_is_the_same_whatever_others_are_listed(records: list[Record]) -> None:
    """Nemenyi's test changes its verdict with the number of solvers; the paired comparison must not."""

    def verdicts(solvers: set[str]) -> dict[tuple[str, str], bool]:
        overall = compare(leaderboard([r for r in records if r.job.solver.name in solvers]))[-1]
        return {(pair.better, pair.worse): pair.is_ahead for pair in overall.ranking.pairs()}

    everybody = verdicts(set(SOLVERS))
    for pair in [("phn-hvi", "ls"), ("phn-hvi", "phn-epo"), ("epo", "mgda"), ("epo", "tche")]:
        few = verdicts(set(pair))
        ((names, is_ahead),) = few.items()
        assert everybody[names] == is_ahead
    assert len(set(everybody.values())) == 2


def test_a_row_that_is_not_complete_is_absent_with_the_reason(records: list[Record]) -> None:
    zdt1 = [r for r in records if r.job.dataset.name == "zdt1"]
    (first,) = [r for r in zdt1 if r.job.solver.name == "ls" and r.job.seeds.solver == 0]
    failed = first.model_copy(
        update={"status": "failed", "fronts": {}, "indicators": {}, "failure": Failure(kind="E", message="x")}
    )
    comparisons = compare(leaderboard([failed if r is first else r for r in records]))
    (on_zdt1,) = [c for c in comparisons if c.dataset == "zdt1"]
    assert on_zdt1.absent == ["ls: failed at seed 0"]
    assert "ls" not in on_zdt1.ranking.solvers
    assert comparisons[-1].absent == ["ls: not complete on zdt1"]


def test_an_undefined_quantity_has_no_part_in_it(records: list[Record]) -> None:
    zdt1 = [r for r in records if r.job.dataset.name == "zdt1"]
    (comparison,) = compare(leaderboard(zdt1), "controllability")
    assert "mgda: controllability is undefined" in comparison.absent
    assert "mgda" not in comparison.ranking.solvers


def test_smaller_is_better_where_it_is(records: list[Record]) -> None:
    zdt1 = [r for r in records if r.job.dataset.name == "zdt1"]
    (up,), (down,) = (compare(leaderboard(zdt1), "IGD+", higher_is_better=b) for b in (True, False))
    ranks = dict(zip(up.ranking.solvers, up.ranking.average_ranks, strict=True))
    assert {n: 22 - r for n, r in ranks.items()} == dict(
        zip(down.ranking.solvers, down.ranking.average_ranks, strict=True)
    )


def test_an_unknown_quantity_is_refused(records: list[Record]) -> None:
    with pytest.raises(OptionError, match="did you mean 'hypervolume'"):
        compare(leaderboard(records[:4]), "hypervolum")


def test_as_plain_values(records: list[Record]) -> None:
    *_, overall = compare(leaderboard(records))
    plain = json.loads(json.dumps(to_dict(overall), allow_nan=False))
    assert plain["dataset"] is None
    assert len(plain["pairs"]) == 210
    first = plain["pairs"][0]
    assert first["better"] == overall.ranking.solvers[0]
    assert first["low"] <= first["difference"] <= first["high"]
    assert plain["ranks"][first["better"]] == overall.ranking.ranks[0]
    assert plain["average_ranks"].keys() == set(SOLVERS)
