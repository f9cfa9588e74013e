"""Valid JSON that is not a valid record."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mobench import files
from mobench.errors import RecordError
from mobench.records.record import MAX_BYTES, Record, parse
from mobench.records.store import Store
from mobench.reports.analysis.leaderboard import leaderboard


@pytest.fixture
def text(finished: Path) -> str:
    """A record written by a run."""
    return next((finished / "records").glob("*-phn-ls-*.json")).read_text()


Edit = Callable[[dict[str, Any]], Any]
INCOMPLETE: dict[str, Edit] = {
    "completed without fronts": lambda d: d.update(fronts={}),
    "completed without indicators": lambda d: d.update(indicators={}),
    "indicators without hypervolume": lambda d: d["indicators"]["test"].pop("hypervolume"),
    "ragged losses": lambda d: d["fronts"]["test"]["losses"].__setitem__(0, [1.0]),
    "fewer losses than rays": lambda d: d["fronts"]["test"]["losses"].pop(),
    "fewer metric values than rays": lambda d: d["fronts"]["test"].update(metrics={"f1/x": [0.5]}),
}


@pytest.mark.parametrize("case", INCOMPLETE)
def test_a_completed_record_without_its_numbers_is_refused_in_one_line(text: str, case: str) -> None:
    """Readers of records, such as the leaderboard, rely on them."""
    data = json.loads(text)
    INCOMPLETE[case](data)
    with pytest.raises(RecordError, match=r"some\.json") as raised:
        parse(json.dumps(data), "some.json")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("field", sorted({f.alias or n for n, f in Record.model_fields.items() if f.is_required()}))
def test_a_record_without_a_required_field_is_refused_by_its_name(text: str, field: str) -> None:
    data = json.loads(text)
    del data[field]
    with pytest.raises(RecordError, match=f"{field}: Field required"):
        parse(json.dumps(data), "some.json")


@pytest.mark.parametrize("place", ["job", "cost", "provenance", "job.budget", "fronts.test", "trace.0"])
def test_unknown_keys_are_refused_at_every_depth(text: str, place: str) -> None:
    data = json.loads(text)
    inner: Any = data
    for key in place.split("."):
        inner = inner[int(key) if key.isdigit() else key]
    inner["surplus"] = 1
    with pytest.raises(RecordError, match="surplus"):
        parse(json.dumps(data), "some.json")


def test_a_record_cut_off_anywhere_is_refused(text: str) -> None:
    data = text.rstrip().encode()
    for length in range(0, len(data), 97):
        with pytest.raises(RecordError):
            parse(data[:length], "some.json")


def test_files_of_any_size_and_content_are_reported_one_line_each(tmp_path: Path, text: str) -> None:
    store = Store(tmp_path)
    store.records_folder.mkdir()
    (store.records_folder / "good.json").write_text(text)
    with (store.records_folder / "large.json").open("wb") as file:
        file.truncate(MAX_BYTES + 2**20)  # a sparse file of 17 MB
    (store.records_folder / "rubbish.json").write_bytes(bytes(range(256)) * 10)
    (store.records_folder / "gone.json").symlink_to(tmp_path / "nowhere")
    contents = store.contents()
    assert len(contents.records) == 1
    assert [str(e).split()[0] for e in contents.unreadable] == ["gone.json", "large.json", "rubbish.json"]
    assert "at most" in str(contents.unreadable[1])
    assert all("\n" not in str(e) for e in contents.unreadable)


def test_a_record_that_says_of_itself_that_it_failed_needs_no_numbers(text: str) -> None:
    data = json.loads(text)
    data.update(
        status="failed", fronts={}, indicators={}, cost=None, trace=[], failure={"kind": "KeyError", "message": "x"}
    )
    record = parse(json.dumps(data), "some.json")
    assert leaderboard([record]).table["status"].tolist() == ["failed at seed 0"]


def test_writing_what_was_read_gives_the_same_bytes(text: str) -> None:
    assert parse(text, "x").to_json() == text


def test_equal_numbers_have_equal_digests_whatever_else_differs(text: str) -> None:
    data = json.loads(text)
    data["cost"]["training_seconds"] += 1
    data["provenance"].update(started="another day", threads=64, packages={})
    data["notes"] = {"cells": 3}
    other = parse(json.dumps(data), "x")
    assert other != parse(text, "x")
    assert other.digest == parse(text, "x").digest


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_the_last_digit_of_any_loss_is_in_the_digest(text: str, split: str) -> None:
    data = json.loads(text)
    value = data["fronts"][split]["losses"][0][0]
    data["fronts"][split]["losses"][0][0] = value * (1 + 2**-51)
    assert parse(json.dumps(data), "x").digest != parse(text, "x").digest


def test_a_file_that_nobody_may_read_is_reported(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Permissions do not stop every user, so the test raises the error itself."""
    store = Store(tmp_path)
    path = store.write(parse(text, "x"))

    def refuse(path: Path, at_most: int) -> bytes:
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(files, "read", refuse)
    (error,) = store.contents().unreadable
    assert str(error) == (f"{path.name} cannot be read: Permission denied (make it readable, or move it away to go on)")


RESULTS = Path(__file__).parents[2] / "results"
HOSTILE_COSTS = [
    ("training_seconds", "1.8e308"), ("training_seconds", "1.7e308"), ("training_seconds", "-1"),
    ("evaluation_seconds", "-1e-9"), ("training_core_seconds", "1e200"), ("steps", "-1"), ("steps", "1" + "0" * 400),
    ("stored_parameters", "9223372036854775808"), ("peak_bytes", "-5"), ("epochs", "1e300"), ("resumed", "-1"),
    ("switch_seconds", "1e101"), ("inference_seconds_per_sample", "-1"), ("n_models", "-1"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), HOSTILE_COSTS, ids=lambda value: value[:30])
def test_a_cost_that_cannot_be_is_refused_in_one_line(field: str, value: str) -> None:
    """Sums and rounded values of such numbers would overflow."""
    [path, *_] = sorted(RESULTS.glob("standard-causes/records/multifashion-mnist-phn-ls*"))
    text, n = re.subn(rf'("cost": {{[^}}]*"{field}": )[^,\n]+', rf"\g<1>{value}", path.read_text())
    assert n == 1
    with pytest.raises(RecordError, match=rf"is not a record: cost\.{field}: ") as raised:
        parse(text, "x")
    assert "\n" not in str(raised.value)


def test_a_look_at_a_time_that_cannot_be_is_refused_in_one_line() -> None:
    [path, *_] = sorted(RESULTS.glob("standard-causes/records/multifashion-mnist-phn-ls*"))
    text, n = re.subn(r'("trace": \[\s*{\s*"step": )\d+', r"\g<1>-1", path.read_text())
    assert n == 1
    with pytest.raises(RecordError, match=r"is not a record: trace\.0\.step: "):
        parse(text, "x")
