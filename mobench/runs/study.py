"""A search for options: trials are jobs, and what they are compared by is read off the validation split.

Each combination of dataset, model and solver of a suite is a study of its own, with as many trials as every other.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

from mobench.errors import OptionError, StoreError, nearest
from mobench.runs import runner
from mobench.runs.executor import LocalExecutor
from mobench.runs.job import Budget, Job, SeedSet
from mobench.runs.journal import JOURNAL, mend, reading
from mobench.runs.record import Record
from mobench.runs.store import Store
from mobench.runs.suite import Plan, Range, Search, Suite, apart

if TYPE_CHECKING:
    import optuna

NAME = "mobench"
RETRIED = "retried"
HYPERVOLUME = "hypervolume"
Listen = Callable[[Job, dict[str, Any]], None]


@dataclass(frozen=True)
class Trial:
    """One set of options. value: on validation, None unless `state` is "complete"."""

    number: int
    settings: dict[str, Any]
    state: str
    value: float | None
    seconds: float | None
    jobs: tuple[str, ...] = ()


@dataclass
class Outcome:
    """All trials so far of one combination, best first; trials without a value come last."""

    dataset: str
    model: str
    solver: str
    metric: str
    trials: list[Trial] = field(default_factory=list)

    @property
    def best(self) -> Trial | None:
        return self.trials[0] if self.trials and self.trials[0].value is not None else None


def _pass_on(
    tell: Callable[[str, Trial], None], solver: str, study: optuna.Study, frozen: optuna.trial.FrozenTrial
) -> None:
    tell(solver, _trial(frozen))


class Pruned(Exception):
    """Raised in mid-training of a trial that is behind the others."""


def search(
    suite: Suite,
    store: Store,
    *,
    device: str = "cpu",
    slots: int = 1,
    n_trials: int | None = None,
    command: Sequence[str] = (),
    listen: Listen = lambda job, event: None,
    tell: Callable[[str, Trial], None] = lambda solver, trial: None,
    expect: Callable[[int], None] = lambda n_jobs: None,
) -> list[Outcome]:
    """Run the trials that the studies in `store` still lack, and return all of them: one outcome a combination.

    n_trials: of each combination in all, former ones included; None: the search's own number, or the whole grid.

    listen, tell: told of every job's events, and of each trial that ends, with its solver's name.
    expect: told before the first of them how many jobs there will be, if none fails.

    Optuna proposes options and keeps its journal in the store's folder; every trial's jobs leave
    records in the store. A search that was interrupted goes on with the trial it was at.

    Raises: OptionError for a suite without a search, or with an option that a solver does not have;
        StoreError for a journal of another search.
    """
    import optuna

    each = _each(suite)
    for alone in each:  # names and options are checked before anything is written
        _plan(alone, _first(_search_of(alone).space))
    store.check_writable()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with reading(store):
        mend(store)
        lacking = [(alone, *_prepared(alone, store, name, n_trials)) for name, alone in _named(each)]
    expect(sum(n_lacking for _, _, n_lacking in lacking) * len(suite.seeds))
    for alone, study, n_lacking in lacking:
        objective = _Objective(alone, _search_of(alone), store, device, slots, list(command), listen)
        if n_lacking > 0:
            told = partial(_pass_on, tell, alone.entries[0].solvers[0])
            study.optimize(objective, n_trials=n_lacking, n_jobs=slots, catch=(_NoValue,), callbacks=[told])
    return outcomes(suite, store)


def outcomes(suite: Suite, store: Store) -> list[Outcome]:
    """The trials in a store's journal, best first, of each combination. Raises: OptionError, StoreError."""
    each = _each(suite)
    if not (store.folder / JOURNAL).is_file():
        raise StoreError(f"there is no {JOURNAL} in {store.folder}: run `mobench tune` there first")
    made = []
    for name, alone in _named(each):
        wanted, (entry,) = _search_of(alone), alone.entries
        with reading(store):
            trials = [_trial(t) for t in _counted(_study(wanted, store, name))]
        ended = [t for t in trials if t.state in ("complete", "pruned", "failed")]
        best_first = sorted(ended, key=lambda t: (t.value is None, -(t.value or 0.0), t.number))
        made.append(Outcome(entry.datasets[0], entry.models[0], entry.solvers[0], wanted.metric, best_first))
    return made


