"""Losses and metrics that are functions of sums over samples: masked means, R², RMSE, mean IoU, AUC, fairness gaps.

Each function returns a `SummedMeasure`, which an `Objective` takes as its loss or a `Metric` as its measure. All
values of a split are computed from sums over its batches, in memory that does not depend on the number of samples.
Masked means, `unexplained_variance` and the gaps without a threshold are differentiable and serve as losses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from mobench.errors import ShapeError
from mobench.interfaces import Outputs, Samples, SummedMeasure

__all__ = [
    "binned_auc", "demographic_parity_gap", "equalised_odds_gap", "masked_mean", "mean_iou", "r_squared",
    "root_mean_squared_error", "unexplained_variance",
]  # fmt: skip

CONSTANT = 1e-12
"""Labels whose variance is below this share of their mean square count as constant."""


def masked_mean(
    loss: Callable[[Tensor, Tensor], Tensor],
    head: str,
    target: str | None = None,
    *,
    missing: float = math.nan,
    mask: str | None = None,
) -> SummedMeasure:
    """Return the mean loss over the labels that exist; 0 for a batch without any.

    loss:    (output of the head, labels) -> one value per label, in the shape of the labels, without a mean. Missing
             labels are replaced by 0 before the call, and their values are not counted.
    target:  name of the labels; None: that of the head.
    missing: value of a missing label: NaN, or for class labels an integer such as -1.
    mask:    name of a target that is true where a label exists, instead of `missing`.

    Raises: ShapeError, when called, if `loss` returns another shape than that of the labels.
    """
    name = target or head

    def statistics(outputs: Outputs, batch: Samples) -> dict[str, Tensor]:
        labels = batch.targets[name]
        present = _present(labels, missing) if mask is None else batch.targets[mask].bool()
        values = loss(outputs[head], labels.where(present, torch.zeros_like(labels)))
        if values.shape != labels.shape:
            raise ShapeError(
                f"the loss of head {head!r} has shape {tuple(values.shape)} for labels of shape "
                f'{tuple(labels.shape)}: return one value per label, for example with reduction="none"'
            )
        return {"sum": values.where(present, torch.zeros_like(values)).sum(), "count": present.sum().to(values)}

    return SummedMeasure(statistics, lambda sums: sums["sum"] / sums["count"].clamp_min(1))


def r_squared(head: str, target: str | None = None) -> SummedMeasure:
    """Return R² = 1 − Σ(t − y)² / Σ(t − t̄)², the mean over the outputs of the head; labels that are NaN are left out.

    head: an output [B, d] for labels [B, d], or [B, 1] for labels [B].

    R² is 0 for an output whose labels are constant, unless its error is 0; then it is 1.
    """
    variance = unexplained_variance(head, target)
    return SummedMeasure(variance.statistics, lambda sums: 1 - variance.finish(sums))


def unexplained_variance(head: str, target: str | None = None) -> SummedMeasure:
    """Return 1 − R² as a loss to minimise; arguments as in `r_squared`."""
    name = target or head

    def statistics(outputs: Outputs, batch: Samples) -> dict[str, Tensor]:
        labels = batch.targets[name].double()
        errors, present = _errors(head, outputs[head].double(), labels)
        filled = labels.where(present, torch.zeros_like(labels))
        return {
            "count": present.sum(0).double(),
            "labels": filled.sum(0),
            "squares": filled.square().sum(0),
            "errors": errors.square().sum(0),
        }

    def finish(sums: Mapping[str, Tensor]) -> Tensor:
        total = sums["squares"] - sums["labels"].square() / sums["count"].clamp_min(1)
        varies = total > CONSTANT * sums["squares"]
        constant = (sums["errors"].detach() > 0).to(total)
        return (sums["errors"] / total.where(varies, torch.ones_like(total))).where(varies, constant).mean()

    return SummedMeasure(statistics, finish)


def root_mean_squared_error(head: str, target: str | None = None, *, scale: str | None = None) -> SummedMeasure:
    """Return the root of the mean squared error over all labels that exist (not NaN); 0 without any.

    head:   an output [B, d] for labels [B, d], or [B, 1] for labels [B].
    target: name of the labels; None: that of the head.
    scale:  name of a target, of the shape of the labels or one that broadcasts to it, by which errors are multiplied.
            For standardised labels it is their standard deviation, and the result is in original units. None: 1.

    It is a metric and not a loss: its gradient is infinite where all errors are 0.
    """
    name = target or head

    def statistics(outputs: Outputs, batch: Samples) -> dict[str, Tensor]:
        errors, present = _errors(head, outputs[head].double(), batch.targets[name].double())
        if scale is not None:
            errors = errors * batch.targets[scale].double()
        return {"squares": errors.square().sum(), "count": present.sum().double()}

    return SummedMeasure(statistics, lambda sums: (sums["squares"] / sums["count"].clamp_min(1)).sqrt())


def mean_iou(head: str, n_classes: int, target: str | None = None, *, missing: int = -1) -> SummedMeasure:
    """Return the mean intersection over union of the classes that occur in labels or predictions; 0 if none does.

    head:    class scores [B, n_classes, ...], for example [B, C, H, W].
    target:  name of the labels [B, ...]; None: that of the head.
    missing: label of pixels that are not counted.
    """
    name = target or head

    def statistics(outputs: Outputs, batch: Samples) -> dict[str, Tensor]:
        labels, predicted = batch.targets[name].long(), outputs[head].argmax(1)
        present = labels != missing
        pairs = labels[present] * n_classes + predicted[present]
        return {"confusion": torch.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)}

    def finish(sums: Mapping[str, Tensor]) -> Tensor:
        confusion = sums["confusion"].double()
        intersection = confusion.diagonal()
        union = confusion.sum(0) + confusion.sum(1) - intersection
        return (intersection / union.clamp_min(1)).sum() / (union > 0).sum().clamp_min(1)

    return SummedMeasure(statistics, finish)


def binned_auc(head: str, target: str | None = None, *, n_bins: int = 1000, missing: int = -1) -> SummedMeasure:
    """Return the area under the ROC curve of probabilities in `n_bins` bins of equal width; 0.5 if a class is absent.

    head:    logits [B] or [B, 1] of the positive class, or [B, 2].
    target:  name of the labels [B], 0 or 1; None: that of the head.
    missing: label of samples that are not counted.

    Pairs of a positive and a negative sample in one bin count one half. The value therefore differs from the exact area
    by at most half the share of such pairs, and equals it if each bin holds one distinct probability.
    """
    name = target or head

    def statistics(outputs: Outputs, batch: Samples) -> dict[str, Tensor]:
        labels = batch.targets[name].long()
        bins = (_probability(outputs[head]) * n_bins).long().clamp(0, n_bins - 1)
        present = labels != missing
        counts = torch.bincount(labels[present] * n_bins + bins[present], minlength=2 * n_bins)
        return {"counts": counts.reshape(2, n_bins)}

    def finish(sums: Mapping[str, Tensor]) -> Tensor:
        negative, positive = sums["counts"].double()
        below = negative.cumsum(0) - negative / 2
        pairs = negative.sum() * positive.sum()
        area: Tensor = (positive * below).sum() / pairs.clamp_min(1)
        return area.where(pairs > 0, torch.full_like(pairs, 0.5))

    return SummedMeasure(statistics, finish)


def demographic_parity_gap(
    head: str, attribute: str, *, n_groups: int = 2, threshold: float | None = None
) -> SummedMeasure:
    """Return the largest difference between two groups' mean predictions; 0 where fewer than two groups occur.

    head:      logits [B] or [B, 1] of the positive class, or [B, 2].
    attribute: name of the groups [B], from 0 to n_groups − 1.
    threshold: a prediction is 1 above this probability, else 0; None: the probability itself, which is differentiable.

    Source: demographic parity, for example arXiv 1610.02413, section 2.
    """

    def statistics(outputs: Outputs, batch: Samples) -> dict[str, Tensor]:
        predicted = _predicted(outputs[head], threshold)
        member = _one_hot(batch.targets[attribute], n_groups).to(predicted)
        return {"sums": predicted @ member, "counts": member.sum(0)}

    return SummedMeasure(statistics, lambda sums: _gap(sums["sums"], sums["counts"]))


def equalised_odds_gap(
    head: str, attribute: str, target: str | None = None, *, n_groups: int = 2, threshold: float | None = None
) -> SummedMeasure:
    """Return the largest difference between two groups' mean predictions among the samples of one label.

    This is the larger of the gaps of the true-positive and the false-positive rates.

    target: name of the labels [B], 0 or 1; None: that of the head. Other arguments as in `demographic_parity_gap`.

    Source: equalised odds, arXiv 1610.02413, definition 2.1.
    """
    name = target or head

    def statistics(outputs: Outputs, batch: Samples) -> dict[str, Tensor]:
        predicted = _predicted(outputs[head], threshold)
        member = _one_hot(batch.targets[attribute], n_groups).to(predicted)
        of_label = _one_hot(batch.targets[name], 2).to(predicted)
        return {"sums": (of_label * predicted[:, None]).T @ member, "counts": of_label.T @ member}

    def finish(sums: Mapping[str, Tensor]) -> Tensor:
        return torch.stack([_gap(sums["sums"][label], sums["counts"][label]) for label in (0, 1)]).amax()

    return SummedMeasure(statistics, finish)


def _errors(head: str, predicted: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return predictions less labels, 0 where labels are NaN, and where labels exist."""
    if predicted.ndim == labels.ndim + 1 and predicted.shape[-1] == 1:
        predicted = predicted.squeeze(-1)
    if predicted.shape != labels.shape:
        raise ShapeError(
            f"head {head!r} has outputs of shape {tuple(predicted.shape)} for labels of shape "
            f"{tuple(labels.shape)}: give one output per label"
        )
    present = ~labels.isnan()
    filled = labels.where(present, torch.zeros_like(labels))
    return (predicted - filled).where(present, torch.zeros_like(filled)), present


