"""Steps whose losses the host has not read yet, and their repetition if a value in them was not finite."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mobench.errors import NonFiniteError
from mobench.interfaces import Problem, Solver
from mobench.learning.divergence import DeferredChecks

STEPS_BETWEEN_CHECKS = 50
"""Steps after which the host reads losses and checks from an accelerator."""


@dataclass(frozen=True)
class _Snapshot:
    """State before the first step of a window; its tensors stay on their devices."""

    solver: dict[str, Any]
    target: dict[str, Tensor]
    random: list[Tensor]


class PendingSteps:
    """A window of up to `every` steps whose losses the host has not read.

    An accelerator runs behind the host. Reading a value makes the host wait for it, and the accelerator then waits for
    the host. On the CPU, `every` is 1: each step raises its own errors. Elsewhere, checks inside the window are
    deferred (see `DeferredChecks`), and the state before the window is kept on the device. If a value was not finite,
    `rewind` restores this state, and `every` becomes 1: training repeats these steps with checks that raise, so that
    the message names the right step and cause.

    check_every: value of `every`; None: 1 on the CPU, otherwise STEPS_BETWEEN_CHECKS.
    """

    def __init__(self, solver: Solver, problem: Problem, check_every: int | None = None) -> None:
        on_host = problem.device.type == "cpu"
        self.every = check_every or (1 if on_host else STEPS_BETWEEN_CHECKS)
        self._solver, self._problem = solver, problem
        self._losses: list[Tensor] = []
        self._checks = DeferredChecks()
        self._snapshot: _Snapshot | None = None

    def __len__(self) -> int:
        return len(self._losses)

    @property
    def is_full(self) -> bool:
        return len(self) >= self.every

    def deferred(self) -> AbstractContextManager[object]:
        """Return the context in which a step runs; before the first step of a window, the state is kept."""
        if self.every == 1:
            return nullcontext()
        if self._snapshot is None:
            self._snapshot = _Snapshot(
                deepcopy(self._solver.state_dict()), self._problem.state.copy(), random_states(self._problem.device)
            )
        return self._checks

    def add(self, losses: Tensor) -> None:
        """Add the losses [K, m] of a step."""
        self._losses.append(losses.double().mean(0))

    def read(self) -> list[list[float]]:
        """Return the mean losses [steps][m] of the window, and start a new one; waits for the device.

        Raises: NonFiniteError if a check of the window has failed.
        """
        if self._checks.have_failed():
            raise NonFiniteError(f"a value in the last {len(self)} steps is not finite")
        means = torch.stack(self._losses).tolist() if self._losses else []
        self._clear()
        return means

    def rewind(self, error: BaseException) -> bool:
        """Restore the state before the window if `error` comes from a value that is not finite.

        Returns: whether the state was restored. The caller then repeats the steps of the window, and each is checked.
        """
        if self._snapshot is None or not isinstance(error, Exception):
            return False
        if not isinstance(error, NonFiniteError) and not self._checks.have_failed():
            return False
        self._solver.load_state_dict(self._snapshot.solver)
        self._problem.state.load(self._snapshot.target)
        set_random_states(self._problem.device, self._snapshot.random)
        self.every = 1
        self._clear()
        return True

    def _clear(self) -> None:
        self._losses, self._checks, self._snapshot = [], DeferredChecks(), None


def random_states(device: torch.device) -> list[Tensor]:
    """Return the states of torch's global random generators that a training on this device uses."""
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state(device)] if device.type == "cuda" else [])]


def set_random_states(device: torch.device, states: list[Tensor]) -> None:
    """Restore what `random_states` returned for this device."""
    torch.set_rng_state(states[0])
    for state in states[1:]:
        torch.cuda.set_rng_state(state, device)
