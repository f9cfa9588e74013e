"""Cost of a large board: `python tests/benchmarks/board_scale.py FOLDER --out results/scale/board.md`.

Makes a board of 200 methods × 30 tasks × 10 seeds in FOLDER, where it has none, by varying committed records, and
then times the commands on it. Each command is a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mobench.jobs.job import Job
from mobench.records.index import NAME
from mobench.records.provenance import processor
from mobench.records.record import Record
from mobench.records.store import Store

COMMITTED = Path(__file__).parents[2] / "results"
SOURCES = ("engineering", "fairness", "regression", "three-digits", "text", "many-tasks")
BOARD = 'title = "A large board"\nstores = ["large"]\n'
STORE = "large"


@dataclass(frozen=True)
class Size:
    n_methods: int
    n_tasks: int
    n_seeds: int

    @property
    def n_records(self) -> int:
        return self.n_methods * self.n_tasks * self.n_seeds


@dataclass(frozen=True)
class Measurement:
    """What a command took. core_seconds: processor time of it and of its children."""

    label: str
    seconds: float
    core_seconds: float
    peak_bytes: int
    written_bytes: int

    @property
    def row(self) -> str:
        megabytes = f"{self.written_bytes / 1e6:,.1f}" if self.written_bytes else ""
        return (
            f"| {self.label} | {self.seconds:.1f} | {self.core_seconds:.1f} | {self.peak_bytes / 1e6:,.0f} "
            f"| {megabytes} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--methods", type=int, default=200)
    parser.add_argument("--tasks", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--page", action="store_true", help="Also `mobench report`: 0.2 MB of memory for each record.")
    parser.add_argument("--only-make", action="store_true")
    arguments = parser.parse_args()
    board, size = arguments.folder, Size(arguments.methods, arguments.tasks, arguments.seeds)
    store = Store(board / STORE)
    if not store.records_folder.exists():
        make(board, size)
    if arguments.only_make:
        return
    text = report(board, store, size, list(measured(board, store, arguments.page)))
    print(text)
    if arguments.out is not None:
        arguments.out.write_text(text)


def make(board: Path, size: Size) -> None:
    """Write the board's file and its records."""
    store = Store(board / STORE)
    store.records_folder.mkdir(parents=True)
    (board / "board.toml").write_text(BOARD)
    for name, text in records(size):
        (store.records_folder / name).write_text(text)


def records(size: Size) -> Iterator[tuple[str, str]]:
    """Yield the file name and the text of each record, with names and numbers that differ from the committed ones."""
    numbers = random.Random(0)
    by_task = committed_by_task(size.n_tasks)
    for method in range(size.n_methods):
        skill = numbers.uniform(0.9, 1.1)
        for bases in by_task.values():
            base = bases[method % len(bases)]
            for seed in range(size.n_seeds):
                yield varied(base, f"method-{method:03d}", seed, skill, numbers)


def committed_by_task(n_tasks: int) -> dict[str, list[dict[str, Any]]]:
    """Return dataset -> one committed record per solver, for the datasets with an ideal point."""
    chosen: dict[str, dict[str, Record]] = {}
    for folder in SOURCES:
        for record in Store(COMMITTED / folder).contents().records:
            if record.status == "completed" and record.protocol.get("ideal") is not None:
                chosen.setdefault(record.job.dataset.name, {}).setdefault(record.job.solver.name, record)
    tasks = sorted(chosen)[:n_tasks]
    if len(tasks) < n_tasks:
        raise SystemExit(
            f"the committed records have {len(tasks)} tasks with an ideal point: pass --tasks {len(tasks)}"
        )
    return {task: [r.model_dump(mode="json", by_alias=True) for r in chosen[task].values()] for task in tasks}


def varied(base: dict[str, Any], method: str, seed: int, skill: float, numbers: random.Random) -> tuple[str, str]:
    """Return the file name and the text of a record with another solver name, seed and numbers."""
    job = {**base["job"], "solver": {**base["job"]["solver"], "name": method}}
    job["seeds"] = dict.fromkeys(base["job"]["seeds"], seed)
    valid = Job.model_validate(job)
    factor = skill * numbers.uniform(0.97, 1.03)
    data = {**base, "job": job, "id": valid.id}
    data["indicators"] = _scaled(base["indicators"], factor)
    data["fronts"] = {
        split: {**front, "losses": _scaled(front["losses"], 1 / factor)} for split, front in base["fronts"].items()
    }
    return f"{valid.dataset.name}-{method}-s{seed}-{valid.id}.json", json.dumps(data, indent=1)


