"""The Markdown pages of the repository, and their code blocks and inline commands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
FOLDERS = ("mobench", "plugins", "results", "tests")
PROGRAMS = ("mobench", "python", "python3", "pip", "bash", "ray", "…")
"""Inline code that begins with one of these is a command, or the name of one."""


@dataclass(frozen=True)
class Command:
    """One command of a page, without its comment."""

    page: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}: {self.text}"


def pages() -> list[Path]:
    """Return every page except the changelog, the tables that commands write beside records, and generated pages."""
    paths = [*ROOT.glob("*.md")]
    for folder in FOLDERS:
        paths += [*(ROOT / folder).rglob("*.md"), *(ROOT / folder).rglob("*.md.tmpl")]
    return sorted(
        path for path in paths if path.name != "CHANGELOG.md" and not _is_table(path) and "_generated" not in path.parts
    )


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(text: str) -> list[tuple[str, str]]:
    """Return the language and the text of every code block, in order."""
    return re.findall(r"^```([^\n]*)\n(.*?)^```", text, re.S | re.M)


def commands(page: Path) -> list[Command]:
    """Return every command of a page once, in order: lines of shell blocks, split at &&, and inline commands."""
    return commands_in(page.read_text(encoding="utf-8"), name(page))


def commands_in(text: str, page: str) -> list[Command]:
    """Return the commands of a page with this text and name."""
    lines: list[str] = []
    for match in re.finditer(r"^```([^\n]*)\n(.*?)^```|`([^`]+)`", text, re.S | re.M):
        language, block, inline = match.groups()
        if inline is not None and _is_command(inline := " ".join(inline.split())):
            lines.append(inline)
        elif language == "sh":
            lines += block.splitlines()
    parts = [part.strip() for line in lines for part in re.split(r"\s#\s|\s#$", line)[0].split("&&")]
    return [Command(page, part) for part in dict.fromkeys(parts) if part]


def calls(page: Path) -> list[str]:
    """Return the inline calls of mobench's functions."""
    prose = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
    return [code for code in re.findall(r"`([^`]+)`", prose) if re.match(r"mobench\.\w+\(.*\)$", code)]


def _is_command(code: str) -> bool:
    """Return whether inline code is a command; `mobench tune` and `pip install` alone are only names."""
    words = code.split()
    return len(words) > 1 and words[0].removeprefix(".venv/bin/") in PROGRAMS and not _is_a_name(words)


def _is_a_name(words: list[str]) -> bool:
    return len(words) == 2 and words[0] in ("mobench", "pip")


def _is_table(path: Path) -> bool:
    return path.parent.parent == ROOT / "results"
