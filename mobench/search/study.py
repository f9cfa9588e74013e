"""Hyperparameter search: runs trials as jobs and compares them on the validation split.

Each combination of dataset, model and solver of a suite has its own study. With TPE, all studies have the
same number of trials.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from mobench.errors import OptionError, StoreError
from mobench.jobs.job import Job
from mobench.jobs.plan import Plan, apart
from mobench.jobs.suite import Search, Suite
from mobench.records.index import outlines
from mobench.records.record import Cost
from mobench.records.store import Store
from mobench.runs import runner
from mobench.runs.run_options import RunOptions
from mobench.runs.runner import Listen
from mobench.search.contents import check, first_of, state
from mobench.search.journal import JOURNAL, is_there, mend, reading, storage_of
from mobench.search.lock import Presence, StudyLock, is_alive, owner, remove_left_over
from mobench.search.proposals import Trial, as_trial, ask, opened, others, take, trials_of
from mobench.search.trial import Bench, NoValue, Pruned, TrialObjective, plan_of
from mobench.text import name_hint

if TYPE_CHECKING:
    import optuna

NAME = "mobench"


@dataclass
class StudyResult:
    """All trials of one combination so far, best first. Trials without a value come last."""

    dataset: str
    model: str
    solver: str
    metric: str
    trials: list[Trial] = field(default_factory=list)

    @property
    def best(self) -> Trial | None:
        return self.trials[0] if self.trials and self.trials[0].value is not None else None


def search(
    suite: Suite,
    store: Store,
    options: RunOptions = RunOptions(),  # noqa: B008 - frozen
    *,
    slots: int = 1,
    n_trials: int | None = None,
    listen: Listen = lambda job, event: None,
    tell: Callable[[str, Trial], None] = lambda solver, trial: None,
    expect: Callable[[int], None] = lambda n_jobs: None,
    note: Callable[[str], None] = lambda line: None,
) -> list[StudyResult]:
    """Run the trials that the studies in `store` still lack; return all trials, one `StudyResult` per combination.

    Optuna proposes options and keeps its journal in the store's folder. The jobs of each trial write records to the
    store. An interrupted search resumes with the interrupted trial. Several searches may share a store: each trial is
    run by one of them, and all searches return when the last trial has ended.

    options: of the jobs; a failed job is not retried.
    slots: number of trials at once.
    n_trials: total number of trials per combination, including earlier ones; None means the number of the search, or
        the whole grid.
    listen: called with every event of every job.
    tell: called with the solver's name and the trial, for each trial that this search has run.
    expect: called once, before the first job, with the number of jobs to run if no job fails and no other search
        shares the store.
    note: called with a one-line message when this search waits for another one.

    Raises: OptionError for a suite without a search, or with an option that a solver does not have;
        StoreError for a journal of another search.
    """
    import optuna

    combinations = _combinations_of(suite)
    first_plans(suite)  # check names and options before anything is written
    store.check_writable()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    bench = Bench(store, options, slots, listen)
    with Presence(store.folder) as presence:
        turn = StudyLock(store.folder, "study.turn")
        crew = _TrialCrew(store, turn, presence.token, n_trials, bench, note)
        with turn, reading(store):
            remove_left_over(store.folder / JOURNAL, store.folder)
            mend(store)
            n_lacking = crew.open(_named(combinations))
        expect(n_lacking * len(suite.seeds))
        _work(crew, tell)
    return outcomes(suite, store)


def first_plans(suite: Suite) -> list[tuple[Suite, Plan]]:
    """Return each combination and the plan of a trial with the first values of its space. Raises: as `search`."""
    return [(alone, plan_of(alone, first_of(_search_of(alone)))) for alone in _combinations_of(suite)]


@dataclass
class _Combination:
    """A combination that is searched. suite: the suite reduced to this combination."""

    suite: Suite
    search: Search
    study: optuna.Study
    objective: TrialObjective

    @property
    def solver(self) -> str:
        return self.suite.entries[0].solvers[0]


@dataclass
class _TrialCrew:
    """The shared state of a search's slots, which take trials in turn, also with the slots of other searches."""

    store: Store
    turn: StudyLock
    token: str
    n_trials: int | None
    bench: Bench
    note: Callable[[str], None]
    combinations: list[_Combination] = field(default_factory=list)
    _noted: set[str] = field(default_factory=set)

    def open(self, combinations: Sequence[tuple[str, Suite]]) -> int:
        """Open the studies of these combinations; return how many trials they lack.

        Raises: StoreError for a study of another search, before any study is changed.
        """
        import optuna

        storage = storage_of(self.store)
        study_names = optuna.get_all_study_names(storage)
        for name, alone in combinations:
            if name in study_names:
                check(opened(storage, name, _search_of(alone)), alone, _search_of(alone), self.store)
        n_lacking = 0
        for name, alone in combinations:
            search = _search_of(alone)
            study = opened(storage, name, search)
            state(study, alone, search)
            n_lacking += ask(study, search, partial(_usual, alone), self.n_trials, self._is_alive)
            self.combinations.append(_Combination(alone, search, study, TrialObjective(alone, search, self.bench)))
        return n_lacking

    def run_one(self) -> tuple[str, Trial] | None:
        """Run the next missing trial; return its solver and the trial, or None if no trial is left.

        An interrupted trial keeps the state "running", and the next search enqueues it again.
        """
        from optuna.trial import TrialState

        next_trial = self._next()
        if next_trial is None:
            return None
        combination, trial = next_trial
        try:
            ended = combination.study.tell(trial, combination.objective(trial))
        except NoValue:
            ended = combination.study.tell(trial, state=TrialState.FAIL)
        except Pruned:
            ended = combination.study.tell(trial, state=TrialState.PRUNED)
        return combination.solver, as_trial(ended)

    def _next(self) -> tuple[_Combination, optuna.Trial] | None:
        """Return the next trial; wait while other searches run the last trials, and take over those they abandon."""
        while True:
            if self.bench.is_stopped:
                raise runner.Stopped
            with self.turn:
                for combination in self.combinations:
                    trial = take(combination.study, combination.search, self.n_trials, self.token, self._is_alive)
                    if trial is not None:
                        return combination, trial
                tokens = [token for combination in self.combinations for token in others(combination.study, self.token)]
                self._note(tokens)
            if not tokens:
                return None
            time.sleep(runner.POLL_SECONDS)

    def _note(self, tokens: Sequence[str]) -> None:
        for token in dict.fromkeys(tokens):
            if token not in self._noted:
                self._noted.add(token)
                owner_name = owner(self.store.folder, token)
                self.note(f"waiting for {tokens.count(token)} trials that {owner_name} runs")

    def _is_alive(self, token: object) -> bool:
        return token == self.token or is_alive(self.store.folder, token)


