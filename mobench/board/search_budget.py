"""The search for options before a submission, against the number of trials that the season allows."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mobench import files
from mobench.board.layout import SEARCH_FILE, Submission
from mobench.board.store_tasks import StoreTasks
from mobench.board.submission_files import MAX_SEARCH_BYTES
from mobench.jobs import plan as plans
from mobench.jobs.job import Job
from mobench.jobs.overrides import Overrides
from mobench.records.record import Record
from mobench.text import one_line


def search_faults(folder: Path, submission: Submission, tasks: StoreTasks) -> list[str]:
    """Return why the search of a submission is not within the budget of its season; [] if it is, or there is none."""
    if SEARCH_FILE not in submission.files:
        return []
    if tasks.n_trials is None:
        return [f"it has a {SEARCH_FILE}, and the store {submission.store!r} states no search"]
    try:
        n_trials = trials_in(folder / SEARCH_FILE)
    except (OSError, csv.Error) as error:
        return [f"its {SEARCH_FILE} cannot be read: {one_line(str(error), 200)}"]
    if n_trials > tasks.n_trials:
        return [f"its search took {n_trials} trials of one task, the season allows {tasks.n_trials}"]
    return []


def trials_in(path: Path) -> int:
    """Return the largest number of trials of one combination in a `study.csv`. Raises: OSError, csv.Error."""
    text = files.read(path, MAX_SEARCH_BYTES).decode(errors="replace")
    rows = csv.DictReader(io.StringIO(text))
    counts = Counter(tuple(row.get(role) for role in ("dataset", "model", "solver")) for row in rows)
    return max(counts.values(), default=0)


def unstated_search(records: Sequence[Record], tasks: StoreTasks) -> list[str]:
    """Return one sentence for each solver whose options are not its defaults, if the season bounds their search.

    The plugins of the records have to be installed: their defaults are not known otherwise.

    Raises: MobenchError if a plugin is not installed.
    """
    if tasks.n_trials is None or tasks.suite is None:
        return []
    searched = {
        record.job.solver.name
        for record in records
        if record.imported is None and record.id not in _ids_without_search(tasks.suite.name, record.job)
    }
    return [
        f"the options of {one_line(name, 80)} are not its defaults, and the season bounds their search: name the "
        "folder of `mobench tune` with --search"
        for name in sorted(searched)
    ]


def _ids_without_search(suite: str, job: Job) -> set[str]:
    """Return the ids of the jobs of a solver on a task without a search, for all seeds."""
    selected = Overrides(datasets=[job.dataset.name], models=[job.model.name], solvers=[job.solver.name]).load(suite)
    return {planned.id for planned in plans.plan(selected).jobs}
