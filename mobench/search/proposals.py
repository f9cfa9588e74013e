"""What Optuna keeps of a search, and which options it proposes next."""

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
"""The attribute of a trial that says which search runs it (see `Presence`)."""


@dataclass(frozen=True)
class Trial:
    """One set of options.

    value: on validation, None unless `state` is "complete".
    seconds, core_seconds: of training and the looks at validation, and processor time of training alone, over
        its jobs' records; without records the seconds that the trial took, and None.
    """

    number: int
    settings: dict[str, Any]
    state: str
    value: float | None
    seconds: float | None
    core_seconds: float | None = None
    jobs: tuple[str, ...] = ()


def opened(storage: JournalStorage, name: str, wanted: Search) -> optuna.Study:
    """The study of this name in a journal, which is made where there is none."""
    import optuna

    # what was found can be read in a folder that may not be written to: a study that is there is only loaded
    if name not in optuna.get_all_study_names(storage):
        optuna.create_study(storage=storage, study_name=name, direction="maximize")
    pruner = optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=3) if wanted.prune else None
    return optuna.load_study(storage=storage, study_name=name, pruner=pruner or optuna.pruners.NopPruner())


def ask(
    study: optuna.Study,
    wanted: Search,
    usual: Callable[[], Job],
    n_trials: int | None,
    is_alive: Callable[[object], bool],
) -> int:
    """Ask for what is tried first, and return how many trials the study lacks.

    n_trials: in all; None: the search's own number, or the whole grid. usual: gives a job without a search.
    is_alive: whether the search of a token is under way.

    To be called while it is this search's turn, as `take`.
    """
    _take_up_interrupted(study, is_alive)
    if wanted.sampler == "grid":
        return _enqueue_grid(study, wanted, n_trials)
    if not study.get_trials(deepcopy=False) and (first := _as_they_are(usual(), wanted)) is not None:
        study.enqueue_trial(first)
    return max(0, _n_lacking(study, wanted, n_trials))


def take(
    study: optuna.Study, wanted: Search, n_trials: int | None, token: str, is_alive: Callable[[object], bool]
) -> optuna.Trial | None:
    """The next trial that the study lacks, with its options and the token of the search that runs it; None: no more.

    Trials that other searches run are theirs, until those end without an outcome.
    """
    import optuna

    _take_up_interrupted(study, is_alive)
    is_waiting = any(t.state.name == "WAITING" for t in _counted(study))
    if not (is_waiting if wanted.sampler == "grid" else _n_lacking(study, wanted, n_trials) > 0):
        return None
    study.sampler = optuna.samplers.TPESampler(
        # by the trial, so that a search that goes on, or another beside it, proposes nothing a second time
        seed=len(study.get_trials(deepcopy=False)),
        # half of a short search is spent on looking around before the estimator is trusted
        n_startup_trials=min(10, max(1, wanted.n_trials // 2)),
    )
    trial = study.ask()
    trial.set_user_attr(TOKEN, token)
    proposed(trial, wanted.space)
    return trial


def others(study: optuna.Study, token: str) -> list[str]:
    """The tokens of other searches of which trials are under way."""
    tokens = [str(t.user_attrs.get(TOKEN)) for t in _counted(study) if t.state.name == "RUNNING"]
    return [other for other in tokens if other != token]


def proposed(trial: optuna.Trial, space: Mapping[str, Range | list[Any]]) -> dict[str, Any]:
    """The options of a trial."""
    return {name: _suggest(trial, name, values) for name, values in space.items()}


def trials_of(study: optuna.Study) -> list[Trial]:
    """All trials but for those that were interrupted, which others stand for."""
    return [as_trial(frozen) for frozen in _counted(study)]


def as_trial(frozen: optuna.trial.FrozenTrial) -> Trial:
    """A trial of Optuna's as one of ours."""
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
        # Optuna's choices are plain values: lists travel as JSON
        return json.loads(str(trial.suggest_categorical(name, [json.dumps(value) for value in space])))
    if isinstance(space.low, int) and isinstance(space.high, int):
        return trial.suggest_int(name, space.low, space.high, log=space.log)
    return trial.suggest_float(name, space.low, space.high, log=space.log)


def _as_they_are(job: Job, wanted: Search) -> dict[str, Any] | None:
    """The options of the space in a job without a search, as Optuna has them; None where they are not in the space."""
    known = every_option(job)
    known |= {f"budget.{key}": value for key, value in job.budget.model_dump(exclude_none=True).items()}
    found: dict[str, Any] = {}
    for name, values in wanted.space.items():
        # a name without its part stands for whichever part has it
        full = next((key for key in known if name in (key, key.partition(".")[2])), None)
        value = known.get(full) if full else None
        if isinstance(values, Range):
            if not isinstance(value, int | float) or not values.low <= value <= values.high:
                return None
            found[name] = value
        elif json.dumps(value) in (choices := [json.dumps(v) for v in values]):
            found[name] = choices[choices.index(json.dumps(value))]
        else:
            return None
    return found


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
    return (n_trials or wanted.n_trials) - sum(t.state.name != "WAITING" for t in _counted(study))


def _counted(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Trials but for those that were interrupted, which others stand for."""
    retried = study.user_attrs.get(RETRIED, [])
    return [t for t in study.get_trials(deepcopy=False) if t.number not in retried]


def _asked(frozen: optuna.trial.FrozenTrial) -> dict[str, Any]:
    """A trial's options, also before it has begun."""
    return frozen.params or dict(frozen.system_attrs.get("fixed_params", {}))


def _take_up_interrupted(study: optuna.Study, is_alive: Callable[[object], bool]) -> None:
    """Trials that were under way when their search ended are asked for again, first."""
    import optuna

    for frozen in study.get_trials(deepcopy=False):
        if frozen.state == optuna.trial.TrialState.RUNNING and not is_alive(frozen.user_attrs.get(TOKEN)):
            study.set_user_attr(RETRIED, [*study.user_attrs.get(RETRIED, []), frozen.number])
            study.tell(frozen.number, state=optuna.trial.TrialState.FAIL)
            if asked := _asked(frozen):
                study.enqueue_trial(asked)
