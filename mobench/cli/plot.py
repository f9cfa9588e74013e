"""`mobench plot`: draw plots of records as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mobench.api import result_files
from mobench.cli.python_options import SEVERAL, Detail, options_of
from mobench.output.printing import events, say, warn, wrote
from mobench.output.result_lines import PlotKindLine


@options_of(
    result_files.plot,
    folder=Detail(is_optional=True),
    kinds=Detail(kind=SEVERAL, more={"metavar": "[KIND]..."}),
)
def plot(folder: Path | None, kinds: list[str], **values: Any) -> None:
    """Draw the records of a folder; without a folder, list the kinds of plots."""
    from mobench.reports.plots.kinds import FORMATS, KINDS

    if folder is None:
        width = max(map(len, KINDS))
        for name, kind in KINDS.items():
            text = f"{name:{width}}  {kind.summary}"
            say(text, PlotKindLine(name, kind.summary, list(FORMATS)))
        if events() is None:
            print(f"formats: {', '.join(FORMATS)} (the numbers that are drawn)")
        return
    drawn = result_files.plots(folder, kinds, **values, warn=warn)
    for reason in drawn.empty:
        warn(reason, "not drawn")
    for path in drawn.paths:
        wrote(path)
