"""Docstrings, messages, pages and names use plain words: those that the project's language rules out stay out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AVOIDED = re.compile(
    r"\b(anew|befell|whoever|besides|meanwhile|somebody|nobody|strangers?|as it lies|of what (?:is|was)|"
    r"what is asked of|begun again|made again|goes on)\b",
    re.IGNORECASE,
)
VAGUE_NAMES = re.compile(
    "alike|asked|befell|beside|each|every|former|found|given|kept|known|made|nobody|one|ones|own|said|some|taken|told|"
    "wanted|whoever|whole|whose"
)
"""Names that do not say what a variable or parameter holds."""
ROOMS = [
    "cli",
    "docs",
    "fronts",
    "interfaces",
    "jobs",
    "kernels",
    "learning",
    "metrics",
    "numerics",
    "records",
    "reports",
    "runs",
    "scaffold",
    "search",
    "testing",
]
"""Packages of mobench."""
TEST_FOLDERS = sorted({path.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").glob("*/**/*.py")})
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


def messages(source: str) -> list[str]:
    """All texts of a module but docstrings; the values in an f-string are replaced by {}."""
    tree = ast.parse(source)
    parts = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr | ast.JoinedStr)
        for part in ast.iter_child_nodes(node)
        if isinstance(part, ast.Constant)
    }
    texts = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            texts.append("".join(v.value if isinstance(v, ast.Constant) else "{}" for v in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            texts.append(node.value)
    return texts


def vague_names(source: str) -> Iterator[str]:
    """Yield the variables and parameters of a module's functions whose names are vague, each with its line."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    tree = ast.parse(source)
    inside = {id(node): node for f in ast.walk(tree) if isinstance(f, functions) for node in ast.walk(f)}
    for node in inside.values():
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                pass
            case ast.ExceptHandler(name=name) | ast.MatchAs(name=name) | ast.MatchStar(name=name):
                pass
            case _:
                continue
        if name is not None and VAGUE_NAMES.fullmatch(name):
            yield f"{name} in line {node.lineno}"


def avoided_words(text: str) -> list[str]:
    """Words of a text that the project avoids, each with what stands around it."""
    return [text[max(0, match.start() - 30) : match.end() + 30] for match in AVOIDED.finditer(text)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_docstrings_and_messages_are_plain(path: Path) -> None:
    source = path.read_text()
    assert [words for text in docstrings(source) + messages(source) for words in avoided_words(text)] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_pages_are_plain(path: Path) -> None:
    assert avoided_words(path.read_text()) == []


@pytest.mark.parametrize(
    "pattern",
    [
        "mobench/*.py",
        *(f"mobench/{room}/**/*.py" for room in ROOMS),
        "plugins/**/*.py",
        "tests/*.py",
        *(f"tests/{folder}/**/*.py" for folder in TEST_FOLDERS),
    ],
)
def test_names_say_what_they_hold(pattern: str) -> None:
    paths = sorted(ROOT.glob(pattern))
    assert paths
    names = {path.relative_to(ROOT).as_posix(): list(vague_names(path.read_text())) for path in paths}
    assert {path: vague for path, vague in names.items() if vague} == {}


def test_a_word_that_is_avoided_is_found() -> None:
    assert avoided_words("The file is written anew.") == ["The file is written anew."]
    assert docstrings('"""A."""\ndef f():\n    """B."""\n') == ["A.", "B."]
    source = '"""A."""\ndef f(x):\n    """B."""\n    return f"{x} is"\n    "anew", "C"\n'
    assert messages(source) == ["{} is", "anew", "C"]


def test_a_vague_name_is_found() -> None:
    source = "one = 1\ndef f(found, *, kept=0):\n    for said, x in kept:\n        g(lambda told: 1)\n"
    source += "    return [own for own in x]\n"
    assert sorted(name.split()[0] for name in vague_names(source)) == ["found", "kept", "own", "said", "told"]
    assert list(vague_names("def f(record, found_records):\n    record.found = record\n    return f(found=1)\n")) == []
