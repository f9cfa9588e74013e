"""What may be said about the solvers of a leaderboard: rankings, tests and effect sizes of any of its columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from mobench.errors import OptionError, nearest
from mobench.reports.analysis.leaderboard import Leaderboard, scores
from mobench.reports.analysis.measurements import NAMES
from mobench.reports.analysis.ranking import Ranking, rank

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Comparison:
    """Solvers ranked by one quantity, over blocks that all of them ran.

    dataset: the data set whose seeds are the blocks; "" where the data sets are, each the mean of its seeds.
    column:  the quantity.
    ranking: what came out.
    absent:  rows that have no part in it, each with the reason.
    """

    dataset: str
    column: str
    ranking: Ranking
    absent: list[str]

    @property
    def blocks(self) -> str:
        return "seeds" if self.dataset else "data sets"


def compare(
    board: Leaderboard, column: str = "hypervolume", higher_is_better: bool = True, alpha: float = 0.05
) -> list[Comparison]:
    """One comparison per data set, over its seeds; after them, of two data sets and more, one over the data sets.

    The first kind speaks of the data set alone, the second of solvers on data sets like these (see `rank`).
    Only complete rows take part; imported ones share no seed with anything here. A row whose quantity is
    undefined, as the controllability of a single point, is absent and named.

    Raises: OptionError for a column that is no quantity of the leaderboard.
    """
    if board.measured is None:
        return []
    known = [str(c) for c in board.measured.columns if c not in NAMES]
    if column not in known:
        raise OptionError(
            f"the leaderboard has no quantity {column!r}{nearest(column, known) or '; accepted: ' + ', '.join(known)}"
        )
    found, tables = [], {}
    for dataset, part in board.table.groupby("dataset", sort=True):
        table, absent = _table(board.measured, part, column)
        tables[str(dataset)] = table
        found.append(Comparison(str(dataset), column, rank(table, alpha, higher_is_better), absent))
    return [*found, *_over_datasets(tables, column, higher_is_better, alpha)]


def against_best(ranking: Ranking) -> list[tuple[str, str]]:
    """The pairs of the best solver by average rank with every other one."""
    return [(ranking.solvers[0], other) for other in ranking.solvers[1:]]


def told_apart(ranking: Ranking) -> list[tuple[str, str]]:
    """The pairs whose corrected p is at most alpha."""
    return [pair for pair, p in ranking.pairwise.items() if p <= ranking.alpha]


def to_dict(comparison: Comparison) -> dict[str, Any]:
    """A comparison as plain values, for JSON."""
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
        "said": r.said,
        "absent": comparison.absent,
    }


def _table(measured: pd.DataFrame, part: pd.DataFrame, column: str) -> tuple[pd.DataFrame, list[str]]:
    """Seeds down, complete rows across, none undefined; and which rows that leaves out."""
    complete = part[part["status"] == "complete"]
    absent = [f"{r.solver}: {r.status}" for r in part[part["status"] != "complete"].itertuples()]
    if complete.empty:
        import pandas as pd

        return pd.DataFrame(), absent
    table = scores(measured, complete, column)
    # as plots name solvers, whose families they look up by these names
    several = part.loc[part["status"] != "imported", "model"].nunique() > 1
    table.columns = [f"{pair[1]} · {pair[0]}" if several else str(pair[1]) for pair in table.columns]
    undefined = [str(c) for c in table.columns if table[c].isna().any()]
    return table.drop(columns=undefined), [*absent, *(f"{name}: {column} is undefined" for name in undefined)]


def _over_datasets(
    tables: dict[str, pd.DataFrame], column: str, higher_is_better: bool, alpha: float
) -> Sequence[Comparison]:
    import pandas as pd

    if len(tables) < 2:
        return []
    means = pd.DataFrame({name: table.mean() for name, table in tables.items()}).T
    partly = sorted(str(c) for c in means.columns if means[c].isna().any())
    absent = [f"{name}: not complete on {', '.join(means.index[means[name].isna()])}" for name in partly]
    return [Comparison("", column, rank(means.drop(columns=partly), alpha, higher_is_better), absent)]
