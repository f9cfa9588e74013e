"""Malicious records and suites: each is parsed correctly, or refused in one printable line."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from hostile import FUZZ, fit_to_print, own_id, spoil
from hypothesis import given
from hypothesis import strategies as st

from mobench.errors import MobenchError, RecordError, SuiteError
from mobench.jobs import suite as suites
from mobench.jobs.job import Budget
from mobench.jobs.resolve import resolve
from mobench.records.record import parse
from mobench.records.store import Store
from mobench.reports.analysis.leaderboard import leaderboard
from mobench.reports.tables.table_files import to_csv, to_markdown
from mobench.runs.execution import execute


@pytest.fixture
def text(finished: Path) -> str:
    """A record written by a run."""
    return next((finished / "records").glob("*-phn-ls-*.json")).read_text()


@pytest.mark.slow
@FUZZ
@given(data=st.data())
def test_a_spoiled_record_is_read_and_shown_or_refused_in_one_line(text: str, data: st.DataObject) -> None:
    spoiled = json.dumps(own_id(spoil(json.loads(text), data)))
    try:
        record = parse(spoiled, "x.json")
    except RecordError as error:
        refusal = str(error)
        assert refusal.startswith("x.json")
        assert fit_to_print(refusal)
        return
    assert parse(record.to_json(), "x.json") == record
    try:
        board = leaderboard([parse(text, "good.json"), record])
    except MobenchError as error:
        refusal = str(error)
        assert fit_to_print(refusal)
        return
    tables = to_markdown(board) + to_csv(board)
    assert tables.replace("\n", "").isprintable()
    assert "<script" not in to_markdown(board)


@FUZZ
@given(data=st.data())
def test_bytes_put_into_a_record_are_refused_in_one_line_or_change_nothing_else(text: str, data: st.DataObject) -> None:
    raw = text.encode()
    at = data.draw(st.integers(0, len(raw)))
    until = data.draw(st.integers(at, min(len(raw), at + 200)))
    try:
        record = parse(raw[:at] + data.draw(st.binary(max_size=40)) + raw[until:], "x.json")
    except RecordError as error:
        refusal = str(error)
        assert fit_to_print(refusal)
        return
    assert parse(record.to_json(), "x.json") == record


@pytest.mark.parametrize("opening", ["[", '{"a":', '{"schema":1,"job":{"dataset":{"options":{"x":[', '{"notes":'])
def test_records_nested_ten_thousand_deep_are_refused(opening: str) -> None:
    with pytest.raises(RecordError) as raised:
        parse(opening * 10_000, "deep.json")
    assert fit_to_print(str(raised.value))


SUITE = 'seeds = [0]\n[budget]\nsteps = 2\n[[entries]]\ndatasets = ["vlmop2"]\nmodels = ["point"]\nsolvers = ["ls"]\n'
BAD_SUITES = {
    "deep list": f"x = {'[' * 10_000}",
    "deep keys": f"{'a.' * 10_000}a = 1",
    "deep tables": f"x = {'{a=' * 5_000}",
    "an escape": SUITE.replace("vlmop2", "\\u001b[2J"),
    "NaN": SUITE + "set = {n_variables = nan}\n",
    "an endless number": SUITE.replace("steps = 2", f"steps = {'9' * 5000}"),
    "no steps": SUITE.replace("steps = 2", "steps = -1"),
    "endless seconds": SUITE.replace("steps = 2", "seconds = nan"),
    "a large seed": SUITE.replace("[0]", "[99999999999999999999]"),
}


@pytest.mark.parametrize("case", BAD_SUITES)
def test_hostile_suites_are_refused_in_one_line(tmp_path: Path, case: str) -> None:
    path = tmp_path / "s.toml"
    path.write_text(BAD_SUITES[case])
    with pytest.raises(SuiteError, match=r"suite file s\.toml") as raised:
        suites.load(str(path))
    assert fit_to_print(str(raised.value))


@FUZZ
@given(data=st.data())
def test_a_suite_of_any_bytes_is_read_or_refused_in_one_line(tmp_path: Path, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(SUITE)))
    path = tmp_path / "s.toml"
    path.write_bytes(SUITE[:at].encode() + data.draw(st.binary(max_size=20)) + SUITE[at:].encode())
    try:
        assert suites.load(str(path)).name == "s"
    except SuiteError as error:
        refusal = str(error)
        assert fit_to_print(refusal)


class _Runs:
    """A pickle that creates a folder when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("case", ["pickle", "torch"])
def test_a_pickle_posing_as_a_checkpoint_is_never_executed(tmp_path: Path, case: str) -> None:
    mark, path = tmp_path / "executed", tmp_path / "c.pt"
    if case == "pickle":
        path.write_bytes(pickle.dumps(_Runs(mark)))
    else:
        torch.save({"solver": _Runs(mark)}, path)
    job = resolve("vlmop2", "point", "ls", {}, Budget(steps=2))
    record = execute(job, checkpoint=path)
    assert not mark.exists()
    assert record.failure is not None
    assert "checkpoint c.pt cannot be loaded" in record.failure.message
    assert execute(job, checkpoint=path).status == "completed", "the next run trains anew"


def test_what_is_no_file_in_a_store_is_reported_and_hides_no_record(tmp_path: Path, text: str) -> None:
    store = Store(tmp_path)
    store.records_folder.mkdir()
    (store.records_folder / "good.json").write_text(text)
    os.mkfifo(store.records_folder / "pipe.json")
    (store.records_folder / "folder.json").mkdir()
    (store.records_folder / "loop.json").symlink_to("loop.json")
    (store.records_folder / "\x1b[2J.json").write_text("{")
    contents = store.contents()
    assert len(contents.records) == 1
    assert len(contents.unreadable) == 4
    assert all(fit_to_print(str(error)) for error in contents.unreadable)
