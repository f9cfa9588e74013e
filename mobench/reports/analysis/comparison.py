"""Statistical comparison of the solvers of a leaderboard: rankings, tests and effect sizes for any column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from mobench.errors import OptionError
from mobench.reports.analysis.leaderboard import Leaderboard, scores
from mobench.reports.analysis.measurements import NAMES
from mobench.reports.analysis.ranking import Ranking, rank
from mobench.text import name_hint

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class SolverComparison:
    """A ranking of solvers by one quantity, over blocks that all of them completed.

    dataset: the dataset whose seeds are the blocks; "" if each dataset is a block, represented by its mean over seeds.
    column:  the quantity.
    ranking: the result.
    absent:  the rows that are not ranked, each with the reason.
    """

    dataset: str
    column: str
    ranking: Ranking
    absent: list[str]

    @property
    def blocks(self) -> str:
        return "seeds" if self.dataset else "datasets"


def compare(
    board: Leaderboard, column: str = "hypervolume", higher_is_better: bool = True, alpha: float = 0.05
) -> list[SolverComparison]:
    """Return one comparison per dataset over its seeds, then one over all datasets if there are two or more.

    A comparison over seeds supports claims about its dataset only. The comparison over datasets supports claims
    about solvers on similar datasets (see `rank`). Only complete rows are ranked. Imported rows are not, because
    they share no seeds with the other rows. A row with an undefined quantity, such as the controllability of a
    single point, is listed in `absent`.

    Raises: OptionError for a column that is not a quantity of the leaderboard.
    """
    if board.measured is None:
        return []
    quantities = [str(c) for c in board.measured.columns if c not in NAMES]
    if column not in quantities:
        raise OptionError(f"the leaderboard has no quantity {column!r}{name_hint(column, quantities)}")
    comparisons, tables = [], {}
    for dataset, part in board.table.groupby("dataset", sort=True):
        table, absent = _table(board.measured, part, column)
        tables[str(dataset)] = table
        comparisons.append(SolverComparison(str(dataset), column, rank(table, alpha, higher_is_better), absent))
    return [*comparisons, *_over_datasets(tables, column, higher_is_better, alpha)]


def against_best(ranking: Ranking) -> list[tuple[str, str]]:
    """Return the pairs of the solver with the best average rank and each other solver."""
    return [(ranking.solvers[0], other) for other in ranking.solvers[1:]]


def significant_pairs(ranking: Ranking) -> list[tuple[str, str]]:
    """Return the pairs whose corrected p-value is at most alpha."""
    return [pair for pair, p in ranking.pairwise.items() if p <= ranking.alpha]


def to_dict(comparison: SolverComparison) -> dict[str, Any]:
    """Return a comparison as plain values that JSON can represent."""
    r = comparison.ranking
    return {
        "dataset": comparison.dataset or None,
        "column": comparison.column,
        "blocks": comparison.blocks,
        "n_blocks": r.n_blocks,
        "n_left_out": r.n_left_out,
        "average_ranks": dict(zip(r.solvers, r.average_ranks, strict=True)),
        "alpha": r.alpha,
        "friedman_p": r.friedman_p,
        "critical_difference": r.critical_difference,
        "pairs": [
            {
                "better": a,
                "worse": b,
                "p": r.pairwise.get((a, b)),
                "rank_biserial": r.effect_sizes.get((a, b)),
            }
            for a, b in combinations(r.solvers, 2)
        ],
        "missing_tests": r.missing_tests,
        "absent": comparison.absent,
    }


def _table(measured: pd.DataFrame, part: pd.DataFrame, column: str) -> tuple[pd.DataFrame, list[str]]:
    """Return a table of complete rows (columns) by seed (lines), and the rows left out because values are missing."""
    complete = part[part["status"] == "complete"]
    absent = [f"{r.solver}: {r.status}" for r in part[part["status"] != "complete"].itertuples()]
    if complete.empty:
        import pandas as pd

        return pd.DataFrame(), absent
    table = scores(measured, complete, column)
    # use the same names as the plots, which look up the family of a solver by name
    several = part.loc[part["status"] != "imported", "model"].nunique() > 1
    table.columns = [f"{pair[1]} · {pair[0]}" if several else str(pair[1]) for pair in table.columns]
    undefined = [str(c) for c in table.columns if table[c].isna().any()]
    return table.drop(columns=undefined), [*absent, *(f"{name}: {column} is undefined" for name in undefined)]


def _over_datasets(
    tables: dict[str, pd.DataFrame], column: str, higher_is_better: bool, alpha: float
) -> Sequence[SolverComparison]:
    import pandas as pd

    if len(tables) < 2:
        return []
    means = pd.DataFrame({name: table.mean() for name, table in tables.items()}).T
    partly = sorted(str(c) for c in means.columns if means[c].isna().any())
    absent = [f"{name}: not complete on {', '.join(means.index[means[name].isna()])}" for name in partly]
    return [SolverComparison("", column, rank(means.drop(columns=partly), alpha, higher_is_better), absent)]
