"""Datasets from data in memory: inputs, targets by name, and objectives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

import torch
from torch import Tensor

from mobench.errors import DataError, MobenchError, OptionError
from mobench.fronts import user_data
from mobench.fronts.identity import code_of, hash_of
from mobench.fronts.input_encoding import InputEncoding, encoding_of
from mobench.fronts.losses import (
    MARGIN,
    check_gaps,
    constant_loss,
    heads_of,
    objective_of,
    target_roles,
)
from mobench.fronts.objectives import GAPS, LABELLED, PENALTIES, ObjectiveDescription, cross_entropy, described, mse
from mobench.fronts.target_encoding import TargetEncoding, encoded, kind_of
from mobench.interfaces import Dataset, Objective, Protocol, Samples, Split, map_inputs, tensors_of
from mobench.jobs.job import Part

N_SAMPLES = 2048
"""Training samples on which the losses of an untrained network are measured."""


def dataset(
    x: Any,
    targets: Any = None,
    objectives: Sequence[Any] | None = None,
    *,
    split: Any = None,
    split_seed: int = 0,
    standardise: bool | None = None,
    heads: Mapping[str, int] | None = None,
    reference: Mapping[str, float] | None = None,
    ideal: Mapping[str, float] | None = None,
    name: str = "own-data",
) -> InMemoryDataset:
    """Return a dataset of data in memory, for `mobench.fit`.

    x: inputs, one row per sample: a tensor, a NumPy array, a pandas frame, a mapping of named tensors, or a map-style
        torch `Dataset`, which is read into memory. Columns of a frame with numbers or booleans are numbers; columns of
        texts or categories are encoded one-hot, with the values in all rows; a missing one is 0 everywhere. uint8
        inputs are divided by 255. A mapping with the keys "train", "val" and "test" has the inputs of each split.
    targets: name -> values [N] or [N, d]: labels and groups; or a frame, or one array, which is called "y" ("y0", "y1"
        … for several columns). For a torch `Dataset`: names of the second, third, … item of a row. For inputs of
        each split: a mapping of the same keys.
    objectives: such as `mobench.mse("price")`, functions (outputs, batch) -> scalar that are means over the batch, or
        `mobench.Objective`. None: the cross-entropy of each target that looks like classes, and the squared error of
        the others.
    split: fractions (train, val, test) that sum to 1, by default (0.7, 0.15, 0.15); or {"train": positions, "val": …,
        "test": …}. split_seed: of the fractions.
    standardise: whether numbers are standardised with mean and standard deviation of the training part, and missing
        ones replaced by the mean. None: only if the inputs are a table [N, d]; pass False for token ids.
    heads: name -> width of outputs that only functions use.
    reference, ideal: name of an objective -> its value in the reference or ideal point, instead of the default.
    name: of the dataset in records.

    Class labels become numbers from 0 in sorted order, −1 where missing; real targets are standardised on the training
    part, and metrics are in original units. Functions receive the targets in this form.

    The reference point of the hypervolume is, for each objective, the loss of the best constant prediction on the
    training part times 1.1; for gaps it is 1; for functions and sizes of weights it is the loss of an untrained
    network times 1.1. The ideal point is 0. The version of the dataset is a hash of its contents.

    Raises: OptionError, DataError and ShapeError for arguments that are not accepted.
    """
    data = user_data.read(x, targets, split, split_seed)
    if objectives is None:
        objectives = [cross_entropy(t) if kind_of(v) == "classes" else mse(t) for t, v in data.targets.items()]
    descriptions = tuple(described(objective, i) for i, objective in enumerate(objectives))
    _check_names(descriptions, {"reference": reference or {}, "ideal": ideal or {}})
    roles = target_roles(descriptions, tuple(data.targets))
    train = data.positions["train"]
    encodings: dict[str, TargetEncoding] = {}
    tensors: dict[str, Tensor] = {}
    for target, values in data.targets.items():
        tensors[target], encodings[target] = encoded(values, roles[target], train, target)
    check_gaps(descriptions, encodings)
    if isinstance(data.inputs, Mapping):
        pairs = {n: encoding_of(values, train, standardise or False) for n, values in data.inputs.items()}
        inputs: Any = {n: encoding.standardised(raw) for n, (raw, encoding) in pairs.items()}
        input_encoding: Any = {n: encoding for n, (_, encoding) in pairs.items()}
    else:
        raw, input_encoding = encoding_of(data.inputs, train, standardise)
        inputs = input_encoding.standardised(raw)
    return InMemoryDataset(
        descriptions,
        input_encoding,
        encodings,
        heads_of(descriptions, encodings, heads or {}),
        {split_name: Samples(inputs, tensors).take(chosen) for split_name, chosen in data.positions.items()},
        reference=reference,
        ideal=ideal,
        name=name,
    )


def _check_names(descriptions: Sequence[ObjectiveDescription], points: Mapping[str, Mapping[str, float]]) -> None:
    names = [d.name for d in descriptions]
    if not names:
        raise OptionError("there is no objective: pass objectives=[mobench.mse('y'), …], usually two or more")
    for name in names:
        if names.count(name) > 1:
            raise OptionError(f"two objectives are called {name!r}: give one another name, such as mse('y', name='…')")
    for point, values in points.items():
        for name in values:
            if name not in names:
                raise OptionError(f"{point} names {name!r}: the objectives are {', '.join(map(repr, names))}")


class InMemoryDataset(Dataset):
    """A dataset of data in memory; `mobench.dataset` creates it.

    descriptions: of the objectives. inputs: encoding of the inputs, or one for each named input.
    targets: encodings by name. head_widths: outputs of the network, name -> width.
    samples: encoded samples of each split; empty for a front that was loaded from a file.
    reference, ideal: values of the protocol by objective. None in `reference`: known once a network exists.
    scales: sizes of the weights of an untrained network by objective, for penalties.
    """

    def __init__(
        self,
        descriptions: tuple[ObjectiveDescription, ...],
        inputs: InputEncoding | Mapping[str, InputEncoding],
        targets: Mapping[str, TargetEncoding],
        head_widths: Mapping[str, int],
        samples: Mapping[Split, Samples],
        *,
        reference: Mapping[str, float] | None = None,
        ideal: Mapping[str, float] | None = None,
        scales: Mapping[str, float] | None = None,
        name: str = "own-data",
    ) -> None:
        self.descriptions, self.input_encoding, self.targets = descriptions, inputs, dict(targets)
        self.head_widths, self.samples, self.name = dict(head_widths), dict(samples), name
        self.scales = dict(scales or {})
        self._ideal = {d.name: 0.0 for d in descriptions} | dict(ideal or {})
        self._reference = dict(reference or {})
        self._objectives: tuple[Objective, ...] | None = None
        for d in descriptions if samples else ():
            if d.name in self._reference:
                self._check_point(d.name)
            elif d.kind in (*LABELLED, *GAPS):
                self._reference[d.name] = self._default_reference(d)

    def _check_point(self, name: str) -> None:
        if not self._reference[name] > self._ideal[name]:
            raise OptionError(
                f"objective {name!r} has the reference {self._reference[name]:g} and the ideal {self._ideal[name]:g}: "
                "pass a reference above the ideal"
            )

    def _default_reference(self, d: ObjectiveDescription) -> float:
        if d.kind in GAPS:
            return 1.0
        value = MARGIN * constant_loss(d, self.samples["train"].targets)
        return self._above_ideal(d.name, value, "the loss of a constant prediction")

    def _above_ideal(self, name: str, value: float, source: str) -> float:
        if not value > self._ideal[name] or value == float("inf"):
            raise DataError(
                f"objective {name!r}: {source} times {MARGIN} is {value:.4g}, which is no reference point above the "
                f"ideal {self._ideal[name]:g}: pass reference={{{name!r}: …}} and, for losses below 0, "
                f"ideal={{{name!r}: …}}"
            )
        return value

    @property
    def objectives(self) -> tuple[Objective, ...]:
        if self._objectives is None:  # they are used in every step
            self._objectives = tuple(objective_of(d, self.targets, self.scales) for d in self.descriptions)
        return self._objectives

    @property
    def heads(self) -> Mapping[str, int]:
        return dict(self.head_widths)

    @property
    def input_shape(self) -> Any:
        if isinstance(self.input_encoding, Mapping):
            return {name: encoding.shape for name, encoding in self.input_encoding.items()}
        return self.input_encoding.shape

    @property
    def protocol(self) -> Protocol:
        missing = [d.name for d in self.descriptions if d.name not in self._reference]
        if missing:
            raise MobenchError(
                f"the reference of objective {missing[0]!r} is the loss of an untrained network, which mobench.fit "
                f"measures: call fit, or pass reference={{{missing[0]!r}: …}} to mobench.dataset"
            )
        names = [d.name for d in self.descriptions]
        reference = tuple(self._reference[name] for name in names)
        ideal = tuple(self._ideal[name] for name in names)
        return Protocol("in-memory-1", reference, ideal, nadir=reference, subset="random")

    @property
    def penalties(self) -> tuple[ObjectiveDescription, ...]:
        """The objectives that measure the weights of the network."""
        return tuple(d for d in self.descriptions if d.kind in PENALTIES)

    def has_reference(self, name: str) -> bool:
        """Return whether the reference of an objective is known."""
        return name in self._reference

    @property
    def notes(self) -> dict[str, float | int | str]:
        return {f"{split} samples": len(samples) for split, samples in self.samples.items()}

    def load(self, split: Split) -> Samples:
        if split not in self.samples:
            raise DataError("a front from a file has no samples: pass your data to mobench.dataset to train or judge")
        return self.samples[split]

    def some_samples(self) -> Samples:
        """Return up to `N_SAMPLES` training samples, evenly spaced, prepared for a network."""
        train = self.load("train")
        index = torch.linspace(0, len(train) - 1, min(len(train), N_SAMPLES)).long()
        return self.prepare(train.take(index))

    def completed(
        self, heads: Mapping[str, int], losses: Mapping[str, float], scales: Mapping[str, float]
    ) -> InMemoryDataset:
        """Return the dataset with heads, and with reference points from an untrained network.

        losses: name of an objective -> its loss. scales: name of a penalty -> its value, which becomes 1.
        """
        dataset = copy(self)
        dataset.head_widths, dataset.scales, dataset._objectives = dict(heads), dict(scales), None
        values = {**losses, **dict.fromkeys(scales, 1.0)}
        dataset._reference = {
            **{n: self._above_ideal(n, MARGIN * v, "the loss of an untrained network") for n, v in values.items()},
            **self._reference,
        }
        return dataset

    def encode(self, x: Any) -> Samples:
        """Return samples for raw inputs in the units of the user. Raises: ShapeError, DataError."""
        if not isinstance(self.input_encoding, Mapping):
            return Samples(self.input_encoding.standardised(self.input_encoding.raw(x)))
        if not isinstance(x, Mapping) or set(x) != set(self.input_encoding):
            names = ", ".join(map(repr, self.input_encoding))
            raise DataError(f"the inputs are {type(x).__name__}: pass a mapping with the named inputs {names}")
        inputs = {name: e.standardised(e.raw(x[name])) for name, e in self.input_encoding.items()}
        return Samples(inputs)

    @property
    def part(self) -> Part:
        """The part of a job that states this dataset; its version is a hash of the contents."""
        objectives = [
            [d.name, d.kind, d.head, d.target, d.attribute, str(d.delta), _code_of(d.function)]
            for d in self.descriptions
        ]
        texts = [str(objectives), str(self.input_encoding), str(self.targets), str(self.protocol), str(self.scales)]
        tensors = [
            tensor
            for samples in self.samples.values()
            for tensor in (*tensors_of(map_inputs(torch.Tensor.contiguous, samples.inputs)), *samples.targets.values())
        ]
        options = {"objectives": [d.name for d in self.descriptions]}
        return Part(name=self.name, version=f"sha256 {hash_of(texts, tensors)}", options=options)


def _code_of(function: Any) -> str:
    if function is None:
        return ""
    return code_of(function.loss if isinstance(function, Objective) else function)
