"""Tables of many objectives are made without warnings and with all columns."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from mobench.records.record import Record
from mobench.reports.analysis.leaderboard import leaderboard


def test_a_table_of_eight_objectives_with_metrics_gives_no_warning(handmade: Callable[..., Record]) -> None:
    record = handmade()
    names = [f"{chr(97 + i)}/{metric}" for i in range(8) for metric in ("accuracy", "error", "margin")]
    data = record.model_dump(by_alias=True)
    data["objectives"] = [name.partition("/")[0] for name in names[::3]]
    for front in data["fronts"].values():
        front["preferences"] = [[1 / 8] * 8, [*[0.1] * 7, 0.3], [0.3, *[0.1] * 7]]
        front["losses"] = np.arange(24.0).reshape(3, 8).tolist()
        front["metrics"] = {name: [0.1 * k, 0.2 * k, 0.3 * k] for k, name in enumerate(names)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = leaderboard([Record.model_validate(data)]).table
    assert len(table.columns) > 150
    np.testing.assert_allclose(table["h/margin (last ray)"], [0.3 * 23])
    assert {"h/margin (last ray) ±", "status", "hypervolume"} <= set(table.columns)
