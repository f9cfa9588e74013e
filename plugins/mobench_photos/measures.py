"""Metric of binary tasks whose classes differ in size."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from mobench.interfaces import Outputs, Samples, SummedMeasure


def balanced_accuracy(name: str) -> SummedMeasure:
    """Return the mean accuracy of both classes over the split; of one class if the other has no samples.

    name: of the head [B, 1], a logit, and of the labels [B], 0 or 1.
    """

    def statistics(outputs: Outputs, batch: Samples) -> dict[str, Tensor]:
        labels = batch.targets[name].long()
        is_right = (outputs[name][:, 0] > 0) == (labels == 1)
        return {"right": torch.bincount(labels[is_right], minlength=2), "count": torch.bincount(labels, minlength=2)}

    def finish(sums: Mapping[str, Tensor]) -> Tensor:
        count = sums["count"].double()
        return (sums["right"].double() / count.clamp_min(1)).sum() / (count > 0).sum().clamp_min(1)

    return SummedMeasure(statistics, finish)
