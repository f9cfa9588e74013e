"""Malicious records together with a valid one, in all outputs that are written from records."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hostile import FUZZ, HOSTILE, fit_to_print, tampered
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html

from mobench.errors import MobenchError, RecordError
from mobench.records.record import Record, parse
from mobench.reports.analysis.leaderboard import leaderboard
from mobench.reports.page.build import render
from mobench.reports.page.live_networks import Live
from mobench.reports.page.page_data import page_data
from mobench.reports.plots.kinds import KINDS, draw
from mobench.reports.tables import ray_table
from mobench.reports.tables.content import Wanted
from mobench.reports.tables.presets import PRESETS
from mobench.reports.tables.table_files import FORMATS, content

RESULTS = Path(__file__).parents[2] / "results"
FEW = settings(FUZZ, max_examples=25)
TEXTS = [
    next((RESULTS / place).glob(f"records/{name}*")).read_text()
    for place, name in (
        ("analytic", "zdt1-phn-ls"),
        ("analytic", "dtlz2-ls"),
        ("methods", "multimnist-phn-ls"),
    )
]


def records_of(data: st.DataObject) -> list[Record]:
    """A valid record and one that was tampered with; [] if that one is refused in one line."""
    text = data.draw(st.sampled_from(TEXTS))
    other = tried(lambda: parse(json.dumps(tampered(json.loads(text), data)), "x.json"))
    return [] if other is None else [parse(text, "good.json"), other]


def tried(make: Callable[[], Any]) -> Any:
    """Return the result; None if it is refused in one line."""
    try:
        return make()
    except MobenchError as error:
        refusal = str(error)
    assert fit_to_print(refusal)
    return None


@pytest.mark.slow
@FEW
@given(data=st.data())
def test_every_writer_writes_them_as_text_or_refuses(data: st.DataObject) -> None:
    records = records_of(data)
    board = tried(lambda: leaderboard(records)) if records else None
    if board is None:
        return
    table = content(board, records)
    output_by_format: dict[str, Any] = {name: write(table) for name, write in FORMATS.items()}
    for name in ("md", "csv", "tidy.csv", "seeds.csv", "tex"):
        assert output_by_format[name].replace("\n", "").isprintable()
    assert "<script" not in output_by_format["md"]
    page = html.fromstring(output_by_format["html"])
    assert not page.xpath("//script")
    assert len(page.xpath("//tbody/tr")) >= len(board.table)
    assert len(pd.read_parquet(io.BytesIO(output_by_format["parquet"]))) == len(board.table)
    assert len(pd.read_csv(io.StringIO(output_by_format["csv"]))) == len(board.table)
    assert "\\input{" not in output_by_format["tex"]


@pytest.mark.slow
@FEW
@given(data=st.data())
def test_every_preset_is_made_of_them_or_refused(data: st.DataObject) -> None:
    records = records_of(data)
    board = tried(lambda: leaderboard(records)) if records else None
    if board is None:
        return
    for preset in PRESETS.values():
        table = tried(partial(preset.make, board, records, Wanted()))
        if table is not None:
            assert "<script" not in FORMATS["md"](table)


@pytest.mark.slow
@FEW
@given(data=st.data())
def test_the_page_has_no_markup_and_no_script_of_theirs(data: st.DataObject) -> None:
    records = records_of(data)
    content_of_page = tried(lambda: page_data(records, list(HOSTILE))) if records else None
    if content_of_page is None:
        return
    text = render(HOSTILE[3], content_of_page, Live())
    page = html.fromstring(text)
    assert len(page.xpath("//script")) == _N_SCRIPTS
    assert not page.xpath("//b")
    assert HOSTILE[3] not in text
    (inside,) = page.xpath("//script[@type='application/json']")
    assert json.loads(inside.text)["title"] == HOSTILE[3]


_N_SCRIPTS = len(html.fromstring(render("x", page_data([parse(TEXTS[0], "x")], []), Live())).xpath("//script"))


@pytest.mark.slow
@settings(FUZZ, max_examples=4)
@given(data=st.data())
def test_plots_are_drawn_of_them_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    records = records_of(data)
    if not records:
        return
    for kind in KINDS:
        folder = tmp_path_factory.mktemp("plots")
        drawing = tried(partial(draw, records, folder, [kind], ["svg", "csv"]))
        if drawing is not None:
            names = [path.name for path in folder.iterdir()]
            assert sorted(names) == sorted(path.name for path in drawing.paths)
            assert all(name.isprintable() and len(name) < 200 for name in names)
            assert not any("<script" in path.read_text() for path in drawing.paths if path.suffix == ".svg")


@pytest.mark.parametrize("point", ["reference", "ideal", "nadir"])
@pytest.mark.parametrize("value", [3, "x", None, [], [1.0], [1.0, "x"], [1.0, 1e300], [1.0, True], {"a": 1}])
def test_a_protocol_whose_point_is_none_is_refused(point: str, value: Any) -> None:
    data = json.loads(TEXTS[0])
    data["protocol"][point] = value
    with pytest.raises(RecordError, match=f"the protocol's {point} point is not one number for each objective"):
        parse(json.dumps(data), "x.json")


def test_rays_of_records_that_differ_in_them_are_refused_by_name() -> None:
    record = parse(TEXTS[0], "x")
    job = record.job.model_copy(update={"seeds": record.job.seeds.model_copy(update={"solver": 77})})
    job.__dict__.pop("id", None)
    fronts = {split: _halved(front.model_dump()) for split, front in record.fronts.items()}
    other = Record.model_validate({**record.model_dump(by_alias=True), "job": job, "id": job.id, "fronts": fronts})
    with pytest.raises(MobenchError, match=f"{record.id} and {job.id} of phn-ls have different preferences"):
        ray_table.per_ray([record, other])
    test_fronts = {"test": record.fronts["test"]}
    lacking = Record.model_validate({**record.model_dump(by_alias=True), "fronts": test_fronts})
    with pytest.raises(MobenchError, match="has no front of train, val, test"):
        ray_table.per_ray([lacking])


def _halved(front: dict[str, Any]) -> dict[str, Any]:
    def half(values: Sequence[Any]) -> Sequence[Any]:
        return values[: len(values) // 2]

    metrics = {name: half(values) for name, values in front["metrics"].items()}
    return {**front, "preferences": half(front["preferences"]), "losses": half(front["losses"]), "metrics": metrics}
