"""Imported fronts against measured ones: the same points give the same indicators to the bit."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path

import pytest
from hostile import FUZZ, fit_to_print
from hypothesis import given, settings
from hypothesis import strategies as st

from mobench.errors import DataError, MobenchError, PreferenceError
from mobench.jobs.job import Job
from mobench.jobs.resolve import dataset_part
from mobench.records import imports as foreign
from mobench.records.record import Record, parse
from mobench.records.store import Store
from mobench.reports.analysis.leaderboard import leaderboard
from mobench.runs.execution import execute
from mobench.runs.verification import verify


@pytest.fixture
def measured(finished: Path, tmp_path: Path) -> list[Record]:
    shutil.copytree(finished, tmp_path / "out")
    return Store(tmp_path / "out").contents().records


def as_csv(record: Record, with_preferences: bool = True) -> bytes:
    """A record's fronts as CSV, as another program would write them."""
    names = [f"preference {o}" for o in record.objectives] if with_preferences else []
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*record.objectives, *names, "split", "seed", "training seconds", "parameters"])
    for split, front in record.fronts.items():
        for loss, ray in zip(front.losses, front.preferences, strict=True):
            writer.writerow([*loss, *(ray if with_preferences else []), split, 5, 1.5, 7])
    return text.getvalue().encode()


def imported(record: Record, name: str = "theirs", **options: bool) -> Record:
    template = foreign.like(record.job.dataset, record.job)
    (imported_record,) = foreign.records(as_csv(record, **options), "f.csv", name, template, source="a paper")
    return imported_record


def test_what_is_stated_of_a_measured_front_gives_its_indicators(measured: list[Record]) -> None:
    for record in measured:
        imported_record = imported(record)
        assert imported_record.indicators == record.indicators
        for split, front in imported_record.fronts.items():
            assert front.losses == record.fronts[split].losses
            assert front.n_samples is None
        assert imported_record.objectives == record.objectives
        assert imported_record.protocol == record.protocol
        assert imported_record.imported is not None
        assert (imported_record.imported.training_seconds, imported_record.imported.stored_parameters) == (1.5, 7)
        assert (imported_record.cost, imported_record.trace, imported_record.imported.source) == (None, [], "a paper")
        assert imported_record.job.seeds.solver == 5


def test_an_imported_record_comes_back_from_its_file(measured: list[Record], tmp_path: Path) -> None:
    imported_record = imported(measured[0])
    path = Store(tmp_path / "new").write(imported_record)
    assert Store(tmp_path / "new").contents().records == [imported_record]
    assert parse(path.read_bytes(), "x") == imported_record


def test_what_was_measured_says_nothing_of_imports(measured: list[Record]) -> None:
    """Records of this version stay readable by versions without imports."""
    assert '"imported"' not in measured[0].to_json()
    assert '"elsewhere"' not in measured[0].to_json()
    assert '"elsewhere": true' in imported(measured[0]).to_json()


def test_without_preferences_what_depends_on_them_is_unknown(measured: list[Record]) -> None:
    by_name = {r.job.solver.name: r for r in measured}
    imported_record = imported(by_name["phn-ls"], with_preferences=False)
    test, original = imported_record.indicators["test"], by_name["phn-ls"].indicators["test"]
    for name, value in original.items():
        unknown = name.startswith(("r2", "non_uniformity", "controllability"))
        assert test[name] == (None if unknown else value), name
    assert not any(split.startswith("test@") for split in imported_record.indicators)
    remarks = " ".join(foreign.remarks([imported_record]))
    assert "no preferences are stated" in remarks
    assert "no hypervolume at equal K" in remarks
    five_point_record = imported(by_name["ls"], with_preferences=False)
    assert five_point_record.indicators["test@5"]["hypervolume"] == by_name["ls"].indicators["test@5"]["hypervolume"]


def test_an_import_changes_no_other_row_of_the_leaderboard(measured: list[Record]) -> None:
    perfect = foreign.records(b"f1,f2\n0,0\n", "best.csv", "too good", foreign.like(measured[0].job.dataset))
    before = leaderboard(measured)
    after = leaderboard([*measured, *perfect])
    top = after.table.iloc[0]
    assert (top["solver"], top["rank"], top["status"]) == ("too good (imported)", "(1)", "imported")
    measured_rows = after.table[after.table["status"] != "imported"].reset_index(drop=True)
    assert measured_rows[before.table.columns].to_csv() == before.table.to_csv()
    assert any("too good on vlmop2 was imported (best.csv)" in note for note in after.notes)


def test_a_copy_of_a_measured_front_is_flagged(measured: list[Record]) -> None:
    notes = leaderboard([*measured, imported(measured[0])]).notes
    name = measured[0].job.solver.name
    assert f"vlmop2: identical to the bit: {name}, theirs (imported)" in notes


def test_it_cannot_be_verified_nor_trained(measured: list[Record]) -> None:
    imported_record = imported(measured[0])
    with pytest.raises(MobenchError, match=r"imported from f\.csv"):
        verify(imported_record)
    with pytest.raises(MobenchError, match="an imported job cannot be trained"):
        execute(imported_record.job)


