"""Leases: files in a store that belong to a runner which is alive, and those of dead runners, which are removed."""

from __future__ import annotations

import re
from contextlib import ExitStack, suppress
from pathlib import Path
from uuid import uuid4

from mobench.records.locks import held

PREFIX, SUFFIX = "runner-", ".lease"
_LEASE = re.compile(rf"{PREFIX}([0-9a-f]{{32}}){re.escape(SUFFIX)}")


class Lease:
    """The name under which a runner puts files into a store; it is held as long as this object, and the process, live.

    key: part of the name of each of its files.
    """

    def __init__(self, folder: Path) -> None:
        self.key = uuid4().hex
        locks = folder / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        self._held = ExitStack()
        self._held.enter_context(held(locks / f"{PREFIX}{self.key}{SUFFIX}"))

    def new_mark(self) -> str:
        """A name for a new file among the locks of the store."""
        return f"mark-{self.key}-{uuid4().hex}"


def remove_files_of_dead_runners(folder: Path) -> None:
    """Remove marks, events and what was handed to SLURM, of runners whose lease nobody holds any more."""
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
    """Remove what was handed to SLURM. The output of tasks stays, for whoever looks for the reason of a failure."""
    with suppress(OSError):
        for path in folder.glob("*.pkl"):
            path.unlink(missing_ok=True)
        folder.rmdir()
