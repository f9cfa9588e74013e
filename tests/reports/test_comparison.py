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
from mobench.reports.analysis.comparison import against_best, compare, significant_pairs, to_dict
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
    comparisons = compare(leaderboard(records))
    assert [c.dataset for c in comparisons] == [*sorted(flat["dataset"].unique()), ""]
    for comparison in comparisons:
        part = flat[flat["dataset"] == comparison.dataset] if comparison.dataset else flat
        table = part.pivot_table(
            index="seed" if comparison.dataset else "dataset", columns="solver", values="hypervolume"
        )
        ranks = stats.rankdata(-table.to_numpy(), axis=1).mean(axis=0)
        by_name = dict(zip(table.columns, ranks, strict=True))
        assert comparison.ranking.average_ranks == pytest.approx([by_name[name] for name in comparison.ranking.solvers])
        assert comparison.ranking.average_ranks == sorted(comparison.ranking.average_ranks)
        assert comparison.ranking.n_blocks == len(table)
        assert comparison.ranking.friedman_p == pytest.approx(stats.friedmanchisquare(*table.to_numpy().T).pvalue)
        assert comparison.ranking.pairwise == {}
        assert "Wilcoxon's test of 210 pairs needs 14 blocks" in comparison.ranking.missing_tests


def test_two_solvers_over_six_data_sets_are_tested_with_wilcoxon(records: list[Record]) -> None:
    """Four data sets by two solvers, twice, under other names: 8 blocks."""
    records_of_two = [r for r in records if r.job.solver.name in {"phn-hvi", "ls"}]
    copies = [
        r.model_copy(update={"job": type(r.job).model_validate({**raw, "dataset": {**raw["dataset"], "name": name}})})
        for r in records_of_two
        if (raw := r.job.model_dump()) and (name := f"{r.job.dataset.name}-again")
    ]
    copies = [r.model_copy(update={"id": r.job.id}) for r in copies]
    all_records = [*records_of_two, *copies]
    overall = compare(leaderboard(all_records))[-1]
    table = hypervolumes(all_records).pivot_table(index="dataset", columns="solver", values="hypervolume")
    p = stats.wilcoxon(table["phn-hvi"], table["ls"]).pvalue
    assert overall.ranking.pairwise == {("phn-hvi", "ls"): pytest.approx(p)}
    assert significant_pairs(overall.ranking) == [("phn-hvi", "ls")]
    assert against_best(overall.ranking) == [("phn-hvi", "ls")]


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
    assert plain["friedman_p"] == overall.ranking.friedman_p
    assert plain["average_ranks"]["phn-hvi"] == 2.5
