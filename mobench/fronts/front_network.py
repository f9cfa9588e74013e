"""The network of a front at one preference: raw inputs in, outputs by head or predictions in original units out."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mobench.errors import IncompatibleError
from mobench.fronts.in_memory import InMemoryDataset
from mobench.fronts.module_model import HeadedNetwork, PenalisedNetwork
from mobench.fronts.objectives import LABELLED
from mobench.interfaces import Outputs, ParetoSet, PointSet, Predictor, Problem, Samples, WeightNetwork, tensors_of
from mobench.metrics.evaluation import evaluating
from mobench.records.record import Record

ROWS_AT_ONCE = 2048
"""Samples that are predicted at once."""


class FrontNetwork(nn.Module):
    """The network at one preference, in evaluation mode. Calls take no gradients; `module` is a trainable copy.

    preference: [m]; for a set of points without preferences, the number of the point.
    """

    def __init__(
        self, problem: Problem, pareto_set: ParetoSet | PointSet, preference: Tensor | int, record: Record
    ) -> None:
        super().__init__()
        self.preference = preference if isinstance(preference, int) else preference.cpu()
        self._record = record
        # in a tuple, so that a network of all preferences is no part of this module
        self._trained = (problem, pareto_set)
        with torch.no_grad(), evaluating(problem, pareto_set):
            self._predictor = self._serve()

    def _serve(self) -> Predictor:
        problem, pareto_set = self._trained
        if isinstance(pareto_set, PointSet):
            assert isinstance(self.preference, int)
            return pareto_set.predictor(self.preference)
        assert isinstance(self.preference, Tensor)
        return pareto_set.serve(self.preference.to(problem.device, problem.dtype))

    def forward(self, x: Any) -> Any:
        """Return the outputs for raw inputs: a tensor if there is one head, else name -> tensor [B, width].

        x: inputs as they were passed to `mobench.dataset`, in the same units; for other datasets, samples as they
            return them.
        """
        outputs = self.outputs(x)
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs

    def outputs(self, x: Any) -> dict[str, Tensor]:
        """Return the outputs for raw inputs by head: name -> [B, width]."""
        problem, pareto_set = self._trained
        dataset = problem.dataset
        samples = dataset.encode(x) if isinstance(dataset, InMemoryDataset) else Samples(x)
        parts: list[Outputs] = []
        with torch.no_grad(), evaluating(problem, pareto_set):
            n = len(next(tensors_of(samples.inputs)))
            for start in range(0, max(n, 1), ROWS_AT_ONCE):
                batch = problem.prepare(samples.take(slice(start, start + ROWS_AT_ONCE)))
                parts.append(self._predictor(batch.inputs))
        return {head: torch.cat([part[head] for part in parts]) for head in dataset.heads}

    def predict(self, x: Any) -> Any:
        """Return predictions for raw inputs: labels of classes, or values in original units.

        The result is an array [B] or [B, d] if there is one target, else name of the target -> array. Heads that only
        functions read are returned as outputs.

        Raises: IncompatibleError for datasets that do not state what their outputs mean.
        """
        dataset = self._trained[0].dataset
        if not isinstance(dataset, InMemoryDataset):
            raise IncompatibleError(
                f"dataset {self._record.job.dataset.name!r} does not state what its outputs mean: call the network for "
                "its outputs, or use mobench.dataset"
            )
        targets = {d.head: d.target for d in dataset.descriptions if d.kind in LABELLED}
        predictions = {}
        for head, output in self.outputs(x).items():
            if head in targets:
                predictions[targets[head]] = dataset.targets[targets[head]].decoded(output)
            else:
                predictions[head] = output.cpu().numpy()
        return next(iter(predictions.values())) if len(predictions) == 1 else predictions

    @property
    def module(self) -> nn.Module:
        """A copy of the module with the weights of this preference, as passed to `mobench.fit`.

        It takes encoded inputs: standardised tables, images in [0, 1].

        Raises: IncompatibleError for solvers whose prediction is not that of the module with other weights.
        """
        target = target_at(*self._trained, self.preference)
        if target is None:
            raise IncompatibleError(
                f"{self._record.job.solver.name} does not predict with a copy of the module: call the network itself, "
                "or fit a solver that generates or stacks weights"
            )
        while isinstance(target, PenalisedNetwork | HeadedNetwork):
            target = target.network
        return target

    def to_onnx(self, path: str | Path) -> Path:
        """Write this network as an ONNX file with the input "input" [batch, …] and one output per head.

        Raises: MobenchError if it cannot be exported.
        """
        from mobench.fronts.front_onnx import write_network

        return write_network(Path(path), self._record, *self._trained, self.preference)


def described_outputs(dataset: Any) -> dict[str, Mapping[str, Any]]:
    """Return what each output of a dataset's networks means: labels of classes, or mean and deviation of numbers."""
    meanings: dict[str, Mapping[str, Any]] = {head: {} for head in dataset.heads}
    if isinstance(dataset, InMemoryDataset):
        for d in dataset.descriptions:
            if d.kind in LABELLED:
                e = dataset.targets[d.target]
                values = {"target": d.target, "labels": list(e.labels)} if e.labels else {
                    "target": d.target, "mean": list(e.means), "deviation": list(e.deviations)
                }  # fmt: skip
                meanings[d.head] = values
    return meanings


def target_at(problem: Problem, pareto_set: ParetoSet | PointSet, preference: Tensor | int) -> nn.Module | None:
    """Return a copy of the target network with the weights of a preference or point, in evaluation mode.

    None if predictions are not those of the target network with other weights.
    """
    network: Any = getattr(pareto_set, "network", None) if isinstance(pareto_set, PointSet) else pareto_set
    if not isinstance(network, WeightNetwork) or not network.serves_one_set:
        return None
    at = network.rays[preference] if isinstance(preference, int) and network.rays is not None else preference
    assert isinstance(at, Tensor)
    with torch.no_grad(), evaluating(problem, network):
        weights = network.weights(at.to(problem.device, problem.dtype)[None])
    target = deepcopy(problem.target).eval()
    tensors = {**dict(target.named_parameters()), **dict(target.named_buffers())}
    with torch.no_grad():
        for name, value in weights.items():
            tensors[name].copy_(value[0])
    return target
