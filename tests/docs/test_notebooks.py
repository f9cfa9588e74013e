"""The notebooks of the documentation run, and their pages show what they computed."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from readmes.pages import ROOT

pytestmark = pytest.mark.timeout(900)
DOCS = ROOT / "mobench" / "docs"
SCRIPTS = sorted((DOCS / "notebooks").glob("*.py"))
NUMBER = re.compile(r"\d+\.\d+|\d+ ?%")


@pytest.fixture(scope="module")
def notebook_pages() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS))
        yield importlib.import_module("notebook_pages")


@pytest.fixture(scope="module")
def notebooks(notebook_pages: ModuleType) -> dict[str, Any]:
    """Execute all notebooks at small size, in the folder in which the site keeps them."""
    folder = DOCS / "_generated" / "notebooks"
    # a process of its own, because sockets and event loops of the client stay open in this one
    words = [sys.executable, str(DOCS / "notebook_pages.py"), str(folder), "small"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(notebook_pages, "execute", lambda scripts, size: _none_left(scripts))
        executed: dict[str, Any] = notebook_pages.executed(folder, "small")
    return executed


def _none_left(scripts: Sequence[Path]) -> list[Any]:
    assert not scripts, "they were executed already"
    return []


def outputs(notebook: Any) -> list[str]:
    """Return the texts that the cells of a notebook wrote."""
    return [
        output.get("text") or output.get("data", {}).get("text/plain", "")
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", [script.stem for script in SCRIPTS])
def test_every_cell_runs_and_the_page_shows_its_outputs(
    name: str, notebooks: dict[str, Any], notebook_pages: ModuleType, tmp_path: Path
) -> None:
    cells = [cell for cell in notebooks[name].cells if cell.cell_type == "code"]
    assert all(cell.execution_count is not None for cell in cells)
    assert not [o for cell in cells for o in cell.outputs if o.output_type == "error" or o.get("name") == "stderr"]
    page = notebook_pages.page(notebooks[name], name, tmp_path)
    for text in outputs(notebooks[name]):
        if "<Figure" not in text:
            assert text.rstrip() in page
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]*)\)", page)
    assert len(pictures) == sum("<Figure" in text for text in outputs(notebooks[name]))
    for picture in pictures:
        assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_fairness_chooses_a_point_within_the_bound(notebooks: dict[str, Any]) -> None:
    text = "\n".join(outputs(notebooks["fairness"]))
    bound = float(re.search(r"bound (\d\.\d+): preference", text)[1])  # type: ignore[index]
    gaps = [float(gap) for gap in re.findall(r"^smallest .*: cross-entropy .*, gap (\d\.\d+)", text, re.MULTILINE)]
    assert gaps[0] < bound < gaps[1]
    assert "no preference has demographic-parity ≤ -1" in text
    rows = {row.split()[0]: row.split() for row in text.splitlines() if row.startswith("chosen")}
    assert float(rows["chosen"][2]) < gaps[1]


@pytest.mark.slow
def test_a_module_is_saved_and_loaded_to_the_bit(notebooks: dict[str, Any]) -> None:
    assert "equal to the bit: True\n" in outputs(notebooks["own_module"])


@pytest.mark.slow
def test_the_own_method_has_twenty_lines_and_is_refused_for_submission(notebooks: dict[str, Any]) -> None:
    text = "\n".join(outputs(notebooks["own_method"]))
    assert "phn-soft-max has the larger mean" in text or "phn-ls has the larger mean" in text
    assert "cannot be submitted: vlmop2 · phn-soft-max" in text
    (cell,) = [c for c in notebooks["own_method"].cells if "@mobench.register" in c.source and c.cell_type == "code"]
    assert len(cell.source.splitlines()) <= 20


def test_prose_states_no_results() -> None:
    """Numbers come from the outputs of cells, because other versions and machines give others."""
    assert len(SCRIPTS) >= 4
    for script in SCRIPTS:
        cells = re.split(r"^# %%", script.read_text("utf-8"), flags=re.MULTILINE)
        prose = [cell for cell in cells if cell.startswith(" [markdown]")]
        assert len(prose) >= 3
        for cell in prose:
            assert not NUMBER.findall(cell), f"{script.name}: {NUMBER.findall(cell)}"
            assert all(len(line) <= 110 for line in cell.splitlines())
