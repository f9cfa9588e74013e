"""Training kept on disk: its state, whole or absent, and a count of its steps that outlives the process."""

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

MOST_STEPS = 2**53
"""Of a count that is believed: records keep numbers that JSON readers read without loss."""


def save(path: Path, solver: Solver, run: dict[str, Any], problem: Problem) -> None:
    """Write a checkpoint whole or not at all.

    Raises: OSError where there is no room; the former checkpoint then stays.
    """
    temporary = files.temporary_for(path)
    state = {
        "solver": solver.state_dict(),
        "target": problem.state.copy(),
        "run": run,
        "random": torch.get_rng_state(),
        "strategy": problem.strategy.to_dict(),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.create(temporary) as file:
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
        with files.open_for_reading(path) as file:
            state = torch.load(file, weights_only=True, map_location="cpu")
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
    """The step that training is at, and how many were made more than once, in 20 bytes beside a checkpoint.

    They are in the system's hands with every step, at about a microsecond: a process that is killed leaves
    them right. They end with their checksum. A file that cannot be used costs the count and nothing else: one that
    cannot be written, is damaged, or is no regular file. A symbolic link is left alone.
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
        """Training goes on from here: the number of steps that will have been made more than once."""
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
        """The step reached and the steps repeated; zeros where the file does not hold them."""
        try:
            content = b"" if self._file is None else os.pread(self._file, self.N_BYTES, 0)
        except OSError:
            return 0, 0
        numbers, checksum = content[: self.NUMBERS.size], content[self.NUMBERS.size :]
        if len(content) != self.N_BYTES or checksum != self.CHECKSUM.pack(zlib.crc32(numbers)):
            return 0, 0
        reached, repeated = self.NUMBERS.unpack(numbers)
        # a right checksum says nothing of who wrote it
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
    """Where the steps of a checkpoint are counted."""
    return checkpoint.with_suffix(".steps")
