"""Files of fronts: safetensors with the trained network, and its record and data description as JSON metadata."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError
from torch import nn

from mobench import files
from mobench.errors import MobenchError, StoreError
from mobench.fronts.combination import registered_kind
from mobench.fronts.in_memory import InMemoryDataset
from mobench.fronts.input_encoding import InputEncoding
from mobench.fronts.module_model import ModuleModel, PenalisedModel, Penalty
from mobench.fronts.module_structure import ModuleStructure, build, structure_of
from mobench.fronts.objectives import ObjectiveDescription, ObjectiveKind
from mobench.fronts.target_encoding import TargetEncoding
from mobench.interfaces import Dataset, Model, ParetoSet, PointSet, Problem, Solver
from mobench.jobs.job import Job, Strict
from mobench.jobs.objects import JobObjects
from mobench.jobs.resolve import make_dataset, make_model, make_solver
from mobench.records.networks import Trained, tensors_to_keep
from mobench.records.networks import load as load_network
from mobench.records.record import MAX_BYTES, Record, parse
from mobench.records.store import writing
from mobench.text import one_line

FRONT, RECORD = "mobench front", "mobench record"
"""Keys of the metadata of a file."""
PartKind = Literal["registered", "own"]


class StoredObjective(Strict):
    """An `ObjectiveDescription` without its function."""

    name: str
    kind: ObjectiveKind
    head: str = ""
    target: str = ""
    attribute: str = ""
    delta: float = 1.0


class StoredPenalty(Strict):
    """A `Penalty`."""

    name: str
    kind: str
    costs: dict[str, float] | None = None


class StoredDataset(Strict):
    """An `InMemoryDataset` without its samples."""

    name: str
    objectives: Annotated[list[StoredObjective], Field(max_length=1000)]
    inputs: InputEncoding | dict[str, InputEncoding]
    targets: dict[str, TargetEncoding]
    heads: dict[str, int]
    reference: dict[str, float]
    ideal: dict[str, float]
    scales: dict[str, float]


class StoredFront(Strict):
    """Description of a front in a file.

    dataset: None for a registered or other dataset.
    structure: of a model that consists of classes of torch.nn; None for other models.
    module: name of the class of the model, for messages.
    """

    format: Literal[1] = 1
    dataset_kind: Literal["in-memory", "registered", "own"]
    dataset: StoredDataset | None = None
    model_kind: PartKind
    module: str = ""
    structure: ModuleStructure | None = None
    pretrained: bool = False
    penalties: list[StoredPenalty] = []  # noqa: RUF012 - pydantic copies defaults
    solver_kind: PartKind


def save(path: Path, record: Record, problem: Problem, pareto_set: ParetoSet | PointSet) -> Path:
    """Write a front to a file and return its path. Raises: as `Front.save`."""
    from safetensors.torch import save_file

    if isinstance(pareto_set, PointSet) or not isinstance(pareto_set, nn.Module):
        raise MobenchError(
            f"{record.job.solver.name} trains points that belong to no preference, or keeps no torch module, so a file "
            "cannot hold its networks: write one with network(row).to_onnx(path)"
        )
    front = _described(record.job, problem)
    metadata = {FRONT: front.model_dump_json(), RECORD: record.to_json()}
    if sum(map(len, metadata.values())) > MAX_BYTES:
        raise StoreError(
            f"the description of the front has more than {MAX_BYTES} bytes: use fewer columns or categories"
        )
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(path) as temporary:
            temporary.touch()
            mode = temporary.stat().st_mode
            save_file(tensors_to_keep(pareto_set, problem), temporary, metadata)
            temporary.chmod(stat.S_IMODE(mode))
    return path


def _described(job: Job, problem: Problem) -> StoredFront:
    model, dataset = problem.model, problem.dataset
    penalties: list[StoredPenalty] = []
    if isinstance(model, PenalisedModel):
        penalties = [
            StoredPenalty(name=p.name, kind=p.kind, costs=None if p.costs is None else dict(p.costs))
            for p in model.penalties
        ]
        model = model.model
    structure = module = None
    if isinstance(model, ModuleModel):
        user_module = model.new_module() if not isinstance(model.source, nn.Module) else model.source
        structure, module = structure_of(user_module), type(user_module).__qualname__
    is_registered = registered_kind(job.model.model_copy(update={"version": _version(job.model.version)}), "model")
    return StoredFront(
        dataset_kind="in-memory"
        if isinstance(dataset, InMemoryDataset)
        else _kind(registered_kind(job.dataset, "dataset")),
        dataset=_stored(dataset) if isinstance(dataset, InMemoryDataset) else None,
        model_kind=_kind(is_registered),
        module=module or type(model).__qualname__,
        structure=structure,
        pretrained=bool(model.pretrained) and module is not None,
        penalties=penalties,
        solver_kind=_kind(job.solver.generator is not None or registered_kind(job.solver, "solver")),
    )


def _version(version: str) -> str:
    return version.partition(" with ")[0]


def _kind(is_registered: bool) -> PartKind:
    return "registered" if is_registered else "own"


def _stored(dataset: InMemoryDataset) -> StoredDataset:
    names = [d.name for d in dataset.descriptions]
    protocol = dataset.protocol
    return StoredDataset(
        name=dataset.name,
        objectives=[
            StoredObjective(
                name=d.name, kind=d.kind, head=d.head, target=d.target, attribute=d.attribute, delta=d.delta
            )
            for d in dataset.descriptions
        ],
        inputs=dataset.input_encoding,  # type: ignore[arg-type]
        targets=dataset.targets,
        heads=dataset.head_widths,
        reference=dict(zip(names, protocol.reference, strict=True)),
        ideal=dict(zip(names, protocol.ideal, strict=True)),
        scales=dataset.scales,
    )


def load_file(
    path: Path,
    data: Dataset | None = None,
    model: Model | nn.Module | Callable[[], nn.Module] | None = None,
    solver: Solver | None = None,
) -> Trained:
    """Return the trained network in a file that `save` wrote.

    data, model, solver: the objects that the file only names.

    Raises: StoreError for any other content, and where an object is missing.
    """
    front, record = read(path)

    def objects(job: Job) -> JobObjects:
        dataset = _dataset(front, job, data, path)
        return JobObjects(dataset, lambda: _model(front, job, model, path), lambda: _solver(front, job, solver, path))

    try:
        return load_network(record, path, objects)
    except (StoreError, MemoryError, RuntimeError, ValueError, TypeError, KeyError) as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"{one_line(path.name)} holds no front that can be built: {one_line(str(error))}") from error


def read(path: Path) -> tuple[StoredFront, Record]:
    """Return the description and the record in a file. Raises: StoreError."""
    from safetensors import SafetensorError, safe_open

    name = one_line(path.name)
    if not files.is_readable_file(path):
        raise StoreError(f"there is no file {name} that can be read: pass the path of a file that Front.save wrote")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise StoreError(
            f"{name} is no safetensors file: {one_line(str(error))}; pass one that Front.save wrote"
        ) from error
    if FRONT not in metadata or RECORD not in metadata:
        raise StoreError(
            f"{name} has weights and no description of a front: pass a file that Front.save wrote; for kept weights "
            "of a run, pass the folder of its records"
        )
    if sum(map(len, metadata.values())) > MAX_BYTES:
        raise StoreError(f"{name} has a description of more than {MAX_BYTES} bytes: it is not of mobench")
    try:
        front = StoredFront.model_validate_json(metadata[FRONT])
    except (ValidationError, RecursionError) as error:
        reason = error.errors(include_url=False)[0]["msg"] if isinstance(error, ValidationError) else "nested too deep"
        raise StoreError(f"{name} has a description that is no front: {one_line(reason)}") from error
    try:
        return front, parse(metadata[RECORD], path.name)
    except MobenchError as error:
        raise StoreError(str(error)) from error


def _dataset(front: StoredFront, job: Job, data: Dataset | None, path: Path) -> Dataset:
    if data is not None:
        return data
    if front.dataset_kind == "registered":
        return make_dataset(job.dataset)
    if front.dataset_kind == "own" or front.dataset is None:
        raise StoreError(f"{one_line(path.name)} was trained on a Dataset object: pass it as data=")
    stored = front.dataset
    return InMemoryDataset(
        tuple(ObjectiveDescription(**o.model_dump()) for o in stored.objectives),
        stored.inputs,
        stored.targets,
        stored.heads,
        {},
        reference=stored.reference,
        ideal=stored.ideal,
        scales=stored.scales,
        name=stored.name,
    )


def _model(front: StoredFront, job: Job, model: Any, path: Path) -> Model:
    penalties = [Penalty(p.name, p.kind, p.costs) for p in front.penalties]
    inner = _inner_model(front, job, model, path)
    return PenalisedModel(inner, penalties) if penalties else inner


def _inner_model(front: StoredFront, job: Job, model: Any, path: Path) -> Model:
    if isinstance(model, Model):
        return model
    if model is not None:
        wrapped = ModuleModel(model, isinstance(model, nn.Module) and front.pretrained)
        wrapped.pretrained = front.pretrained
        return wrapped
    if front.structure is not None:
        structure = front.structure
        return ModuleModel(lambda: build(structure), front.pretrained)
    if front.model_kind == "registered":
        return make_model(job.model)
    raise StoreError(
        f"{one_line(path.name)} was trained with the module {one_line(front.module, 80)}, whose code a file does not "
        "hold: pass model=, the same module or class as in mobench.fit"
    )


def _solver(front: StoredFront, job: Job, solver: Solver | None, path: Path) -> Solver:
    if solver is not None:
        return solver
    if front.solver_kind == "own":
        raise StoreError(f"{one_line(path.name)} was trained by a Solver object: pass it as solver=, not started")
    return make_solver(job.solver)
