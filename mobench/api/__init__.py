"""Python API: the commands of the command line as functions that return pandas tables or paths.

The signature and the docstring of a function define its command: names, defaults and help of the options.
"""

from __future__ import annotations

from mobench.api.board_sites import site
from mobench.api.record_checks import verify
from mobench.api.result_files import export, plot, report
from mobench.api.result_tables import leaderboard
from mobench.api.searches import tune
from mobench.api.submissions import submit, verify_submission
from mobench.api.suite_runs import run
from mobench.api.task_comparisons import compare

__all__ = [
    "compare",
    "export",
    "leaderboard",
    "plot",
    "report",
    "run",
    "site",
    "submit",
    "tune",
    "verify",
    "verify_submission",
]
