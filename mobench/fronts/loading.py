"""Load fronts: files that `Front.save` wrote, and records of runs with kept weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mobench.errors import StoreError
from mobench.fronts.front import Front
from mobench.fronts.front_file import load_file
from mobench.interfaces import Dataset, Model, Solver
from mobench.records import networks
from mobench.records.reading import folder_of
from mobench.records.record import Record
from mobench.records.store import Store
from mobench.text import name_hint, one_line

if TYPE_CHECKING:
    from torch import nn


def load(
    path: str | Path,
    solver: str | Solver | None = None,
    seed: int | None = None,
    *,
    dataset: str | None = None,
    data: Dataset | None = None,
    model: str | Model | nn.Module | Callable[[], nn.Module] | None = None,
) -> Front:
    """Load a front from a file, or from a folder of records with kept weights.

    path: a file that `Front.save` wrote, or the folder of a run with `keep_weights=True`.
    solver: for a folder, the name of the solver; for a file, the `Solver` object that trained it.
    seed, dataset: for a folder, of the job, where it has several.
    data: for a file that was trained on a `Dataset` of your own class, an object of it.
    model: for a file whose module has classes of your own, the module or class that was passed to `mobench.fit`; for a
        folder, the name of the model, where it has several.

    The file contains no code, and its sizes are limited before memory is allocated. Predictions are the same to the
    bit as those of the front that was saved, on the same machine.

    Raises: StoreError for files and folders without such a front; MobenchError where the network cannot be restored.
    """
    path = Path(path)
    if not path.is_dir() and (path.suffix == ".safetensors" or path.is_file()):
        own_model = None if isinstance(model, str) else model
        trained = load_file(path, data, own_model, None if isinstance(solver, str) else solver)
    else:
        store = Store(folder_of(path))
        names = {"dataset": dataset, "solver": solver, "model": model}
        record = _record(store, {role: n for role, n in names.items() if isinstance(n, str)}, seed)
        trained = networks.load(record, store.weights(record.job))
    return Front(trained.record, trained.problem, trained.network)


def _record(store: Store, names: dict[str, str], seed: int | None) -> Record:
    """Return the only completed record of these names. Raises: StoreError."""
    records = [record for record in store.contents().records if record.status == "completed"]
    folder = one_line(str(store.folder), 200)
    if not records:
        raise StoreError(f"{folder} has no completed record: run a suite with --keep-weights into it")
    for role, name in names.items():
        present = {getattr(record.job, role).name for record in records}
        if name not in present:
            raise StoreError(f"{folder} has no completed record of {role} {name!r}{name_hint(name, sorted(present))}")
        records = [record for record in records if getattr(record.job, role).name == name]
    seeds = sorted({record.job.seeds.solver for record in records})
    if seed is not None:
        records = [record for record in records if record.job.seeds.solver == seed]
        if not records:
            raise StoreError(f"{folder} has the seeds {', '.join(map(str, seeds))}: pass one of them, not {seed}")
    with_weights = [record for record in records if store.weights(record.job).is_file()]
    if not with_weights:
        raise StoreError(
            f"{folder} has {records[0].job.title} without weights: run the suite again with --keep-weights into "
            "another folder"
        )
    if len(with_weights) > 1:
        titles = "; ".join(f"{r.job.title} ({r.job.model.name}, {r.id})" for r in with_weights[:10])
        raise StoreError(
            f"{folder} has weights of {len(with_weights)} jobs: state dataset, model, solver and seed of {titles}"
        )
    return with_weights[0]
