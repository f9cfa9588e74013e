"""Writer of self-contained HTML tables that are accessible to screen readers."""

from __future__ import annotations

from mobench.reports.tables.escaping import html as escaped
from mobench.reports.tables.sheet import Sheet


def write(sheet: Sheet) -> str:
    """Return an HTML page with the table, its caption, headings with descriptions, and notes.

    Best values are bold, second-best underlined. The solver's name is the heading of its row.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("mobench.reports.tables", "writers"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["shown"] = lambda text: Markup(escaped(text))
    names = [c.name for c in sheet.columns]
    return environment.get_template("table.html.jinja").render(
        sheet=sheet,
        title=sheet.caption or "Leaderboard",
        named=names.index("solver") if "solver" in names else -1,
    ) + "\n"  # fmt: skip
