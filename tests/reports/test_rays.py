"""The table of preferences against the records it is made from."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mobench.records.record import Record
from mobench.records.store import Store
from mobench.reports.tables.ray_table import per_ray

METHODS = Path(__file__).parents[2] / "results" / "methods"


def records(*solvers: str) -> list[Record]:
    return [r for r in Store(METHODS).contents().records if r.job.solver.name in solvers]


def test_rows_are_means_over_objectives_of_each_split() -> None:
    table = per_ray(records("ls"))
    (record,) = records("ls")
    assert len(table) == 5
    for split, word in (("train", "train"), ("val", "validation"), ("test", "test")):
        metrics = record.fronts[split].metrics
        mean = (np.array(metrics["left/accuracy"]) + np.array(metrics["right/accuracy"])) / 2
        np.testing.assert_allclose(table[f"{word} accuracy"], mean)
        np.testing.assert_allclose(table[f"{word} left loss"], [row[0] for row in record.fronts[split].losses])


def test_the_choice_is_validations_and_the_test_split_has_no_part_in_it() -> None:
    (record,) = records("ls")
    table = per_ray([record])
    assert list(table["chosen"]).index("yes") == int(np.argmax(table["validation accuracy"]))
    upside_down = record.model_dump(by_alias=True)
    front = upside_down["fronts"]["test"]
    front["metrics"] = {name: [1 - v for v in values] for name, values in front["metrics"].items()}
    changed_table = per_ray([Record.model_validate(upside_down)])
    assert list(changed_table["chosen"]) == list(table["chosen"])


def test_solvers_stand_apart() -> None:
    table = per_ray(records("ls", "phn-ls"))
    assert table.groupby("solver").size().to_dict() == {"ls": 5, "phn-ls": 25}
    assert (table["chosen"] == "yes").sum() == 2


def test_points_without_preferences_have_no_rows_also_if_their_number_differs() -> None:
    engineering = Store(METHODS.parent / "engineering").contents().records
    chosen = [r for r in engineering if r.job.dataset.name == "re21" and r.job.solver.name in ("ls", "nsga2")]
    assert len({len(r.fronts["test"].losses) for r in chosen if r.job.solver.name == "nsga2"}) > 1
    assert set(per_ray(chosen)["solver"]) == {"ls"}
