"""Trials of an Optuna study: create and resume studies, propose options, and read trials."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from mobench.jobs.job import Job
from mobench.jobs.resolve import every_option
from mobench.jobs.suite import Range, Search

if TYPE_CHECKING:
    import optuna
    from optuna.storages import JournalStorage

RETRIED = "retried"
TOKEN = "search process"
"""User attribute of a trial: the token of the search that runs it (see `Presence`)."""


@dataclass(frozen=True)
class Trial:
    """One set of options and its result.

    value: value on the validation split; None unless `state` is "complete".
    seconds: time of training and evaluation, summed over the records of the jobs; without records, the duration of
        the trial.
    core_seconds: processor time of training, summed over the records of the jobs; None without records.
    """

    number: int
    settings: dict[str, Any]
    state: str
    value: float | None
    seconds: float | None
    core_seconds: float | None = None
    jobs: tuple[str, ...] = ()


def opened(storage: JournalStorage, name: str, search: Search) -> optuna.Study:
    """Load the study of this name from a journal; create it if there is none."""
    import optuna

    # an existing study is only loaded, so that results can be read in a read-only folder
    if name not in optuna.get_all_study_names(storage):
        optuna.create_study(storage=storage, study_name=name, direction="maximize")
    pruner = optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=3) if search.prune else None
    return optuna.load_study(storage=storage, study_name=name, pruner=pruner or optuna.pruners.NopPruner())


def ask(
    study: optuna.Study,
    search: Search,
    usual: Callable[[], Job],
    n_trials: int | None,
    is_alive: Callable[[object], bool],
) -> int:
    """Enqueue the initial trials; return how many trials the study still lacks.

    Call it only while this search holds the turn lock, as `take`.

    usual: returns a job with the options without a search.
    n_trials: total number of trials; None means the number of the search, or the whole grid.
    is_alive: returns whether the search of a token is running.
    """
    _take_up_interrupted(study, is_alive)
    if search.sampler == "grid":
        return _enqueue_grid(study, search, n_trials)
    if search.sampler == "random":
        return max(0, _n_lacking(study, search, n_trials))
    if not study.get_trials(deepcopy=False) and (first := _as_they_are(usual(), search)) is not None:
        study.enqueue_trial(first)
    return max(0, _n_lacking(study, search, n_trials))


def take(
    study: optuna.Study, search: Search, n_trials: int | None, token: str, is_alive: Callable[[object], bool]
) -> optuna.Trial | None:
    """Return the next missing trial, with its options and the token of this search; None if no trial is missing.

    A trial of another search is taken only if that search ended without a result for it.
    """
    import optuna

    _take_up_interrupted(study, is_alive)
    is_waiting = any(t.state.name == "WAITING" for t in _counted(study))
    if not (is_waiting if search.sampler == "grid" else _n_lacking(study, search, n_trials) > 0):
        return None
    # depends on the number of trials, so that resumed and concurrent searches do not repeat proposals
    seed = len(study.get_trials(deepcopy=False))
    if search.sampler == "random":
        study.sampler = optuna.samplers.RandomSampler(seed=seed)
    else:
        # up to half of a short search samples at random before TPE models the results
        n_startup = min(10, max(1, search.n_trials // 2))
        study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=n_startup)
    trial = study.ask()
    trial.set_user_attr(TOKEN, token)
    proposed(trial, search.space)
    return trial


def others(study: optuna.Study, token: str) -> list[str]:
    """Return the tokens of other searches, one per running trial."""
    tokens = [str(t.user_attrs.get(TOKEN)) for t in _counted(study) if t.state.name == "RUNNING"]
    return [other for other in tokens if other != token]


def proposed(trial: optuna.Trial, space: Mapping[str, Range | list[Any]]) -> dict[str, Any]:
    """Return the options that Optuna suggests for a trial."""
    return {name: _suggest(trial, name, values) for name, values in space.items()}


def trials_of(study: optuna.Study) -> list[Trial]:
    """Return all trials except interrupted ones, which other trials replace."""
    return [as_trial(frozen) for frozen in _counted(study)]


def as_trial(frozen: optuna.trial.FrozenTrial) -> Trial:
    """Convert an Optuna trial to a `Trial`."""
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


def _suggest(trial: optuna.Trial, name: str, space: Range | list[Any]) -> Any:
    if not isinstance(space, Range):
        # Optuna accepts only scalar choices, so all choices are passed as JSON
        return json.loads(str(trial.suggest_categorical(name, [json.dumps(value) for value in space])))
    if isinstance(space.low, int) and isinstance(space.high, int):
        return trial.suggest_int(name, space.low, space.high, log=space.log)
    return trial.suggest_float(name, space.low, space.high, log=space.log)


def _as_they_are(job: Job, search: Search) -> dict[str, Any] | None:
    """Return the searched options of a job without a search, in Optuna's form; None if they are not in the space."""
    options = every_option(job)
    options |= {f"budget.{key}": value for key, value in job.budget if value is not None}
    proposal: dict[str, Any] = {}
    for name, values in search.space.items():
        # a name without a prefix matches the part that has this option
        full = next((key for key in options if name in (key, key.partition(".")[2])), None)
        value = options.get(full) if full else None
        if isinstance(values, Range):
            if not isinstance(value, int | float) or not values.low <= value <= values.high:
                return None
            proposal[name] = value
        elif json.dumps(value) in (choices := [json.dumps(v) for v in values]):
            proposal[name] = choices[choices.index(json.dumps(value))]
        else:
            return None
    return proposal


def _enqueue_grid(study: optuna.Study, search: Search, n_trials: int | None) -> int:
    """Enqueue all combinations of the grid that have no trial, in order; return the number of waiting trials.

    Optuna's own grid sampler is not used, because it counts an interrupted trial as done.
    """
    lists = [[json.dumps(value) for value in values] for values in search.space.values() if isinstance(values, list)]
    tried = [_proposal_of(t) for t in _counted(study)]
    for values in list(product(*lists))[:n_trials]:
        combination = dict(zip(search.space, values, strict=True))
        if combination not in tried:
            study.enqueue_trial(combination)
    return sum(t.state.name == "WAITING" for t in study.get_trials(deepcopy=False))


def _n_lacking(study: optuna.Study, search: Search, n_trials: int | None) -> int:
    return (n_trials or search.n_trials) - sum(t.state.name != "WAITING" for t in _counted(study))


def _counted(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Return Optuna's trials except interrupted ones, which other trials replace."""
    retried = study.user_attrs.get(RETRIED, [])
    return [t for t in study.get_trials(deepcopy=False) if t.number not in retried]


def _proposal_of(frozen: optuna.trial.FrozenTrial) -> dict[str, Any]:
    """Return the options of a trial, also if it has not started yet."""
    return frozen.params or dict(frozen.system_attrs.get("fixed_params", {}))


def _take_up_interrupted(study: optuna.Study, is_alive: Callable[[object], bool]) -> None:
    """Enqueue again, before all other trials, the trials that were running when their search ended."""
    import optuna

    for frozen in study.get_trials(deepcopy=False):
        if frozen.state == optuna.trial.TrialState.RUNNING and not is_alive(frozen.user_attrs.get(TOKEN)):
            study.set_user_attr(RETRIED, [*study.user_attrs.get(RETRIED, []), frozen.number])
            study.tell(frozen.number, state=optuna.trial.TrialState.FAIL)
            if proposal := _proposal_of(frozen):
                study.enqueue_trial(proposal)