def _scaled(value: Any, factor: float) -> Any:
    if isinstance(value, dict):
        return {k: _scaled(v, factor) for k, v in value.items()}
    if isinstance(value, list):
        return [_scaled(v, factor) for v in value]
    return value * factor if isinstance(value, float) else value


def measured(board: Path, store: Store, with_page: bool) -> Iterator[Measurement]:
    """Yield what each command took: without an index of the records, and with one."""
    folder, site = str(store.folder), board.parent / f"{board.name}-site"
    tables = board.parent / f"{board.name}-tables"
    for suffix in ("first, without an index", "again"):
        shutil.rmtree(site, ignore_errors=True)
        if suffix != "again":
            (store.folder / NAME).unlink(missing_ok=True)
        yield command(f"`mobench site` ({suffix})", ["site", str(board), "--out", str(site)], site)
    yield command("`mobench leaderboard`", ["leaderboard", folder])
    shutil.rmtree(tables, ignore_errors=True)
    yield command("`mobench export` (Markdown and CSV)", ["export", folder, "--out", str(tables)], tables)
    shutil.rmtree(tables, ignore_errors=True)
    formats = ["--format", "md,csv,parquet", "--preset", "leaderboard,tasks"]
    yield command("`mobench export` (3 formats, 2 tables)", ["export", folder, "--out", str(tables), *formats], tables)
    if with_page:
        page = board.parent / f"{board.name}-report.html"
        yield command("`mobench report`", ["report", folder, "--out", str(page)], page)


def command(label: str, words: list[str], written: Path | None = None) -> Measurement:
    print(f"{label} …", file=sys.stderr, flush=True)
    began = time.perf_counter()
    process = subprocess.Popen([Path(sys.executable).parent / "mobench", *words], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    if status:
        raise SystemExit(f"mobench {' '.join(words)} ended with status {status}")
    n_bytes = sum(size for _, size in sizes([written])) if written is not None else 0
    result = Measurement(label, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, n_bytes)
    print(result.row, file=sys.stderr, flush=True)
    return result


def sizes(paths: Iterable[Path]) -> Iterator[tuple[Path, int]]:
    for path in paths:
        files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        yield from ((file, file.stat().st_size) for file in files)


def report(board: Path, store: Store, size: Size, measurements: list[Measurement]) -> str:
    """Return the table of `results/scale/board.md`."""
    record_sizes = [entry.stat().st_size for entry in os.scandir(store.records_folder)]
    site = board.parent / f"{board.name}-site"
    pages = sorted((s, str(p.relative_to(site))) for p, s in sizes([site]) if p.suffix == ".html")
    n_files = sum(1 for _ in sizes([site]))
    largest = "; ".join(f"`{name}` {n_bytes / 1e3:,.0f} kB" for n_bytes, name in pages[:-4:-1])
    front = (site / "index.html").stat().st_size
    index = store.folder / NAME  # small stores have none
    index_bytes = index.stat().st_size if index.exists() else 0
    return "\n".join(
        [
            f"{size.n_methods} methods × {size.n_tasks} tasks × {size.n_seeds} seeds: {len(record_sizes):,} records, "
            f"{sum(record_sizes) / 1e6:,.0f} MB, index {index_bytes / 1e6:,.0f} MB. "
            f"{processor()}; other work was running on the same cores.",
            "",
            "| command | seconds | core-seconds | peak MB | written MB |",
            "| --- | --- | --- | --- | --- |",
            *(measurement.row for measurement in measurements),
            "",
            f"The site has {n_files} files, {len(pages)} of them pages. Its front page has {front / 1e3:,.0f} kB; the "
            f"largest pages are {largest}.",
            "",
        ]
    )


if __name__ == "__main__":
    main()
