"""Checks of the records of a submission, for which no code of it has to run."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mobench.board.layout import RECORDS_FOLDER, Submission
from mobench.board.store_tasks import StoreTask, StoreTasks, imported_key, task_content, task_key
from mobench.errors import RecordError
from mobench.jobs.job import Job, PartRole
from mobench.metrics.indicators import hypervolume_with_error
from mobench.plugins import Pair, pair_of, registry
from mobench.records.imports import VERSION as IMPORTED_VERSION
from mobench.records.protocols import differing, same_contents
from mobench.records.record import Record
from mobench.records.store import Store, read_record
from mobench.records.submittable import why_not_submittable
from mobench.text import one_line

OWN = "mobench"
"""The distribution whose parts every board has."""
MAX_SOLVERS = 20
SPLITS = {"train", "val", "test"}
ROUNDING = 1e-6
"""Relative difference of a hypervolume that is computed again from the recorded losses."""


def read_records(folder: Path, submission: Submission) -> tuple[list[Record], list[str]]:
    """Return the records of a submission, and one sentence for each file that is not the record that its name says."""
    records: list[Record] = []
    faults: list[str] = []
    for name in sorted(submission.files):
        if not name.startswith(f"{RECORDS_FOLDER}/"):
            continue
        path = folder / name
        try:
            record = read_record(path)
        except RecordError as error:
            faults.append(one_line(str(error)))
            continue
        if Store(folder).path(record.job).name != path.name:
            faults.append(f"{path.name} is the file of another job: its record is of {_shown(record)}")
        records.append(record)
    if not records and not faults:
        faults.append("it has no records")
    return records, faults


def record_faults(records: Sequence[Record], tasks: StoreTasks) -> list[str]:
    """Return one sentence for each reason why records do not belong into a store.

    Each record is of a task of the store under its protocol, its hypervolumes follow from its losses, and nothing in
    it was registered in one process only. Each solver has all seeds of each of its tasks, with the same options.
    """
    solvers = {record.job.solver.name for record in records}
    if len(solvers) > MAX_SOLVERS:
        return [f"it has {len(solvers)} solvers, at most {MAX_SOLVERS} are accepted: make several submissions"]
    faults = [f"{_shown(r)}: {reason}" for r in records for reason in _faults_of(r, tasks)]
    if faults:
        return faults
    trained = [record for record in records if record.imported is None]
    return [*_seed_faults(trained, tasks.tasks), *_repeated(records)]


def statement_faults(submission: Submission, records: Sequence[Record]) -> list[str]:
    """Return one sentence for each statement of a submission that does not follow from its records."""
    faults = []
    for name, stated, actual in (
        ("season", [submission.season], seasons_of(records)),
        ("hardware", submission.hardware, hardware_of(records)),
        ("versions of mobench", submission.mobench, versions_of(records)),
    ):
        if sorted(stated) != sorted(actual):
            faults.append(f"it states other {name} than its records: {_list(stated)} instead of {_list(actual)}")
    stated_wheels = [d.wheel for d in submission.distributions]
    wheels = [name for name in submission.files if name.startswith("wheels/")]
    if sorted(stated_wheels) != sorted(wheels):
        faults.append(f"its distributions have the wheels {_list(stated_wheels)}, its folder has {_list(wheels)}")
    for distribution in submission.distributions:
        if submission.files.get(distribution.wheel) not in (None, distribution.sha256):
            faults.append(f"it states two hashes of {distribution.wheel}")
    return faults


def source_faults(records: Sequence[Record], code_hashes: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return one sentence for each part that was trained with other code than the submitted distributions have.

    code_hashes: distribution -> module -> hash of its code, of the submitted wheels.
    """
    faults: dict[str, None] = {}
    for record in records:
        if record.imported is not None or record.status == "failed":
            continue
        sources = record.provenance.sources
        for role, part in record.job.registered_parts.items():
            if role not in sources:
                faults[f"{role} {part.name!r} states no source of its code: run its jobs again"] = None
                continue
            source = sources[role]
            is_own = _is_own(role, part.name)
            if source.distribution == OWN:
                if not is_own:
                    faults[f"{role} {part.name!r} is said to be of mobench, which has none of that name"] = None
                continue
            if is_own:
                faults[f"{role} {part.name!r} has the name of one of mobench: give it another name"] = None
                continue
            modules = code_hashes.get(source.distribution)
            if modules is None:
                faults[f"{role} {part.name!r} is of {one_line(source.distribution, 80)}, whose wheel is missing"] = None
            elif modules.get(source.module) != source.sha256:
                reason = f"{role} {part.name!r} was trained with other code than its wheel has"
                faults[f"{reason}: run its jobs again with the code that you submit"] = None
    return list(faults)


def seasons_of(records: Iterable[Record]) -> list[str]:
    """Return the seasons of trained records; imported points belong to none."""
    return sorted({r.job.season or "" for r in records if r.imported is None}) or [""]


