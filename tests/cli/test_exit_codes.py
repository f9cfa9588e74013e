"""Exit codes: the page that lists them, and the codes that are used."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from mobench.cli.exit_codes import ExitCode

ROOT = Path(__file__).parents[2] / "mobench"


def test_the_page_lists_every_exit_code() -> None:
    page = (ROOT / "docs" / "howto" / "cluster.md").read_text()
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)] == list(ExitCode)


def test_commands_exit_with_codes_of_the_enumeration_alone() -> None:
    for path in (ROOT / "cli").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "typer.Exit":
                for argument in node.args:
                    assert ast.unparse(argument).startswith("ExitCode."), f"{path.name}: {ast.unparse(node)}"
