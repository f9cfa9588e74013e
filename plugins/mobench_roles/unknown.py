"""Digits to be told, and garments among them that no network was shown."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.stats import rankdata
from torch import Tensor
from torch.nn.functional import cross_entropy

from mobench.interfaces import Metric, Objective, Outputs, Protocol, Samples, Split
from mobench_images.dataset import HEAD, FashionMnist, Mnist

UNKNOWN = -1
"""The label of what is no digit."""
N_BINS = 15


@dataclass(frozen=True)
class MnistAndGarments(Mnist):
    """MNIST for training; in validation and testing every digit is followed by a garment.

    The loss, the accuracy and the calibration error are of the digits alone. The garments ask
    whether a network knows what it does not know.
    """

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return (
            Objective(
                HEAD,
                _loss,
                (
                    Metric("error", error, higher_is_better=False, pooled=True),
                    Metric("calibration error", calibration_error, higher_is_better=False, pooled=True),
                    Metric("separation", separation, pooled=True),
                ),
                unit="nats",
                likelihood="categorical",
            ),
        )

    @property
    def protocol(self) -> Protocol:
        return Protocol("mnist-unknown-1", reference=(2.0,), ideal=(0.0,), nadir=super().protocol.nadir)

    def load(self, split: Split) -> Samples:
        digits = super().load(split)
        if split == "train":
            return digits
        garments = FashionMnist(validation=self.validation, limit=len(digits)).load(split)
        n = min(len(digits), len(garments))
        # alternating, so that batches hold as many of the one as of the other
        images = torch.stack([digits.inputs[:n], garments.inputs[:n]], dim=1).flatten(0, 1)
        labels = torch.stack([digits.targets[HEAD][:n], torch.full((n,), UNKNOWN)], dim=1).flatten()
        return Samples(images, {HEAD: labels})


def error(outputs: Outputs, samples: Samples) -> Tensor:
    """Share of the digits that are told wrongly."""
    scores, labels = _digits(outputs, samples)
    return (scores.argmax(1) != labels).float().mean()


def calibration_error(outputs: Outputs, samples: Samples) -> Tensor:
    """Expected calibration error over 15 bins of equal width (arXiv 1706.04599, equation 3), of the digits."""
    scores, labels = _digits(outputs, samples)
    confidence, told = scores.softmax(1).max(1)
    right = (told == labels).double()
    bins = (confidence * N_BINS).ceil().long().clamp(1, N_BINS) - 1
    gap = torch.zeros(N_BINS, dtype=torch.float64).index_add_(0, bins, right - confidence.double())
    return gap.abs().sum() / len(labels)


def separation(outputs: Outputs, samples: Samples) -> Tensor:
    """Area under the ROC curve of the entropy, garments against digits: 0.5 is chance, 1 perfect."""
    logs = outputs[HEAD].double().log_softmax(1)
    # what differs by rounding alone is a tie
    entropy = (-(logs.exp() * logs).sum(1)).numpy().round(12)
    unknown = (samples.targets[HEAD] == UNKNOWN).numpy()
    n, rest = int(unknown.sum()), int((~unknown).sum())
    if n == 0 or rest == 0:
        return torch.tensor(0.5)
    ranks = rankdata(entropy)  # Mann and Whitney: ties count a half
    return torch.tensor((ranks[unknown].sum() - n * (n + 1) / 2) / (n * rest), dtype=torch.float64)


def _loss(outputs: Outputs, batch: Samples) -> Tensor:
    return cross_entropy(outputs[HEAD], batch.targets[HEAD], ignore_index=UNKNOWN)


def _digits(outputs: Outputs, samples: Samples) -> tuple[Tensor, Tensor]:
    known = samples.targets[HEAD] != UNKNOWN
    return outputs[HEAD][known], samples.targets[HEAD][known]
