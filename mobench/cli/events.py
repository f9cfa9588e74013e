"""Schema of the events that `--json` writes: one object per line on standard output, with its kind in `event`.

The last line is always `end`, with the exit code. After an error, an `error` line precedes it (and a line on
standard error, as without `--json`). Numbers that are not finite are null. Later versions may add kinds and
fields, but do not remove any.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Phase = Literal["present", "start", "data", "strategy", "train", "evaluate", "end"]


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Progress(_Event):
    """Progress of a command: `done` of `total` steps (null if unknown) are done, and step `label` is running."""

    event: Literal["progress"]
    what: str
    label: str = ""
    done: float
    total: float | None


class JobProgress(_Event):
    """Progress of one job of a run.

    fraction: of training. losses: a running mean. hypervolume: on the validation split. eta_seconds: until the end
    of this job; null if unknown. status and message: how the job ended, in the phases "end" and "present".
    """

    event: Literal["job"]
    id: str
    dataset: str
    model: str
    solver: str
    seed: int
    phase: Phase
    split: str | None = None
    fraction: float | None = None
    losses: list[float | None] | None = None
    hypervolume: float | None = None
    eta_seconds: float | None = None
    status: str | None = None
    message: str | None = None


class Best(_Event):
    """The best validation hypervolume on a dataset so far. final: whether its job has ended."""

    dataset: str
    hypervolume: float
    solver: str
    seed: int
    final: bool


class RunProgress(_Event):
    """Progress of a whole run, after each job that starts or ends.

    eta_seconds: null if unknown. guessed: number of jobs whose length is estimated from jobs on the same dataset and
    model.
    """

    event: Literal["run"]
    jobs: int
    done: int
    failed: int
    running: int
    waiting: int
    seconds: float
    eta_seconds: float | None
    guessed: int
    best: list[Best]


class JobCounts(_Event):
    """Numbers of jobs at the end of a run. declined: jobs that were declined when they started and have no record."""

    event: Literal["summary"]
    completed: int
    present: int
    diverged: int
    failed: int
    declined: int = 0
    seconds: float


class TrialEnd(_Event):
    """A finished trial of `mobench tune`. value: on the validation split; null if the trial has none."""

    event: Literal["trial"]
    solver: str
    number: int
    state: str
    value: float | None
    settings: dict[str, Any]


class CheckEnd(_Event):
    """One check of `mobench check`.

    says: the property that the check tests. message: why it failed and what to do, or why it was declined.
    """

    event: Literal["check"]
    kind: str
    name: str
    distribution: str | None
    version: str | None
    check: str
    says: str
    state: Literal["passed", "declined", "failed"]
    message: str = ""
    details: str = ""


class ChecksEnd(_Event):
    """Numbers of checks of `mobench check` by state."""

    event: Literal["checks"]
    passed: int
    failed: int
    declined: int


class RegisteredName(_Event):
    """A registered name of `mobench list` or `mobench show`.

    generator, balancer: the parts of a pair. text: the TOML of a suite or the docstring of a class, only in
    `mobench show`. There the options follow as `table` events; a pair has one table per part, titled with the part.
    """

    event: Literal["entry"]
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


class PluginState(_Event):
    """A plugin of `mobench plugins`. details: the traceback of a broken plugin, with `--details`."""

    event: Literal["plugin"]
    name: str
    distribution: str
    version: str
    state: Literal["ok", "broken", "blocked"]
    error: str
    details: str


class DataFileState(_Event):
    """A file of `mobench data list` (here or missing) or `mobench data verify` (ok, or bad with the reason)."""

    event: Literal["file"]
    collection: str
    path: str
    state: Literal["here", "missing", "ok", "bad"]
    place: str | None
    message: str


class PlotKind(_Event):
    """A kind of plot that `mobench plot` draws, and the available formats."""

    event: Literal["plot"]
    name: str
    summary: str
    formats: list[str]


class TradeOffTable(_Event):
    """The front of `mobench trade-off`. table: one object per row. hypervolume: dataset -> hypervolume."""

    event: Literal["trade_off"]
    columns: list[str]
    reference: list[float]
    table: list[dict[str, Any]]
    hypervolume: dict[str, float]


class ImportedFront(_Event):
    """Records that `mobench import` added, one per seed. points: number of points of each on the test split."""

    event: Literal["imported"]
    solver: str
    dataset: str
    protocol: str
    ids: list[str]
    seeds: list[int]
    points: list[int]
    reference: list[float]


class LiveNetwork(_Event):
    """A network that `mobench report` embedded in the page."""

    event: Literal["live"]
    dataset: str
    name: str
    seed: int


class Verdict(_Event):
    """Result of `mobench verify`. identical: to the bit. differing: the names of comparisons that do not agree."""

    event: Literal["verdict"]
    id: str
    identical: bool
    agrees: bool
    differing: list[str]


class Comparison(_Event):
    """One quantity of `mobench verify`. difference: relative to the larger of the two values."""

    event: Literal["comparison"]
    name: str
    recorded: float | None
    again: float | None
    difference: float | None
    agrees: bool


class Table(_Event):
    """A table as it is displayed: its cells are strings."""

    event: Literal["table"]
    title: str
    columns: list[str]
    rows: list[list[str]]


class Board(_Event):
    """A leaderboard. table: one object per row. comparisons: results of the statistical tests, per dataset."""

    event: Literal["leaderboard"]
    table: list[dict[str, Any]]
    comparisons: list[dict[str, Any]]
    notes: list[str]
    left_out: list[str]


class Wrote(_Event):
    """A file or folder that was written."""

    event: Literal["wrote"]
    path: str


class Line(_Event):
    """A line of text without an event kind of its own."""

    event: Literal["line"]
    text: str


class Warned(_Event):
    """A warning, which does not end the command."""

    event: Literal["warning"]
    message: str


class Error(_Event):
    """The reason why the command failed."""

    event: Literal["error"]
    message: str


class End(_Event):
    """The last event. code: the exit code."""

    event: Literal["end"]
    code: int


Event = Annotated[
    Progress
    | JobProgress
    | RunProgress
    | JobCounts
    | TrialEnd
    | CheckEnd
    | ChecksEnd
    | RegisteredName
    | PluginState
    | DataFileState
    | PlotKind
    | TradeOffTable
    | ImportedFront
    | LiveNetwork
    | Verdict
    | Comparison
    | Table
    | Board
    | Wrote
    | Line
    | Warned
    | Error
    | End,
    Field(discriminator="event"),
]
