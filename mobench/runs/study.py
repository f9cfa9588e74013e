"""A search for options: trials are jobs, and what they are compared by is read off the validation split.

Each combination of dataset, model and solver of a suite is a study of its own, with as many trials as every other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from mobench.errors import OptionError, StoreError, nearest
from mobench.runs import runner
from mobench.runs.index import outlines
from mobench.runs.job import Job
from mobench.runs.journal import JOURNAL, mend, reading
from mobench.runs.plan import Plan, apart
from mobench.runs.proposals import Trial, as_trial, ask, opened, trials_of
from mobench.runs.record import Cost
from mobench.runs.runner import Listen
from mobench.runs.store import Store
from mobench.runs.suite import Range, Search, Suite
from mobench.runs.trial import Bench, NoValue, Objective, Pruned, plan_of

if TYPE_CHECKING:
    import optuna

NAME = "mobench"
Tell = Callable[[Trial], None]


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
    first_plans(suite)  # names and options are checked before anything is written
    store.check_writable()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    bench = Bench(store, device, slots, list(command), listen)
    tasks: list[tuple[Callable[[], Trial], Tell]] = []
    with reading(store):
        mend(store)
        for name, alone in _named(each):
            wanted, study = _search_of(alone), opened(_search_of(alone), store, name)
            n_lacking = ask(study, wanted, partial(_usual, alone), n_trials)
            one = partial(_try, study, Objective(alone, wanted, bench))
            tasks += [(one, partial(tell, alone.entries[0].solvers[0]))] * n_lacking
    expect(len(tasks) * len(suite.seeds))
    _work(tasks, bench)
    return outcomes(suite, store)


def first_plans(suite: Suite) -> list[tuple[Suite, Plan]]:
    """Each combination, and the plan of a trial with the first values of its space. Raises: as `search`."""
    return [(alone, plan_of(alone, _first(_search_of(alone).space))) for alone in _each(suite)]


def _try(study: optuna.Study, objective: Objective) -> Trial:
    """One more trial. Where it is interrupted it stays under way, and is asked for again the next time."""
    from optuna.trial import TrialState

    trial = study.ask()
    try:
        ended = study.tell(trial, objective(trial))
    except NoValue:
        ended = study.tell(trial, state=TrialState.FAIL)
    except Pruned:
        ended = study.tell(trial, state=TrialState.PRUNED)
    return as_trial(ended)


def _work(tasks: Sequence[tuple[Callable[[], Trial], Tell]], bench: Bench) -> None:
    """Keep every slot busy until all tasks are through, and tell each one's trial; whatever ends one ends all."""
    with ThreadPoolExecutor(bench.slots) as pool:
        tells = {pool.submit(task): tell for task, tell in tasks}
        pending = set(tells)
        try:
            while pending:
                # a short wait, so that Ctrl-C is heard
                done, pending = wait(pending, timeout=runner.POLL_SECONDS, return_when=FIRST_COMPLETED)
                for future in done:
                    tells[future](future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            bench.stop()
            raise


def outcomes(suite: Suite, store: Store) -> list[Outcome]:
    """The trials in a store's journal, best first, of each combination. Raises: OptionError, StoreError."""
    each = _each(suite)
    if not (store.folder / JOURNAL).is_file():
        raise StoreError(f"there is no {JOURNAL} in {store.folder}: run `mobench tune` there first")
    made, costs = [], {record.id: record.cost for record in outlines(store).records}
    for name, alone in _named(each):
        wanted, (entry,) = _search_of(alone), alone.entries
        with reading(store):
            trials = [_with_cost(trial, costs) for trial in trials_of(opened(wanted, store, name))]
        ended = [t for t in trials if t.state in ("complete", "pruned", "failed")]
        best_first = sorted(ended, key=lambda t: (t.value is None, -(t.value or 0.0), t.number))
        made.append(Outcome(entry.datasets[0], entry.models[0], entry.solvers[0], wanted.metric, best_first))
    return made


def _with_cost(trial: Trial, costs: Mapping[str, Cost | None]) -> Trial:
    """The trial with what its records say that it took, which holds also where they were there before it."""
    known = [cost for cost in (costs.get(job_id) for job_id in trial.jobs) if cost is not None]
    if not known or len(known) < len(trial.jobs):
        return trial
    cores = [cost.training_core_seconds for cost in known if cost.training_core_seconds is not None]
    return replace(
        trial,
        seconds=sum(cost.training_seconds + cost.evaluation_seconds for cost in known),
        core_seconds=sum(cores) if len(cores) == len(known) else None,
    )


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


def _usual(suite: Suite) -> Job:
    """A job of the combination without a search."""
    return plan_of(suite, {}).jobs[0]


def _first(space: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values.low if isinstance(values, Range) else values[0] for name, values in space.items()}
