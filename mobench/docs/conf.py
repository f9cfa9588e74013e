"""Sphinx configuration of the documentation: `sphinx-build -W -b html mobench/docs OUT`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import generated  # noqa: E402  # beside this file, found through the path above
import notebook_pages  # noqa: E402

import mobench  # noqa: E402

project = "mobench"
author = copyright = "the mobench developers"
version = release = mobench.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["*.py"]
html_theme = "furo"
html_title = f"mobench {version}"
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
# external addresses need a network: `sphinx-build -b linkcheck` visits them by hand
linkcheck_ignore = [r"https?://.*"]

generated.write_pages(
    HERE / "_generated", notebook_pages.pages(HERE / "_generated", os.environ.get("MOBENCH_NOTEBOOKS", ""))
)


def setup(app: object) -> None:
    """Show docstrings as they are written: plain text with a hanging indent, not reStructuredText."""
    app.connect("autodoc-process-docstring", generated.as_line_block)  # type: ignore[attr-defined]
