"""What `--json` writes: one object per line on standard output, each with its kind in `event`.

The last line is always `end`, with the exit code. An error is an `error` line before it (and a line on
standard error, as without `--json`). Numbers that are not finite are null. A later version may add kinds
and fields; those that are here stay.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Phase = Literal["present", "start", "data", "strategy", "train", "evaluate", "end"]


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Progress(_Event):
    """How far a command is: `done` of `total` steps (null where unknown) are through, and `label` is under way."""

    event: Literal["progress"]
    what: str
    label: str = ""
    done: float
    total: float | None


class JobProgress(_Event):
    """What happens to one job of a run.

    fraction: of training. losses: a running mean. hypervolume: on validation. eta_seconds: until this job is
    through; null while unknown. status and message: at phase "end" and "present", how the job ended.
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
    """The best validation hypervolume of a data set so far. final: its job has ended."""

    dataset: str
    hypervolume: float
    solver: str
    seed: int
    final: bool


class RunProgress(_Event):
    """A run as a whole, after each job that ends. eta_seconds: null while unknown; `guessed` of the jobs are taken
    to be as long as others on the same data set and model."""

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


class Summary(_Event):
    """What a run came to, in numbers of jobs. declined: when they began; they have no record."""

    event: Literal["summary"]
    completed: int
    present: int
    diverged: int
    failed: int
    declined: int = 0
    seconds: float


class TrialEnd(_Event):
    """A trial of `mobench tune` that ended. value: on validation; null where it has none."""

    event: Literal["trial"]
    solver: str
    number: int
    state: str
    value: float | None
    settings: dict[str, Any]


class CheckEnd(_Event):
    """One check of `mobench check`.

    says: what holds where it passed. message: why it failed, and what to do, or why it was declined.
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
    """How many checks of `mobench check` ended how."""

    event: Literal["checks"]
    passed: int
    failed: int
    declined: int


class RegisteredName(_Event):
    """A name of `mobench list` or `mobench show`.

    generator, balancer: of a pair. text: of `mobench show` alone, the suite's TOML or the class's docstring; the
    options follow as tables, of a pair one for each part, whose title is the part.
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
    """A plugin of `mobench plugins`. details: the traceback of a broken one, with `--details`."""

    event: Literal["plugin"]
    name: str
    distribution: str
    version: str
    state: Literal["ok", "broken", "blocked"]
    error: str
    details: str


class DataFileState(_Event):
    """A file of `mobench data list` (here or missing) or `mobench data verify` (ok or bad, with the reason)."""

    event: Literal["file"]
    collection: str
    path: str
    state: Literal["here", "missing", "ok", "bad"]
    place: str | None
    message: str


class PlotKind(_Event):
    """A kind of plot that `mobench plot` draws, and the formats that there are."""

    event: Literal["plot"]
    name: str
    summary: str
    formats: list[str]


class TradeOffTable(_Event):
    """The front of `mobench trade-off`. table: one object per row; hypervolume: of each dataset."""

    event: Literal["trade_off"]
    columns: list[str]
    reference: list[float]
    table: list[dict[str, Any]]
    hypervolume: dict[str, float]


class ImportedFront(_Event):
    """What `mobench import` added, one record per seed. points: of the test split of each."""

    event: Literal["imported"]
    solver: str
    dataset: str
    protocol: str
    ids: list[str]
    seeds: list[int]
    points: list[int]
    reference: list[float]


class LiveNetwork(_Event):
    """A network that `mobench report` put into the page."""

    event: Literal["live"]
    dataset: str
    name: str
    seed: int


class Verdict(_Event):
    """What `mobench verify` found. identical: to the bit. differing: the names of comparisons that do not agree."""

    event: Literal["verdict"]
    id: str
    identical: bool
    agrees: bool
    differing: list[str]


class Comparison(_Event):
    """One quantity of `mobench verify`. difference: relative to the larger of both."""

    event: Literal["comparison"]
    name: str
    recorded: float | None
    again: float | None
    difference: float | None
    agrees: bool


class Table(_Event):
    """A table as it is shown: its cells are texts."""

    event: Literal["table"]
    title: str
    columns: list[str]
    rows: list[list[str]]


class Board(_Event):
    """A whole leaderboard. table: one object per row; comparisons: what the tests say, per dataset."""

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
    """A line of text that has no kind of its own."""

    event: Literal["line"]
    text: str


class Warned(_Event):
    """Something that may be wrong, and did not end the command."""

    event: Literal["warning"]
    message: str


class Error(_Event):
    """Why the command ended without success."""

    event: Literal["error"]
    message: str


class End(_Event):
    """The last line. code: the exit code."""

    event: Literal["end"]
    code: int


Event = Annotated[
    Progress
    | JobProgress
    | RunProgress
    | Summary
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
