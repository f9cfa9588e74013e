"""Built-in plugins and scaffold templates import public modules only; the import contract lists every module."""

from __future__ import annotations

import ast
import importlib.util
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("public_modules", Path(__file__).parent / "public_names.py")
assert spec is not None
assert spec.loader is not None
public = importlib.util.module_from_spec(spec)
spec.loader.exec_module(public)

PLUGIN_FILES = sorted((ROOT / "plugins").rglob("*.py"))
TEMPLATES = sorted((ROOT / "mobench" / "scaffold" / "templates").rglob("*.py.tmpl"))
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


def private_imports(source: str, allowed: tuple[str, ...]) -> list[str]:
    """Return the modules of mobench that a source file imports and that are not in `allowed`."""
    modules = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            submodules = [f"{node.module}.{alias.name}" for alias in node.names]
            modules += [name for name in submodules if name in PRIVATE] or [node.module]
    return [name for name in modules if name.split(".")[0] == "mobench" and name not in allowed]


PRIVATE = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "mobench").rglob("*.py")
} - set(public.MODULES)


def source_of(template: Path) -> str:
    """Return the text of a template with its placeholders replaced, so that it parses."""
    return template.read_text().replace("$$", "").replace("$", "placeholder_")


@pytest.mark.parametrize("path", PLUGIN_FILES, ids=lambda path: str(path.relative_to(ROOT / "plugins")))
def test_a_built_in_plugin_imports_public_modules_alone(path: Path) -> None:
    assert private_imports(path.read_text(), public.MODULES) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "mobench")))
def test_a_scaffold_template_imports_public_modules_alone(path: Path) -> None:
    assert private_imports(source_of(path), public.MODULES) == []


@pytest.mark.parametrize(
    "source",
    [
        "from mobench.learning.gradients import combine",
        "from mobench.runs import runner",
        "import mobench.records.store",
        "def f():\n    from mobench.jobs.job import Job",
    ],
)
def test_a_private_import_is_found(source: str) -> None:
    assert private_imports(source, public.MODULES)


def test_the_contract_of_layers_lists_every_module() -> None:
    (layers,) = [contract for contract in CONTRACTS if contract["type"] == "layers"]
    listed = {name.strip("() ") for layer in layers["layers"] for name in layer.replace("|", ":").split(":")}
    present = {
        path.stem
        for path in (ROOT / "mobench").iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").exists()
    }
    assert layers["exhaustive"]
    assert listed == present