@pytest.mark.parametrize(
    ("content", "name", "kind", "message"),
    [
        (b"f1,f2\n-0.5,0.5\n", "x", DataError, "f1 is -0.5 at point 1 of split test, seed 0, below the ideal"),
        (b"f1,f2,preference f1,preference f2\n0.5,0.5,0.9,0.9\n", "x", PreferenceError, "f.csv: seed 0, split test"),
        (b"f1,f2\n0.5,0.5\n", "", DataError, "is not a name of a solver"),
        (b"f1,f2\n0.5,0.5\n", "a\nb", DataError, "is not a name of a solver"),
        (b"f1,f2\n0.5,0.5\n", "x" * 81, DataError, "is not a name of a solver"),
        (b"f1,f2,f3\n1,1,1\n", "x", DataError, "column 'f3' that is unknown"),
    ],
)
def test_the_impossible_is_refused(content: bytes, name: str, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        foreign.records(content, "f.csv", name, foreign.like(dataset_part("vlmop2")))


def test_points_under_another_protocol_cannot_join(measured: list[Record]) -> None:
    job = Job.model_validate({**measured[0].job.model_dump(), "protocol": "analytic-0"})
    with pytest.raises(MobenchError, match="made under protocol 'analytic-0', dataset 'vlmop2' now has"):
        foreign.like(job.dataset, job)


def test_points_beyond_the_reference_are_told() -> None:
    imported_records = foreign.records(b"f1,f2\n0.5,0.5\n2,0\n", "f.csv", "x", foreign.like(dataset_part("vlmop2")))
    assert "1 of 2 points are not below the reference point" in foreign.remarks(imported_records)[0]
    assert imported_records[0].indicators["test"]["hypervolume"] == pytest.approx(0.25)


def test_a_front_in_no_imported_record_has_to_be_whole(measured: list[Record]) -> None:
    data = measured[0].model_dump(by_alias=True)
    data["fronts"]["test"]["preferences"] = []
    with pytest.raises(ValueError, match="some of its fronts have preferences and some have none"):
        Record.model_validate(data)
    data = measured[0].model_dump(by_alias=True)
    data["fronts"]["test"]["n_samples"] = None
    with pytest.raises(ValueError, match="is not imported"):
        Record.model_validate(data)
    data = imported(measured[0]).model_dump(by_alias=True)
    data["imported"] = None
    with pytest.raises(ValueError, match="belong together, and it has one of them"):
        Record.model_validate(data)


HEADER = ["f1", "f2", "preference f1", "preference f2", "seed", "split", "training seconds", "parameters"]
CELLS: dict[str, st.SearchStrategy[str]] = {
    "f": st.one_of(
        st.floats(0, 2).map(repr),
        st.sampled_from(
            ["0", "-0.0", "1e30", "1e31", "1e-320", "nan", "inf", "-1", "", "1_0", "０.5", "=1+1", "1e400"]
        ),
    ),
    "p": st.sampled_from(["0.5", "1", "0", "-0.5", "nan", "1e-300", "0.50000001", ""]),
    "seed": st.sampled_from(["0", "1", "007", str(2**43 - 1), str(2**43), "9" * 18, "-1", "1.0", "²"]),
    "split": st.sampled_from(["test", "val", "validation", "train", "Test", "../x", ""]),
    "t": st.sampled_from(["1.5", "0", "-1", "1e30", "nan"]),
    "n": st.sampled_from(["3", "0", str(10**18), "-3"]),
}
SOUND = {"f": "0.5", "p": "0.5", "seed": "0", "split": "test", "t": "1.5", "n": "3"}
KINDS = ["f", "f", "p", "p", "seed", "split", "t", "n"]


@pytest.mark.slow
@settings(FUZZ, max_examples=50)
@given(data=st.data())
def test_a_file_with_any_cells_gives_records_that_stand_in_a_leaderboard_or_one_line(
    measured: list[Record], data: st.DataObject
) -> None:
    rows = [[SOUND[kind] for kind in KINDS] for _ in range(data.draw(st.integers(1, 4)))]
    for _ in range(data.draw(st.integers(0, 3))):
        row, i = data.draw(st.sampled_from(rows)), data.draw(st.integers(0, len(KINDS) - 1))
        row[i] = data.draw(CELLS[KINDS[i]])
    n_columns = data.draw(st.sampled_from([2, 4, 5, 8]))
    content = "\n".join(",".join(row[:n_columns]) for row in (HEADER, *rows)).encode()
    template = foreign.like(measured[0].job.dataset, measured[0].job)
    try:
        imported_records = foreign.records(content, "f.csv", "theirs", template)
    except MobenchError as error:
        refusal = str(error)
        assert refusal.startswith("f.csv")
        assert fit_to_print(refusal)
        return
    assert [parse(record.to_json(), "x") for record in imported_records] == imported_records
    assert {record.id for record in imported_records} <= set(leaderboard([*measured, *imported_records]).measured["id"])