def _work(crew: _TrialCrew, tell: Callable[[str, Trial], None]) -> None:
    """Run trials in all slots until none is missing; call `tell` for each. An exception in one slot stops all slots."""
    with ThreadPoolExecutor(crew.bench.slots) as pool:
        pending = {pool.submit(crew.run_one) for _ in range(crew.bench.slots)}
        try:
            while pending:
                # a short timeout, so that Ctrl-C takes effect
                done, pending = wait(pending, timeout=runner.POLL_SECONDS, return_when=FIRST_COMPLETED)
                for future in done:
                    if (ended := future.result()) is not None:
                        tell(*ended)
                        pending.add(pool.submit(crew.run_one))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            crew.bench.stop()
            raise


def outcomes(suite: Suite, store: Store) -> list[StudyResult]:
    """Return the trials of each combination in a store's journal, best first.

    Raises: OptionError; StoreError where there are no trials, and for a journal of another search.
    """
    import optuna

    combinations = _combinations_of(suite)
    if not is_there(store):
        raise StoreError(f"there is no {JOURNAL} in {store.folder}: run `mobench tune` there first")
    results, costs = [], {record.id: record.cost for record in outlines(store).records}
    with reading(store):
        storage = storage_of(store)
        study_names = optuna.get_all_study_names(storage)
        for name, alone in _named(combinations):
            search, (entry,) = _search_of(alone), alone.entries
            if name not in study_names:
                raise StoreError(
                    f"{store.folder / JOURNAL} has no trials of {_combination(alone)}: run `mobench tune` there first"
                )
            study = opened(storage, name, search)
            check(study, alone, search, store)
            trials = [_with_cost(trial, costs) for trial in trials_of(study)]
            ended = [t for t in trials if t.state in ("complete", "pruned", "failed")]
            best_first = sorted(ended, key=lambda t: (t.value is None, -(t.value or 0.0), t.number))
            results.append(StudyResult(entry.datasets[0], entry.models[0], entry.solvers[0], search.metric, best_first))
    return results


def _with_cost(trial: Trial, costs: Mapping[str, Cost | None]) -> Trial:
    """Return the trial with the cost in its records, which is also correct for records that existed before it."""
    known_costs = [cost for cost in (costs.get(job_id) for job_id in trial.jobs) if cost is not None]
    if not known_costs or len(known_costs) < len(trial.jobs):
        return trial
    cores = [cost.training_core_seconds for cost in known_costs if cost.training_core_seconds is not None]
    return replace(
        trial,
        seconds=sum(cost.training_seconds + cost.evaluation_seconds for cost in known_costs),
        core_seconds=sum(cores) if len(cores) == len(known_costs) else None,
    )


def _combinations_of(suite: Suite) -> list[Suite]:
    """Return a suite for each combination. Raises: OptionError for a duplicate combination, and a missing search."""
    search, combinations = _search_of(suite), apart(suite)
    names = [name for name, _ in _named(combinations)]
    if twice := next((name for i, name in enumerate(names) if name in names[:i]), None):
        raise OptionError(f"suite {suite.name!r} has {twice} twice: each combination is searched once")
    solvers = {entry.solvers[0] for alone in combinations for entry in alone.entries}
    if unknown := next((name for name in search.solvers if name not in solvers), None):
        hint = name_hint(unknown, sorted(solvers), "its solvers are")
        raise OptionError(f"suite {suite.name!r}: [search.solvers] has {unknown!r}, which is not searched{hint}")
    return combinations


def _named(combinations: Sequence[Suite]) -> list[tuple[str, Suite]]:
    """Return the combinations with the names of their studies."""
    return (
        [(NAME, combinations[0])]
        if len(combinations) == 1
        else [(_combination(alone), alone) for alone in combinations]
    )


def _combination(alone: Suite) -> str:
    (entry,) = alone.entries
    return " × ".join((entry.datasets[0], entry.models[0], entry.solvers[0]))


def _search_of(suite: Suite) -> Search:
    if suite.search is None:
        raise OptionError(f"suite {suite.name!r} has no [search] table: add one with metric, sampler and space")
    return suite.search


def _usual(suite: Suite) -> Job:
    """Return a job of the combination with its options without a search."""
    return plan_of(suite, {}).jobs[0]
