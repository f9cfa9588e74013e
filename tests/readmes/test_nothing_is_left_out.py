"""Every page is checked, and a test of this folder or a named test elsewhere runs every code block in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from readmes.elsewhere import ELSEWHERE, Elsewhere, elsewhere
from readmes.pages import ROOT, Command, blocks, calls, commands, commands_in, name, pages

RUN_BY = {
    "README.md": {"python": "tests/readmes/test_python.py", "toml": "tests/readmes/test_python.py"},
    "mobench/scaffold/TUTORIAL.md": dict.fromkeys(
        ("python", "diff", "toml", "text"), "tests/scaffold/test_tutorial.py"
    ),
}
"""Page -> language -> the test that runs all blocks of this language."""
RUN_BY |= {
    name(page): dict.fromkeys(("python", "toml", "{toctree}"), "tests/docs/test_site.py")
    for page in pages()
    if "docs" in page.parts
}
COMMANDS = [command for page in pages() for command in commands(page)]


def test_the_pages_are_all_that_there_are() -> None:
    """The changelog and the tables beside records are excluded."""
    names = {name(page) for page in pages()}
    assert {"README.md", "CONTRIBUTING.md", "mobench/INTERFACE.md", "results/README.md"} <= names
    assert {f"plugins/{path.name}/README.md" for path in (ROOT / "plugins").glob("mobench_*")} <= names
    assert len({n for n in names if n.endswith(".md.tmpl")}) == 8
    for file in ("results/analytic/leaderboard.md", "CHANGELOG.md"):
        assert (ROOT / file).is_file()
        assert file not in names


@pytest.mark.parametrize("page", pages(), ids=name)
def test_every_block_is_of_a_kind_that_some_test_runs(page: Path) -> None:
    page_text = page.read_text(encoding="utf-8")
    assert len(re.findall(r"```|~~~", page_text)) == 2 * len(blocks(page_text)), (
        "a fence is at the start of a line, of ```"
    )
    for language, text in blocks(page_text):
        if language == "sh":
            continue  # tests/readmes/test_commands.py runs these commands, and fails for one that no test runs
        test = RUN_BY.get(name(page), {}).get(language)
        assert test is not None, f"{name(page)} has a block of {language or 'no language'} that no test runs: {text}"
        assert (ROOT / test).is_file()
    assert not calls(page) or name(page) == "README.md", "run its calls as those of README.md are"


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_a_command_is_mobenchs_or_is_run_elsewhere(command: Command) -> None:
    program = command.text.removeprefix(".venv/bin/").split()[0]
    assert program == "mobench" or elsewhere(command) is not None, (
        f"no test runs {command.text!r} of {command.page}: write one, and name it in tests/support/readmes/elsewhere.py"
    )


@pytest.mark.parametrize("entry", ELSEWHERE, ids=lambda entry: entry.command)
def test_what_is_run_elsewhere_is_shown_somewhere_and_its_test_exists(entry: Elsewhere) -> None:
    assert any(elsewhere(command) is entry for command in COMMANDS), "no page shows it any more: take it out"
    file, _, function = entry.test.partition("::")
    assert re.search(rf"^def {function}\b", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE), entry.test
    assert entry.reason


def test_commands_are_found_in_blocks_and_in_the_text() -> None:
    prose = "Say `mobench list\nsolvers`, not `mobench tune`, `mobench.run` or `pip install`."
    text = f"{prose}\n```sh\na b && c  # why\nd\n```\n```toml\ne = 1\n```\n`.venv/bin/python f.py`\n"
    commands = [command.text for command in commands_in(text, "a page")]
    assert commands == ["mobench list solvers", "a b", "c", "d", ".venv/bin/python f.py"]
