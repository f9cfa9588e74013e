"""Dataset `mnist-unknown`: MNIST digits, with garments in the validation and test splits, and its metrics."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.stats import rankdata
from torch import Tensor
from torch.nn.functional import cross_entropy

from mobench.interfaces import Metric, Objective, Outputs, Protocol, Samples, Split
from mobench_images.dataset import HEAD, FashionMnist, Mnist

UNKNOWN = -1
"""Label of images that are not digits."""
N_BINS = 15


@dataclass(frozen=True)
class MnistAndGarments(Mnist):
    """MNIST for training; the validation and test splits have one garment after every digit.

    The loss, the error and the calibration error use only the digits. The garments measure
    whether the network is uncertain about inputs of unknown classes.
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
        # alternate, so that batches contain as many digits as garments
        images = torch.stack([digits.inputs[:n], garments.inputs[:n]], dim=1).flatten(0, 1)
        labels = torch.stack([digits.targets[HEAD][:n], torch.full((n,), UNKNOWN)], dim=1).flatten()
        return Samples(images, {HEAD: labels})


def error(outputs: Outputs, samples: Samples) -> Tensor:
    """Return the share of misclassified digits."""
    scores, labels = _digits(outputs, samples)
    return (scores.argmax(1) != labels).float().mean()


def calibration_error(outputs: Outputs, samples: Samples) -> Tensor:
    """Return the expected calibration error of the digits, 15 bins of equal width (arXiv 1706.04599, equation 3)."""
    scores, labels = _digits(outputs, samples)
    confidence, predicted = scores.softmax(1).max(1)
    right = (predicted == labels).double()
    bins = (confidence * N_BINS).ceil().long().clamp(1, N_BINS) - 1
    gap = torch.zeros(N_BINS, dtype=torch.float64).index_add_(0, bins, right - confidence.double())
    return gap.abs().sum() / len(labels)


def separation(outputs: Outputs, samples: Samples) -> Tensor:
    """Return the area under the ROC curve of the entropy, garments against digits: 0.5 is chance, 1 is perfect."""
    logs = outputs[HEAD].double().log_softmax(1)
    # values that differ only by rounding are ties
    entropy = (-(logs.exp() * logs).sum(1)).numpy().round(12)
    unknown = (samples.targets[HEAD] == UNKNOWN).numpy()
    n, rest = int(unknown.sum()), int((~unknown).sum())
    if n == 0 or rest == 0:
        return torch.tensor(0.5)
    ranks = rankdata(entropy)  # Mann-Whitney statistic: ties count one half
    return torch.tensor((ranks[unknown].sum() - n * (n + 1) / 2) / (n * rest), dtype=torch.float64)


def _loss(outputs: Outputs, batch: Samples) -> Tensor:
    return cross_entropy(outputs[HEAD], batch.targets[HEAD], ignore_index=UNKNOWN)


def _digits(outputs: Outputs, samples: Samples) -> tuple[Tensor, Tensor]:
    is_digit = samples.targets[HEAD] != UNKNOWN
    return outputs[HEAD][is_digit], samples.targets[HEAD][is_digit]
