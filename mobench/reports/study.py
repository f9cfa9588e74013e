"""The trials of a search as tables, and the best of them as a suite. Validation figures alone."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from mobench.reports.tables import markdown, number, write_texts
from mobench.runs.study import Outcome, Trial
from mobench.runs.suite import Suite


def columns(outcome: Outcome) -> list[str]:
    """Trial, its options, and what it came to."""
    names = list(dict.fromkeys(name for trial in outcome.trials for name in trial.settings))
    return ["rank", "trial", *names, f"validation {outcome.metric}", "seconds", "state"]


def cells(outcome: Outcome) -> list[list[str]]:
    """One row per trial, best first."""
    names = columns(outcome)[2:-3]
    return [_row(rank, trial, names) for rank, trial in enumerate(outcome.trials, start=1)]


def to_markdown(outcome: Outcome) -> str:
    return markdown(columns(outcome), cells(outcome))


def to_csv(outcome: Outcome) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*columns(outcome), "jobs"])
    for trial, row in zip(outcome.trials, cells(outcome), strict=True):
        writer.writerow([*row, " ".join(trial.jobs)])
    return buffer.getvalue()


def best_suite(outcome: Outcome, suite: Suite) -> str:
    """The suite with the best trial's options in the place of the search, as TOML.

    `json.dumps` writes what TOML reads the same way: numbers, strings, lists and true or false.
    """
    assert outcome.best is not None
    (entry,) = suite.entries
    budget = {**(entry.budget or suite.budget).model_dump(exclude_none=True)}
    found = outcome.best.settings
    length = {k.removeprefix("budget."): v for k, v in found.items() if k.startswith("budget.")}
    if set(length) & {"epochs", "steps", "seconds"}:
        budget = {"batch_size": budget["batch_size"]}
    budget |= length
    settings = {**entry.set, **{k: v for k, v in found.items() if not k.startswith("budget.")}}
    lines = [f"summary = {json.dumps(f'the best of {len(outcome.trials)} trials of {suite.name}, on validation')}"]
    lines += [f"seeds = {json.dumps(suite.seeds)}", f"n_rays = {suite.n_rays}", f"n_finite = {suite.n_finite}"]
    if suite.rays is not None:
        lines.append(f"rays = {json.dumps(suite.rays)}")
    lines += ["", "[budget]", *(f"{k} = {json.dumps(v)}" for k, v in budget.items())]
    lines += ["", "[[entries]]"]
    lines += [f"{k} = {json.dumps(getattr(entry, k))}" for k in ("datasets", "models", "solvers")]
    lines += ["", "[entries.set]", *(f"{json.dumps(k)} = {json.dumps(v)}" for k, v in settings.items())]
    return "\n".join(lines) + "\n"


def export(outcome: Outcome, suite: Suite, folder: Path) -> list[Path]:
    """Write study.md, study.csv and, where some trial gave a value, best.toml. Raises: StoreError."""
    texts = {"study.md": to_markdown(outcome), "study.csv": to_csv(outcome)}
    if outcome.best is not None:
        texts["best.toml"] = best_suite(outcome, suite)
    return write_texts(folder, texts)


def _row(rank: int, trial: Trial, names: list[str]) -> list[str]:
    options = [json.dumps(trial.settings[n]) if n in trial.settings else "–" for n in names]
    value = "–" if trial.value is None else number(trial.value, 4)
    seconds = "–" if trial.seconds is None else f"{trial.seconds:.0f}"
    return [str(rank), str(trial.number), *options, value, seconds, trial.state]
