"""Δm: the relative change of the metrics against networks that were trained on one objective each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mobench.arrays import FloatArray
from mobench.errors import MobenchError
from mobench.interfaces import Objective
from mobench.jobs.job import Part
from mobench.jobs.resolve import make_dataset
from mobench.records.outline import Measured, Points
from mobench.reports.analysis.note import Note
from mobench.reports.analysis.row_labels import labels_of

NAME = "Δm"
SPLITS = ("val", "test")


@dataclass
class RelativeChanges:
    """Δm of records.

    values: record id -> Δm in %. Records without a value are missing.
    notes:  one line for each dataset and model without values, with the reason.
    """

    values: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def is_single_task(record: Measured) -> bool:
    """Return whether each network of a record was trained on one objective alone.

    This holds if a solver that chooses its own rays has trained a network for each unit vector: network i with all
    weight on objective i.
    """
    m = len(record.objectives)
    if record.status != "completed" or m < 2 or record.cost is None or record.cost.n_models != m:
        return False
    is_own_choice = record.imported is None and record.job.rays is None
    return is_own_choice and record.fronts["test"].preferences == np.eye(m).tolist()


def relative_changes(records: Sequence[Measured]) -> RelativeChanges:
    """Return Δm of comparable records, by the definition of LibMTL (`count_improvement`); positive is better.

    Δm = 100 % × 1/m Σ_i 1/n_i Σ_j (−1)^{w_ij} (B_ij − M_ij) / B_ij, where M_ij is metric j of objective i, w_ij is 1 if
    higher values are better, and B_ij is the metric of the network that was trained on objective i alone, with the same
    dataset and model, averaged over seeds. Of a front, the value is that of the point with the best Δm on validation.
    A record of single-task networks takes each metric from the network of its objective.

    The result is empty if no record has single-task networks.
    """
    changes = RelativeChanges()
    if not any(map(is_single_task, records)):
        return changes
    labels = labels_of(records)
    groups: dict[tuple[str, str], list[Measured]] = defaultdict(list)
    for record in records:
        groups[record.job.dataset.name, record.job.model.name].append(record)
    for (dataset, model), group in sorted(groups.items()):
        completed = [r for r in group if r.status == "completed" and r.imported is None]
        baselines = [r for r in completed if is_single_task(r)]
        try:
            baseline = _baseline(baselines, sorted({labels[r.id] for r in baselines}))
        except MobenchError as reason:
            changes.notes.append(Note(f"{dataset}: {NAME} on {model} is empty: {reason}", NAME))
            continue
        for record in completed:
            value = baseline.own_change(record) if is_single_task(record) else baseline.change(record)
            if value is not None:
                changes.values[record.id] = value
    return changes


@dataclass(frozen=True)
class _Baseline:
    """Metrics of single-task networks.

    metrics: for each objective, its metrics as "objective/metric" and whether higher values are better.
    values:  split -> "objective/metric" -> mean over seeds.
    """

    metrics: tuple[dict[str, bool], ...]
    values: Mapping[str, Mapping[str, float]]

    def change(self, record: Measured) -> float | None:
        """Return Δm on the test split at the point that is best on validation; None if no point has a value."""
        if not set(SPLITS) <= record.fronts.keys():
            return None
        validation, test = (self._of_points(record.fronts[split], split) for split in SPLITS)
        if len(validation) != len(test) or np.isnan(validation).all():
            return None
        value = test[np.nanargmax(validation)]
        return None if np.isnan(value) else float(value)

    def own_change(self, record: Measured) -> float | None:
        """Return Δm of single-task networks, each measured on its own objective."""
        points = range(len(self.metrics))
        value = float(np.mean([self._of_objective(record.fronts["test"], "test", i)[i] for i in points]))
        return None if np.isnan(value) else value

    def _of_points(self, front: Points, split: str) -> FloatArray:
        """Return Δm of each point of a front [R]; NaN where a metric has no value."""
        columns = [self._of_objective(front, split, i) for i in range(len(self.metrics))]
        means: FloatArray = np.mean(columns, axis=0)
        return means

    def _of_objective(self, front: Points, split: str, i: int) -> FloatArray:
        """Return the mean relative change of the metrics of objective i in % at each point [R]."""
        changes = []
        for name, is_higher_better in self.metrics[i].items():
            values = np.asarray(front.metrics.get(name, [None] * len(np.asarray(front.losses))), dtype=float)
            base = self.values[split][name]
            changes.append((-1) ** is_higher_better * (base - values) / base)
        mean: FloatArray = 100 * np.mean(changes, axis=0)
        return mean


def _baseline(records: Sequence[Measured], rows: Sequence[str]) -> _Baseline:
    """Return the baseline of records of single-task networks. rows: the labels of their rows.

    Raises: MobenchError, with the reason, if there is none.
    """
    if not records:
        raise MobenchError("there is no record of networks that were trained on one objective each")
    if len(rows) > 1:
        raise MobenchError(f"there are several rows of networks that were trained on one objective each: {rows}")
    metrics = tuple(
        {f"{objective.name}/{metric.name}": metric.higher_is_better for metric in objective.metrics}
        for objective in _objectives(records[0].job.dataset)
    )
    if bare := [name for name, declared in zip(records[0].objectives, metrics, strict=True) if not declared]:
        raise MobenchError(f"the dataset declares no metric for {', '.join(bare)}")
    values = {split: _means(records, split, metrics) for split in SPLITS}
    for split, means in values.items():
        for name, mean in means.items():
            if mean == 0 or np.isnan(mean):
                raise MobenchError(f"{name} of the network of its own objective is {mean} on the {split} split")
    return _Baseline(metrics, values)


def _objectives(dataset: Part) -> tuple[Objective, ...]:
    """Return the objectives that the plugin of a dataset declares. Raises: MobenchError if it is not installed."""
    return tuple(make_dataset(dataset).objectives)


def _means(records: Sequence[Measured], split: str, metrics: Sequence[Mapping[str, bool]]) -> dict[str, float]:
    """Return "objective/metric" -> mean over records of the value of the network of that objective."""
    fronts = [record.fronts[split] for record in records if split in record.fronts]
    means = {}
    for i, declared in enumerate(metrics):
        for name in declared:
            values = [
                float(np.asarray(front.metrics.get(name, [np.nan] * len(metrics)), dtype=float)[i]) for front in fronts
            ]
            means[name] = float(np.mean(values)) if values else float("nan")
    return means
