"""Sentences on what a leaderboard compares: one network for all preferences against one network per preference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mobench.reports.analysis.costs import CORE_SECONDS, STORED_PARAMETERS, TRAINING_SECONDS
from mobench.reports.analysis.leaderboard import Leaderboard, is_missing


def sentences(board: Leaderboard) -> list[str]:
    """Return one sentence for each dataset that has both kinds of solvers, about the best row of each kind."""
    result = []
    for dataset, part in board.table.groupby("dataset", sort=True):
        rows = [row for row in part.to_dict("records") if row["status"] == "complete"]
        for_all = next((row for row in rows if row["nets"] == 1 and not is_missing(row["non-uniformity"])), None)
        per_preference = next((row for row in rows if row["nets"] > 1), None)
        if for_all is None or per_preference is None:
            continue
        result.append(
            f"{dataset}: one network of {rounded(for_all[STORED_PARAMETERS])} parameters serves every preference "
            f"({_result(for_all)}); {per_preference['nets']:g} networks of "
            f"{rounded(per_preference[STORED_PARAMETERS])} parameters together serve one preference each "
            f"({_result(per_preference)})."
        )
    return result


def rounded(count: float) -> str:
    """Return a count with two digits and a prefix: 3,243,410 is "3.2 M", 159,550 is "160 k"."""
    for size, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= 0.9995 * size:
            return f"{count / size:.0f} {prefix}" if count >= 9.95 * size else f"{count / size:.1f} {prefix}"
    return f"{count:.0f}"


def _result(row: Mapping[Any, Any]) -> str:
    """Return the solver of a row with its hypervolume and its time of training."""
    time = CORE_SECONDS if not is_missing(row.get(CORE_SECONDS)) else TRAINING_SECONDS
    seconds = "" if is_missing(row.get(time)) else f" after {row[time]:.3g} {time.removeprefix('training ')}"
    return f"{row['solver']}: hypervolume {row['hypervolume']:.3f}{seconds}"
