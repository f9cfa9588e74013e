"""Statistical comparison of the solvers of a leaderboard by any column: rank intervals and differences of pairs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mobench.errors import OptionError
from mobench.reports.analysis.leaderboard import Leaderboard, scores
from mobench.reports.analysis.measurements import NAMES
from mobench.reports.analysis.ranking import Ranking, rank
from mobench.text import name_hint

if TYPE_CHECKING:
    import pandas as pd

NORMALISED = "hypervolume"
"""The column whose values are divided by the box of their dataset before several datasets are compared."""


@dataclass(frozen=True)
class SolverComparison:
    """A ranking of solvers by one quantity, over tasks and seeds that all of them completed.

    dataset: the dataset whose seeds are compared; "" for the comparison over datasets and their seeds.
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


def compare(board: Leaderboard, column: str = "hypervolume", higher_is_better: bool = True) -> list[SolverComparison]:
    """Return one comparison per dataset over its seeds, then one over all datasets if there are two or more.

    A comparison over seeds supports claims about its dataset only. The comparison over datasets supports claims
    about solvers on similar datasets (see `compare_pairs`). For it hypervolumes are divided by the volume of the box
    of their dataset, and datasets without a box are not used; other quantities are compared as they are. Only complete
    rows are ranked. Imported rows are not, because they share no seeds with the other rows. A row with an undefined
    quantity, such as the controllability of a single point, is listed in `absent`.

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
        comparisons.append(SolverComparison(str(dataset), column, rank([table], higher_is_better), absent))
    scales = board.boxes if column == NORMALISED else dict.fromkeys(tables, 1.0)
    return [*comparisons, *_over_datasets(tables, scales, column, higher_is_better)]


def reading(comparison: SolverComparison) -> str:
    """Return one sentence on the best solver and those that are not separated from it.

    The sentence is empty if there are fewer than two solvers, or too few seeds to separate any.
    """
    ranking = comparison.ranking
    if len(ranking.solvers) < 2 or ranking.has_too_few_scores:
        return ""
    best, tied = ranking.solvers[0], ranking.tied_with_best()
    scope = "seeds" if comparison.dataset else "tasks and seeds"
    if not tied:
        return f"Best by {comparison.column}: {best}, ahead of every other solver (paired bootstrap over {scope})."
    others = ", ".join(tied) if len(tied) < len(ranking.solvers) - 1 else "every other solver"
    return f"Best by {comparison.column}: {best}. Not separated from it (paired bootstrap over {scope}): {others}."


def to_dict(comparison: SolverComparison) -> dict[str, Any]:
    """Return a comparison as plain values that JSON can represent."""
    r = comparison.ranking
    return {
        "dataset": comparison.dataset or None,
        "column": comparison.column,
        "blocks": comparison.blocks,
        "n_blocks": r.n_blocks,
        "n_left_out": r.n_left_out,
        "means": _finite(dict(zip(r.solvers, r.means, strict=True))),
        "ranks": dict(zip(r.solvers, r.ranks, strict=True)),
        "average_ranks": _finite(dict(zip(r.solvers, r.average_ranks, strict=True))),
        "is_separated": r.is_separated,
        "pairs": [_finite(asdict(pair)) for pair in r.pairs()],
        "absent": comparison.absent,
    }


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}


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
    tables: Mapping[str, pd.DataFrame], scales: Mapping[str, float], column: str, higher_is_better: bool
) -> Sequence[SolverComparison]:
    """Return the comparison over the datasets that have a scale, in a list; empty if there are fewer than two."""
    tables = {name: table / scales[name] for name, table in tables.items() if scales.get(name)}
    if len(tables) < 2:
        return []
    solvers = sorted({str(c) for table in tables.values() for c in table.columns})
    lacking = {s: [name for name, table in tables.items() if s not in table] for s in solvers}
    absent = [f"{s}: not complete on {', '.join(names)}" for s, names in lacking.items() if names]
    everywhere = [s for s in solvers if not lacking[s]]
    ranking = rank([table[everywhere] for table in tables.values()], higher_is_better)
    return [SolverComparison("", column, ranking, absent)]
