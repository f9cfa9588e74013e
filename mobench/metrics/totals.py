"""Totals of losses and metrics over the batches of a split, for one ray."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mobench.errors import ShapeError
from mobench.interfaces import Metric, Objective, Outputs, Samples, SummedMeasure


def plain_losses(objectives: Sequence[Objective]) -> list[Objective]:
    """Return the objectives whose losses are means over samples."""
    return [objective for objective in objectives if not isinstance(objective.loss, SummedMeasure)]


class Totals:
    """Losses and metrics of one ray, accumulated in float64 on the CPU.

    Means are weighted by the sizes of the batches, and statistics of a `SummedMeasure` are added. Only metrics with
    `pooled=True` keep the outputs of all batches.
    """

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self.objectives = objectives
        self.metrics: list[Metric] = [metric for objective in objectives for metric in objective.metrics]
        measures = [*(o.loss for o in objectives), *(metric.measure for metric in self.metrics)]
        self._summed = {j: measure for j, measure in enumerate(measures) if isinstance(measure, SummedMeasure)}
        self._pooled = {j: m.measure for j, m in enumerate(self.metrics, len(objectives)) if m.pooled}
        self._sums = torch.zeros(len(measures), dtype=torch.float64)
        self._statistics: dict[int, dict[str, Tensor]] = {}
        self._outputs: list[Outputs] = []
        self._n_samples = 0

    @property
    def is_pooling(self) -> bool:
        """Whether a metric needs the outputs and samples of the whole split."""
        return bool(self._pooled)

    def add(self, outputs: Outputs, batch: Samples, losses: Tensor) -> None:
        """Add a prepared batch. losses: the values of the losses that are means, in order."""
        means = iter(losses)
        values = [losses.new_zeros(()) if j in self._summed else next(means) for j in range(len(self.objectives))]
        for j, metric in enumerate(self.metrics, len(self.objectives)):
            separate = j in self._summed or j in self._pooled
            values.append(losses.new_zeros(()) if separate else metric.measure(outputs, batch).to(losses.dtype))
        self._sums += torch.stack(values).double().cpu() * len(batch)
        for j, measure in self._summed.items():
            self._add_statistics(j, measure.statistics(outputs, batch))
        if self._pooled:
            self._outputs.append({name: output.cpu() for name, output in outputs.items()})
        self._n_samples += len(batch)

    def values(self, samples: Samples | None) -> Tensor:
        """Return the losses and metrics of the split. samples: all prepared samples if a metric is pooled."""
        values = self._sums / self._n_samples
        for j, measure in self._summed.items():
            values[j] = measure.finish(self._statistics[j]).double()
        if samples is not None and self._pooled:
            heads = self._outputs[0]
            outputs = {name: torch.cat([of_batch[name] for of_batch in self._outputs]) for name in heads}
            for j, pooled in self._pooled.items():
                values[j] = pooled(outputs, samples).double()
        return values

    def _add_statistics(self, j: int, statistics: Mapping[str, Tensor]) -> None:
        added = {name: tensor.double().cpu() for name, tensor in statistics.items()}
        totals = self._statistics.setdefault(j, {name: torch.zeros_like(tensor) for name, tensor in added.items()})
        shapes, others = ({name: tuple(t.shape) for name, t in these.items()} for these in (totals, added))
        if shapes != others:
            raise ShapeError(
                f"the statistics of measure {self._name(j)!r} have shapes {others} on one batch and {shapes} on the "
                "batches before it: return the same names and shapes for every batch"
            )
        for name, tensor in added.items():
            totals[name] += tensor

    def _name(self, j: int) -> str:
        m = len(self.objectives)
        return self.objectives[j].name if j < m else self.metrics[j - m].name
