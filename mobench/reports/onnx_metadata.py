"""Metadata of ONNX files: what the network is, and what its inputs and outputs mean.

Every value is a text; those of `mobench.preference`, `mobench.input` and `mobench.outputs` are JSON.

- `mobench.version`, `mobench.record`: version of mobench, and id of the record.
- `mobench.solver`, `mobench.dataset`, `mobench.model`: names of the parts of the job.
- `mobench.preference`: names of the objectives, in the order of the entries of the input `preference`; for a network at
  one preference, a mapping of these names to its entries.
- `mobench.input`: name, shape without the batch, and range of the samples: the lowest and highest number, or one of
  each for every entry of a table, whose names may follow.
- `mobench.outputs`: name of each output, its shape without the batch, and what is known about its meaning: labels of
  classes, or mean and deviation by which a standardised value becomes one in original units.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

from torch import Tensor

from mobench.interfaces import Samples, Split, head_shape, tensors_of
from mobench.metrics.subset import subset_of
from mobench.records.networks import Trained
from mobench.records.record import Record

RANGE_SAMPLES = 2000
"""Samples of a registered dataset whose numbers give the range of the inputs."""


def input_name(shape: Sequence[int]) -> str:
    """Return the name of the input for samples of a shape: "image" for [C, H, W], else "input"."""
    return "image" if len(shape) == 3 else "input"


def with_metadata(model: bytes, entries: Mapping[str, str]) -> bytes:
    """Return an ONNX model with these entries in its `metadata_props`."""
    import onnx

    proto = onnx.load_model_from_string(model)
    onnx.helper.set_model_props(proto, dict(entries))
    written: bytes = proto.SerializeToString()
    return written


def entries_of(
    record: Record,
    preference: Sequence[str] | Mapping[str, float],
    samples: Mapping[str, Any],
    outputs: Mapping[str, Any],
) -> dict[str, str]:
    """Return the metadata of a network. samples, outputs: the values of `mobench.input` and `mobench.outputs`."""
    return {
        "mobench.version": metadata.version("mobench"),
        "mobench.record": record.id,
        "mobench.solver": record.job.solver.name,
        "mobench.dataset": record.job.dataset.name,
        "mobench.model": record.job.model.name,
        "mobench.preference": json.dumps(preference if isinstance(preference, Mapping) else list(preference)),
        "mobench.input": json.dumps(samples),
        "mobench.outputs": json.dumps(outputs),
    }


def metadata_of(trained: Trained) -> dict[str, str]:
    """Return the metadata of the network of a record, for prepared inputs."""
    dataset, shape = trained.problem.dataset, list(trained.problem.dataset.input_shape)
    lowest, highest = _range(trained)
    samples = {"name": input_name(shape), "shape": shape, "lowest": lowest, "highest": highest}
    outputs = {head: {"shape": list(head_shape(size))} for head, size in dataset.heads.items()}
    return entries_of(trained.record, trained.record.objectives, samples, outputs)


def _range(trained: Trained) -> tuple[float, float]:
    """Return the lowest and highest number in prepared samples of the validation split."""
    split: Split = "val"
    stored = trained.problem.dataset.load(split)
    samples: Samples = trained.problem.prepare(subset_of(stored, RANGE_SAMPLES, trained.problem.protocol))
    tensors: list[Tensor] = list(tensors_of(samples.inputs))
    return min(float(t.min()) for t in tensors), max(float(t.max()) for t in tensors)
