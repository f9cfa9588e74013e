"""Lines of `--json` about seasons."""

from __future__ import annotations

from dataclasses import dataclass

from mobench.output.output_lines import OutputLine


@dataclass(frozen=True)
class SeasonLine(OutputLine):
    """A track of a season.

    suite:  name of the suite that states its jobs.
    frozen: whether its jobs are fixed.
    """

    event = "season"
    name: str
    track: str
    suite: str
    frozen: bool
    summary: str


@dataclass(frozen=True)
class TrackStatusLine(OutputLine):
    """The number of jobs of a dataset and a solver in a track, in total and by the status of their records."""

    event = "track_status"
    season: str
    track: str
    dataset: str
    solver: str
    jobs: int
    completed: int
    diverged: int
    failed: int
    missing: int
