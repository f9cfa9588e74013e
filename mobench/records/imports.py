"""Import of fronts from other programs as records."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch

from mobench.errors import DataError, MobenchError, PreferenceError
from mobench.interfaces import Dataset, Protocol
from mobench.jobs.job import Budget, Job, Part, SeedSet, SolverPart
from mobench.jobs.rays import job_rays, rays_version
from mobench.jobs.resolve import make_dataset
from mobench.learning.preferences import check_on_simplex
from mobench.metrics.evaluation import KNOWN_FRONT_POINTS, FrontValues, at_rays, indicators_of
from mobench.records import provenance
from mobench.records.imports_csv import Stated, StatedFront, read_csv
from mobench.records.protocols import stated_by
from mobench.records.record import Imported, Record, RecordedFront

VERSION = "imported"
LONGEST_NAME = 80


def like(dataset: Part, other: Job | None = None) -> Job:
    """Return the template job for imported fronts: the dataset under its current protocol and the rays of `other`.

    Seed and names are filled in by `records`.

    other: a job of the same dataset, whose rays are used; None for the default rays.

    Raises: MobenchError where `other` has another version of the dataset's protocol.
    """
    instance = make_dataset(dataset)
    stated = instance.protocol.version
    if other is not None and other.protocol != stated:
        raise MobenchError(
            f"the records here were made under protocol {other.protocol!r}, dataset {dataset.name!r} now has "
            f"{stated!r}: points under different protocols are not comparable; name another folder"
        )
    rays: dict[str, Any] = {"rays_version": rays_version(len(instance.objectives))}
    if other is not None:
        rays = {name: getattr(other, name) for name in ("n_rays", "n_finite", "rays", "rays_version")}
    foreign = Part(name="elsewhere", version=VERSION)
    return Job(
        dataset=dataset,
        model=foreign,
        solver=SolverPart(**foreign.model_dump()),
        budget=Budget(elsewhere=True),
        protocol=stated,
        **rays,
    )


def records(
    content: bytes, file: str, solver: str, template: Job, model: str = "elsewhere", source: str = ""
) -> list[Record]:
    """Return one record per seed of a CSV file (see `read_csv`), with indicators computed from the losses in it.

    Nothing is written.

    file:     name of the file, for messages and the record.
    template: template job from `like`.
    source:   description of the origin of the points.

    Raises: DataError for a file in another format or with impossible values, PreferenceError for
        preferences that are not on the simplex. Both messages state the location.
    """
    for role, name in (("solver", solver), ("model", model)):
        _check_name(role, name)
    if len(source) > 1000:
        raise DataError(f"the source has {len(source)} characters: use 1000 or fewer")
    dataset = make_dataset(template.dataset)
    objectives = [o.name for o in dataset.objectives]
    metrics = [f"{o.name}/{metric.name}" for o in dataset.objectives for metric in o.metrics]
    stated = read_csv(content, file, objectives, metrics)
    parts = {
        "model": Part(name=model, version=VERSION),
        "solver": SolverPart(name=solver, version=VERSION),
    }
    started = datetime.now(UTC)
    provenance_now = provenance.collect(started, "cpu", torch.get_num_threads())
    digest = hashlib.sha256(content).hexdigest()
    imported = []
    for points in stated:
        job = template.model_copy(update={**parts, "seeds": SeedSet.all(points.seed)})
        # model_copy would keep the cached id of the template
        job = Job.model_validate(job.model_dump())
        _check_possible(file, points, dataset.protocol, objectives)
        origin = Imported(
            file=file,
            sha256=digest,
            source=source,
            training_seconds=points.training_seconds,
            stored_parameters=points.parameters,
        )
        imported.append(_record(job, points, dataset, objectives, origin, provenance_now))
    return imported


def remarks(records: Sequence[Record]) -> list[str]:
    """Return remarks on imported points: points without effect, and indicators that stay unknown."""
    if not records:
        return []
    lines = []
    fronts = [record.fronts["test"] for record in records]
    bound = np.asarray(records[0].protocol["reference"])
    outside = sum(int((np.asarray(f.losses) >= bound).any(axis=1).sum()) for f in fronts)
    if outside:
        n = sum(len(f.losses) for f in fronts)
        lines.append(f"{outside} of {n} points are not below the reference point and add no hypervolume")
    if not fronts[0].preferences:
        lines.append("no preferences are stated: non-uniformity, controllability and metrics at rays stay unknown")
    if not all(any(split.startswith("test@") for split in r.indicators) for r in records):
        lines.append("the points are not those at the rays of finite sets: there is no hypervolume at equal K")
    return lines


def _record(
    job: Job, stated: Stated, dataset: Dataset, objectives: list[str], origin: Imported, provenance_now: Any
) -> Record:
    known_front = dataset.known_front(KNOWN_FRONT_POINTS)
    truth = None if known_front is None else known_front.double().numpy()
    values = {split: _values(front) for split, front in stated.fronts.items()}
    fronts = {**values, **_at_few(job, values["test"], bool(stated.fronts["test"].preferences))}
    return Record(
        id=job.id,
        status="completed",
        job=job,
        protocol=stated_by(dataset),
        objectives=objectives,
        fronts={split: RecordedFront(**asdict(front), n_samples=None) for split, front in stated.fronts.items()},
        indicators={split: indicators_of(front, dataset.protocol, truth) for split, front in fronts.items()},
        imported=origin,
        provenance=provenance_now,
    )


def _values(front: StatedFront) -> FrontValues:
    losses = np.asarray(front.losses, dtype=float)
    preferences = np.asarray(front.preferences, dtype=float) if front.preferences else np.full(losses.shape, np.nan)
    return FrontValues(preferences, losses, front.metrics)


def _at_few(job: Job, front: FrontValues, rays_are_known: bool) -> dict[str, FrontValues]:
    """Return the front at equal K: all points if there are at most K, otherwise those at the finite rays."""
    few = job_rays(job, front.losses.shape[1]).finite
    if len(front.losses) <= len(few):
        return {f"test@{len(front.losses)}": front}
    if not rays_are_known:
        return {}
    try:
        return {f"test@{len(few)}": at_rays(front, few)}
    except PreferenceError:
        return {}


def _check_name(role: str, name: str) -> None:
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise DataError(
            f"{name[:LONGEST_NAME]!r} is not a name of a {role}: pass 1 to {LONGEST_NAME} printable characters"
        )


def _check_possible(file: str, stated: Stated, protocol: Protocol, objectives: Sequence[str]) -> None:
    """Raise an error for losses below the ideal point and for preferences that are not on the simplex."""
    for split, front in stated.fronts.items():
        losses, ideal = np.asarray(front.losses), np.asarray(protocol.ideal)
        beyond = losses < ideal - 1e-3 * np.maximum(1.0, np.abs(ideal))
        if beyond.any():
            row, i = np.argwhere(beyond)[0]
            raise DataError(
                f"{file}: {objectives[i]} is {losses[row, i]:g} at point {row + 1} of split {split}, seed "
                f"{stated.seed}, below the ideal point's {ideal[i]:g}: state the losses of the dataset, minimised"
            )
        if front.preferences:
            try:
                check_on_simplex(torch.tensor(front.preferences, dtype=torch.float64))
            except PreferenceError as error:
                raise PreferenceError(f"{file}: seed {stated.seed}, split {split}: {error}") from error
