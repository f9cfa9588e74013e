"""Time of the leaderboard of a large store: `python tests/benchmarks/store.py FOLDER --records 20000`.

Makes the records where FOLDER has none, from the committed ones with other seeds and other numbers, and
then times the whole command: without an index, and with the one that is there afterwards.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mobench.jobs.job import Job
from mobench.records.index import NAME
from mobench.records.record import Record
from mobench.records.store import Store

COMMITTED = Path(__file__).parents[2] / "results"
FAILED = 0.01
"""The share of records that say that their job failed."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--times", type=int, default=3)
    arguments = parser.parse_args()
    store = Store(arguments.folder)
    if not store.records_folder.exists():
        make(store, arguments.records)
    sizes = [entry.stat().st_size for entry in os.scandir(store.records_folder)]
    print(f"{len(sizes)} records, {sum(sizes) / 1e6:.0f} MB")
    (store.folder / NAME).unlink(missing_ok=True)
    times = [_command("leaderboard", str(arguments.folder)) for _ in range(arguments.times + 1)]
    print(f"without an index: {times[0]}; with it: {', '.join(times[1:])}")
    print(f"(the command that does nothing, `mobench list`: {_command('list')})")


def make(store: Store, n_records: int) -> None:
    """Fill a store with this number of records, all of different jobs."""
    store.records_folder.mkdir(parents=True)
    for number, record in enumerate(different(n_records)):
        store.path(record.job).write_text(record.to_json())
        if number % 2000 == 0:
            print(f"made {number} of {n_records}", file=sys.stderr)


def different(n_records: int) -> Iterator[Record]:
    """Yield copies of the committed records with seeds that those do not have."""
    numbers = random.Random(0)
    record_by_job: dict[str, Record] = {}
    for folder in sorted(COMMITTED.glob("*/records")):
        for record in Store(folder.parent).contents().records:
            if record.status == "completed":
                # one record for each configuration; its other seeds are made here
                record_by_job[Job.model_validate({**record.job.model_dump(), "seeds": {}}).id] = record
    records = list(record_by_job.values())
    for number in range(n_records):
        yield like(records[number % len(records)], 1000 + number // len(records), numbers)


def like(record: Record, seed: int, numbers: random.Random) -> Record:
    """Return the record with another seed and numbers that differ by a few percent."""
    data = record.model_dump(by_alias=True)
    data["job"]["seeds"] = dict.fromkeys(data["job"]["seeds"], seed)
    data["id"] = Job.model_validate(data["job"]).id
    if numbers.random() < FAILED:
        data.update(status="failed", fronts={}, indicators={}, cost=None, trace=[])
        data["failure"] = {"kind": "RuntimeError", "message": "made to fail", "traceback": "x" * 2000}
    for part in ("fronts", "indicators", "trace"):
        data[part] = _jittered(data[part], numbers, ("preferences",))
    return Record.model_validate(data)


def _jittered(value: Any, numbers: random.Random, fixed_keys: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {k: v if k in fixed_keys else _jittered(v, numbers, fixed_keys) for k, v in value.items()}
    if isinstance(value, list):
        return [_jittered(v, numbers, fixed_keys) for v in value]
    return value * numbers.uniform(0.97, 1.03) if isinstance(value, float) else value


def _command(*words: str) -> str:
    """Seconds that passed, and those of them that a processor worked, which others on the machine change less."""
    began, before = time.perf_counter(), _worked()
    subprocess.run([Path(sys.executable).parent / "mobench", *words], check=True, stdout=subprocess.DEVNULL)
    return f"{time.perf_counter() - began:.2f} s ({_worked() - before:.2f} s of work)"


def _worked() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
