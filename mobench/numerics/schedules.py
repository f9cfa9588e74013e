"""Schedules of the learning rate, common to all solvers that train by gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from mobench.errors import IncompatibleError

Decay = Literal["milestones", "cosine"]


def check_schedule(total_steps: int | None, decay: Decay, warmup: float) -> None:
    """Raise IncompatibleError for a schedule that needs the number of steps, in a budget that does not state it."""
    if total_steps is None and (decay == "cosine" or warmup):
        what = "lr_decay='cosine'" if decay == "cosine" else f"warmup={warmup:g}"
        raise IncompatibleError(
            f"{what} needs the number of training steps, and a budget in seconds has none: state the budget in steps "
            "or epochs, or leave the option out"
        )


def learning_rate_factor(
    step: int,
    total_steps: int | None,
    milestones: Sequence[float] = (),
    gamma: float = 0.1,
    decay: Decay = "milestones",
    warmup: float = 0.0,
) -> float:
    """Return the factor of the learning rate at a step, counted from 0.

    During the first `warmup` of the steps the factor rises linearly to the value of the schedule. With "milestones" it
    is `gamma` to the number of milestones passed. With "cosine" it falls from 1 at the end of the warm-up to 0 at the
    end of training, (1 + cos(π x)) / 2 (Loshchilov & Hutter, arXiv 1608.03983, equation 5, without restarts). Without
    `total_steps` it is 1.

    milestones: fractions of the budget.
    warmup:     fraction of the budget.
    """
    if total_steps is None:
        return 1.0
    n_warmup = math.ceil(warmup * total_steps)
    rise = (step + 1) / (n_warmup + 1) if step < n_warmup else 1.0
    if decay == "cosine":
        fraction = max(0, step - n_warmup) / max(1, total_steps - n_warmup)
        return rise * (1 + math.cos(math.pi * min(1.0, fraction))) / 2
    return rise * gamma ** sum(step >= fraction * total_steps for fraction in milestones)
