"""Checkpoints of training: atomic writes of the state, and a step count that survives a killed process."""

from __future__ import annotations

import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from mobench import files
from mobench.errors import MobenchError
from mobench.interfaces import Problem, Solver, Strategy
from mobench.learning.pending_steps import random_states, set_random_states
from mobench.text import first_line

MOST_STEPS = 2**53
"""Upper bound of an accepted step count; many JSON readers lose precision above it."""


def save(path: Path, solver: Solver, run: dict[str, Any], problem: Problem) -> None:
    """Write a checkpoint atomically.

    Raises: OSError if it cannot be written, for example on a full disk; the previous checkpoint is then kept.
    """
    host_random, *device_random = random_states(problem.device)
    state = {
        "solver": solver.state_dict(),
        "target": problem.state.copy(),
        "run": run,
        "random": host_random,
        "device_random": device_random,
        "strategy": problem.strategy.to_dict(),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(path) as temporary, files.create(temporary) as file:
            torch.save(state, file)
    except RuntimeError as error:
        # torch's writer raises RuntimeError on a full disk
        raise OSError(first_line(error)) from error


def load(path: Path, solver: Solver, problem: Problem) -> dict[str, Any]:
    """Restore the solver and the problem from a checkpoint and return its `run` values.

    No code from the file is executed: `weights_only` allows only tensors and plain values.

    Raises: MobenchError if the file is not a checkpoint of this solver.
    """
    try:
        with files.open_for_reading(path) as file:
            state = torch.load(file, weights_only=True, map_location="cpu")
        run = dict(state["run"])
        solver.load_state_dict(state["solver"])
        problem.state.load(state.get("target", {}))
        set_random_states(problem.device, [state["random"], *state.get("device_random", [])])
        # the order of floating-point sums stays the same after resuming
        problem.strategy = Strategy.from_dict(state["strategy"])
    except Exception as error:
        raise MobenchError(
            f"checkpoint {path.name} cannot be loaded ({type(error).__name__}: {error}): delete it to restart training"
        ) from error
    return run


class StepCount:
    """The current step and the number of repeated steps, stored in 20 bytes in a file next to the checkpoint.

    Every step writes both numbers and their checksum, which takes about a microsecond, so the file is correct even
    if the process is killed. If the file is damaged, not writable or not a regular file, only the count is
    lost; training continues. Symbolic links are not followed.
    """

    NUMBERS = struct.Struct("<qq")
    CHECKSUM = struct.Struct("<I")
    N_BYTES = NUMBERS.size + CHECKSUM.size

    def __init__(self, checkpoint: Path | None) -> None:
        self.repeated = 0
        self._file: int | None = None
        if checkpoint is not None:
            with suppress(OSError):
                checkpoint.parent.mkdir(parents=True, exist_ok=True)
                self._file = files.open_in_place(path_of(checkpoint), create=True)

    def go_on_from(self, step: int) -> int:
        """Start or resume counting at `step` and return the number of repeated steps.

        The steps between `step` and the last step reached before will be repeated.
        """
        reached, repeated = self._read()
        self.repeated = repeated + max(0, reached - step)
        self.reach(step)
        return self.repeated

    def reach(self, step: int) -> None:
        if self._file is not None:
            numbers = self.NUMBERS.pack(step, self.repeated)
            try:
                os.pwrite(self._file, numbers + self.CHECKSUM.pack(zlib.crc32(numbers)), 0)
            except OSError:
                self._close()

    def _read(self) -> tuple[int, int]:
        """Return the last step reached and the number of repeated steps; zeros if the file is not valid."""
        try:
            content = b"" if self._file is None else os.pread(self._file, self.N_BYTES, 0)
        except OSError:
            return 0, 0
        numbers, checksum = content[: self.NUMBERS.size], content[self.NUMBERS.size :]
        if len(content) != self.N_BYTES or checksum != self.CHECKSUM.pack(zlib.crc32(numbers)):
            return 0, 0
        reached, repeated = self.NUMBERS.unpack(numbers)
        # a valid checksum does not guarantee valid numbers
        return (reached, repeated) if 0 <= reached < MOST_STEPS and 0 <= repeated < MOST_STEPS else (0, 0)

    def __enter__(self) -> StepCount:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def path_of(checkpoint: Path) -> Path:
    """Return the path of the step count of a checkpoint."""
    return checkpoint.with_suffix(".steps")
