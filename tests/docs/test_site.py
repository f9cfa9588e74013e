"""The documentation site builds without warnings, its pages are complete, and its code blocks run."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest
from readmes.pages import ROOT, blocks

from mobench.events import JobEvent
from mobench.output.result_lines import LINES
from mobench.plugins import KINDS, registry

DOCS = ROOT / "mobench" / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_generated" not in path.parts)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as HTML with warnings as errors; return its folder."""
    out = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "-d", str(out / "doctrees")]
    build = subprocess.run([*words, str(DOCS), str(out / "html")], capture_output=True, text=True, check=False)
    assert build.returncode == 0, build.stderr
    return out / "html"


@pytest.mark.slow
def test_the_site_has_every_registered_name_command_and_column(site: Path) -> None:
    methods = (site / "_generated" / "methods.html").read_text()
    datasets = (site / "_generated" / "datasets.html").read_text()
    suites = (site / "_generated" / "suites.html").read_text()
    for kind in KINDS:
        page = {"dataset": datasets, "suite": suites}.get(kind, methods)
        for name in registry().entries[kind]:
            assert name in page, f"{kind} {name}"
    commands = (site / "_generated" / "cli.html").read_text()
    for command in ("run", "list", "show", "plugins", "new", "check", "leaderboard", "export", "report", "tune"):
        assert f"mobench {command}" in commands
    assert "--executor" in commands
    columns = re.sub(r"<[^>]+>", "", (site / "_generated" / "columns.html").read_text())
    assert "hypervolume at equal K" in columns
    assert "controllability" in columns
    events = (site / "_generated" / "events.html").read_text()
    for name in [*(cls.__name__ for cls in get_args(JobEvent)), *LINES]:
        assert name in events
    reference = (site / "_generated" / "api.html").read_text()
    for name in ("Balancer", "Dataset", "Generator", "Model", "Solver"):
        assert f'id="mobench.interfaces.{name}"' in reference


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_the_python_of_a_page_runs(page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All code blocks of a page run in one module, as a reader would run them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    module = ModuleType("page_of_the_documentation")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # dataclasses look up their module by name
    for language, text in blocks(page.read_text()):
        if language == "python":
            exec(compile(text, page.name, "exec"), vars(module))
        elif language == "toml":
            assert tomllib.loads(text)


def test_lines_of_prose_are_short() -> None:
    for page in PAGES:
        prose = "".join(line for line in page.read_text().splitlines(keepends=True) if not line.startswith("|"))
        for line in prose.splitlines():
            assert len(line) <= 120, f"{page.name}: {line}"


@pytest.fixture
def generated(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the module that generates pages."""
    monkeypatch.syspath_prepend(str(DOCS))
    return importlib.import_module("generated")


def test_the_page_of_events_describes_every_field_of_an_event(generated: ModuleType) -> None:
    page = generated.events_page()
    for cls in get_args(JobEvent):
        text, meanings = generated.described_fields(cls)
        assert text in page
        assert list(meanings) == [field.name for field in fields(cls)]
        assert all(meaning in page for meaning in meanings.values())
    for kind, line in LINES.items():
        assert f"### `{kind}`\n\n{generated.described_fields(line)[0]}" in page
        assert all(f"| `{field.name}` |" in page for field in fields(line))


def test_text_without_relative_links_keeps_addresses_and_words(generated: ModuleType) -> None:
    text = "[a](b.md), [c](https://d.org), ![e](f.png)"
    assert generated.without_relative_links(text) == "a, [c](https://d.org), *e*"
