"""Base class of the fairness datasets: cross-entropy and gaps between two groups."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from mobench.errors import DataError, OptionError, nearest
from mobench.interfaces import Dataset, Metric, Objective, Outputs, Protocol, Samples, Split, SummedMeasure
from mobench.measures import binned_auc, demographic_parity_gap, equalised_odds_gap
from mobench.options import option
from mobench_fairness.table import ClassifiedRows, indicators, mean_and_deviation
from mobench_regression.splits import Index, Parts, drawn

HEAD, LABEL, GROUP = "decision", "label", "group"
GAPS = {
    "demographic-parity": demographic_parity_gap(HEAD, GROUP),
    "equalised-odds": equalised_odds_gap(HEAD, GROUP, LABEL),
}
"""Name -> differentiable gap between mean probabilities of two groups."""
LARGEST_INPUT = 5.0
"""Standardised numbers beyond this bound are moved to it."""


@dataclass(frozen=True)
class FairClassification(Dataset):
    """A binary decision on the rows of a table, with a sensitive attribute of two values.

    The first objective is the cross-entropy of the decision, in nats; the others are gaps between the mean
    probabilities of the groups. Numbers are standardised on the training split, texts are encoded one-hot.

    numbers:    names of the columns with numbers that are known at the time of the decision.
    categories: name -> accepted texts, of the columns with texts.
    attributes: sensitive attribute -> columns that state it. They are inputs only with `attribute_as_input`.
    """

    gaps: tuple[str, ...] = option(
        ("demographic-parity",), "gaps that are objectives: demographic-parity, equalised-odds or both"
    )
    attribute: str = option("sex", "sensitive attribute, whose two groups are compared")
    attribute_as_input: bool = option(False, "whether the columns that state the sensitive attribute are inputs")
    split_seed: int = option(0, "of the splits that are drawn; the same for all seeds of a job")

    numbers: ClassVar[tuple[str, ...]]
    categories: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    attributes: ClassVar[Mapping[str, tuple[str, ...]]]
    positive_share: ClassVar[float]
    """Share of label 1 in the whole table, for the nadir point."""

    def __post_init__(self) -> None:
        for chosen, accepted, kind in ((self.gaps, GAPS, "gap"), ((self.attribute,), self.attributes, "attribute")):
            for name in chosen:
                if name not in accepted:
                    hint = nearest(name, accepted) or f"; accepted: {', '.join(accepted)}"
                    raise OptionError(f"there is no {kind} {name!r}{hint}")
        if not self.gaps or len(set(self.gaps)) < len(self.gaps):
            raise OptionError(
                f"gaps {', '.join(self.gaps) or 'are empty'}: name one or two of {', '.join(GAPS)}, each once"
            )

    @abstractmethod
    def read(self) -> ClassifiedRows:
        """Return all rows. Raises: DataError if the files are missing or damaged."""

    def parts(self, rows: ClassifiedRows) -> Parts:
        """Return the rows of each split; by default units are drawn, three fifths of the rows for training."""
        return drawn(rows.units, self.split_seed)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs: columns with numbers, then column=text for each accepted text."""
        hidden = () if self.attribute_as_input else self.attributes[self.attribute]
        texts = [f"{column}={text}" for column in self.categories if column not in hidden
                 for text in self.categories[column]]  # fmt: skip
        return (*(column for column in self.numbers if column not in hidden), *texts)

    @property
    def objectives(self) -> tuple[Objective, ...]:
        decision = Objective("cross-entropy", _cross_entropy, METRICS, unit="nat", likelihood="categorical")
        return (decision, *(Objective(name, GAPS[name]) for name in self.gaps))

    @property
    def heads(self) -> Mapping[str, int]:
        return {HEAD: 1}

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (len(self.input_names),)

    @property
    def protocol(self) -> Protocol:
        p, n_gaps = self.positive_share, len(self.gaps)
        entropy = round(float(-p * np.log(p) - (1 - p) * np.log1p(-p)), 3)
        return Protocol(
            "fairness-1",
            reference=(1.0,) * (1 + n_gaps),
            ideal=(0.0,) * (1 + n_gaps),
            nadir=(entropy,) + (1.0,) * n_gaps,
            subset="random",
        )

    def load(self, split: Split) -> Samples:
        return self._splits[split]

    @cached_property
    def _splits(self) -> dict[Split, Samples]:
        """The samples of every split, from one reading of the files: a job needs all of them."""
        rows = self.read()
        parts = self.parts(rows)
        hidden = () if self.attribute_as_input else self.attributes[self.attribute]
        scales = {
            column: mean_and_deviation(rows.columns[column][parts["train"]])
            for column in self.numbers
            if column not in hidden
        }
        return {split: self._samples(rows, chosen, split, scales, hidden) for split, chosen in parts.items()}

    def _samples(
        self, rows: ClassifiedRows, chosen: Index, split: Split, scales: Mapping[str, tuple[float, float]],
        hidden: Collection[str],
    ) -> Samples:  # fmt: skip
        """Return chosen rows as samples. scales: mean and deviation of each input that is a number."""
        blocks = []
        for column, (mean, deviation) in scales.items():
            standardised = (rows.columns[column][chosen] - mean) / deviation
            blocks.append(standardised.clip(-LARGEST_INPUT, LARGEST_INPUT)[:, None])
        for column, accepted in self.categories.items():
            if column not in hidden:
                blocks.append(indicators(rows.columns[column][chosen], column, accepted))
        inputs = np.concatenate(blocks, axis=1).astype(np.float32)
        targets = {LABEL: torch.from_numpy(rows.labels[chosen]), GROUP: torch.from_numpy(rows.groups[chosen])}
        for name, values in targets.items():
            if values.min() == values.max():
                raise DataError(
                    f"all rows of the {split} split have one {name}, two are expected: fetch the files again"
                )
        return Samples(torch.from_numpy(inputs), targets)


def _cross_entropy(outputs: Outputs, batch: Samples) -> Tensor:
    logits = outputs[HEAD][:, 0]
    return binary_cross_entropy_with_logits(logits, batch.targets[LABEL].to(logits))


def _accuracy(outputs: Outputs, batch: Samples) -> Tensor:
    return ((outputs[HEAD][:, 0] > 0) == (batch.targets[LABEL] == 1)).double().mean()


def _balanced_accuracy() -> SummedMeasure:
    """Return the mean of the true-positive and the true-negative rate; of the classes that occur."""

    def statistics(outputs: Outputs, batch: Samples) -> dict[str, Tensor]:
        decided, labels = (outputs[HEAD][:, 0] > 0).long(), batch.targets[LABEL]
        return {"confusion": torch.bincount(labels * 2 + decided, minlength=4).reshape(2, 2)}

    def finish(sums: Mapping[str, Tensor]) -> Tensor:
        confusion = sums["confusion"].double()
        n_rows = confusion.sum(1)
        return (confusion.diagonal() / n_rows.clamp_min(1)).sum() / (n_rows > 0).sum().clamp_min(1)

    return SummedMeasure(statistics, finish)


METRICS = (
    Metric("accuracy", _accuracy),
    Metric("balanced accuracy", _balanced_accuracy()),
    Metric("AUC", binned_auc(HEAD, LABEL)),
    Metric("DDP", demographic_parity_gap(HEAD, GROUP, threshold=0.5), higher_is_better=False),
    Metric("DEO", equalised_odds_gap(HEAD, GROUP, LABEL, threshold=0.5), higher_is_better=False),
)
"""Of the decisions, which are 1 above a probability of 0.5; the AUC is that of the probabilities."""
