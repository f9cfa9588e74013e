"""Comparable records: committed ones, changed in the values that a comparison holds fixed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mobench.errors import OptionError
from mobench.jobs.job import Job
from mobench.records.record import Imported, Record
from mobench.records.store import Store
from mobench.reports.analysis.comparable import select
from mobench.reports.analysis.leaderboard import leaderboard

RESULTS = Path(__file__).parents[2] / "results"


@pytest.fixture(scope="module")
def zdt1() -> list[Record]:
    """Three solvers with two seeds each."""
    records = [r for r in Store(RESULTS / "analytic").contents().records if r.job.dataset.name == "zdt1"]
    return [r for r in records if r.job.solver.name in {"phn-ls", "phn-epo", "epo"}]


def changed(record: Record, finished: str = "", imported: bool = False, **job: Any) -> Record:
    changed_job = Job.model_validate({**record.job.model_dump(), **job})
    update: dict[str, Any] = {"job": changed_job, "id": changed_job.id}
    if finished:
        update["provenance"] = record.provenance.model_copy(update={"finished": finished})
    if imported:
        update["imported"] = Imported(file="f.csv", sha256="0")
    return record.model_copy(update=update)


def test_what_agrees_is_kept_as_it_was_given(zdt1: list[Record]) -> None:
    selection = select(zdt1)
    assert len(zdt1) == 6
    assert (selection.records, selection.left_out, selection.notes) == (zdt1, [], [])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"protocol": "other-9"}, "zdt1: protocol is other-9"),
        ({"budget": {"steps": 7}}, 'zdt1: budget is {"steps":7'),
        ({"n_rays": 7}, "zdt1: rays is 7 and"),
        ({"season": "season-9"}, "zdt1: season is season-9, the table's is none"),
        ({"dataset": {"name": "zdt1", "version": "99", "options": {}}}, "zdt1: dataset options is "),
    ],
)
def test_the_one_that_differs_is_left_out_with_the_reason(
    zdt1: list[Record], change: dict[str, Any], reason: str
) -> None:
    other = changed(zdt1[0], **change)
    selection = select([other, *zdt1[1:]])
    assert selection.records == zdt1[1:]
    (line,) = selection.left_out
    assert line.startswith(f"{other.job.solver.name} seed {other.job.seeds.solver} ({other.id}): {reason}")


def test_a_protocol_can_be_asked_for_and_an_unknown_one_is_refused(zdt1: list[Record]) -> None:
    other = changed(zdt1[0], protocol="other-9")
    selection = select([other, *zdt1[1:]], ["other-9"])
    assert selection.records == [other]
    assert len(selection.left_out) == 5
    with pytest.raises(OptionError, match="did you mean 'other-9'"):
        select([other, *zdt1[1:]], ["other-8"])


@pytest.mark.parametrize("newer", ["old", "new"])
def test_of_equally_many_the_newest_stays_and_a_note_says_so(zdt1: list[Record], newer: str) -> None:
    dates = {"old": "2030", "new": "2031"} if newer == "new" else {"old": "2031", "new": "2030"}
    records = [
        changed(r, finished=dates[version], protocol=version)
        for version, r in zip(("old", "new"), zdt1[:2], strict=True)
    ]
    for order in (records, records[::-1]):
        selection = select(order)
        assert [r.job.protocol for r in selection.records] == [newer]
        assert "in as many records (1)" in selection.notes[0]
        assert "--protocol" in selection.notes[0]


def under(record: Record, **stated: Any) -> Record:
    """The record, made when the dataset stated something else under the same version."""
    return record.model_copy(update={"protocol": {**record.protocol, **stated}})


@pytest.mark.parametrize("point", ["reference", "ideal", "nadir"])
def test_records_under_one_version_that_states_two_things_are_never_mixed(zdt1: list[Record], point: str) -> None:
    other = under(zdt1[0], **{point: [7.0, 7.0]})
    selection = select([other, *zdt1[1:]])
    assert selection.records == zdt1[1:]
    (line,) = selection.left_out
    assert line.startswith(
        f"{other.job.solver.name} seed {other.job.seeds.solver} ({other.id}): zdt1: what the protocol states is "
    )
    assert f'"{point}": [7.0, 7.0]' in line


def test_of_two_seeds_under_two_references_one_is_shown_and_a_note_says_so(zdt1: list[Record]) -> None:
    """A mean over both would represent neither."""
    first, second = (r for r in zdt1 if r.job.solver.name == "epo")
    later = under(changed(second, finished="2999"), reference=[6.0, 6.0])
    board = leaderboard([first, later])
    (row,) = board.table.to_dict("records")
    assert row["hypervolume"] == second.indicators["test"]["hypervolume"]
    assert row["seeds"] == 1
    assert len(board.left_out) == 1
    assert any("what the protocol states" in note and "as many records (1)" in note for note in board.notes)


def test_a_failed_job_states_no_reference_and_stays(zdt1: list[Record]) -> None:
    failed = zdt1[0].model_copy(update={"protocol": {"version": zdt1[0].job.protocol}, "status": "failed"})
    assert select([failed, *zdt1[1:]]).records == [failed, *zdt1[1:]]
    assert select([failed, *zdt1[1:]]).left_out == []


def test_imported_fronts_have_no_vote_and_no_budget_to_agree_in(zdt1: list[Record]) -> None:
    def foreign(record: Record, **job: Any) -> Record:
        return changed(record, imported=True, budget={"elsewhere": True}, **job)

    foreign_records = [foreign(r, protocol="other-9") for r in zdt1[1:]]
    selection = select([zdt1[0], *foreign_records])
    assert selection.records == [zdt1[0]]
    assert len(selection.left_out) == 5
    joined = [zdt1[0], *(foreign(r) for r in zdt1[1:])]
    assert select(joined).records == joined


def test_a_record_that_is_there_twice_counts_once(zdt1: list[Record]) -> None:
    assert select([*zdt1, *zdt1]).records == zdt1
    later = changed(zdt1[0], finished="2999").model_copy(update={"indicators": {}})
    selection = select([later, *zdt1])
    assert {r.id for r in selection.records} == {r.id for r in zdt1}
    assert len(selection.records) == len(zdt1)
    assert "exists twice with different numbers" in selection.notes[0]
