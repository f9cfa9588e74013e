"""Selection of the records that can be compared in one table."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from mobench.errors import OptionError
from mobench.jobs.job import Job
from mobench.records.outline import Measured
from mobench.records.protocols import contents
from mobench.reports.analysis.row_labels import seed_name
from mobench.text import name_hint

MeasuredT = TypeVar("MeasuredT", bound=Measured)


@dataclass
class Selection(Generic[MeasuredT]):
    """The records of each dataset that agree in everything that a comparison must hold fixed.

    records:  the comparable records, in the order given.
    left_out: one line for each other record, with the reason.
    notes:    one line for each tie, with the value that was chosen.
    """

    records: list[MeasuredT] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def select(records: Sequence[MeasuredT], protocols: Sequence[str] = ()) -> Selection[MeasuredT]:
    """Return the records that can be compared, and the reasons why the others cannot.

    For each dataset, records are filtered step by step: by season, protocol version, content of the protocol
    (reference, ideal and nadir point), dataset options, budget and rays. Each step keeps the records with the most
    frequent value. Ties are decided by the newest record and reported in `notes`. The content of the protocol is not
    compared for the record of a failed job, which has only a version.
    Imported fronts are counted only if the dataset has no other records; their budget and rays are not compared.
    Duplicate records count once.

    protocols: protocol versions to show instead, for the datasets that have them.

    Raises: OptionError for a protocol version that no record has.
    """
    selection = Selection[MeasuredT]()
    groups: dict[str, list[MeasuredT]] = defaultdict(list)
    for record in _once(records, selection):
        groups[record.job.dataset.name].append(record)
    _check(protocols, {r.job.protocol for r in records})
    for name in sorted(groups):
        group = groups[name]
        version = next((p for p in protocols if any(r.job.protocol == p for r in group)), None)
        for prop, value, takes_part in _MUST_AGREE:
            if judged_records := [r for r in group if takes_part(r)]:
                out = _outvoted(
                    judged_records,
                    value,
                    f"{name}: {prop}",
                    selection,
                    version if prop == "protocol" else None,
                )
                group = [r for r in group if r.id not in out]
        selection.records += group
    return selection


def agreeing(records: Sequence[MeasuredT], others: Sequence[Measured]) -> Selection[MeasuredT]:
    """Return the records that can be compared with others that came first, such as those of a board's owners.

    The others of a dataset are filtered as by `select`, and decide alone, however many the records are. A record of a
    dataset that they do not have can be compared.
    """
    selection, accepted = Selection[MeasuredT](), {r.job.dataset.name: r for r in select(others).records}
    for record in records:
        other = accepted.get(record.job.dataset.name)
        faults = (
            []
            if other is None
            else [
                f"{prop} is {value(record)}, the table's is {value(other)}"
                for prop, value, takes_part in _MUST_AGREE
                if takes_part(record) and takes_part(other) and value(record) != value(other)
            ]
        )
        if faults:
            selection.left_out.append(f"{record.job.title} ({record.id}): {record.job.dataset.name}: {faults[0]}")
        else:
            selection.records.append(record)
    return selection


def _rays(job: Job) -> str:
    if job.rays is not None:
        return json.dumps(job.rays)
    version = "" if job.rays_version is None else f", version {job.rays_version}"
    return f"{job.n_rays} and {job.n_finite} at equal K{version}"


def _always(record: Measured) -> bool:
    return True


def _is_trained_here(record: Measured) -> bool:
    return record.imported is None


_MUST_AGREE: tuple[tuple[str, Callable[[Measured], str], Callable[[Measured], bool]], ...] = (
    ("season", lambda record: record.job.season or "none", _is_trained_here),
    ("protocol", lambda record: record.job.protocol, _always),
    # the version is only a label: the dataset may have changed while the version stayed the same
    (
        "what the protocol states",
        lambda record: contents(record.protocol),
        lambda record: bool(contents(record.protocol)),
    ),
    ("dataset options", lambda record: record.job.dataset.text, _always),
    ("budget", lambda record: record.job.budget.text, _is_trained_here),
    ("rays", lambda record: _rays(record.job), _is_trained_here),
)


def _outvoted(
    records: list[MeasuredT],
    value: Callable[[Measured], str],
    prop: str,
    selection: Selection[MeasuredT],
    chosen_value: str | None,
) -> set[str]:
    """Return the ids of the records whose value differs from the chosen one."""
    values = {r.id: value(r) for r in records}
    voters = [r for r in records if r.imported is None] or records
    counts = Counter(values[r.id] for r in voters)
    newest = dict.fromkeys(counts, "")
    for record in voters:
        newest[values[record.id]] = max(newest[values[record.id]], record.finished)
    best = chosen_value if chosen_value is not None else max(counts, key=lambda v: (counts[v], newest[v], v))
    equals = sorted(v for v in counts if counts[v] == counts.get(best) and v != best)
    if equals and chosen_value is None:
        hint = f"; --protocol {equals[0]} shows the other" if prop.endswith("protocol") else ""
        selection.notes.append(
            f"{prop} is {best} in as many records ({counts[best]}) as {' and '.join(equals)}: the newest is used{hint}"
        )
    out = [r for r in records if values[r.id] != best]
    selection.left_out += [
        f"{r.job.solver.name} seed {seed_name(r.job.seeds)} ({r.id}): {prop} is {values[r.id]}, the table's is {best}"
        for r in sorted(out, key=lambda r: (r.job.solver.name, r.job.seeds.solver, r.id))
    ]
    return {r.id for r in out}


def _once(records: Sequence[MeasuredT], selection: Selection[MeasuredT]) -> list[MeasuredT]:
    """Return one record per job, since several folders can hold the same job; completed records are preferred."""
    by_id: dict[str, MeasuredT] = {}
    for record in records:
        previous = by_id.setdefault(record.id, record)
        if previous is record:
            continue
        first, second = sorted((previous, record), key=lambda r: (r.status != "completed", r.finished))
        by_id[record.id] = first
        if first.digest != second.digest:
            selection.notes.append(
                f"{record.job.title} ({record.id}) exists twice with different numbers: "
                f"the one finished {first.finished} is used"
            )
    return list(by_id.values())


def _check(protocols: Sequence[str], versions: set[str]) -> None:
    for version in protocols:
        if version not in versions:
            hint = name_hint(version, sorted(versions), "there are:")
            raise OptionError(f"no record was made under protocol {version!r}{hint}")