def value_on_validation(record: Record, metric: str, higher_is_better: bool = True) -> float:
    """What a record is chosen by: larger is better, and nothing of the test split goes into it.

    metric: "hypervolume", or a metric's name; of that the mean over the objectives that have it, at the
        preference where it is best.
    """
    if metric == HYPERVOLUME:
        return float(record.indicators["val"][HYPERVOLUME] or 0.0)
    columns = [values for name, values in record.fronts["val"].metrics.items() if name.split("/")[1] == metric]
    means = [sum(row) / len(row) for row in zip(*columns, strict=True)]
    return float(max(means) if higher_is_better else -min(means))


class _NoValue(Exception):
    """A trial whose jobs failed or diverged."""


@dataclass
class _Objective:
    suite: Suite
    search: Search
    store: Store
    device: str
    slots: int
    command: list[str]
    listen: Listen

    def __call__(self, trial: optuna.Trial) -> float:
        import optuna

        settings = {name: _suggest(trial, name, space) for name, space in self.search.space.items()}
        plan = _plan(self.suite, settings)
        trial.set_user_attr("jobs", [job.id for job in plan.jobs])
        values: list[float] = []
        for number, job in enumerate(plan.jobs):
            listen = self._pruning(trial) if self.search.prune and number == 0 else self.listen
            try:
                runner.run(
                    Plan(self.suite.name, [job]),
                    self.store,
                    LocalExecutor(self.slots),
                    device=self.device,
                    retry=False,
                    command=self.command,
                    listen=listen,
                )
            except Pruned:
                self.store.forget_training(job)
                self.listen(job, {"phase": "end", "status": "pruned", "message": "behind the other trials"})
                raise optuna.TrialPruned from None
            values.append(self._value(job))
        return sum(values) / len(values)

    def _value(self, job: Job) -> float:
        record = self.store.read(job)
        if record is None or record.status != "completed":
            why = record.failure.message if record is not None and record.failure is not None else "no record"
            raise _NoValue(why)
        return value_on_validation(record, self.search.metric, _direction(job, self.search.metric))

    def _pruning(self, trial: optuna.Trial) -> Listen:
        """Passes events on, and tells Optuna every look's validation hypervolume."""
        seen: set[int] = set()

        def hear(job: Job, event: dict[str, Any]) -> None:
            self.listen(job, event)
            value = event.get("hypervolume")
            # looks at equal shares of the budget are compared, whatever its length
            share = math.floor(10 * event.get("fraction", 0.0) + 1e-9)
            if event.get("phase") != "train" or value is None or share in seen or share == 0:
                return
            seen.add(share)
            trial.report(value, share)
            if share < 10 and trial.should_prune():
                raise Pruned

        return hear


def _each(suite: Suite) -> list[Suite]:
    """A suite for each combination. Raises: OptionError for a combination that is there twice, and a missing search."""
    search, each = _search_of(suite), apart(suite)
    names = [name for name, _ in _named(each)]
    if twice := next((name for i, name in enumerate(names) if name in names[:i]), None):
        raise OptionError(f"suite {suite.name!r} has {twice} twice: each combination is searched once")
    solvers = {entry.solvers[0] for alone in each for entry in alone.entries}
    if unknown := next((name for name in search.solvers if name not in solvers), None):
        hint = nearest(unknown, solvers) or f"; its solvers are {', '.join(sorted(solvers))}"
        raise OptionError(f"suite {suite.name!r}: [search.solvers] has {unknown!r}, which is not searched{hint}")
    return each


