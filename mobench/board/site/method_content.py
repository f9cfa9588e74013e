"""What the site says about a method: its rows in all stores, its versions, and the provenance of its records."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mobench.board.site.board_content import SubmissionContent
from mobench.board.site.plugin_texts import PluginText, of_part, of_wheels
from mobench.board.site.site_rows import BoardRow, StoreRows
from mobench.jobs.job import Job
from mobench.records.outline import Outline

CODE_DIGITS = 12


@dataclass(frozen=True)
class MethodVersion:
    """A version of a method: the versions of its parts. options: "part.option" -> value, of its last record.

    text:      such as "solver 1, balancer 2".
    finished:  time of its last record.
    """

    text: str
    finished: str
    n_records: int
    options: Mapping[str, Any]


@dataclass(frozen=True)
class VersionChange:
    """The hypervolume of the last two versions of a method on one task."""

    store: str
    dataset: str
    before: str
    after: str
    difference: str


@dataclass(frozen=True)
class RecordGroup:
    """Records of a method with one origin: how many, and the code and the hardware that computed them."""

    n_records: int
    version: str
    mobench: str
    commit: str
    python: str
    torch: str
    hardware: str
    code: str


@dataclass(frozen=True)
class MethodContent:
    """A method of a board.

    rows:     its rows by store. versions: last one first.
    changes:  between the last two versions: of options, "name: before → after", and of results.
    """

    name: str
    rows: Mapping[str, Sequence[BoardRow]]
    versions: Sequence[MethodVersion]
    option_changes: Sequence[str]
    result_changes: Sequence[VersionChange]
    origins: Sequence[RecordGroup]
    texts: Sequence[PluginText]
    submissions: Sequence[str]


def methods(stores: Sequence[StoreRows], submissions: Sequence[SubmissionContent]) -> dict[str, MethodContent]:
    """Return the methods of a board by name, sorted."""
    rows: dict[str, dict[str, list[BoardRow]]] = defaultdict(lambda: defaultdict(list))
    for store in stores:
        for row in store.rows.values():
            rows[row.method][store.name].append(row)
    by_name = {store.name: store for store in stores}
    by_id = {content.id: content for content in submissions}
    return {name: _method(name, rows[name], by_name, by_id) for name in sorted(rows)}


def _method(
    name: str,
    rows: Mapping[str, list[BoardRow]],
    stores: Mapping[str, StoreRows],
    submissions: Mapping[str, SubmissionContent],
) -> MethodContent:
    records = [
        (record, row, store) for store in rows for row in rows[store] for record in stores[store].records_of(row)
    ]
    by_version: dict[str, list[Outline]] = defaultdict(list)
    for record, _, _ in records:
        by_version[version_text(record.job)].append(record)
    versions = sorted((_version(text, group) for text, group in by_version.items()),
                      key=lambda v: (v.finished, v.text), reverse=True)  # fmt: skip
    last = max((record for record, _, _ in records), key=lambda r: (r.finished, r.id))
    names = sorted({submission for group in rows.values() for row in group for submission in row.submissions})
    texts = [of_part(role, part) for role, part in _method_parts(last.job).items()]
    texts += [text for submission in names for text in of_wheels(submissions[submission])]
    option_changes, result_changes = list[str](), list[VersionChange]()
    if len(versions) > 1:
        option_changes = _option_changes(versions[1], versions[0])
        result_changes = _result_changes(versions[1].text, versions[0].text, rows, stores)
    origins = Counter(_origin(record) for record, _, _ in records)
    groups = [RecordGroup(n, *origin) for origin, n in sorted(origins.items(), key=lambda item: (-item[1], item[0]))]
    return MethodContent(name, rows, versions, option_changes, result_changes, groups, texts, names)


def version_text(job: Job) -> str:
    """Return the versions of a method's parts, such as "solver 1, generator 1, balancer 2"."""
    return ", ".join(f"{role} {part.version}" for role, part in _version_parts(job).items())


def _version_parts(job: Job) -> dict[str, Any]:
    return {role: part for role, part in job.parts.items() if role not in ("dataset", "model")}


def _method_parts(job: Job) -> dict[str, Any]:
    return {"solver": job.solver, **{r: p for r, p in job.registered_parts.items() if r not in ("dataset", "model")}}


def _version(text: str, records: Sequence[Outline]) -> MethodVersion:
    last = max(records, key=lambda record: (record.finished, record.id))
    options = {
        f"{role}.{name}": value
        for role, part in _version_parts(last.job).items()
        for name, value in part.options.items()
    }
    return MethodVersion(text, last.finished, len(records), dict(sorted(options.items())))


def _option_changes(before: MethodVersion, after: MethodVersion) -> list[str]:
    names = sorted({*before.options, *after.options})
    absent = "not an option"
    return [
        f"{name}: {before.options.get(name, absent)} → {after.options.get(name, absent)}"
        for name in names
        if before.options.get(name, absent) != after.options.get(name, absent)
    ]


def _result_changes(
    before: str, after: str, rows: Mapping[str, list[BoardRow]], stores: Mapping[str, StoreRows]
) -> list[VersionChange]:
    """Return the change of the hypervolume for each task on which both versions have one row with the same model."""
    changes = []
    for store, group in rows.items():
        by_task: dict[tuple[str, str], dict[str, list[BoardRow]]] = defaultdict(lambda: defaultdict(list))
        for row in group:
            texts = {version_text(record.job) for record in stores[store].records_of(row)}
            for text in texts:
                by_task[row.dataset, row.model][text].append(row)
        for (dataset, _), by_version in sorted(by_task.items()):
            old, new = by_version[before], by_version[after]
            if len(old) == len(new) == 1 and old != new:
                values = [float(row[0].values["hypervolume"]) for row in (old, new)]
                changes.append(
                    VersionChange(
                        store, dataset, old[0].cells["hypervolume"].plain, new[0].cells["hypervolume"].plain,
                        f"{values[1] - values[0]:+.3f}",
                    )
                )  # fmt: skip
    return changes


def _origin(record: Outline) -> tuple[str, str, str, str, str, str, str]:
    origin = record.origin
    code = sorted(
        {
            f"{role} {source.module} of {source.distribution} {source.version} ({source.sha256[:CODE_DIGITS]})"
            for role, source in origin.sources.items()
            if role not in ("dataset", "model", "mobench")
        }
    )
    return (
        version_text(record.job), origin.mobench, origin.git or "", origin.python, origin.torch, record.hardware,
        "; ".join(code),
    )  # fmt: skip
