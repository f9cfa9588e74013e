"""Every change of a public name is listed in the changelog."""

from __future__ import annotations

import importlib.util
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("public_names", Path(__file__).parent / "public_names.py")
assert spec is not None
assert spec.loader is not None
names = importlib.util.module_from_spec(spec)
sys.modules["public_names"] = names
spec.loader.exec_module(names)

BEFORE = {"mobench.run": "(suite)", "mobench.A": "class(object)", "mobench.A.step": "(self)"}


def test_what_differs_from_the_last_release_is_in_the_changelog() -> None:
    version, before = names.listed(names.LIST.read_text(encoding="utf-8"))
    assert version == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    missing = names.untold(names.changes(before, names.public_names()), (ROOT / "CHANGELOG.md").read_text())
    assert not missing, names.message(missing)


@pytest.mark.parametrize(
    ("current", "expected", "words"),
    [
        (BEFORE | {"mobench.new": "()"}, {"mobench.new": "added"}, "`new`"),
        (BEFORE | {"mobench.run": "(suite, out)"}, {"mobench.run": "changed"}, "`mobench.run(suite, out=…)`"),
        ({"mobench.run": "(suite)"}, {"mobench.A": "removed", "mobench.A.step": "removed"}, "`A`"),
        (BEFORE | {"mobench.A.step": "(self, n)"}, {"mobench.A.step": "changed"}, "`A.step(n)`"),
    ],
)
def test_a_change_is_seen_until_the_changelog_names_it(
    current: dict[str, str], expected: dict[str, str], words: str
) -> None:
    changed = names.changes(BEFORE, current)
    assert changed == expected
    assert names.untold(changed, "# Changelog\n## [Unreleased]\n- other `step` words\n") == expected
    assert names.untold(changed, f"## [Unreleased]\n- nothing\n## [0.1]\n- {words}\n") == expected, "an older release"
    assert names.untold(changed, f"## [Unreleased]\n- {words}: why\n## [0.1]\n") == {}


def test_the_list_holds_what_authors_write_and_the_rules_say_where_it_is() -> None:
    description_by_name = names.public_names()
    assert {
        "mobench.run",
        "mobench.Balancer",
        "mobench.Solver.step",
        "mobench.Spec.__init__",
    } <= description_by_name.keys()
    assert description_by_name["mobench.options.build"].startswith("(cls: 'type[T]', values: 'Mapping[str, Any]'")
    assert names.listed(names.as_text("1.0", description_by_name)) == ("1.0", description_by_name)
    rules = (ROOT / "mobench" / "INTERFACE.md").read_text()
    assert all(f"`{module}`" in rules for module in names.MODULES)
    assert all("INTERFACE.md" in (ROOT / page).read_text() for page in ("README.md", "CONTRIBUTING.md"))
