"""`mobench submit`: records as a submission to a board."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mobench.api import submissions
from mobench.cli.python_options import Detail, OptionKind, options_of
from mobench.output.board_lines import SubmissionLine
from mobench.output.printing import say
from mobench.text import one_line

WHEELS = OptionKind(
    list[Path] | None, lambda paths, option: paths or [], lambda default: None, "{sentence}; repeatable"
)


@options_of(submissions.submit, wheel=Detail(kind=WHEELS))
def submit(
    folder: Path,
    to: str,
    contact: str,
    licence: str,
    store: str | None,
    solver: Sequence[str],
    wheel: Sequence[Path],
    search: Path | None,
) -> None:
    """Write the records of a folder as a submission to a board, with the wheels of the plugins that trained them.

    Nothing is written if a check finds a reason why the board would not accept them.
    """
    written = submissions.submitted(
        folder, to=to, contact=contact, licence=licence, store=store, solver=solver, wheel=wheel,
        search=search,
    )  # fmt: skip
    submission = written.submission
    n_records = sum(name.startswith("records/") for name in submission.files)
    line = SubmissionLine(submission.id, submission.store, written.place, written.branch, n_records)
    say(f"{one_line(written.place)}: {n_records} records for store {submission.store}", line)
    for distribution in submission.distributions:
        say(f"with {distribution.wheel}, SHA-256 {distribution.sha256}")
    if written.branch:
        say(f"next: open a pull request from branch {written.branch}")
    else:
        say("next: commit this folder alone and open a pull request")
