"""The plain files of a site: CSV, Parquet and JSON at addresses that do not change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mobench.board.site.addresses import data_file, method_page, slug, store_page, submission_page
from mobench.board.site.board_content import BoardContent
from mobench.board.site.site_rows import StoreRows
from mobench.reports.analysis.leaderboard import is_missing
from mobench.reports.tables.columns import SPREADS, is_metric
from mobench.reports.tables.writers import frames

if TYPE_CHECKING:
    import pandas as pd

BOARD = "data/board.json"
OF_STORES = ("leaderboard.csv", "leaderboard.parquet", "leaderboard.json", "records.csv", "records.parquet")


def names(stores: Sequence[StoreRows]) -> list[str]:
    """Return the addresses of all data files."""
    return [BOARD, *(name for store in stores for name in _names_of(store))]


def _names_of(store: StoreRows) -> list[str]:
    return [data_file(store.name, name) for name in (*OF_STORES, *map(_task_file, store.by_dataset))]


def _task_file(dataset: str) -> str:
    return f"tasks/{slug(dataset)}.csv"


def contents(content: BoardContent, stores: Sequence[StoreRows]) -> Iterator[tuple[str, str | bytes]]:
    """Yield the address and the content of each data file."""
    yield BOARD, _json(_board(content, stores))
    for store in stores:
        every = _leaderboard(store)
        for dataset in store.by_dataset:
            task = every[every["dataset"] == dataset].dropna(axis="columns", how="all")
            yield data_file(store.name, _task_file(dataset)), frames.csv(task)
        table = _without_metrics(every)
        yield data_file(store.name, "leaderboard.csv"), frames.csv(table)
        yield data_file(store.name, "leaderboard.parquet"), frames.parquet(table)
        rows = [{k: None if is_missing(v) else v for k, v in row.items()} for row in table.to_dict("records")]
        yield data_file(store.name, "leaderboard.json"), _json(rows)
        records = _without_metrics(_records(store))
        yield data_file(store.name, "records.csv"), frames.csv(records)
        yield data_file(store.name, "records.parquet"), frames.parquet(records)


def _without_metrics(table: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that tasks have in common: the metrics of a task are in its own file.

    With those of 30 tasks a table has some hundred columns, nearly all of them empty.
    """
    shown = [name for name in table.columns if not is_metric(_without_spread(str(name)))]
    return table[shown].copy()


def _without_spread(name: str) -> str:
    return next((name.removesuffix(end) for end in SPREADS if name.endswith(end)), name)


def _leaderboard(store: StoreRows) -> pd.DataFrame:
    rows = [store.rows[key] for key in _keys(store.content.board.table)]
    return store.content.board.table.copy().assign(
        state=[str(row.state) for row in rows],
        submissions=[" ".join(row.submissions) for row in rows],
        kind=[row.kind for row in rows],
        budget=[row.budget for row in rows],
        hardware=["; ".join(store.hardware[place] for place in row.hardware) for row in rows],
    )


def _records(store: StoreRows) -> pd.DataFrame:
    import pandas as pd

    measured = store.content.board.measured
    if measured is None:
        return pd.DataFrame(columns=["dataset", "model", "solver", "seed", "id"])
    content = store.content
    records = [content.records[id_] for id_ in measured["id"]]
    return measured.copy().assign(
        state=[str(content.states[r.id]) for r in records],
        submission=[content.submission_of[r.id] for r in records],
        finished=[r.finished for r in records],
        hardware=[r.hardware for r in records],
        mobench=[r.origin.mobench for r in records],
        commit=[r.origin.git or "" for r in records],
    )


def _keys(table: pd.DataFrame) -> list[tuple[str, str, str]]:
    columns = (table[name].astype(str).tolist() for name in ("dataset", "model", "solver"))
    return list(zip(*columns, strict=True))


def _board(content: BoardContent, stores: Sequence[StoreRows]) -> dict[str, Any]:
    methods = sorted({row.method for store in stores for row in store.rows.values()})
    return {
        "title": content.board.title,
        "url": content.board.url,
        "licence": content.board.licence,
        "stores": [
            {
                "name": store.name, "page": store_page(store.name), "tasks": list(store.by_dataset),
                "records": len(store.content.records), "files": _names_of(store),
            }
            for store in stores
        ],
        "methods": [{"name": name, "page": method_page(name)} for name in methods],
        "submissions": [
            {
                "id": item.id, "store": item.submission.store, "state": str(item.standing.state),
                "reason": item.standing.reason, "digest": item.submission.digest, "page": submission_page(item.id),
            }
            for item in content.submissions
        ],
        "faults": list(content.faults),
    }  # fmt: skip


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
