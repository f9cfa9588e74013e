"""Texts of strangers made harmless in each format; what is escaped reads back as what it was.

Names come from plugins and records. A control character is shown as its code, ⟨U+000A⟩, everywhere.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from itertools import pairwise

NO_BREAK = "\u00a0"


def printable(text: str) -> str:
    """The text with every character that shows nothing, or moves what is beside it, as its code."""
    return "".join(_code(c) if _hidden(c) else c for c in text)


def markdown(text: str) -> str:
    """The text in a cell of a Markdown table: it begins no markup, and ends neither cell nor row."""
    shown = re.sub(r"[\\`*\[\]|~!#$&^]", r"\\\g<0>", printable(text)).replace("<", "&lt;")
    shown = re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", shown)
    shown = re.sub(r"(?i)(https?|ftp|mailto|xmpp):|(www)\.|@", lambda m: m[0][:-1] + "\\" + m[0][-1], shown)
    return _spaces(shown).replace(NO_BREAK, "&nbsp;")  # as a character a parser would strip it


def html(text: str) -> str:
    """The text between HTML tags or in an attribute in quotes."""
    from html import escape

    return escape(_spaces(printable(text)))


def csv(text: str) -> str:
    """The text in a CSV field. One that a spreadsheet would run as a formula gets an apostrophe in front.

    Texts that already are apostrophes before such a sign get one more, so that taking one away gives
    the text back.
    """
    shown = printable(text)
    return f"'{shown}" if re.match(r"'*[=+\-@]", shown) else shown


def latex(text: str) -> str:
    """The text in LaTeX of any engine and encoding, without a package.

    Letters with accents and what is common in formulae are set; other characters beyond ASCII, which
    pdfLaTeX knows no glyph for, are shown as their codes.
    """
    shown = with_glyphs(text)
    pieces = [
        _latex_character(c) + ("{}" if c in _JOINING and after in _JOINING else "")
        for c, after in pairwise(shown + " ")
    ]
    return re.sub(r"^ +| +$|  +", lambda m: r"\ " * len(m[0]), "".join(pieces))


def with_glyphs(text: str) -> str:
    """The text as a reader of LaTeX sees it: every character that has no glyph there as its code."""
    return "".join(
        c if c.isascii() or c in _LATEX or _accented(c) or c in _greek() else _code(c) for c in printable(text)
    )


def _hidden(c: str) -> bool:
    return c != " " and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp")


def _code(c: str) -> str:
    return f"⟨U+{ord(c):04X}⟩"


def _spaces(text: str) -> str:
    """Spaces that a reader of the format would swallow, as no-break spaces."""
    return re.sub(r"^ +| +$|  +", lambda m: NO_BREAK * len(m[0]), text)


def _latex_character(c: str) -> str:
    if c in _LATEX:
        return _LATEX[c]
    if c.isascii():
        return c
    return _accented(c) or _greek()[c]


def _accented(c: str) -> str:
    """A letter with one accent; "" where it is none."""
    parts = unicodedata.normalize("NFD", c)
    if len(parts) != 2 or not (parts[0].isascii() and parts[0].isalpha()) or parts[1] not in _ACCENTS:
        return ""
    letter = parts[0]
    return rf"\{_ACCENTS[parts[1]]}{{{letter}}}"


@cache
def _greek() -> dict[str, str]:
    """The Greek letters that look like no Latin one, in mathematics."""
    small = (
        "alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon varphi "
    )
    small += "chi psi omega"
    large = "Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
    signs = dict(zip("αβγδεζηθικλμνξπρστυφχψω", small.split(), strict=True))
    signs |= dict(zip("ΓΔΘΛΞΠΣΥΦΨΩ", large.split(), strict=True))
    signs |= {"×": "times", "±": "pm", "−": "-", "·": "cdot", "≤": "leq", "≥": "geq", "≠": "neq", "≈": "approx",
              "∞": "infty", "→": "rightarrow", "←": "leftarrow", "↑": "uparrow", "↓": "downarrow", "∈": "in",
              "∑": "sum", "∇": "nabla", "∂": "partial", "‖": "Vert", "°": "circ"}  # fmt: skip
    made = {c: rf"\ensuremath{{\{name}}}" for c, name in signs.items()}
    return made | {"−": r"\ensuremath{-}", "°": r"\ensuremath{^\circ}"}


_JOINING = tuple("-'`\"–—‘’“”?!,")
"""Signs of which fonts join two into one."""

_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0308": '"', "\u0304": "=", "\u0307": ".",
    "\u0306": "u", "\u030c": "v", "\u030b": "H", "\u0327": "c", "\u0323": "d", "\u0331": "b", "\u030a": "r",
}  # fmt: skip

_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "[": "{[}", "]": "{]}", "*": "{*}", "|": r"\textbar{}", '"': "''", "–": "--", "—": "---",
    "‘": "`", "’": "'", "“": "``", "”": "''",
    "…": r"\ldots{}", "ß": r"\ss{}", "ø": r"\o{}", "Ø": r"\O{}", "æ": r"\ae{}", "Æ": r"\AE{}", "œ": r"\oe{}",
    "Œ": r"\OE{}", "ł": r"\l{}", "Ł": r"\L{}", "⟨": r"\ensuremath{\langle}", "⟩": r"\ensuremath{\rangle}",
    "⁺": r"\ensuremath{^{+}}", "²": r"\ensuremath{^{2}}", "³": r"\ensuremath{^{3}}", "₂": r"\ensuremath{_{2}}",
}  # fmt: skip
