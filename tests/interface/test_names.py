"""One name, one concept: no class, type alias or module name stands for several concepts."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHARED_CLASS_NAMES = {
    "Case": "public: an entry with a check in `mobench.testing`, inputs of a balancer in `mobench.testing.properties`",
}
SHARED_MODULE_NAMES = {
    "leaderboard": "the command, and what it shows",
    "plugins": "the command, and what it shows",
    "trade_off": "the command, and the table that it shows",
}
"""A module in `cli` has the name of its command. `chunked`, `dataset` and others are the same role of two plugins."""


def type_names(source: str) -> Iterator[str]:
    """Yield the names of classes, nested ones included, and of aliases of types and type variables of a module."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.name
    for statement in tree.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        targets = [statement.target] if isinstance(statement, ast.AnnAssign) else targets
        yield from (t.id for t in targets if isinstance(t, ast.Name) and is_camel_case(t.id))


def is_camel_case(name: str) -> bool:
    bare = name.lstrip("_")
    return bare[:1].isupper() and not bare.isupper()


def repeated(names_by_place: Iterable[tuple[str, Iterable[str]]]) -> dict[str, list[str]]:
    """Return name -> its places for every name that has two or more."""
    places: dict[str, list[str]] = defaultdict(list)
    for place, names in names_by_place:
        for name in names:
            places[name].append(place)
    return {name: at for name, at in places.items() if len(at) > 1}


def modules(folder: str) -> list[Path]:
    return [path for path in sorted((ROOT / folder).rglob("*.py")) if path.name != "__init__.py"]


def package_of(path: Path) -> str:
    """Return "mobench", or the package of a built-in plugin."""
    parts = path.relative_to(ROOT).parts
    return parts[0] if parts[0] == "mobench" else parts[1]


def test_a_class_or_alias_name_occurs_once() -> None:
    paths = [*(ROOT / "mobench").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]
    places_by_name = repeated((str(path.relative_to(ROOT)), type_names(path.read_text())) for path in paths)
    assert places_by_name.keys() == SHARED_CLASS_NAMES.keys(), places_by_name


def test_a_module_name_occurs_once_in_the_core() -> None:
    paths = [path for path in modules("mobench") if path.parent.name != "docs"]
    places_by_name = repeated((str(path.relative_to(ROOT)), [path.stem]) for path in paths)
    assert places_by_name.keys() == SHARED_MODULE_NAMES.keys(), places_by_name
    commands = {path.stem for path in (ROOT / "mobench" / "cli").glob("*.py")}
    assert places_by_name.keys() <= commands
    assert all(len(places) == 2 for places in places_by_name.values()), places_by_name


def test_a_module_name_occurs_once_in_a_plugin() -> None:
    by_package: dict[str, list[Path]] = defaultdict(list)
    for path in modules("plugins"):
        by_package[package_of(path)].append(path)
    for paths in by_package.values():
        assert repeated((str(path), [path.stem]) for path in paths) == {}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("class A:\n    class B: pass", ["A", "B"]),
        ("Tell = Callable[[str], None]\nLIMIT = 3\nlower = 1", ["Tell"]),
        ("Array: TypeAlias = NDArray", ["Array"]),
        ("_Piece = tuple[int, int]\n_X = 1", ["_Piece"]),
    ],
)
def test_names_of_types_are_found(source: str, names: list[str]) -> None:
    assert sorted(type_names(source)) == sorted(names)


def test_a_name_of_two_places_is_found() -> None:
    assert repeated([("a.py", ["State", "Job"]), ("b.py", ["State"])]) == {"State": ["a.py", "b.py"]}
