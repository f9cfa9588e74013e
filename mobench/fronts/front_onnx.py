"""ONNX files of fronts and of networks at one preference, with inputs in the units of the user."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mobench.errors import IncompatibleError, MobenchError
from mobench.files import write_whole
from mobench.fronts.front_network import described_outputs, target_at
from mobench.fronts.in_memory import InMemoryDataset
from mobench.fronts.input_encoding import InputEncoding
from mobench.interfaces import Outputs, ParetoNetwork, ParetoSet, PointSet, Problem, head_shape
from mobench.metrics.evaluation import evaluating
from mobench.records.networks import Trained
from mobench.records.record import Record
from mobench.records.store import writing
from mobench.reports import onnx
from mobench.reports.onnx_metadata import entries_of, input_name, with_metadata

N_TRIALS = 5
"""Samples on which the file is compared with torch."""


def write_front(path: Path, record: Record, problem: Problem, pareto_set: ParetoSet | PointSet) -> Path:
    """Write an ONNX file with inputs for samples and a preference. Raises: as `Front.to_onnx`."""
    if not isinstance(pareto_set, ParetoNetwork) or pareto_set.rays is not None:
        raise IncompatibleError(
            f"{record.job.solver.name} trained a finite set of networks, and none takes a preference as an input: "
            "write one with network(preference).to_onnx(path), or fit a solver with one network for all preferences"
        )
    if not isinstance(problem.dataset, InMemoryDataset):
        return _write(path, onnx.to_onnx(Trained(record, problem, pareto_set)))
    heads = list(problem.dataset.heads)
    encoding = _encoding(problem.dataset, record)
    wrapped = _RawInputs(lambda x, p: pareto_set(x, p[None])[0], pareto_set, heads, encoding)
    m = problem.n_objectives
    preferences = [torch.full((m,), 1 / m), *torch.eye(m).mul(0.9).add(0.1 / m)]
    preferences = [p / p.sum() for p in preferences]
    model = _checked(wrapped, encoding, heads, preferences, problem, pareto_set, record)
    return _write(path, with_metadata(model, _entries(record, problem, record.objectives)))


def write_network(
    path: Path, record: Record, problem: Problem, pareto_set: ParetoSet | PointSet, preference: Tensor | int
) -> Path:
    """Write an ONNX file of the network at one preference or point. Raises: as `FrontNetwork.to_onnx`."""
    heads = list(problem.dataset.heads)
    encoding = _encoding(problem.dataset, record)
    target = target_at(problem, pareto_set, preference)
    if target is not None:
        network: nn.Module = target
        wrapped = _RawInputs(lambda x, p: network(x), network, heads, encoding)
    elif isinstance(pareto_set, ParetoNetwork) and isinstance(preference, Tensor):
        network, at = pareto_set, preference.to(problem.device, problem.dtype)
        wrapped = _RawInputs(lambda x, p: network(x, at[None])[0], network, heads, encoding)
    else:
        raise MobenchError(
            f"{record.job.solver.name} keeps no torch module that can be exported: choose another solver"
        )
    model = _checked(wrapped, encoding, heads, [], problem, network, record)
    if isinstance(preference, Tensor):
        at_preference: Any = dict(zip(record.objectives, preference.double().tolist(), strict=True))
    else:
        at_preference = {}
    return _write(path, with_metadata(model, _entries(record, problem, at_preference)))


class _RawInputs(nn.Module):
    """Map samples in the units of the user, and a preference [m] if it takes one, to the outputs of the heads.

    predict: maps network inputs and a preference to outputs. network: the module whose parameters it uses.
    """

    means: Tensor
    deviations: Tensor

    def __init__(
        self,
        predict: Callable[[Tensor, Tensor], Outputs],
        network: nn.Module,
        heads: list[str],
        encoding: InputEncoding,
    ) -> None:
        super().__init__()
        self.network, self.heads = network, heads
        self._predict = predict
        self.is_byte, self.is_table = encoding.dtype == "uint8", bool(encoding.means)
        self.register_buffer("means", torch.tensor(encoding.means))
        self.register_buffer("deviations", torch.tensor(encoding.deviations))

    def forward(self, samples: Tensor, preference: Tensor) -> tuple[Tensor, ...]:
        if self.is_byte:
            samples = samples.float() / 255
        elif self.is_table:
            scaled = (samples - self.means) / self.deviations
            samples = torch.where(torch.isnan(scaled), torch.zeros_like(scaled), scaled)
        outputs = self._predict(samples, preference)
        return tuple(outputs[head] for head in self.heads)


class _WithoutPreference(nn.Module):
    """`_RawInputs` without the argument for a preference."""

    def __init__(self, network: _RawInputs) -> None:
        super().__init__()
        self.network = network

    def forward(self, samples: Tensor) -> tuple[Tensor, ...]:
        outputs: tuple[Tensor, ...] = self.network(samples, samples.new_zeros(0))
        return outputs


def _encoding(dataset: Any, record: Record) -> InputEncoding:
    """Return the encoding of the only input; for other datasets, one of inputs as the dataset prepares them."""
    shape = dataset.input_shape
    if isinstance(shape, Mapping) or not shape or 0 in shape:
        raise IncompatibleError(
            f"{record.job.dataset.name} has named inputs or none: networks of one tensor [batch, …] are written"
        )
    if isinstance(dataset, InMemoryDataset):
        assert isinstance(dataset.input_encoding, InputEncoding)
        return dataset.input_encoding
    return InputEncoding(tuple(shape), "float32", lowest=(0.0,), highest=(1.0,))


def _checked(
    wrapped: _RawInputs,
    encoding: InputEncoding,
    heads: list[str],
    preferences: list[Tensor],
    problem: Problem,
    network: nn.Module,
    record: Record,
) -> bytes:
    """Return a network as an ONNX model whose outputs equal those of torch.

    preferences: those to compare; none if the network takes no preference.
    """
    name = input_name(encoding.shape)
    samples = _trials(encoding)
    module: nn.Module = wrapped if preferences else _WithoutPreference(wrapped)
    with evaluating(problem, network):  # type: ignore[arg-type]
        try:
            example = {name: samples[:2], **({"preference": preferences[0]} if preferences else {})}
            model = onnx.exported(module, example, heads)
        except Exception as error:  # the exporter's exception types are private
            raise MobenchError(
                f"{record.job.title} cannot be written as ONNX: {' '.join(str(error).split())[:300]}"
            ) from error
        worst = 0.0
        trials: list[list[Tensor]] = [[samples, p] for p in preferences] or [[samples]]
        for arguments in trials:
            with torch.no_grad():
                expected = module(*arguments)
            outputs = _run(model, [a.numpy() for a in arguments])
            for output, array in zip(expected, outputs, strict=True):
                gap = ((torch.from_numpy(array) - output).abs() / output.abs().clamp_min(1)).max().item()
                worst = float(np.maximum(worst, gap))
    if not worst <= onnx.TOLERANCE:
        raise MobenchError(
            f"{record.job.title} as ONNX differs from torch by {worst:.2g}, more than {onnx.TOLERANCE:g}: not written"
        )
    return model


def _run(model: bytes, arrays: list[Any]) -> list[Any]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    opened = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [value.name for value in opened.get_inputs()]
    results: list[Any] = opened.run(None, dict(zip(names, arrays, strict=True)))
    return results


def _trials(encoding: InputEncoding) -> Tensor:
    """Return random samples in the range of the training part."""
    random = np.random.default_rng(0).random((N_TRIALS, *encoding.shape))
    lowest, highest = np.asarray(encoding.lowest), np.asarray(encoding.highest)
    samples = torch.from_numpy(lowest + random * (highest - lowest))
    dtype: torch.dtype = getattr(torch, encoding.dtype)
    is_number = bool(encoding.means) or dtype.is_floating_point
    return samples.float() if is_number else samples.to(dtype)


def _entries(record: Record, problem: Problem, preference: Any) -> dict[str, str]:
    encoding = _encoding(problem.dataset, record)
    samples: dict[str, Any] = {
        "name": input_name(encoding.shape),
        "shape": list(encoding.shape),
        "lowest": list(encoding.lowest) if len(encoding.lowest) > 1 else encoding.lowest[0],
        "highest": list(encoding.highest) if len(encoding.highest) > 1 else encoding.highest[0],
    }
    if encoding.entry_names:
        samples["entries"] = list(encoding.entry_names)
    meanings = described_outputs(problem.dataset)
    heads = problem.dataset.heads
    outputs = {head: {"shape": list(head_shape(size)), **meanings[head]} for head, size in heads.items()}
    return entries_of(record, preference, samples, outputs)


def _write(path: Path, model: bytes) -> Path:
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, model)
    return path
