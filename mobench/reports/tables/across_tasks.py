"""Table across tasks: one row per solver, one column per task with the normalised hypervolume."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from mobench.errors import OptionError
from mobench.records.outline import Measured
from mobench.reports.analysis.leaderboard import Leaderboard, scores
from mobench.reports.analysis.note import Note
from mobench.reports.analysis.ranking import Ranking, rank
from mobench.reports.tables import tidy
from mobench.reports.tables.columns import HALF, HIGH, LOW, Column
from mobench.reports.tables.content import (
    Content,
    Wanted,
    chosen_rows,
    content_of,
    notes_of,
    status_if_incomplete,
)

if TYPE_CHECKING:
    import pandas as pd

MEAN = "mean"
NOTE = (
    "Each task's column is the hypervolume divided by the volume of the box between its ideal and reference point: "
    "1 is the ideal point, which conflicting objectives do not reach. Tasks differ in how much of their box can be "
    "reached, and shares shrink with the number of objectives, so compare within a column."
)
RANKS = (
    "Ranks are by the mean, among the complete rows. A rank such as 2–5: one solver is clearly better, those below "
    "place 5 are clearly worse, and the order from 2 to 5 is open (paired bootstrap over tasks and seeds, 95 % for "
    "each pair)."
)
PLACES = (
    "The tasks and seeds separate no two solvers, so ranks are the order by the mean, which may be chance (paired "
    "bootstrap over tasks and seeds, 95 % for each pair)."
)


def n_tasks(board: Leaderboard) -> int:
    """Return the number of tasks of the table: pairs of dataset and model whose protocol states an ideal point."""
    return len({(row["dataset"], row["model"]) for row in _with_box(board.table, board.boxes)})


def content(board: Leaderboard, records: Sequence[Measured], selection: Wanted) -> Content:
    """Return a table with one row per solver, one column per task, the mean over tasks and the rank.

    A task is a dataset, or a dataset and a model where a dataset has several. Values are hypervolumes divided by the
    volume of the box between ideal and reference point. Ranks are by the mean (see `rank_intervals`), paired by task
    and seed. A row that lacks a task, or is incomplete on one, has neither mean nor rank and is placed below the others
    with its status; no value is imputed.

    Raises: OptionError if there are fewer than two tasks, or a column or row does not exist.
    """
    table = chosen_rows(board.table, selection)
    tasks = _names(table, board.boxes)
    if len(tasks) < 2:
        raise OptionError(
            f"the table across tasks needs two or more tasks whose protocol has an ideal point, there are {len(tasks)}:"
            " name a folder with records of several datasets"
        )
    frame = _frame(table, board.boxes, tasks)
    ranking = _ranking(board, table, tasks, list(frame.loc[frame["status"] == "complete", "solver"]))
    ranks = dict(zip(ranking.solvers, ranking.ranks, strict=True))
    frame.insert(0, "rank", [ranks.get(solver, "–") for solver in frame["solver"]])
    described = {MEAN: Column(MEAN, MEAN, "mean of the normalised hypervolumes over the tasks", "higher")} | {
        name: Column(name, name, f"hypervolume on {name}, divided by that of its ideal point", "higher")
        for name in tasks.values()
    }
    long = cache(lambda: _by_seed(board, tasks))  # a row per record and quantity: only where it is written
    return content_of(
        frame, ["rank", "solver", *described, *status_if_incomplete(frame)], described, selection, group=(),
        caption="Normalised hypervolume on the test split of every task",
        notes=[NOTE, RANKS if ranking.is_separated else PLACES, *notes_about_values(board)], rows=table,
        quantities=["hypervolume"],
        seeds=long, estimates=lambda: tidy.estimates_by(long(), [*tidy.KEYS, "quantity"]),
    )  # fmt: skip


def notes_about_values(board: Leaderboard) -> list[str]:
    """Return the notes of a leaderboard without those about its ranks, which are within a dataset."""
    return [note for note in notes_of(board) if not isinstance(note, Note) or "rank" not in note.columns]


def _with_box(table: pd.DataFrame, boxes: Mapping[str, float]) -> list[dict[Any, Any]]:
    return [row for row in table.to_dict("records") if boxes.get(row["dataset"])]


def _names(table: pd.DataFrame, boxes: Mapping[str, float]) -> dict[tuple[str, str], str]:
    """Return (dataset, model) -> name of the task, sorted; the model is named where the dataset has several."""
    pairs = sorted({(str(row["dataset"]), str(row["model"])) for row in _with_box(table, boxes)})
    datasets = [dataset for dataset, _ in pairs]
    return {pair: pair[0] if datasets.count(pair[0]) == 1 else f"{pair[0]}, {pair[1]}" for pair in pairs}


def _frame(table: pd.DataFrame, boxes: Mapping[str, float], tasks: Mapping[tuple[str, str], str]) -> pd.DataFrame:
    """Return a frame of solver, mean, each task with its spread, and status; best mean first."""
    import pandas as pd

    by_solver: dict[str, dict[str, Mapping[Any, Any]]] = {}
    for row in _with_box(table, boxes):
        by_solver.setdefault(str(row["solver"]), {})[tasks[row["dataset"], row["model"]]] = row
    rows = []
    for solver, by_task in by_solver.items():
        values = {
            name + half: by_task[name]["hypervolume" + half] / boxes[by_task[name]["dataset"]]
            if name in by_task
            else math.nan
            for name in tasks.values()
            for half in ("", HALF, LOW, HIGH)
        }
        rows.append({"solver": solver, **values, "status": _status(by_task, tasks.values())})
    frame = pd.DataFrame(rows)
    is_complete = frame["status"] == "complete"
    frame.insert(1, MEAN, frame[list(tasks.values())].mean(axis=1).where(is_complete))
    return frame.sort_values([MEAN, "solver"], ascending=[False, True], na_position="last").reset_index(drop=True)


def _ranking(
    board: Leaderboard, table: pd.DataFrame, tasks: Iterable[tuple[str, str]], solvers: Sequence[str]
) -> Ranking:
    """Return the ranking of the complete solvers over the tasks (pairs of dataset and model) and their seeds."""
    frames = []
    for dataset, model in tasks:
        is_shown = (table["dataset"] == dataset) & (table["model"] == model) & table["solver"].isin(solvers)
        if board.measured is None or not is_shown.any():
            continue
        frame = scores(board.measured, table[is_shown]) / board.boxes[dataset]
        frame.columns = list(table.loc[is_shown, "solver"])
        frames.append(frame[list(solvers)])
    return rank(frames)


def _status(by_task: Mapping[str, Mapping[Any, Any]], names: Iterable[str]) -> str:
    late = [
        f"{name}: {by_task[name]['status'] if name in by_task else 'no record'}"
        for name in names
        if name not in by_task or by_task[name]["status"] != "complete"
    ]
    return "; ".join(late) or "complete"


def _by_seed(board: Leaderboard, tasks: Mapping[tuple[str, str], str]) -> pd.DataFrame:
    """Return the normalised hypervolume of each completed record: dataset, model, solver, quantity, seed, value."""
    seeds = tidy.seeds(board)
    seeds = seeds[seeds["quantity"] == "hypervolume"]
    is_shown = [pair in tasks for pair in zip(seeds["dataset"], seeds["model"], strict=True)]
    seeds = seeds[is_shown].reset_index(drop=True)
    boxes = [board.boxes[dataset] for dataset in seeds["dataset"]]
    return seeds.assign(quantity="normalised hypervolume", value=seeds["value"] / boxes)[tidy.PER_SEED[:-1]]
