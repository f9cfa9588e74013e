"""The program that runs the code of a submission in a sandbox: `mobench check`, or one job.

`python -P -m mobench.board.isolated_job check PROCESSES BYTES DISTRIBUTION` prints what `mobench check --json` prints.
`... job PROCESSES BYTES` reads a record without its results from standard input and prints the new record as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mobench.interfaces import Dataset
    from mobench.records.record import Record

MODULE = "mobench.board.isolated_job"
TEST_LOADS = 1
"""How often a run loads the test split: before training, so that a missing file is reported early."""


def without_results(record: Record) -> Record:
    """Return a record that says what to run and nothing about the result, as a request to this program."""
    from mobench.records.record import Failure

    left_out: dict[str, Any] = {"fronts": {}, "indicators": {}, "cost": None, "trace": [], "notes": {}}
    request = {"status": "failed", "failure": Failure(kind="Request", message="not run yet")}
    return record.model_copy(update={**left_out, **request})


def run_job(request: Record) -> dict[str, Any]:
    """Run the job of a record in this process; return its record and the number of times the test split was loaded."""
    from mobench.jobs.resolve import providers
    from mobench.plugins import load_only, registry
    from mobench.runs.allocator import keep_freed_memory
    from mobench.runs.execution import execute
    from mobench.runs.repetition import repetition_options

    keep_freed_memory()
    options, threads = repetition_options(request)
    if keys := providers(request.job):
        load_only(keys)
    with counted_test_loads(registry().get("dataset", request.job.dataset.name).load()) as loads:
        record = execute(request.job, options, threads=threads)
    return {"record": record.model_dump(mode="json", by_alias=True), "test_loads": len(loads)}


@contextmanager
def counted_test_loads(dataset: type[Dataset]) -> Iterator[list[str]]:
    """Yield a list that grows by one with each call of a dataset class for its test split in the block."""
    loads: list[str] = []
    original = dataset.load

    def load(self: Dataset, split: Any) -> Any:
        if split == "test":
            loads.append(split)
        return original(self, split)

    dataset.load = load  # type: ignore[method-assign]
    try:
        yield loads
    finally:
        dataset.load = original  # type: ignore[method-assign]


def limit_resources(n_processes: int, file_bytes: int) -> None:
    """Bound the processes of this user and the size of each file of this process and its children. 0: no bound."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for kind, limit in ((resource.RLIMIT_NPROC, n_processes), (resource.RLIMIT_FSIZE, file_bytes)):
        if limit:
            resource.setrlimit(kind, (limit, limit))


def main() -> None:
    """Run what the arguments say."""
    kind, n_processes, file_bytes, *names = sys.argv[1:]
    limit_resources(int(n_processes), int(file_bytes))
    if kind == "check":
        os.execv(sys.executable, [sys.executable, "-P", "-m", "mobench", "check", *names, "--json"])
    # what plugins print goes to standard error
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as output:
        os.dup2(2, 1)
        from mobench.records.record import parse

        json.dump(run_job(parse(sys.stdin.buffer.read(), "request")), output)
        output.flush()
        # a thread or an exit handler of a plugin may never end
        os._exit(0)


if __name__ == "__main__":
    main()
