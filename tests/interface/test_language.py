"""Public docstrings and pages use plain words: those that the project's language rules out do not come back."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AVOIDED = re.compile(
    r"\b(anew|befell|whoever|besides|meanwhile|somebody|nobody|strangers?|as it lies|of what (?:is|was)|"
    r"what is asked of|begun again|made again|goes on)\b",
    re.IGNORECASE,
)
SOURCES = [*sorted((ROOT / "mobench").rglob("*.py")), *sorted((ROOT / "plugins").rglob("*.py"))]
PAGES = [
    page
    for folder in ("mobench", "plugins")
    for page in sorted((ROOT / folder).rglob("*.md"))
    if "_generated" not in page.parts and page != ROOT / "plugins" / "mobench_text" / "README.md"  # it is data as well
] + [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "results" / "README.md"]


def docstrings(source: str) -> list[str]:
    """All docstrings of a module, its classes and functions."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    return [ast.get_docstring(node) or "" for node in ast.walk(ast.parse(source)) if isinstance(node, documented)]


def avoided_words(text: str) -> list[str]:
    """Words of a text that the project avoids, each with what stands around it."""
    return [text[max(0, match.start() - 30) : match.end() + 30] for match in AVOIDED.finditer(text)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_docstrings_are_plain(path: Path) -> None:
    assert [words for text in docstrings(path.read_text()) for words in avoided_words(text)] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_pages_are_plain(path: Path) -> None:
    assert avoided_words(path.read_text()) == []


def test_a_word_that_is_avoided_is_found() -> None:
    assert avoided_words("The file is written anew.") == ["The file is written anew."]
    assert docstrings('"""A."""\ndef f():\n    """B."""\n') == ["A.", "B."]