def _named(each: Sequence[Suite]) -> list[tuple[str, Suite]]:
    """The combinations with their studies' names."""
    if len(each) == 1:
        return [(NAME, each[0])]
    parts = [(entry.datasets[0], entry.models[0], entry.solvers[0]) for alone in each for entry in alone.entries]
    return [(" × ".join(part), alone) for part, alone in zip(parts, each, strict=True)]


def _search_of(suite: Suite) -> Search:
    if suite.search is None:
        raise OptionError(f"suite {suite.name!r} has no [search] table: add one with metric, sampler and space")
    return suite.search


def _direction(job: Job, metric: str) -> bool:
    from mobench.runs.resolve import make_dataset

    known = {m.name: m.higher_is_better for o in make_dataset(job.dataset).objectives for m in o.metrics}
    if metric != HYPERVOLUME and metric not in known:
        raise OptionError(f"metric {metric!r}: accepted are {', '.join([HYPERVOLUME, *known])}")
    return known.get(metric, True)


def _plan(suite: Suite, settings: Mapping[str, Any]) -> Plan:
    """The jobs, one per seed, of one set of options."""
    from mobench.runs.resolve import resolve

    (entry,) = suite.entries
    length = {k.removeprefix("budget."): v for k, v in settings.items() if k.startswith("budget.")}
    own = {k: v for k, v in settings.items() if not k.startswith("budget.")}
    kept = (entry.budget or suite.budget).model_dump(exclude_none=True)
    if set(length) & {"epochs", "steps", "seconds"}:
        kept = {"batch_size": kept["batch_size"]}
    first = resolve(
        entry.datasets[0],
        entry.models[0],
        entry.solvers[0],
        {**entry.set, **own},
        Budget(**{**kept, **length}),
        n_rays=suite.n_rays,
        n_finite=suite.n_finite,
        rays=suite.rays,
        n_looks=suite.n_looks,
    )
    if suite.search is not None:
        _direction(first, suite.search.metric)
    jobs = [Job.model_validate({**first.model_dump(), "seeds": SeedSet.all(seed).model_dump()}) for seed in suite.seeds]
    return Plan(suite.name, jobs)


def _first(space: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values.low if isinstance(values, Range) else values[0] for name, values in space.items()}


def _suggest(trial: optuna.Trial, name: str, space: Range | list[Any]) -> Any:
    if not isinstance(space, Range):
        # Optuna's choices are plain values: lists travel as JSON
        return json.loads(str(trial.suggest_categorical(name, [json.dumps(value) for value in space])))
    if isinstance(space.low, int) and isinstance(space.high, int):
        return trial.suggest_int(name, space.low, space.high, log=space.log)
    return trial.suggest_float(name, space.low, space.high, log=space.log)


def _prepared(suite: Suite, store: Store, name: str, n_trials: int | None) -> tuple[optuna.Study, int]:
    """One combination's study, and how many trials it lacks."""
    wanted = _search_of(suite)
    study = _study(wanted, store, name)
    _take_up_interrupted(study)
    if wanted.sampler == "grid":
        return study, _enqueue_grid(study, wanted, n_trials)
    if not study.get_trials(deepcopy=False) and (usual := _as_they_are(suite, wanted)) is not None:
        study.enqueue_trial(usual)
    return study, max(0, _n_lacking(study, wanted, n_trials))


def _as_they_are(suite: Suite, wanted: Search) -> dict[str, Any] | None:
    """The options of the space without a search, as Optuna has them; None where they are not in the space."""
    (job, *_) = _plan(suite, {}).jobs
    parts: dict[str, Any] = {
        "dataset": job.dataset,
        "model": job.model,
        "solver": job.solver,
        "generator": job.solver.generator,
        "balancer": job.solver.balancer,
    }
    known = {f"{role}.{key}": value for role, part in parts.items() if part for key, value in part.options.items()}
    known |= {f"budget.{key}": value for key, value in job.budget.model_dump(exclude_none=True).items()}
    usual: dict[str, Any] = {}
    for name, values in wanted.space.items():
        # a name without its part stands for whichever part has it
        full = next((key for key in known if name in (key, key.partition(".")[2])), None)
        value = known.get(full) if full else None
        if isinstance(values, Range):
            if not isinstance(value, int | float) or not values.low <= value <= values.high:
                return None
            usual[name] = value
        elif json.dumps(value) in (choices := [json.dumps(v) for v in values]):
            usual[name] = choices[choices.index(json.dumps(value))]
        else:
            return None
    return usual


