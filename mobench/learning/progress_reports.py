"""Reports of the progress of training to a callback, at a limited rate."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from mobench.events import TrainingProgress

if TYPE_CHECKING:
    from mobench.learning.loop import Training


class ProgressReports:
    """Passes the state of a training to a callback, at most every `interval` seconds of wall time.

    total, seconds: the budget in steps and in seconds of training, of which one is None.
    """

    def __init__(
        self,
        callback: Callable[[TrainingProgress], None] | None,
        interval: float,
        total: int | None,
        seconds: float | None,
    ) -> None:
        self._callback, self._interval, self._total, self._seconds = callback, interval, total, seconds
        self._last = -math.inf

    @property
    def is_due(self) -> bool:
        """Whether a report would be passed on now."""
        return self._callback is not None and time.monotonic() - self._last >= self._interval

    def tell(self, run: Training, is_validation_check: bool = False) -> None:
        """Report the state of a training if a report is due.

        is_validation_check: whether a validation check was just made; its state is reported in any case.
        """
        if self._callback is None or not (is_validation_check or self.is_due):
            return
        self._last = time.monotonic()
        done = run.steps / self._total if self._total else run.seconds / (self._seconds or math.inf)
        hypervolume = run.trace[-1].hypervolume if run.trace else None
        self._callback(
            TrainingProgress(
                step=run.steps,
                total=self._total,
                fraction=min(1.0, done),
                epoch=run.epochs,
                seconds=run.seconds,
                losses=tuple(run.recent_losses),
                hypervolume=hypervolume if hypervolume is not None and math.isfinite(hypervolume) else None,
                is_validation_check=is_validation_check,
            )
        )
