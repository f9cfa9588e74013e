"""Content of the page: the published runtime, text that stays text, and the command that writes it."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from mobench.records.store import Store
from mobench.reports.page import build
from mobench.runs.execution import failure_record

Open = Callable[..., Page]
HOSTILE = "</script><img src=x onerror=\"document.title='taken'\"><b>{{ 7 * 7 }}"


def test_the_runtime_is_the_published_one() -> None:
    sums = [line.split() for line in (build.RUNTIME / "SHA256SUMS").read_text().splitlines()]
    assert {name for _, name in sums} == {
        "ort.wasm.min.js",
        "ort-wasm-simd-threaded.mjs",
        "ort-wasm-simd-threaded.wasm",
    }
    for checksum, name in sums:
        path = build.RUNTIME / name
        content = path.read_bytes() if path.is_file() else gzip.decompress(Path(f"{path}.gz").read_bytes())
        assert sha256(content).hexdigest() == checksum, name


@pytest.mark.parametrize("value", [HOSTILE, "a & b", "\u2028", "<!--", "]]>"])
def test_data_cannot_end_the_script_it_stands_in(value: str) -> None:
    script_data = build.as_script_data({value: [value]})
    assert json.loads(script_data) == {value: [value]}
    assert not set(script_data) & set("<>&\u2028\u2029")


@pytest.mark.slow
def test_names_and_errors_with_markup_are_shown_as_text(
    opened: Open, finished: Path, picture_job: Any, provenance: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "<i>results"
    shutil.copytree(finished / "records", folder / "records")
    Store(folder).write(failure_record(picture_job("pcgrad"), HOSTILE, HOSTILE, HOSTILE, provenance))
    (folder / "records" / f"{'<img src=x>'}.json").write_text("{}")
    build.write(Store(folder), folder / "report.html", with_networks=False)
    page = opened(folder / "report.html")
    assert page.title() == "<i>results · mobench"
    assert HOSTILE in page.locator("#failures").inner_text()
    assert page.locator("img").count() == 0
    assert page.locator("body b").count() == 0
    assert "<img src=x>" in page.locator("#notes").inner_text()


def test_without_networks_the_page_carries_no_runtime(finished: Path, tmp_path: Path) -> None:
    build.write(Store(finished), tmp_path / "small.html")
    text = (tmp_path / "small.html").read_text()
    assert 'id="ort-wasm"' not in text
    assert "onnxruntime" not in text
    assert len(text) < 200_000


def test_from_the_command_line(cli: Any, finished: Path, tmp_path: Path) -> None:
    done = cli("report", finished, "--out", tmp_path / "made" / "page.html")
    assert done.returncode == 0, done.stderr
    assert "page.html" in done.stdout
    assert "--keep-weights" in done.stderr
    assert (tmp_path / "made" / "page.html").read_text().startswith("<!doctype html>")


def test_a_folder_without_records_is_one_clear_error(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = cli("report", "empty")
    assert done.returncode == 2
    assert "there are no records in" in done.stderr
    assert not (tmp_path / "empty" / "report.html").exists()
