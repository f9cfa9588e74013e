"""Tables of the trials of a search, and a suite of the best trials. All values are from the validation split."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mobench.jobs.plan import apart, layers_of
from mobench.jobs.precedence import BUDGET, SUITE_BUDGET, budget_of, combine
from mobench.jobs.resolve import exact_names
from mobench.jobs.suite import Suite
from mobench.reports.tables.table_files import markdown, number, write_texts
from mobench.search import cost_table
from mobench.search.proposals import Trial
from mobench.search.study import StudyResult


def columns(outcomes: Sequence[StudyResult]) -> list[str]:
    """Return the column names: roles in which the combinations differ, rank, trial, options, value, time and state.

    The time is the processor time of training if all trials with a value have it, else the seconds of training and
    evaluation.
    """
    metric, time = outcomes[0].metric, "core-s" if _has_core_seconds(outcomes) else "seconds"
    return [*_telling(outcomes), "rank", "trial", *_options(outcomes), f"validation {metric}", time, "state"]


def cells(outcomes: Sequence[StudyResult]) -> list[list[str]]:
    """Return one row per trial; the trials of each combination are sorted, best first."""
    telling, names, cores = _telling(outcomes), _options(outcomes), _has_core_seconds(outcomes)
    return [
        [*(getattr(outcome, role) for role in telling), *_row(rank, trial, names, cores)]
        for outcome in outcomes
        for rank, trial in enumerate(outcome.trials, start=1)
    ]


def to_markdown(outcomes: Sequence[StudyResult]) -> str:
    return markdown(columns(outcomes), cells(outcomes))


def to_csv(outcomes: Sequence[StudyResult]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*columns(outcomes), "jobs"])
    trials = [trial for outcome in outcomes for trial in outcome.trials]
    for trial, row in zip(trials, cells(outcomes), strict=True):
        writer.writerow([*row, " ".join(trial.jobs)])
    return buffer.getvalue()


def best_suite(outcomes: Sequence[StudyResult], suite: Suite) -> str:
    """Return the suite as TOML, with the best options of each combination instead of the search.

    Values are written by `json.dumps`: numbers, strings, lists and booleans have the same syntax in TOML.
    """
    n_trials = sum(len(outcome.trials) for outcome in outcomes)
    lines = [f"summary = {json.dumps(f'the best of {n_trials} trials of {suite.name}, on validation')}"]
    lines += [f"seeds = {json.dumps(suite.seeds)}", f"n_rays = {suite.n_rays}", f"n_finite = {suite.n_finite}"]
    if suite.rays is not None:
        lines.append(f"rays = {json.dumps(suite.rays)}")
    lines += ["", *_budget("budget", suite.budget.model_dump(exclude_none=True))]
    for outcome, alone in zip(outcomes, apart(suite), strict=True):
        if outcome.best is not None:
            lines += ["", *_entry(outcome.best.settings, alone)]
    return "\n".join(lines) + "\n"


def export(outcomes: Sequence[StudyResult], suite: Suite, folder: Path) -> list[Path]:
    """Write study.md, study.csv, cost.md and, if some trial has a value, best.toml. Raises: StoreError."""
    texts = {
        "study.md": to_markdown(outcomes),
        "study.csv": to_csv(outcomes),
        "cost.md": cost_table.to_markdown(outcomes, suite),
    }
    if any(outcome.best is not None for outcome in outcomes):
        texts["best.toml"] = best_suite(outcomes, suite)
    return write_texts(folder, texts)


def _entry(best_options: Mapping[str, Any], alone: Suite) -> list[str]:
    """Return the TOML lines of one combination: all settings of its suite and its best options."""
    (entry,) = alone.entries
    (names,) = zip(entry.datasets, entry.models, entry.solvers, strict=True)
    layers = layers_of(alone, entry, names[2], best_options)
    holding = combine(layers, exact_names(*names, layers))
    settings = {s.key: s.value for s in holding if not s.name.startswith(f"{BUDGET}.")}
    lines = ["[[entries]]"]
    lines += [f"{k} = {json.dumps(getattr(entry, k))}" for k in ("datasets", "models", "solvers")]
    lines += ["", "[entries.set]", *(f"{json.dumps(k)} = {json.dumps(v)}" for k, v in settings.items())]
    of_budget = [s for s in holding if s.name.startswith(f"{BUDGET}.")]
    if any(s.source != SUITE_BUDGET for s in of_budget):
        length = {s.name.removeprefix(f"{BUDGET}."): s.value for s in of_budget}
        lines += ["", *_budget("entries.budget", {"batch_size": budget_of(holding).batch_size, **length})]
    return lines


def _budget(table: str, values: Mapping[str, Any]) -> list[str]:
    return [f"[{table}]", *(f"{k} = {json.dumps(v)}" for k, v in values.items())]


def _telling(outcomes: Sequence[StudyResult]) -> list[str]:
    """Return the roles in which the combinations differ."""
    return [
        role for role in ("dataset", "model", "solver") if len({getattr(outcome, role) for outcome in outcomes}) > 1
    ]


def _options(outcomes: Sequence[StudyResult]) -> list[str]:
    trials = [trial for outcome in outcomes for trial in outcome.trials]
    return list(dict.fromkeys(name for trial in trials for name in trial.settings))


def _has_core_seconds(outcomes: Sequence[StudyResult]) -> bool:
    """Return whether all trials with a value have a processor time."""
    have_time = [t.core_seconds is not None for outcome in outcomes for t in outcome.trials if t.value is not None]
    return bool(have_time) and all(have_time)


def _row(rank: int, trial: Trial, names: list[str], cores: bool) -> list[str]:
    options = [json.dumps(trial.settings[n]) if n in trial.settings else "–" for n in names]
    value = "–" if trial.value is None else number(trial.value, 4)
    seconds = trial.core_seconds if cores else trial.seconds
    took = "–" if seconds is None else f"{seconds:.0f}"
    return [str(rank), str(trial.number), *options, value, took, trial.state]
