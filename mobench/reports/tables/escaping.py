"""Escaping of untrusted text for each format, without loss of content.

Names come from plugins and records. Control characters are shown as their code, such as ⟨U+000A⟩, in all formats.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from itertools import pairwise

NO_BREAK = "\u00a0"


def with_codes(text: str) -> str:
    """Return the text with every invisible or layout-changing character replaced by its code."""
    return "".join(_code(c) if _hidden(c) else c for c in text)


def markdown(text: str) -> str:
    """Return the text for a cell of a Markdown table: it cannot start markup or end the cell or row."""
    shown = re.sub(r"[\\`*\[\]|~!#$&^]", r"\\\g<0>", with_codes(text)).replace("<", "&lt;")
    shown = re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", shown)
    shown = re.sub(r"(?i)(https?|ftp|mailto|xmpp):|(www)\.|@", lambda m: m[0][:-1] + "\\" + m[0][-1], shown)
    return _spaces(shown).replace(NO_BREAK, "&nbsp;")  # parsers strip the character itself


def html(text: str) -> str:
    """Return the text for use between HTML tags or in a quoted attribute."""
    from html import escape

    return escape(_spaces(with_codes(text)))


def csv(text: str) -> str:
    """Return the text for a CSV field; text that a spreadsheet would run as a formula gets a leading apostrophe.

    Text that already has apostrophes before such a sign gets one more, so that removing one apostrophe restores
    the text.
    """
    shown = with_codes(text)
    return f"'{shown}" if re.match(r"'*[=+\-@]", shown) else shown


def latex(text: str) -> str:
    """Return the text as LaTeX for any engine and encoding, without extra packages.

    Accented letters and common mathematical symbols are typeset. Other non-ASCII characters, for which pdfLaTeX has
    no glyph, are shown as their codes.
    """
    shown = with_glyphs(text)
    pieces = [
        _latex_character(c) + ("{}" if c in _JOINING and after in _JOINING else "")
        for c, after in pairwise(shown + " ")
    ]
    return re.sub(r"^ +| +$|  +", lambda m: r"\ " * len(m[0]), "".join(pieces))


def with_glyphs(text: str) -> str:
    """Return the text as printed by LaTeX: every character without a glyph is replaced by its code."""
    return "".join(
        c if c.isascii() or c in _LATEX or _accented(c) or c in _greek() else _code(c) for c in with_codes(text)
    )


def _hidden(c: str) -> bool:
    return c != " " and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp")


def _code(c: str) -> str:
    return f"⟨U+{ord(c):04X}⟩"


def _spaces(text: str) -> str:
    """Replace spaces that the format would collapse by no-break spaces."""
    return re.sub(r"^ +| +$|  +", lambda m: NO_BREAK * len(m[0]), text)


def _latex_character(c: str) -> str:
    if c in _LATEX:
        return _LATEX[c]
    if c.isascii():
        return c
    return _accented(c) or _greek()[c]


def _accented(c: str) -> str:
    """Return LaTeX for a letter with one accent; "" for any other character."""
    parts = unicodedata.normalize("NFD", c)
    if len(parts) != 2 or not (parts[0].isascii() and parts[0].isalpha()) or parts[1] not in _ACCENTS:
        return ""
    letter = parts[0]
    return rf"\{_ACCENTS[parts[1]]}{{{letter}}}"


@cache
def _greek() -> dict[str, str]:
    """Return LaTeX for the Greek letters that differ from Latin ones, and for mathematical symbols."""
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
    commands = {c: rf"\ensuremath{{\{name}}}" for c, name in signs.items()}
    return commands | {"−": r"\ensuremath{-}", "°": r"\ensuremath{^\circ}"}


_JOINING = tuple("-'`\"–—‘’“”?!,")
"""Characters that fonts join into ligatures."""

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