def _gap(sums: Tensor, counts: Tensor) -> Tensor:
    """Return the largest difference between means of groups that have samples, for sums and counts [groups]."""
    means, present = sums / counts.clamp_min(1), counts > 0
    highest = means.where(present, torch.full_like(means, -torch.inf)).amax()
    lowest = means.where(present, torch.full_like(means, torch.inf)).amin()
    return (highest - lowest).where(present.any(), torch.zeros_like(highest))


def _predicted(output: Tensor, threshold: float | None) -> Tensor:
    probability = _probability(output)
    return probability if threshold is None else (probability > threshold).to(probability)


def _probability(output: Tensor) -> Tensor:
    """Return the probability [B] of the positive class for logits [B], [B, 1] or [B, 2]."""
    if output.ndim == 2 and output.shape[1] == 2:
        return output.softmax(1)[:, 1]
    if output.ndim == 1 or (output.ndim == 2 and output.shape[1] == 1):
        return output.reshape(-1).sigmoid()
    raise ShapeError(
        f"a binary classifier has outputs of shape {list(output.shape)}: give one logit [B, 1] or two [B, 2] per sample"
    )


def _present(labels: Tensor, missing: float) -> Tensor:
    """Return where labels exist."""
    return ~labels.isnan() if math.isnan(missing) else labels != missing


def _one_hot(labels: Tensor, n: int) -> Tensor:
    return labels[:, None] == torch.arange(n, device=labels.device)
