"""Divergence: checks for NaN and infinite values during training, and the message with their likely cause.

A check raises an error at once. To do so, it waits until the device has computed the value. Inside `DeferredChecks`, it
only marks on the device that a value was not finite.

Values that are not finite on a split after training are reported by `mobench.runs.judging`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextvars import ContextVar, Token
from types import TracebackType

import torch
from torch import Tensor, nn

from mobench.errors import NonFiniteError
from mobench.interfaces import Problem, Samples, Solver, tensors_of

LARGE = 1e4
"""A trained value above this limit indicates that a step was too long."""


_DEFERRED: ContextVar[DeferredChecks | None] = ContextVar("deferred checks", default=None)


class DeferredChecks:
    """Context in which the checks of this module raise nothing and do not wait for the device.

    They mark on the device whether a value was not finite; `have_failed` reads the marks. The context can be entered
    several times.
    """

    def __init__(self) -> None:
        self._all_finite: dict[torch.device, Tensor] = {}
        self._token: Token[DeferredChecks | None] | None = None

    def __enter__(self) -> DeferredChecks:
        self._token = _DEFERRED.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._token is not None
        _DEFERRED.reset(self._token)

    def add(self, values: Tensor) -> None:
        """Mark whether all values are finite, without waiting for them."""
        finite = torch.isfinite(values.detach()).all()
        before = self._all_finite.get(finite.device)
        self._all_finite[finite.device] = finite if before is None else before & finite

    def have_failed(self) -> bool:
        """Whether a value was not finite; waits for the device."""
        return not all(bool(finite) for finite in self._all_finite.values())


def are_deferred() -> bool:
    """Whether checks are deferred, so that a step must not wait for values on the device."""
    return _DEFERRED.get() is not None


def is_finite(values: Tensor) -> bool:
    """Whether all values are finite; True inside `DeferredChecks`, which remembers the values."""
    deferred = _DEFERRED.get()
    if deferred is not None:
        deferred.add(values)
        return True
    # a finite sum proves it in a quarter of the time; an infinite sum may be an overflow
    return math.isfinite(values.sum().item()) or bool(torch.isfinite(values).all())


def check_losses(losses: Tensor, names: Sequence[str]) -> None:
    """Raise NonFiniteError, naming the objectives, unless all losses [K, m] are finite."""
    _check(losses, names, "the loss of objective")


def check_gradients(gram: Tensor, names: Sequence[str]) -> None:
    """Raise NonFiniteError, naming the objectives, unless all gradients behind Gram matrices [K, m, m] are finite."""
    _check(gram.diagonal(dim1=1, dim2=2), names, "the squared gradient of objective")
    if not is_finite(gram):
        raise NonFiniteError("products of the objectives' gradients are not finite")


def check_weights(solver: Solver) -> None:
    """Raise NonFiniteError unless all values that the solver trains are finite."""
    for name, parameter in _trained(solver):
        bad = _n_bad(parameter)
        if bad:
            raise NonFiniteError(f"{bad} of {parameter.numel()} weights of {name!r} are not finite")


def divergence_message(step: int, error: NonFiniteError, cause: str) -> str:
    """Return the message of a job that diverged in a step. cause: from `likely_cause`."""
    return f"step {step}: {error} ({cause})"


def likely_cause(solver: Solver, problem: Problem, batches: Sequence[Samples]) -> str:
    """Return the likely cause of a non-finite step, as far as it can be determined afterwards, and what to do.

    batches: the batches of the step and of the previous step; a bad batch may show its effect one step later.
    """
    parts = [part for batch in batches for _, part in problem.parts(batch)]
    for batch in parts:
        bad = [
            (~torch.isfinite(tensor)).flatten(1).any(1)
            for tensor in tensors_of(problem.prepare(batch).inputs)
            if tensor.is_floating_point()
        ]
        spoiled = int(torch.stack(bad).any(0).sum()) if bad else 0
        if spoiled:
            return f"{spoiled} of a batch's {len(batch)} inputs hold NaN or infinity: mend or leave out such samples"
    trained = [parameter.detach() for _, parameter in _trained(solver)]
    if any(_n_bad(parameter) for parameter in trained):
        return (
            "the step before made weights that are not finite, so a gradient was not (a root or logarithm at 0?) or "
            "the step too long: lower the learning rate, or mend the objective"
        )
    largest = max((float(parameter.abs().max()) for parameter in trained if parameter.numel()), default=0.0)
    if largest > LARGE:
        return f"the largest trained number is {largest:.2g}: lower the learning rate, or scale the objectives"
    missing = [
        name
        for part in parts
        for name, target in problem.prepare(part).targets.items()
        if target.is_floating_point() and bool(target.isnan().any())
    ]
    if missing:
        return (
            f"inputs and weights are finite, but targets {missing[0]!r} hold NaN: average over the labels that exist, "
            "for example with mobench.measures.masked_mean"
        )
    return "inputs and weights are finite: look for roots, logarithms, exponentials and divisions in the objective"


def _check(values: Tensor, names: Sequence[str], subject: str) -> None:
    if is_finite(values):
        return
    descriptions = [
        _description(name, column)
        for name, column in zip(names, values.detach().unbind(1), strict=True)
        if _n_bad(column)
    ]
    raise NonFiniteError(f"{subject} {' and '.join(descriptions)}")


def _description(name: str, values: Tensor) -> str:
    first = float(values[~torch.isfinite(values)][0])
    extent = f" at {_n_bad(values)} of {len(values)} preferences" if len(values) > 1 else ""
    return f"{name!r} is {first}{extent}"


def _n_bad(values: Tensor) -> int:
    return int((~torch.isfinite(values.detach())).sum())


def _trained(solver: Solver) -> list[tuple[str, Tensor]]:
    network = solver.pareto_set
    return list(network.named_parameters()) if isinstance(network, nn.Module) else []
