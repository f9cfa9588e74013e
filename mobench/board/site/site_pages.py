"""The pages of a site, from templates that escape everything. No page needs a script or asks a network."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mobench.board.site import addresses
from mobench.board.site.board_content import BoardContent, SubmissionContent
from mobench.board.site.board_feed import BoardChange
from mobench.board.site.method_content import MethodContent
from mobench.board.site.plugin_texts import of_wheels
from mobench.board.site.site_figures import FrontFigure, MarkFigure, fronts, marks
from mobench.board.site.site_rows import BoardRow, StoreRows, TaskGroup, heading, number_text
from mobench.reports.analysis.leaderboard import is_missing
from mobench.reports.tables.columns import HIGH, LOW
from mobench.reports.tables.escaping import with_codes

HERE = Path(__file__).parent
MOST_LINES = 200
"""Notes and records that a page lists."""
MOST_ROWS = 400
"""Rows of tasks on the page of a store without a table over tasks; those of further tasks are on their own pages."""
MOST_TITLES = 12


@dataclass(frozen=True)
class TaskTable:
    dataset: str
    kind: str
    budget: str
    rows: Sequence[BoardRow]


@dataclass(frozen=True)
class StoreView:
    """What the page of a store shows: its tables over tasks, or its tasks where there is no such table."""

    name: str
    store: StoreRows
    groups: Sequence[TaskGroup]
    tables: Sequence[TaskTable]
    figure: MarkFigure | None
    figure_title: str
    rejected: Sequence[SubmissionContent]

    @property
    def kinds(self) -> list[str]:
        """The kinds that the tables of the page can be filtered by."""
        return sorted({*(group.kind for group in self.groups), *(table.kind for table in self.tables)} - {""})

    @property
    def budgets(self) -> list[str]:
        return sorted({*(group.budget for group in self.groups), *(table.budget for table in self.tables)} - {""})

    @property
    def short(self) -> StoreView:
        """The view for the front page: without the tables of kinds and budgets if all together have many rows."""
        n_rows = sum(len(group.rows) for group in self.groups)
        return self if n_rows <= MOST_ROWS else replace(self, groups=self.groups[:1])


def pages(
    content: BoardContent, stores: Sequence[StoreRows], methods: dict[str, MethodContent],
    changes: Sequence[BoardChange], data_files: Sequence[str],
) -> Iterator[tuple[str, str]]:  # fmt: skip
    """Yield the address and the text of each page."""
    site = _Templates(content)
    views = [_view(store) for store in stores]
    yield site.page("index.html", "index.html", view=views[0].short, stores=stores, changes=changes)
    for view in views:
        yield site.page("store.html", addresses.store_page(view.name), view=view)
        for dataset, rows in view.store.by_dataset.items():
            yield site.page("task.html", addresses.task_page(view.name, dataset), **_task(view.store, dataset, rows))
    yield site.page("methods.html", "methods.html", methods=methods)
    for name, method in methods.items():
        yield site.page("method.html", addresses.method_page(name), method=method)
    yield site.page("submissions.html", "submissions.html", items=content.submissions, faults=content.faults)
    for item in content.submissions:
        names = sorted({record.job.solver.name for record in item.records})
        yield site.page(
            "submission.html", addresses.submission_page(item.id), item=item, methods=names, known=methods,
            texts=of_wheels(item),
        )  # fmt: skip
    yield site.page("changes.html", "changes.html", changes=changes)
    yield site.page("data.html", "data.html", names=data_files)
    yield site.page("feed.xml", "feed.xml", changes=changes)


class _Templates:
    """Templates with what every page shares."""

    def __init__(self, content: BoardContent) -> None:
        environment = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True, finalize=lambda value: value if isinstance(value, Markup) else _shown(value),
        )  # fmt: skip
        style, script = ((HERE / name).read_text(encoding="utf-8") for name in ("style.css", "filters.js"))
        environment.globals.update(
            board=content.board, version=version("mobench"), address=addresses, heading=heading, number=number_text,
            letter=lambda place: chr(ord("A") + place) if place < 26 else str(place + 1), plain=_plain, titles=_titles,
            most_lines=MOST_LINES, style=Markup(style), script=Markup(script),
            policy=f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; base-uri 'none'; "
            "form-action 'none'",
        )  # fmt: skip
        self._environment = environment

    def page(self, template: str, address: str, **values: Any) -> tuple[str, str]:
        text = self._environment.get_template(template).render(root=addresses.up(address), **values)
        return address, text if text.endswith("\n") else text + "\n"


def _shown(value: Any) -> Any:
    """Return text with the codes of its invisible characters; line breaks and tabs of a README stay."""
    if not isinstance(value, str) or value.isprintable():
        return value
    return "".join(c if c in "\n\t" else with_codes(c) for c in value)


def _plain(value: Any) -> str:
    return "" if is_missing(value) else f"{float(value):.1f}"


def _titles(item: SubmissionContent) -> str:
    titles = sorted(record.job.title for record in item.records)
    more = f" and {len(titles) - MOST_TITLES} more" if len(titles) > MOST_TITLES else ""
    return "; ".join(titles[:MOST_TITLES]) + more


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _view(store: StoreRows) -> StoreView:
    groups = store.groups
    tables, n_rows = [], 0
    for dataset, rows in {} if groups else store.by_dataset.items():
        n_rows += len(rows)
        if n_rows <= MOST_ROWS:
            tables.append(TaskTable(dataset, rows[0].kind, rows[0].budget, rows))
    if groups:
        rows_over_tasks = [(row.label, row.mean, row.shares) for row in groups[0].rows]
        title = "Mean hypervolume as a share of the box of each task, with the share of each task"
        figure = marks(rows_over_tasks, "share of the box")
    elif tables:
        title, figure = f"Hypervolume on {tables[0].dataset}", _volumes(tables[0].rows)
    else:
        title, figure = "", None
    return StoreView(store.name, store, groups, tables, figure, title, store.content.rejected)


def _volumes(rows: Sequence[BoardRow]) -> MarkFigure | None:
    def number(row: BoardRow, name: str) -> float:
        return math.nan if is_missing(row.values.get(name)) else float(row.values[name])

    items = [
        (row.label, number(row, "hypervolume"), [number(row, "hypervolume" + end) for end in (LOW, HIGH)])
        for row in rows
    ]
    return marks(items, "hypervolume")


def _task(store: StoreRows, dataset: str, rows: Sequence[BoardRow]) -> dict[str, Any]:
    record = store.records_of(rows[0])[0]
    return {
        "store": store, "dataset": dataset, "rows": rows, "objectives": record.objectives,
        "protocol": record.job.protocol, "figure": _volumes(rows), "fronts": _fronts(store, rows),
        "rejected": [
            item for item in store.content.rejected if any(r.job.dataset.name == dataset for r in item.records)
        ],
    }  # fmt: skip


def _fronts(store: StoreRows, rows: Sequence[BoardRow]) -> FrontFigure | None:
    """Return the fronts of the first rows at their first seed; None unless there are two objectives."""
    items, objectives = [], list[str]()
    for row in rows:
        record = min(store.records_of(row), key=lambda r: (r.status != "completed", r.job.seeds.solver, r.id))
        if record.status == "completed" and len(record.objectives) == 2:
            objectives = list(record.objectives)
            items.append((row.label, np.asarray(record.fronts["test"].losses, dtype=float)))
    return fronts(items, objectives) if items else None