def _enqueue_grid(study: optuna.Study, wanted: Search, n_trials: int | None) -> int:
    """Ask for every combination that no trial has, in order; how many trials are waiting then.

    Optuna's own grid sampler counts a trial that was interrupted as done.
    """
    lists = [[json.dumps(value) for value in values] for values in wanted.space.values() if isinstance(values, list)]
    known = [_asked(t) for t in _counted(study)]
    for values in list(product(*lists))[:n_trials]:
        combination = dict(zip(wanted.space, values, strict=True))
        if combination not in known:
            study.enqueue_trial(combination)
    return sum(t.state.name == "WAITING" for t in study.get_trials(deepcopy=False))


def _n_lacking(study: optuna.Study, wanted: Search, n_trials: int | None) -> int:
    return (n_trials or wanted.trials) - sum(t.state.is_finished() for t in _counted(study))


def _counted(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Trials but for those that were interrupted, which others stand for."""
    retried = study.user_attrs.get(RETRIED, [])
    return [t for t in study.get_trials(deepcopy=False) if t.number not in retried]


def _asked(frozen: optuna.trial.FrozenTrial) -> dict[str, Any]:
    """A trial's options, also before it has begun."""
    return frozen.params or dict(frozen.system_attrs.get("fixed_params", {}))


def _study(wanted: Search, store: Store, name: str) -> optuna.Study:
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    pruner = optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=3) if wanted.prune else None
    journal = store.folder / JOURNAL
    storage = JournalStorage(JournalFileBackend(str(journal)))
    # what was found can be read in a folder that may not be written to: a study that is there is only loaded
    if name not in optuna.get_all_study_names(storage):
        optuna.create_study(storage=storage, study_name=name, direction="maximize")
    study = optuna.load_study(
        storage=storage,
        study_name=name,
        # half of a short search is spent on looking around before the estimator is trusted
        sampler=optuna.samplers.TPESampler(seed=0, n_startup_trials=min(10, max(1, wanted.trials // 2))),
        pruner=pruner or optuna.pruners.NopPruner(),
    )
    # a journal of another space would mix what cannot be compared
    asked = wanted.model_dump_json(exclude={"trials", "solvers"})
    known = study.user_attrs.get("search")
    if known is None:
        study.set_user_attr("search", asked)
    elif known != asked:
        raise StoreError(
            f"{store.folder / JOURNAL} is of another search: name another folder with --out, or move it away"
        )
    return study


def _take_up_interrupted(study: optuna.Study) -> None:
    """Trials that were under way when their process ended are asked for again, first."""
    import optuna

    for frozen in study.get_trials(deepcopy=False):
        if frozen.state == optuna.trial.TrialState.RUNNING:
            study.set_user_attr(RETRIED, [*study.user_attrs.get(RETRIED, []), frozen.number])
            study.tell(frozen.number, state=optuna.trial.TrialState.FAIL)
            if frozen.params:
                study.enqueue_trial(frozen.params)


def _trial(frozen: optuna.trial.FrozenTrial) -> Trial:
    states = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
    settings = {n: json.loads(v) if isinstance(v, str) else v for n, v in frozen.params.items()}
    complete = frozen.state.name == "COMPLETE"
    return Trial(
        number=frozen.number,
        settings=settings,
        state=states.get(frozen.state.name, frozen.state.name.lower()),
        value=float(frozen.value) if complete and frozen.value is not None else None,
        seconds=frozen.duration.total_seconds() if frozen.duration is not None else None,
        jobs=tuple(frozen.user_attrs.get("jobs", ())),
    )
