"""Objectives of data in memory, by name: cross-entropy, squared error, fairness gaps and sizes of weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from torch import Tensor

from mobench.errors import OptionError
from mobench.interfaces import Objective, Outputs, Samples

ObjectiveKind: TypeAlias = Literal[
    "cross-entropy", "binary-cross-entropy", "mse", "mae", "huber", "demographic-parity", "equalised-odds",
    "l1", "l2", "flops", "callable",
]  # fmt: skip
LABELLED: tuple[str, ...] = ("cross-entropy", "binary-cross-entropy", "mse", "mae", "huber")
"""Kinds that compare a head with its target."""
GAPS: tuple[str, ...] = ("demographic-parity", "equalised-odds")
"""Kinds that compare groups."""
PENALTIES: tuple[str, ...] = ("l1", "l2", "flops")
"""Kinds that measure the weights of the network."""
LossFunction: TypeAlias = Callable[[Outputs, Samples], Tensor]


@dataclass(frozen=True)
class ObjectiveDescription:
    """An objective before the data are known; `mobench.dataset` turns it into an `Objective`.

    name: name of the objective in tables and in `Front.choose`.
    kind: what is minimised.
    head: output of the network that it reads; "" for sizes of weights.
    target: labels that it reads; "" for demographic parity and sizes of weights.
    attribute: groups of a fairness gap.
    delta: error at which the Huber loss becomes linear, in standard deviations of the target.
    function: the loss of kind "callable": a function, or an `Objective`.
    """

    name: str
    kind: ObjectiveKind
    head: str = ""
    target: str = ""
    attribute: str = ""
    delta: float = 1.0
    function: LossFunction | Objective | None = None


def cross_entropy(target: str, *, head: str | None = None, name: str | None = None) -> ObjectiveDescription:
    """Return the cross-entropy of class labels, in nats; the metric is the accuracy.

    target: name of the labels: one class per sample, as numbers, texts or booleans. Missing labels are NaN, None or −1.
    head: output of the network, with one column per class; None: the name of the target.
    name: name of the objective; None: the name of the target.
    """
    return ObjectiveDescription(name or target, "cross-entropy", head or target, target)


def binary_cross_entropy(target: str, *, head: str | None = None, name: str | None = None) -> ObjectiveDescription:
    """Return the cross-entropy of binary labels with one output each, in nats; the metric is the accuracy.

    target: name of the labels [N] or [N, d], two values. Missing labels are NaN, None or −1.
    head: output of the network, with one column per label; None: the name of the target.
    """
    return ObjectiveDescription(name or target, "binary-cross-entropy", head or target, target)


def mse(target: str, *, head: str | None = None, name: str | None = None) -> ObjectiveDescription:
    """Return the mean squared error of a standardised real target; metrics are R² and the RMSE in original units.

    target: name of the labels [N] or [N, d]. Missing labels are NaN.
    head: output of the network, with one column per label; None: the name of the target.
    """
    return ObjectiveDescription(name or target, "mse", head or target, target)


def mae(target: str, *, head: str | None = None, name: str | None = None) -> ObjectiveDescription:
    """Return the mean absolute error of a standardised target; metrics are R² and the MAE in original units.

    Arguments as in `mse`.
    """
    return ObjectiveDescription(name or target, "mae", head or target, target)


def huber(target: str, *, delta: float = 1.0, head: str | None = None, name: str | None = None) -> ObjectiveDescription:
    """Return the Huber loss of a standardised target; metrics are R² and the RMSE in original units.

    delta: error at which the loss becomes linear, in standard deviations of the target; above 0.

    Other arguments as in `mse`. Raises: OptionError for another `delta`.
    """
    if not 0 < delta < float("inf"):
        raise OptionError(f"huber was given delta={delta}: pass a number above 0")
    return ObjectiveDescription(name or target, "huber", head or target, target, delta=float(delta))


def demographic_parity(attribute: str, *, head: str, name: str | None = None) -> ObjectiveDescription:
    """Return the largest difference between the mean probabilities of two groups; the metric is that of decisions.

    attribute: name of the target with the group of each sample. Missing groups are NaN, None or −1.
    head: output of a binary classification. The probability is that of the second label in sorted order.
    name: name of the objective; None: "sex_parity" for the attribute "sex".

    Source: demographic parity, for example arXiv 1610.02413, section 2.
    """
    return ObjectiveDescription(name or f"{attribute}_parity", "demographic-parity", head, attribute=attribute)


def equalised_odds(
    attribute: str, *, head: str, target: str | None = None, name: str | None = None
) -> ObjectiveDescription:
    """Return the largest difference between the mean probabilities of two groups among samples of one label.

    target: name of the binary labels; None: that of the head.
    name: name of the objective; None: "sex_odds" for the attribute "sex".

    Other arguments as in `demographic_parity`. Source: equalised odds, arXiv 1610.02413, definition 2.1.
    """
    return ObjectiveDescription(name or f"{attribute}_odds", "equalised-odds", head, target or head, attribute)


def l1(name: str = "l1") -> ObjectiveDescription:
    """Return the sum of the absolute values of all trained parameters, divided by that of an untrained network."""
    return ObjectiveDescription(name, "l1")


def l2(name: str = "l2") -> ObjectiveDescription:
    """Return the sum of the squares of all trained parameters, divided by that of an untrained network."""
    return ObjectiveDescription(name, "l2")


def flops(name: str = "flops") -> ObjectiveDescription:
    """Return a size of the network that stands for its multiply-adds, divided by that of an untrained network.

    It is the group lasso Σ_u c_u ‖w_u‖₂ over the output units u of all linear layers and convolutions, where w_u are
    the weights of the unit and c_u is the number of multiply-adds that it costs for one sample. A unit whose weights
    are zero can be removed.

    Source: group lasso, Yuan & Lin 2006; weighted by multiply-adds as in MorphNet, arXiv 1711.06798, equation 4.
    """
    return ObjectiveDescription(name, "flops")


def described(objective: Any, position: int) -> ObjectiveDescription:
    """Return the description of an objective of any accepted kind.

    position: its index among the objectives, for the name of a lambda.

    Raises: OptionError for anything else.
    """
    if isinstance(objective, ObjectiveDescription):
        return objective
    if isinstance(objective, Objective):
        return ObjectiveDescription(objective.name, "callable", function=objective)
    if callable(objective):
        name = getattr(objective, "__name__", "") or type(objective).__name__
        return ObjectiveDescription(
            f"objective_{position + 1}" if name == "<lambda>" else name, "callable", function=objective
        )
    raise OptionError(
        f"objective {position + 1} is {type(objective).__name__}: pass an objective such as mobench.mse('y'), a "
        "function (outputs, batch) -> scalar, or a mobench.Objective"
    )
