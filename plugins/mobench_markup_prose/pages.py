"""Pages of the Wikipedia text: their wikitext, which pages pretrain a network, and which bytes are markup."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mobench.datafiles import require
from mobench.errors import DataError
from mobench.interfaces import Split

PAGE = re.compile(r'<title>([^<]*)</title>.*?<text xml:space="preserve">(.*?)</text>', re.DOTALL)
REDIRECT = "#REDIRECT"
PRETRAINING_SHARE = 0.7
"""Share of the bytes whose pages, the first ones, pretrain the network."""
ROLES: tuple[Split, ...] = ("train", "train", "train", "val", "test")
"""Splits of the other pages, in turn."""
CLOSING = {"{{": "}}", "{|": "|}"}
"""Delimiters of templates and tables, which may contain each other; all of their content is markup."""
DELIMITER = re.compile(r"\{\{|\}\}|\{\||\|\}(?!\})")
"""The "|" before "}}" is an empty argument of a template."""
MARKUP = re.compile(
    r"<!--.*?-->"  # comments
    r"|<ref\b[^>]*/>|<ref\b.*?</ref>"  # references
    r"|<(math|gallery|timeline|pre|code|syntaxhighlight)\b.*?</\1>"  # other elements with content
    r"|</?[A-Za-z][^>]*>"  # other tags
    r"|\[\[(?:File|Image|Category):(?:[^\[\]]|\[\[[^\[\]]*\]\])*\]\]"  # files and categories, with links in captions
    r"|\[\[(?:[^\[\]|]*\|)?|\]\]"  # links: all but the displayed text
    r"|'{2,5}|&[A-Za-z]+;|&#\d+;"  # bold, italic, character references
    r"|^[*#:;]+|^={2,6}|={2,6}[ \t]*$|^----+|__[A-Z]+__",  # lists, headings, rules, switches
    re.DOTALL | re.MULTILINE,
)

ADDRESS = re.compile(r"(\[(?:https?:)?//[^\s\]]*[ \t]?)[^\]\n]*(\])")
"""A link to an address; its groups are all but the displayed text."""


def wikitexts(path: Path) -> list[tuple[str, str]]:
    """Return title and wikitext of each page of the XML file, without redirects.

    Raises: DataError if the file has no pages.
    """
    content = path.read_text(encoding="utf-8")
    pages = [(title, html.unescape(text)) for title, text in PAGE.findall(content)]
    pages = [(title, text) for title, text in pages if not text.startswith(REDIRECT)]
    if not pages:
        raise DataError(f"{path.name} has no pages: fetch it again with `mobench data fetch wiki`")
    return pages


def pages_of(role: Split | None) -> list[str]:
    """Return the wikitexts of a split, in order; None: those of pretraining.

    The first pages, up to 70 % of the bytes, are for pretraining. The others are in turn for training (three of five),
    validation and testing.

    Raises: DataError if the file is missing or damaged.
    """
    (path,) = require("wiki").values()
    return divided(_texts(path, path.stat().st_mtime_ns))[role]


def divided(texts: tuple[str, ...]) -> dict[Split | None, list[str]]:
    """Return texts by split, as described in `pages_of`."""
    ends = np.cumsum([len(text.encode()) for text in texts])
    n_first = int((ends <= PRETRAINING_SHARE * ends[-1]).sum())
    by_role: dict[Split | None, list[str]] = {None: list(texts[:n_first]), "train": [], "val": [], "test": []}
    for i, text in enumerate(texts[n_first:]):
        by_role[ROLES[i % len(ROLES)]].append(text)
    return by_role


@lru_cache(maxsize=1)
def _texts(path: Path, mtime_ns: int) -> tuple[str, ...]:
    """Return the wikitexts; the last result is kept, because a job loads three splits of one file."""
    return tuple(text for _, text in wikitexts(path))


def markup_bytes(text: str) -> NDArray[np.bool_]:
    """Return for each byte of a wikitext in UTF-8 whether it is markup; the others are prose.

    Markup are templates and tables with all of their content, the matches of `MARKUP`, and the groups of `ADDRESS`.
    Text that a link displays is prose, and so are line ends.
    """
    is_markup = np.zeros(len(text), bool)
    for start, end in _nested(text):
        is_markup[start:end] = True
    for match in MARKUP.finditer(text):
        is_markup[match.start() : match.end()] = True
    for match in ADDRESS.finditer(text):
        for group in (1, 2):
            is_markup[match.start(group) : match.end(group)] = True
    n_bytes = [len(character.encode()) for character in text]
    return np.repeat(is_markup, n_bytes)


def _nested(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of each outermost template or table; one that is not closed ends with its line."""
    expected: list[str] = []
    start = at = 0
    while True:
        match = DELIMITER.search(text, at)
        if match is None and not expected:
            return
        if match is None:
            line_end = text.find("\n", start)
            at = len(text) if line_end < 0 else line_end
            expected = []
            yield start, at
            continue
        at = match.end()
        if match[0] in CLOSING:
            if not expected:
                start = match.start()
            expected.append(CLOSING[match[0]])
        elif expected and match[0] == expected[-1]:
            expected.pop()
            if not expected:
                yield start, at
