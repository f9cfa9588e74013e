"""The dataset, model and solver of a fit: registered names or objects, as sources of a job's parts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from mobench import options
from mobench.errors import IncompatibleError, MobenchError, OptionError
from mobench.fronts.identity import code_of, hash_of, module_hash
from mobench.fronts.in_memory import InMemoryDataset
from mobench.fronts.module_model import ModuleModel, PenalisedModel, PenalisedNetwork, Penalty, multiply_adds
from mobench.hookspecs import Spec
from mobench.interfaces import Dataset, Model, Samples, Solver, check_model
from mobench.interfaces.model import shape_text
from mobench.jobs.job import Part
from mobench.jobs.part_sources import PartSource, object_source, piece_of
from mobench.plugins import Kind, registry
from mobench.random_state import seed_torch


@dataclass(frozen=True)
class FittedParts:
    """The sources of a dataset and a model, and the settings that they leave to other parts."""

    dataset: PartSource
    model: PartSource
    settings: dict[str, Any]


def combination_of(
    data: str | Dataset,
    model: str | Model | nn.Module | Callable[[], nn.Module] | None,
    pretrained: bool,
    settings: Mapping[str, Any],
) -> FittedParts:
    """Return the dataset and the model of a fit. Data in memory get the reference points that need a network.

    Raises: as `mobench.fit`.
    """
    dataset_source = _dataset_source(data)
    dataset: Dataset = dataset_source.create(dataset_source.part(_settings_of("dataset", settings)))
    model_source = _model_source(model, dataset, pretrained)
    if not isinstance(data, InMemoryDataset):
        return FittedParts(dataset_source, model_source, dict(settings))
    remaining = dict(settings)
    part = model_source.part(_settings_of("model", settings))
    network_model: Model = model_source.create(part)
    if data.penalties:
        remaining = {key: value for key, value in settings.items() if not key.startswith("model.")}
    completed, network_model = _completed(data, network_model)
    if completed.penalties:
        names = ", ".join(d.kind for d in completed.penalties)
        part = part.model_copy(update={"version": f"{part.version} with {names}"})
        model_source = object_source("model", part, lambda: network_model)
    return FittedParts(object_source("dataset", completed.part, lambda: completed), model_source, remaining)


def solver_source(solver: str | Solver) -> str | PartSource:
    """Return the source of a solver. Raises: OptionError for anything but a name or a `Solver`."""
    if isinstance(solver, str):
        return solver
    if not isinstance(solver, Solver):
        hint = "its class; create an object" if isinstance(solver, type) and issubclass(solver, Solver) else ""
        raise OptionError(
            f"solver is {hint or type(solver).__name__}: pass a registered name (`mobench list solvers`), "
            "'generator+balancer', or a mobench.Solver that has not been started"
        )
    return object_source("solver", _part_of(solver), lambda: solver)


def _settings_of(role: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    prefix = f"{role}."
    return {key.removeprefix(prefix): value for key, value in settings.items() if key.startswith(prefix)}


def _dataset_source(data: str | Dataset) -> PartSource:
    if isinstance(data, str):
        return piece_of("dataset", registry().get("dataset", data))
    if not isinstance(data, Dataset):
        raise OptionError(
            f"data is {type(data).__name__}: pass mobench.dataset(x, targets, objectives), a mobench.Dataset, or a "
            "registered name (`mobench list datasets`)"
        )
    if isinstance(data, InMemoryDataset):
        # the part is known once a network has measured the reference points
        return object_source("dataset", Part(name=data.name, version="incomplete"), lambda: data)
    return object_source("dataset", _part_of(data), lambda: data)


def _model_source(
    model: str | Model | nn.Module | Callable[[], nn.Module] | None, dataset: Dataset, pretrained: bool
) -> PartSource:
    if pretrained and not isinstance(model, nn.Module):
        raise OptionError("pretrained=True is for a torch module with its weights: pass the module as model")
    if model is None:
        return piece_of("model", registry().get("model", default_model(dataset)))
    if isinstance(model, str):
        return piece_of("model", registry().get("model", model))
    if isinstance(model, Model):
        return object_source("model", _part_of(model), lambda: model)
    if not callable(model):
        raise OptionError(
            f"model is {type(model).__name__}: pass a torch module, a class or function that returns one, a "
            "mobench.Model, a registered name (`mobench list models`), or None"
        )
    wrapped = ModuleModel(model, pretrained)
    with torch.random.fork_rng(devices=[]):
        seed_torch(0)
        module = model if isinstance(model, nn.Module) else wrapped.new_module()
    version = f"sha256 {module_hash(module, pretrained)}"
    return object_source("model", Part(name=type(module).__name__, version=version), lambda: wrapped)


def default_model(dataset: Dataset) -> str:
    """Return the name of the registered default model for the inputs of a dataset.

    Raises: IncompatibleError if no plugin offers one that accepts the dataset.
    """
    shape = dataset.input_shape
    kinds = {1: "table", 3: "image"}
    kind = None if isinstance(shape, Mapping) else kinds.get(len(shape))
    reasons = []
    for name, entry in sorted(registry().entries["model"].items()):
        if kind is None or not isinstance(entry.spec, Spec) or kind not in entry.spec.default_for:
            continue
        try:
            source = piece_of("model", entry)
            check_model(source.create(source.part({})), dataset)
        except MobenchError as reason:
            reasons.append(str(reason))
        else:
            return name
    raise IncompatibleError(
        f"there is no default model for inputs of shape {shape_text(shape)}"
        f"{''.join(f' ({reason})' for reason in reasons)}: pass a torch module as model"
    )


def _part_of(value: Any) -> Part:
    """Return the part that states an object: its class, the code of the class, and its options."""
    if dataclasses.is_dataclass(value):
        stated = options.values(value)
    else:
        stated = {
            name: repr(v) for name, v in vars(value).items() if not name.startswith("_") and " at 0x" not in repr(v)
        }
    return Part(name=type(value).__name__, version=f"sha256 {hash_of([code_of(type(value))])}", options=stated)


def _completed(data: InMemoryDataset, model: Model) -> tuple[InMemoryDataset, Model]:
    """Return the dataset with heads and reference points, and the model with the penalties as outputs.

    One network is built and runs on training samples, so that unsuitable outputs are reported before training.
    torch's random state is not changed.
    """
    if not data.head_widths and not isinstance(model, ModuleModel):
        raise OptionError(
            "no objective states an output of the network: pass heads={'name': width} to mobench.dataset, or a torch "
            "module as model"
        )
    if data.head_widths:
        check_model(model, data)
    samples = data.some_samples()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        seed_torch(0)
        network = model.build(data).eval()
        penalties = [
            Penalty(
                d.name, d.kind, multiply_adds(network, samples.take(slice(0, 1)).inputs) if d.kind == "flops" else None
            )
            for d in data.penalties
        ]
        penalised = PenalisedNetwork(network, penalties).eval()
        outputs = penalised(samples.inputs)
        heads = data.head_widths or {name: output.shape[-1] for name, output in network(samples.inputs).items()}
        scales = {penalty.name: float(penalised.size_of(penalty)) for penalty in penalties}
        completed = data.completed(heads, _function_losses(data, outputs, samples), scales)
    return completed, PenalisedModel(model, penalties) if penalties else model


def _function_losses(data: InMemoryDataset, outputs: Mapping[str, torch.Tensor], samples: Samples) -> dict[str, float]:
    """Return the losses of an untrained network, for objectives that are functions."""
    losses = {}
    for description, objective in zip(data.descriptions, data.objectives, strict=True):
        if description.kind != "callable":
            continue
        value = objective.loss(outputs, samples)
        if not isinstance(value, torch.Tensor) or value.ndim != 0:
            shape = f"a tensor {list(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__
            raise OptionError(
                f"objective {description.name!r} returned {shape}: return a scalar tensor, the mean over the batch"
            )
        if not data.has_reference(description.name):
            losses[description.name] = float(value)
    return losses


def registered_kind(part: Part, kind: Kind) -> bool:
    """Return whether a part of a job is a registered name with the version that is installed here."""
    entry = registry().entries[kind].get(part.name)
    return entry is not None and entry.version == part.version
