"""Lines of `--json` that state the results of single commands, and the list of all kinds of lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mobench.output import board_lines, data_lines, season_lines  # noqa: F401 - their lines are in LINES
from mobench.output.output_lines import OutputLine


@dataclass(frozen=True)
class JobLine(OutputLine):
    """An event of one job of a run.

    phase: of the event (see the events of a job).
    split: that is evaluated; null except in phase "evaluate".
    fraction: of training; null except in phase "train".
    losses: running means; null except in phase "train".
    hypervolume: last known one on the validation split; null if there is none yet.
    eta_seconds: until the end of this job; null if unknown.
    status: how the job ended; null except in the phases "end" and "present".
    message: why the job failed, diverged, was declined, waits, or lost its node; null otherwise.
    """

    event = "job"
    id: str
    dataset: str
    model: str
    solver: str
    seed: int
    phase: str
    split: str | None
    fraction: float | None
    losses: Sequence[float | None] | None
    hypervolume: float | None
    eta_seconds: float | None
    status: str | None
    message: str | None


@dataclass(frozen=True)
class BestOfDataset:
    """The best validation hypervolume on a dataset so far."""

    dataset: str
    hypervolume: float | None
    solver: str
    seed: int
    final: bool


@dataclass(frozen=True)
class RunLine(OutputLine):
    """Progress of a whole run, after each job that starts or ends.

    done: number of jobs that have ended or had a record, including failed ones.
    failed: number of jobs that failed or diverged.
    eta_seconds: null if unknown.
    guessed: number of jobs whose length is estimated from jobs on the same dataset and model.
    best: one object per dataset: the best validation hypervolume so far, with `dataset`, `hypervolume`, `solver`,
        `seed` and `final` (whether its job has ended).
    """

    event = "run"
    jobs: int
    done: int
    failed: int
    running: int
    waiting: int
    seconds: float
    eta_seconds: float | None
    guessed: int
    best: Sequence[BestOfDataset]


@dataclass(frozen=True)
class SummaryLine(OutputLine):
    """Numbers of jobs at the end of a run.

    present: jobs that had a record, or that another runner ran.
    declined: jobs that were declined when they started and have no record.
    """

    event = "summary"
    completed: int
    present: int
    diverged: int
    failed: int
    declined: int
    seconds: float


@dataclass(frozen=True)
class TrialLine(OutputLine):
    """A finished trial of `mobench tune`.

    value: on the validation split; null if the trial has none.
    """

    event = "trial"
    solver: str
    number: int
    state: str
    value: float | None
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class CheckLine(OutputLine):
    """One check of `mobench check`.

    says: the property that the check tests.
    message: why it failed and what to do, or why it was declined.
    details: the traceback of a failed check.
    """

    event = "check"
    kind: str
    name: str
    distribution: str | None
    version: str | None
    check: str
    says: str
    state: Literal["passed", "declined", "failed"]
    message: str
    details: str


@dataclass(frozen=True)
class ChecksLine(OutputLine):
    """Numbers of checks of `mobench check` by state."""

    event = "checks"
    passed: int
    failed: int
    declined: int


@dataclass(frozen=True)
class EntryLine(OutputLine):
    """A registered name of `mobench list` or `mobench show`.

    In `mobench show`, the options follow as `table` lines; a pair has one table per part, titled with the part.

    generator: of a pair; null for other names.
    balancer: of a pair; null for other names.
    text: TOML of a suite or docstring of a class in `mobench show`; empty in `mobench list`.
    """

    event = "entry"
    kind: str
    name: str
    summary: str
    source: str
    generator: str | None
    balancer: str | None
    plugin: str
    distribution: str
    version: str
    text: str = ""


@dataclass(frozen=True)
class ColumnLine(OutputLine):
    """The definition of a column of the leaderboard, of `mobench show`.

    better: "higher", "lower", or "" if neither is better.
    statistic: "mean" or "median" over seeds.
    source: publication that defines the quantity; "" if it needs none.
    """

    event = "column"
    name: str
    meaning: str
    better: str
    unit: str
    statistic: str
    source: str


@dataclass(frozen=True)
class PluginLine(OutputLine):
    """A plugin of `mobench plugins`.

    details: the traceback of a broken plugin, with `--details`.
    """

    event = "plugin"
    name: str
    distribution: str
    version: str
    state: Literal["ok", "broken", "blocked"]
    error: str
    details: str


@dataclass(frozen=True)
class PlotKindLine(OutputLine):
    """A kind of plot that `mobench plot` draws, and the available formats."""

    event = "plot"
    name: str
    summary: str
    formats: Sequence[str]


@dataclass(frozen=True)
class TradeOffLine(OutputLine):
    """The front of `mobench trade-off`.

    table: one object per row.
    hypervolume: dataset -> hypervolume.
    """

    event = "trade_off"
    columns: Sequence[str]
    reference: Sequence[float]
    table: Sequence[Mapping[Any, Any]]
    hypervolume: Mapping[str, float]


@dataclass(frozen=True)
class ImportedLine(OutputLine):
    """Records that `mobench import` added, one per seed.

    points: number of points of each record on the test split.
    reference: reference point of the protocol.
    """

    event = "imported"
    solver: str
    dataset: str
    protocol: str
    ids: Sequence[str]
    seeds: Sequence[int]
    points: Sequence[int]
    reference: Sequence[float]


@dataclass(frozen=True)
class LiveNetworkLine(OutputLine):
    """A network that `mobench report` embedded in the page."""

    event = "live"
    dataset: str
    name: str
    seed: int


@dataclass(frozen=True)
class ComparisonLine(OutputLine):
    """One quantity of `mobench verify`.

    difference: relative to the larger of the two values.
    """

    event = "comparison"
    name: str
    recorded: float | None
    again: float | None
    difference: float | None
    agrees: bool


@dataclass(frozen=True)
class VerdictLine(OutputLine):
    """Result of `mobench verify`.

    identical: to the bit.
    differing: names of the quantities that do not agree.
    """

    event = "verdict"
    id: str
    identical: bool
    agrees: bool
    differing: Sequence[str]


@dataclass(frozen=True)
class LeaderboardLine(OutputLine):
    """A leaderboard.

    table: one object per row.
    comparisons: results of the paired comparisons, per dataset and over all.
    left_out: records that are not in the table, with the reasons.
    """

    event = "leaderboard"
    table: Sequence[Mapping[Any, Any]]
    comparisons: Sequence[Mapping[str, Any]]
    notes: Sequence[str]
    left_out: Sequence[str]


LINES: dict[str, type[OutputLine]] = {cls.event: cls for cls in OutputLine.__subclasses__()}
"""Kind -> class of every line that `--json` writes."""
