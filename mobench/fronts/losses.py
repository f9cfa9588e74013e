"""Losses, metrics and reference points of described objectives, once the targets are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from mobench.errors import OptionError
from mobench.fronts.objectives import GAPS, LABELLED, PENALTIES, ObjectiveDescription
from mobench.fronts.target_encoding import TargetEncoding, TargetRole
from mobench.interfaces import Metric, Objective, Outputs, Samples, SummedMeasure
from mobench.measures import demographic_parity_gap, equalised_odds_gap, masked_mean, r_squared

MARGIN = 1.1
"""Reference points are this factor above the loss of a constant prediction or of an untrained network."""
PENALTY = "penalty {}"
"""Name of the output in which a network returns a size of its weights."""
ROLES: dict[str, TargetRole] = {
    "cross-entropy": "classes", "binary-cross-entropy": "binary", "mse": "numbers", "mae": "numbers",
    "huber": "numbers",
}  # fmt: skip


def target_roles(descriptions: tuple[ObjectiveDescription, ...], names: tuple[str, ...]) -> dict[str, TargetRole]:
    """Return how each target is encoded: as the objectives need it, else as it was passed.

    Raises: OptionError for an unknown target or head, and for a target that two objectives need in different ways.
    """
    roles: dict[str, TargetRole] = {}

    def needs(name: str, role: TargetRole, objective: str) -> None:
        if name not in names:
            raise OptionError(
                f"objective {objective!r} reads target {name!r}: the targets are {', '.join(map(repr, names))}"
            )
        if roles.setdefault(name, role) != role:
            raise OptionError(
                f"objective {objective!r} needs target {name!r} as {role}, another objective as {roles[name]}: pass "
                "the target twice under two names"
            )

    for d in descriptions:
        if d.kind in LABELLED:
            needs(d.target, ROLES[d.kind], d.name)
    for d in descriptions:
        if d.kind in GAPS:
            needs(d.attribute, "classes", d.name)
            head_of = {other.head: other for other in descriptions if other.kind in LABELLED}
            if d.head not in head_of or ROLES[head_of[d.head].kind] not in ("classes", "binary"):
                heads = [h for h, other in head_of.items() if ROLES[other.kind] in ("classes", "binary")]
                raise OptionError(
                    f"objective {d.name!r} compares predictions of head {d.head!r}: give the head of a cross_entropy "
                    f"or binary_cross_entropy among the objectives ({', '.join(map(repr, heads)) or 'there is none'})"
                )
            if d.kind == "equalised-odds":
                needs(d.target, roles.get(d.target, "classes"), d.name)
    return {name: roles.get(name, "plain") for name in names}


def check_gaps(descriptions: tuple[ObjectiveDescription, ...], targets: Mapping[str, TargetEncoding]) -> None:
    """Raise OptionError unless each gap compares a binary classification of one label per sample."""
    for d in descriptions:
        if d.kind not in GAPS:
            continue
        label = next(other.target for other in descriptions if other.kind in LABELLED and other.head == d.head)
        for name in {label, d.target} - {""}:
            if len(targets[name].labels) != 2 or targets[name].shape:
                raise OptionError(
                    f"objective {d.name!r} needs binary labels [N]: target {name!r} has {len(targets[name].labels)} "
                    f"classes and {len(targets[name].shape) + 1} dimensions"
                )


def heads_of(
    descriptions: tuple[ObjectiveDescription, ...], targets: Mapping[str, TargetEncoding], stated: Mapping[str, int]
) -> dict[str, int]:
    """Return the heads with their widths: those of the objectives, then those that the user stated.

    Raises: OptionError where the two differ.
    """
    heads: dict[str, int] = {}
    for d in descriptions:
        if d.kind in LABELLED:
            width = targets[d.target].width
            if heads.setdefault(d.head, width) != width or stated.get(d.head, width) != width:
                raise OptionError(
                    f"head {d.head!r} needs {width} columns for objective {d.name!r} and "
                    f"{stated.get(d.head, heads[d.head])} elsewhere: give the objectives heads of their own"
                )
    return {**heads, **stated}


def objective_of(
    d: ObjectiveDescription, targets: Mapping[str, TargetEncoding], scales: Mapping[str, float]
) -> Objective:
    """Return the objective with its loss and metrics. scales: name -> value of an untrained network, for penalties."""
    if d.kind == "callable":
        function = d.function
        if isinstance(function, Objective):
            return replace(function, name=d.name)
        return Objective(d.name, _unavailable(d.name) if function is None else function)
    if d.kind in PENALTIES:
        output, scale = PENALTY.format(d.name), scales.get(d.name, 1.0)
        return Objective(d.name, lambda outputs, batch: outputs[output].mean() / scale)
    if d.kind in GAPS:
        return _gap_of(d, targets)
    encoding = targets[d.target]
    if d.kind == "cross-entropy":
        loss = masked_mean(_cross_entropy, d.head, d.target, missing=-1)
        right = masked_mean(lambda o, labels: (o.argmax(1) == labels).to(o), d.head, d.target, missing=-1)
        return Objective(d.name, loss, (Metric("accuracy", right),), unit="nat", likelihood="categorical")
    if d.kind == "binary-cross-entropy":
        loss = masked_mean(_binary_cross_entropy, d.head, d.target)
        right = masked_mean(lambda o, labels: ((_as(o, labels) > 0) == (labels > 0.5)).to(o), d.head, d.target)
        return Objective(d.name, loss, (Metric("accuracy", right),), unit="nat", likelihood="categorical")
    return _regression(d, encoding)


def _regression(d: ObjectiveDescription, encoding: TargetEncoding) -> Objective:
    deviations = torch.tensor(encoding.deviations if encoding.shape else encoding.deviations[0], dtype=torch.float64)
    losses: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "mse": lambda o, labels: (_as(o, labels) - labels).square(),
        "mae": lambda o, labels: (_as(o, labels) - labels).abs(),
        "huber": lambda o, labels: functional.huber_loss(_as(o, labels), labels, reduction="none", delta=d.delta),
    }

    def error(o: Tensor, labels: Tensor) -> Tensor:
        return (_as(o, labels).double() - labels.double()) * deviations.to(o.device)

    if d.kind == "mae":
        in_units = Metric("MAE", masked_mean(lambda o, labels: error(o, labels).abs(), d.head, d.target), False)
    else:
        squares = masked_mean(lambda o, labels: error(o, labels).square(), d.head, d.target)
        root = SummedMeasure(squares.statistics, lambda sums: squares.finish(sums).sqrt())
        in_units = Metric("RMSE", root, higher_is_better=False)
    metrics = (Metric("R2", r_squared(d.head, d.target)), in_units)
    likelihood = "gaussian" if d.kind == "mse" else None
    return Objective(d.name, masked_mean(losses[d.kind], d.head, d.target), metrics, likelihood=likelihood)  # type: ignore[arg-type]


def _gap_of(d: ObjectiveDescription, targets: Mapping[str, TargetEncoding]) -> Objective:
    n = len(targets[d.attribute].labels)
    if d.kind == "demographic-parity":
        loss = demographic_parity_gap(d.head, d.attribute, n_groups=n)
        decisions = demographic_parity_gap(d.head, d.attribute, n_groups=n, threshold=0.5)
    else:
        loss = equalised_odds_gap(d.head, d.attribute, d.target, n_groups=n)
        decisions = equalised_odds_gap(d.head, d.attribute, d.target, n_groups=n, threshold=0.5)
    return Objective(d.name, loss, (Metric("gap of decisions", decisions, higher_is_better=False),))


def constant_loss(d: ObjectiveDescription, targets: Mapping[str, Tensor]) -> float:
    """Return the loss of the best constant prediction on the training part, for objectives that compare labels.

    targets: those of the training part, encoded.
    """
    values = targets[d.target]
    if d.kind == "cross-entropy":
        counts = torch.bincount(values[values >= 0].flatten()).double()
        return _entropy(counts / counts.sum())
    columns = values.double().reshape(len(values), -1).T
    present = [column[~column.isnan()] for column in columns]
    weights = torch.tensor([float(len(column)) for column in present])
    losses = torch.tensor([_of_constant(d, column) if len(column) else 0.0 for column in present])
    return float((weights * losses).sum() / weights.sum())


def _of_constant(d: ObjectiveDescription, column: Tensor) -> float:
    if d.kind == "binary-cross-entropy":
        share = column.mean()
        return _entropy(torch.stack([share, 1 - share]))
    if d.kind == "mse":
        return float(column.var(unbiased=False))
    if d.kind == "mae":
        return float((column - column.median()).abs().mean())
    from scipy.optimize import minimize_scalar

    def loss(constant: float) -> float:
        return float(functional.huber_loss(torch.full_like(column, constant), column, delta=d.delta))

    bounds = (float(column.min()) - 1e-9, float(column.max()) + 1e-9)
    return float(minimize_scalar(loss, bounds=bounds, method="bounded").fun)


def _entropy(shares: Tensor) -> float:
    return float(-torch.special.xlogy(shares, shares).sum())


def _cross_entropy(output: Tensor, labels: Tensor) -> Tensor:
    return functional.cross_entropy(output, labels, reduction="none")


def _binary_cross_entropy(output: Tensor, labels: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(_as(output, labels), labels.to(output), reduction="none")


def _as(output: Tensor, labels: Tensor) -> Tensor:
    """Return an output [B, 1] as [B] for labels [B]."""
    return output.squeeze(-1) if output.ndim == labels.ndim + 1 else output


def _unavailable(name: str) -> Any:
    def loss(outputs: Outputs, batch: Samples) -> Tensor:
        raise OptionError(
            f"objective {name!r} is a function, which files do not hold: use the loaded front for predictions, or fit "
            "again to train"
        )

    return loss
