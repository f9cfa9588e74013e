"""Training kept on disk: its state, whole or absent, and a count of its steps that outlives the process."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from mobench.errors import MobenchError
from mobench.interfaces import Problem, Solver, Strategy


def save(path: Path, solver: Solver, run: dict[str, Any], problem: Problem) -> None:
    """Write a checkpoint whole or not at all.

    Raises: OSError where there is no room; the former checkpoint then stays.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    state = {
        "solver": solver.state_dict(),
        "target": problem.state.copy(),
        "run": run,
        "random": torch.get_rng_state(),
        "strategy": problem.strategy.to_dict(),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except RuntimeError as error:
        # torch's own writer says so of a disk that is full
        raise OSError(str(error).splitlines()[0]) from error
    finally:
        temporary.unlink(missing_ok=True)


def load(path: Path, solver: Solver, problem: Problem) -> dict[str, Any]:
    """Take up a checkpoint; what it says of the run. Nothing in it is executed: `weights_only` admits
    tensors and plain values.

    Raises: MobenchError when the file is not a checkpoint of this solver.
    """
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
        run = dict(state["run"])
        solver.load_state_dict(state["solver"])
        problem.state.load(state.get("target", {}))
        torch.set_rng_state(state["random"])
        # the same sums in the same order as before the interruption
        problem.strategy = Strategy.from_dict(state["strategy"])
    except Exception as error:
        raise MobenchError(
            f"checkpoint {path.name} cannot be taken up ({type(error).__name__}: {error}): delete it to train anew"
        ) from error
    return run


class StepCount:
    """The step that training is at, and how many were made more than once, in 16 bytes beside a checkpoint.

    They are in the system's hands with every step, at about a microsecond: a process that is killed leaves
    them right. A file that cannot be written costs the count and nothing else.
    """

    FORMAT = struct.Struct("<qq")

    def __init__(self, checkpoint: Path | None) -> None:
        self.repeated = 0
        self._file: int | None = None
        if checkpoint is not None:
            try:
                checkpoint.parent.mkdir(parents=True, exist_ok=True)
                self._file = os.open(path_of(checkpoint), os.O_RDWR | os.O_CREAT, 0o644)
            except OSError:
                self._file = None

    def go_on_from(self, step: int) -> int:
        """Training goes on from here: the number of steps that will have been made more than once."""
        kept = b"" if self._file is None else os.pread(self._file, self.FORMAT.size, 0)
        if len(kept) == self.FORMAT.size:
            reached, repeated = self.FORMAT.unpack(kept)
            self.repeated = max(0, repeated) + max(0, reached - step)
        self.reach(step)
        return self.repeated

    def reach(self, step: int) -> None:
        if self._file is not None:
            try:
                os.pwrite(self._file, self.FORMAT.pack(step, self.repeated), 0)
            except OSError:
                self._close()

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
    """Where the steps of a checkpoint are counted."""
    return checkpoint.with_suffix(".steps")
