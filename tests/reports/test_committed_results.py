"""What lies in results/ is what its records give, to the byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobench.reports.leaderboard import leaderboard
from mobench.reports.tables import FORMATS
from mobench.runs.store import Store

RESULTS = Path(__file__).parents[2] / "results"
COMMITTED = ["analytic", "methods", "standard"]


@pytest.mark.parametrize("suite", COMMITTED)
def test_every_record_is_whole_and_of_a_clean_checkout(suite: str) -> None:
    contents = Store(RESULTS / suite).contents()
    assert contents.unreadable == []
    assert contents.records
    for record in contents.records:
        assert record.status == "completed", record.job.title
        assert record.provenance.git is not None
        assert not record.provenance.git.endswith("-dirty")


@pytest.mark.parametrize("suite", COMMITTED)
@pytest.mark.parametrize("format_", FORMATS)
def test_tables_are_made_from_the_records(suite: str, format_: str) -> None:
    board = leaderboard(Store(RESULTS / suite).contents().records)
    assert board.left_out == []
    assert (RESULTS / suite / f"leaderboard.{format_}").read_text() == FORMATS[format_](board)


def test_the_figures_of_the_readme_are_those_of_the_records() -> None:
    readme = (RESULTS.parent / "README.md").read_text()
    for record in Store(RESULTS / "standard").contents().records:
        (line,) = [text for text in readme.splitlines() if text.startswith(f"| `{record.job.solver.name}` |")]
        front, cost = record.fronts["test"], record.cost
        assert cost is not None
        middle = len(front.losses) // 2
        left, right = (100 * front.metrics[f"{side}/accuracy"][middle] for side in ("left", "right"))
        hypervolume, uneven = (record.indicators["test"][name] for name in ("hypervolume", "non_uniformity"))
        for figure in (
            f"{hypervolume:.3f}",
            f"{record.indicators['test@5']['hypervolume']:.3f}",
            f"{left:.1f} / {right:.1f} %",
            f"{uneven:.3f}",
            f"{cost.training_seconds:.0f}",
            f"{cost.stored_parameters:,}",
        ):
            assert f"| {figure} |" in line, figure
