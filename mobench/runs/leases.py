"""Leases: they mark files in a store as those of a running runner, so that files of dead runners can be removed."""

from __future__ import annotations

import re
from contextlib import ExitStack, suppress
from pathlib import Path
from uuid import uuid4

from mobench.records.locks import held

PREFIX, SUFFIX = "runner-", ".lease"
_LEASE = re.compile(rf"{PREFIX}([0-9a-f]{{32}}){re.escape(SUFFIX)}")


class Lease:
    """A lock in a store that shows that a runner is alive. It is held until the process ends.

    key: unique key of the runner, which is part of the names of its files.
    """

    def __init__(self, folder: Path) -> None:
        self.key = uuid4().hex
        locks = folder / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        self._held = ExitStack()
        self._held.enter_context(held(locks / f"{PREFIX}{self.key}{SUFFIX}"))

    def new_mark(self) -> str:
        """Return a unique name for a new mark in the locks folder of the store."""
        return f"mark-{self.key}-{uuid4().hex}"


def remove_files_of_dead_runners(folder: Path) -> None:
    """Remove the marks, event files and SLURM pickles of runners whose lease is no longer held."""
    locks = folder / "locks"
    with suppress(OSError):
        names = [match for entry in sorted(locks.iterdir()) if (match := _LEASE.fullmatch(entry.name))]
        for match in names:
            lease = locks / match[0]
            with held(lease) as is_ours:
                if not is_ours:
                    continue
                for path in locks.glob(f"mark-{match[1]}-*"):
                    path.unlink(missing_ok=True)
                _remove_pickles(folder / "slurm" / match[1])
                lease.unlink(missing_ok=True)


def _remove_pickles(folder: Path) -> None:
    """Remove the pickles in a SLURM folder. The output of tasks is kept, because it may explain a failure."""
    with suppress(OSError):
        for path in folder.glob("*.pkl"):
            path.unlink(missing_ok=True)
        folder.rmdir()
