"""The documentation site builds without warnings, its pages are complete, and its code blocks run."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from readmes.pages import ROOT, blocks

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
    reference = (site / "_generated" / "api.html").read_text()
    for name in ("Balancer", "Dataset", "Generator", "Model", "Solver"):
        assert f'id="mobench.interfaces.{name}"' in reference


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_the_python_of_a_page_runs(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All code blocks of a page run in one module, as a reader would run them."""
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


def test_text_without_relative_links_keeps_addresses_and_words() -> None:
    sys.path.insert(0, str(DOCS))
    try:
        import generated  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(DOCS))
    text = "[a](b.md), [c](https://d.org), ![e](f.png)"
    assert generated.without_relative_links(text) == "a, [c](https://d.org), *e*"
