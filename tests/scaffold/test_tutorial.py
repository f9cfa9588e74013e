"""The tutorial, followed exactly from an empty folder: each command and file, and the output that it shows."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import fresh
import pytest
from readmes.pages import blocks

TUTORIAL = fresh.ROOT / "mobench" / "scaffold" / "TUTORIAL.md"
MARK = "=== the end of a block ==="
ONE_CORE = """
import os, sys
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
os.execvp('bash', ['bash', *sys.argv[1:]])
"""
"""Other tests have the other cores: two threads of a job that wait for one core take many times as long."""
SHORT = {r"^epochs = \d+": "epochs = 1", r"^pairs = \d+": "pairs = 1000", r"^test_pairs = \d+": "test_pairs = 200"}
"""Lines of a suite, as regular expressions, and what is in their place here, so that training takes seconds."""


def script(text: str) -> str:
    """All blocks but those of output as one shell script, as one reader types them.

    Python is run, a change is made, the suite is saved under the name that the text gives it. Both suites, that one and
    `quick` of the package that the first block installs, are shortened.
    """
    (suite,) = re.findall(r"this is `(\w+\.toml)`", text)
    into = {"python": "python -W error -", "toml": f"cat > {suite}"}
    commands = ["set -e"]
    first = next(block for language, block in blocks(text) if language == "sh")
    for language, block in blocks(text):
        if language in into:
            commands.append(f"{into[language]} <<'END'\n{short(block) if language == 'toml' else block}END")
        elif language == "diff":
            commands.append(f"python - <<'END'\n{change(block)}END")
        elif language == "sh":
            commands.append(block)
            if block == first:
                commands.append(f"python - <<'END'\n{SHORTEN_QUICK}END")
        commands.append(f"echo '{MARK}'")
    return "\n".join(commands)


def short(suite: str) -> str:
    """Return the text of a suite with fewer epochs and samples."""
    for line, shorter in SHORT.items():
        suite = re.sub(line, shorter, suite, flags=re.MULTILINE)
    return suite


SHORTEN_QUICK = f"""
import re
from importlib.util import find_spec
from pathlib import Path
path = Path(find_spec("mobench_suites").origin).with_name("quick.toml")
text = path.read_text(encoding="utf-8")
for line, shorter in {SHORT!r}.items():
    text, n_changes = re.subn(line, shorter, text, count=1, flags=re.MULTILINE)  # the first is that of its own jobs
    assert n_changes == 1, line
path.write_text(text, encoding="utf-8")
"""


def change(diff: str) -> str:
    """A program that puts lines with a + in the place of those with a - before them, each of which is there once."""
    head, *lines = diff.splitlines()
    pairs = list(zip(lines[::2], lines[1::2], strict=True))
    assert head.startswith("--- ")
    assert all(old.startswith("-") and new.startswith("+") for old, new in pairs)
    program = f"from pathlib import Path\npath = Path({head[4:]!r})\ntext = path.read_text(encoding='utf-8')\n"
    for old, new in pairs:
        old, new = f"{old[1:]}\n", f"{new[1:]}\n"
        program += f"assert text.count({old!r}) == 1\ntext = text.replace({old!r}, {new!r})\n"
    return f"{program}path.write_text(text, encoding='utf-8')\n"


def outputs_of(text: str, output: str) -> Iterator[tuple[str, str, str]]:
    """Yield the language, shown output and printed output of each block that an output block follows."""
    printed = output.split(f"{MARK}\n")
    for ((language, _), (following, expected)), step_output in zip(pairwise(blocks(text)), printed, strict=False):
        if following == "text":
            yield language, expected, step_output


def agree(expected: str, printed: str, *, exact: bool) -> bool:
    """Return whether lines of output occur among the printed lines, one after the other.

    A line of … matches any lines, and … in a line any text. The number of spaces may differ. Lines without a
    letter or digit are ignored. Unless `exact`, each number matches any number.
    """
    parts = r"(…)" if exact else r"(…|\d[\d.,:]*)"
    pattern = ""
    for line in lines(expected):
        pieces = [_any(piece) if re.fullmatch(parts, piece) else re.escape(piece) for piece in re.split(parts, line)]
        pattern += r"(?:.*\n)*?" if line == "…" else "".join(pieces) + r"\n"
    return re.search(f"^{pattern}", "".join(f"{line}\n" for line in lines(printed)), re.MULTILINE) is not None


def orders(expected: str) -> Iterator[str]:
    """Yield the text, and with its rows of the tied rank "1–2" exchanged: their order depends on rounding."""
    yield expected
    rows = expected.splitlines()
    tied = [i for i, row in enumerate(rows) if row.lstrip().startswith("1–2 ")]
    if len(tied) == 2:
        rows[tied[0]], rows[tied[1]] = rows[tied[1]], rows[tied[0]]
        yield "\n".join(rows)


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if re.search(r"[\w…]", line)]


def _any(piece: str) -> str:
    return ".*?" if piece == "…" else r"\d[\d.,:e-]*"


@pytest.mark.parametrize(
    ("expected", "printed", "exact", "agrees"),
    [
        ("a  1.5", "x\na 2.25\ny", False, True),
        ("a  1.5", "x\na 2.25\ny", True, False),
        ("a\nb", "a\n────\n\nb", False, True),
        ("a\nb", "a\nx\nb", False, False),
        ("a\n…\nb", "a\nx\ny\nb", False, True),
        ("a … c", "a b b c", False, True),
        ("a", "aa\nba", False, False),
        ("2 failed", "many failed", False, False),
    ],
)
def test_what_is_shown_is_compared_line_by_line(expected: str, printed: str, exact: bool, agrees: bool) -> None:
    assert agree(expected, printed, exact=exact) is agrees


def test_rows_of_a_tied_rank_may_stand_in_either_order() -> None:
    assert list(orders("a\n 1–2  x\n 1–2  y\n3  z")) == ["a\n 1–2  x\n 1–2  y\n3  z", "a\n 1–2  y\n 1–2  x\n3  z"]
    assert list(orders("1  x\n2  y")) == ["1  x\n2  y"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_tutorial_ends_at_a_row_of_the_leaderboard(tmp_path: Path) -> None:
    text = TUTORIAL.read_text(encoding="utf-8")
    home, folder = tmp_path / "home", tmp_path / "empty"
    home.mkdir()
    folder.mkdir()
    (home / "mobench").symlink_to(fresh.ROOT)
    fresh.fresh(folder / ".venv", tmp_path / "lent")
    environment = fresh.environment(folder / ".venv", home)
    done = subprocess.run(
        [sys.executable, "-c", ONE_CORE, "-c", script(text)],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    for language, expected, output in outputs_of(text, done.stdout):
        exact = language == "python"
        assert any(agree(text, output, exact=exact) for text in orders(expected)), (
            f"the tutorial shows\n{expected}\nand there was\n{output}"
        )
    location = subprocess.run(
        [folder / ".venv/bin/python", "-c", "import mobench; print(mobench.__file__)"],
        cwd=folder, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert Path(location.stdout.strip()).is_relative_to(folder / ".venv")
    assert "| phn-steep |" in (folder / "results" / "steep" / "leaderboard.md").read_text()
    assert "| input+steep |" in (folder / "results" / "compare" / "leaderboard.md").read_text()
