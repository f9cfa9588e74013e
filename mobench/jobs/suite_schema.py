"""Schema of suites: the tables of a suite file and their bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PrivateAttr, model_validator

from mobench.jobs.bounds import Name, OptionTable, Seed, plain
from mobench.jobs.job import Budget, Strict

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}"
SomeNames = Annotated[list[Name], Field(min_length=1)]


class SuiteEntry(Strict):
    """A cross product of datasets, models and solvers.

    set:    options of all its jobs.
    budget: fields that replace those of the suite's budget.
    preset: name of a preset that each of the solvers has. It takes precedence over the tables of the suite.
    """

    datasets: SomeNames
    models: SomeNames
    solvers: SomeNames
    set: OptionTable = Field(default_factory=dict)
    budget: Budget | None = None
    preset: Name | None = None


class UserTable(Strict):
    """What a suite runs on a table of the user's own (`--csv`), with all its solvers, instead of its entries.

    dataset: has the options `file`, `sha256` and `targets`.
    set:    options of all jobs.
    solvers: solver name -> further options of this solver.
    budget: fields that replace those of the suite's budget.
    """

    dataset: Name
    models: SomeNames
    set: OptionTable = Field(default_factory=dict)
    solvers: dict[str, OptionTable] = Field(default_factory=dict)
    budget: Budget | None = None


class TradeOff(Strict):
    """Leaderboard columns, all to be minimised, that form a Pareto front among solvers, and its reference point."""

    columns: Annotated[list[str], Field(min_length=2, max_length=4)]
    reference: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=2, max_length=4)]

    @model_validator(mode="after")
    def _as_long(self) -> TradeOff:
        if len(self.columns) != len(self.reference):
            raise ValueError(
                f"{len(self.columns)} columns and {len(self.reference)} reference values: give one for each"
            )
        return self


class Range(Strict):
    """An interval of values; whole numbers where both ends are whole numbers."""

    low: int | float
    high: int | float
    log: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if self.low >= self.high or (self.log and self.low <= 0):
            raise ValueError("a range needs a low below its high, and with log a low above 0")
        return self


Space = dict[str, Range | Annotated[list[Any], Field(min_length=1), AfterValidator(plain)]]


class Search(Strict):
    """The search of `mobench tune`, which runs separately for every combination of the suite.

    metric:  "hypervolume" or a metric of the dataset, on the validation split.
    sampler: "grid" tries every combination of the space. "random" draws `trials` trials uniformly, on a logarithmic
             scale where a range says so; solvers with the same space get the same trials. "tpe" runs `trials` trials
             of Optuna's TPE; the first trial uses the options of a job without a search, if they lie in the space.
    trials:  number of random or TPE trials; None means 20. A grid determines its own number.
    prune:   stop trials during training whose validation hypervolume is below the median of the other trials.
    space:   option -> list of values, or a range (not in a grid). Budget options such as "budget.epochs" are accepted.
    solvers: solver name -> space that extends or overrides `space` for this solver.
    """

    metric: str = "hypervolume"
    sampler: Literal["grid", "random", "tpe"] = "grid"
    trials: Annotated[int, Field(gt=0, le=10_000)] | None = None
    prune: bool = False
    space: Annotated[Space, Field(min_length=1)]
    solvers: dict[str, Space] = Field(default_factory=dict)

    @property
    def n_trials(self) -> int:
        """The number of random or TPE trials."""
        return 20 if self.trials is None else self.trials

    @model_validator(mode="after")
    def _grid_has_all(self) -> Search:
        if self.sampler == "grid" and self.trials is not None:
            raise ValueError(
                "a grid tries every combination of its space: leave trials out, or use sampler = 'random' or 'tpe'"
            )
        return self

    @model_validator(mode="after")
    def _grid_of_lists(self) -> Search:
        spaces = (self.space, *self.solvers.values())
        ranges = [name for space in spaces for name, values in space.items() if isinstance(values, Range)]
        if self.sampler == "grid" and ranges:
            names = ", ".join(ranges)
            raise ValueError(f"a grid has no ranges, and {names} is one: list its values, or use random or tpe")
        return self


class SeasonTrack(Strict):
    """The place of a suite in a season, a set of suites whose tasks, protocols and budgets do not change.

    name:    of the season; suites with the same name are its tracks.
    track:   name of this suite within the season.
    labelled: whether the jobs carry the name of the season. False for jobs from before there were seasons.
    targets: dataset -> hypervolume whose time to reach is reported.
    """

    name: Name
    track: Name
    labelled: bool = True
    targets: dict[Name, float] = Field(default_factory=dict)


class Suite(Strict):
    """All settings of one comparison.

    n_rays, n_finite: sizes of `dense_rays`, on which continuous sets are evaluated, and of `finite_rays`, which finite
             sets train.
    rays:    custom preferences [R][m] that replace both.
    n_looks: number of validation checks during training; None means ten.
    keep_weights: keep every trained network beside its record. This is not part of a job's identity.
    solvers: solver name -> options of this solver.
    trade_off: a Pareto front among the solvers themselves, for example of error against memory.
    search:  the options that `mobench tune` tries.
    season:  the season whose track this suite is; None for other suites.
    table:   what `--csv` runs.

    `mobench.jobs.precedence` defines which setting takes effect when several places set the same option.
    """

    name: Annotated[str, Field(pattern=f"^{NAME}$")]
    summary: str = ""
    seeds: Annotated[list[Seed], Field(min_length=1)] = Field(default_factory=lambda: [0])
    n_rays: Annotated[int, Field(ge=2, le=10_000)] = 25
    n_finite: Annotated[int, Field(ge=2, le=1_000)] = 5
    rays: Annotated[list[list[float]], Field(min_length=2, max_length=10_000)] | None = None
    n_looks: Annotated[int, Field(gt=0, le=1000)] | None = None
    keep_weights: bool = False
    budget: Budget
    entries: Annotated[list[SuiteEntry], Field(min_length=1)]
    solvers: dict[str, OptionTable] = Field(default_factory=dict)
    trade_off: TradeOff | None = None
    search: Search | None = None
    season: SeasonTrack | None = None
    table: UserTable | None = None
    _overrides: dict[str, Any] = PrivateAttr(default_factory=dict)

    @property
    def overrides(self) -> Mapping[str, Any]:
        """Settings of the command line or of a Python caller. They have the highest precedence."""
        return self._overrides

    @property
    def solver_names(self) -> list[str]:
        """The solver names of all entries, without duplicates."""
        return list(dict.fromkeys(solver for entry in self.entries for solver in entry.solvers))
