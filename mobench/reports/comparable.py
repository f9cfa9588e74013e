"""Which records may stand in one table."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mobench.errors import OptionError, nearest
from mobench.reports.labels import seed_name
from mobench.runs.record import Record


@dataclass
class Selection:
    """Records of each data set that agree in all that a comparison has to hold fixed.

    kept:     in the order given.
    left_out: one line for each of the others, with the reason.
    notes:    what was decided although as many records spoke for something else.
    """

    kept: list[Record] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def select(records: Sequence[Record], protocols: Sequence[str] = ()) -> Selection:
    """The records that may be compared, and why the others may not.

    For each data set the protocol version that most records were made under stays, then the options of the
    data set, the budget and the rays of most. Where two have equally many, the one whose newest record is
    newer stays, and a note says so. Imported fronts have no vote where anything was measured here, and no
    budget or rays to agree in. A record that is there twice counts once.

    protocols: versions to show instead, for the data sets that have them.
    Raises: OptionError for a version that no record was made under.
    """
    found = Selection()
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in _once(records, found):
        groups[record.job.dataset.name].append(record)
    _check(protocols, {r.job.protocol for r in records})
    for name in sorted(groups):
        group = groups[name]
        wanted = next((p for p in protocols if any(r.job.protocol == p for r in group)), None)
        for what, value, of_imported in _FIXED:
            judged = group if of_imported else [r for r in group if r.imported is None]
            if judged:
                out = _outvoted(judged, value, f"{name}: {what}", found, wanted if what == "protocol" else None)
                group = [r for r in group if r.id not in out]
        found.kept += group
    return found


def _budget(record: Record) -> str:
    return record.job.budget.model_dump_json(exclude_none=True)


def _rays(record: Record) -> str:
    job = record.job
    return json.dumps(job.rays) if job.rays is not None else f"{job.n_rays} and {job.n_finite} at equal K"


def _dataset(record: Record) -> str:
    return json.dumps([record.job.dataset.options, record.job.dataset.version])


_FIXED: tuple[tuple[str, Callable[[Record], str], bool], ...] = (
    ("protocol", lambda r: r.job.protocol, True),
    ("dataset options", _dataset, True),
    ("budget", _budget, False),
    ("rays", _rays, False),
)


def _outvoted(
    records: list[Record], value: Callable[[Record], str], what: str, found: Selection, wanted: str | None
) -> set[str]:
    """Ids of the records that differ from the value that stays."""
    values = {r.id: value(r) for r in records}
    voters = [r for r in records if r.imported is None] or records
    counts = Counter(values[r.id] for r in voters)
    newest = {v: max(r.provenance.finished for r in voters if values[r.id] == v) for v in counts}
    best = wanted if wanted is not None else max(counts, key=lambda v: (counts[v], newest[v], v))
    equals = sorted(v for v in counts if counts[v] == counts.get(best) and v != best)
    if equals and wanted is None:
        hint = f"; --protocol {equals[0]} shows the other" if what.endswith("protocol") else ""
        found.notes.append(
            f"{what} is {best} in as many records ({counts[best]}) as {' and '.join(equals)}: the newest stays{hint}"
        )
    out = [r for r in records if values[r.id] != best]
    found.left_out += [
        f"{r.job.solver.name} seed {seed_name(r.job.seeds)} ({r.id}): {what} is {values[r.id]}, the table's is {best}"
        for r in sorted(out, key=lambda r: (r.job.solver.name, r.job.seeds.solver, r.id))
    ]
    return {r.id for r in out}


def _once(records: Sequence[Record], found: Selection) -> list[Record]:
    """Each job's record once: of folders given together, two may hold it; a completed one goes first."""
    by_id: dict[str, Record] = {}
    for record in records:
        other = by_id.setdefault(record.id, record)
        if other is record:
            continue
        first, second = sorted((other, record), key=lambda r: (r.status != "completed", r.provenance.finished))
        by_id[record.id] = first
        if first.digest != second.digest:
            found.notes.append(
                f"{record.job.title} ({record.id}) is there twice and not with the same numbers: "
                f"the one finished {first.provenance.finished} stays"
            )
    return list(by_id.values())


def _check(protocols: Sequence[str], known: set[str]) -> None:
    for version in protocols:
        if version not in known:
            hint = nearest(version, known) or f"; there are: {', '.join(sorted(known)) or 'none'}"
            raise OptionError(f"no record was made under protocol {version!r}{hint}")