def hardware_of(records: Iterable[Record]) -> list[str]:
    return sorted({one_line(r.hardware, 300) for r in records if r.imported is None})


def versions_of(records: Iterable[Record]) -> list[str]:
    return sorted({one_line(r.provenance.mobench, 100) for r in records})


def _faults_of(record: Record, tasks: StoreTasks) -> list[str]:
    if reason := why_not_submittable(record):
        return [reason]
    if record.imported is None and IMPORTED_VERSION in (record.job.solver.version, record.job.model.version):
        return ["its points are imported, and it does not say so"]
    if record.imported is None and (reason := _name_fault(record.job)):
        return [reason]
    task = _task_of(record, tasks.tasks)
    if task is None:
        return [f"it is of no task of the store: {_nearest(record.job, tasks.tasks)}"]
    faults = []
    if record.status == "completed" and not same_contents(record.protocol, task.protocol):
        faults.append(f"its protocol differs from the store's: {one_line(differing(record.protocol, task.protocol))}")
    elif record.status == "completed":
        faults += _hypervolume_faults(record)
    return faults


def _name_fault(job: Job) -> str:
    """Return why the parts of a pair are not those that its name stands for; "" if they are, or it is a new name."""
    solver = job.solver
    if solver.generator is None or solver.balancer is None:
        return ""
    names = (solver.generator.name, solver.balancer.name)
    if not _is_own("solver", solver.name):
        known = pair_of(solver.name)
        is_other = known is not None and (known.generator, known.balancer) != names
    else:
        spec = registry().get("solver", solver.name).spec
        is_other = not isinstance(spec, Pair) or (spec.generator, spec.balancer) != names
    return f"its solver is {'+'.join(names)}, and its name is that of another one" if is_other else ""


def _is_own(role: PartRole, name: str) -> bool:
    """Return whether mobench itself registers a part of this name."""
    entries = registry()
    return name in entries.names(role) and entries.get(role, name).plugin.distribution == OWN


def _task_of(record: Record, tasks: Mapping[str, StoreTask]) -> StoreTask | None:
    if record.imported is None:
        return tasks.get(task_key(record.job))
    key = imported_key(record.job)
    return next((task for task in tasks.values() if task.imported_key == key), None)


def _nearest(job: Job, tasks: Mapping[str, StoreTask]) -> str:
    """Describe why a job is of no task: the fields in which it differs from the task of its dataset and model."""
    content = task_content(job)
    for task in tasks.values():
        if task.title == f"{job.dataset.name} · {job.model.name}":
            names = [name for name in {**task.content, **content} if task.content.get(name) != content.get(name)]
            return f"another {' and '.join(names)} than there"
    return f"{one_line(job.dataset.name, 80)} with {one_line(job.model.name, 80)} does not occur there"


def _hypervolume_faults(record: Record) -> list[str]:
    """Return the splits whose hypervolume does not follow from the recorded losses."""
    if "reference" not in record.protocol:
        return ["its protocol has no reference point"]
    faults = []
    if unknown := record.fronts.keys() - SPLITS:
        return [f"it has a front of split {_list(unknown)}, which no job has"]
    for split, front in record.fronts.items():
        stated = record.indicators.get(split, {}).get("hypervolume")
        value, error = hypervolume_with_error(front.losses, record.protocol["reference"])
        if stated is None or not math.isclose(stated, value, rel_tol=ROUNDING, abs_tol=max(ROUNDING**2, error)):
            faults.append(f"its hypervolume of split {split} is {stated}, its losses have {value}: it was edited")
    return faults


def _seed_faults(records: Sequence[Record], tasks: Mapping[str, StoreTask]) -> list[str]:
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        groups[record.job.solver.name, task_key(record.job)].append(record)
    faults = []
    for (solver, key), group in groups.items():
        seeds = {record.job.seeds for record in group}
        name = f"{one_line(solver, 80)} on {tasks[key].title}"
        if missing := tasks[key].seeds - seeds:
            faults.append(f"{name}: seed {_list(str(s.solver) for s in missing)} has no record, all seeds are needed")
        if extra := seeds - tasks[key].seeds:
            faults.append(f"{name}: seed {_list(str(s.solver) for s in extra)} is not one of the store's")
        if len({record.job.solver.model_dump_json() for record in group}) > 1:
            faults.append(f"{name}: its seeds have different options or versions, all must have the same")
    return faults


def _repeated(records: Sequence[Record]) -> list[str]:
    counts = Counter(record.id for record in records)
    return [f"record {id_} occurs {n} times" for id_, n in counts.items() if n > 1]


def _shown(record: Record) -> str:
    return f"{one_line(record.job.title, 200)} ({record.id})"


def _list(texts: Iterable[str]) -> str:
    return one_line(", ".join(sorted(texts)) or "none", 300)
