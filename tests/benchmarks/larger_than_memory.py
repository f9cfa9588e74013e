"""Memory and reading speed for data larger than memory: 200,000 images of 64×64×3 bytes (2.4 GB) in files.

    python tests/benchmarks/larger_than_memory.py --folder /tmp/images --out results/scale

It writes the images, trains and evaluates a job on them, and removes them. The job runs in a process of its own, forked
from one that has imported torch, as `mobench run` does on Linux; the peak of its resident memory is measured. The
images are then read in the order of training, by mobench and by torch's DataLoader in turns, in one process.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

SIDE, BLOCK, BATCH = 64, 2000, 128
SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}
FOLDER = "MOBENCH_LARGE_IMAGES"
LIMIT_MB = 700
TURNS = 12


def write_images(folder: Path, n_images: int) -> None:
    """Write images of noise with a bright square; the labels are its quadrant and its colour."""
    import numpy as np

    for k, (split, share) in enumerate(SHARES.items()):
        n, rng = round(share * n_images), np.random.default_rng(k)
        quadrants, colours = rng.integers(0, 4, n), rng.integers(0, 3, n)
        with open(folder / f"{split}.npy", "wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": (n, 3, SIDE, SIDE)}
            np.lib.format.write_array_header_1_0(file, header)  # type: ignore[no-untyped-call]
            for start in range(0, n, BLOCK):
                m = min(BLOCK, n - start)
                images = rng.integers(0, 160, (m, 3, SIDE, SIDE), dtype=np.uint8)
                corners = rng.integers(0, 16, (m, 2))
                for i in range(m):
                    row, column = corners[i] + 32 * np.array(divmod(quadrants[start + i], 2))
                    images[i, colours[start + i], row : row + 16, column : column + 16] += 95
                file.write(images.tobytes())
        np.savez(folder / f"{split}-labels.npz", quadrant=quadrants, colour=colours)


def register() -> None:
    """Register the dataset of the images, and a small network for them, in this process."""
    import numpy as np
    import torch
    from torch.nn.functional import cross_entropy

    from mobench import Dataset, Model, Objective, Protocol, Samples, Spec, StoredSamples, hookimpl
    from mobench.array_files import ArrayRows
    from mobench.plugins import Plugin, registry

    def objective(name: str) -> Objective:
        return Objective(name, lambda outputs, batch: cross_entropy(outputs[name], batch.targets[name]))

    @dataclass(frozen=True)
    class LargeImages(Dataset):
        """Images of noise with a bright square."""

        objectives = (objective("quadrant"), objective("colour"))
        heads = {"quadrant": 4, "colour": 3}  # noqa: RUF012
        input_shape = (3, SIDE, SIDE)
        protocol = Protocol("large-images-1", (2.0, 2.0), (0.0, 0.0), (1.4, 1.1))

        def load(self, split: Any) -> Samples:
            folder = Path(os.environ[FOLDER])
            labels = np.load(folder / f"{split}-labels.npz")
            return StoredSamples(ArrayRows(folder / f"{split}.npy", {name: labels[name] for name in labels}))

    class Network(torch.nn.Module):
        def __init__(self, n_channels: int, heads: Any) -> None:
            super().__init__()
            self.features = torch.nn.Sequential(
                torch.nn.Conv2d(n_channels, 8, 5, stride=2), torch.nn.ReLU(),
                torch.nn.Conv2d(8, 16, 5, stride=2), torch.nn.ReLU(),
                torch.nn.Conv2d(16, 16, 5, stride=2), torch.nn.ReLU(),
                torch.nn.Flatten(), torch.nn.Linear(16 * 5 * 5, 32), torch.nn.ReLU(),
            )  # fmt: skip
            self.heads = torch.nn.ModuleDict({name: torch.nn.Linear(32, width) for name, width in heads.items()})

        def forward(self, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
            features = self.features(inputs)
            return {name: head(features) for name, head in self.heads.items()}

    @dataclass(frozen=True)
    class Strided(Model):
        """Three 5×5 convolutions of stride 2 and a dense layer."""

        def build(self, dataset: Dataset) -> torch.nn.Module:
            return Network(dataset.input_shape[0], dataset.heads)

    class Large:
        @staticmethod
        @hookimpl
        def mobench_datasets() -> list[Spec]:
            return [Spec("large-images", f"{__name__}:LargeImages", "images in files", source="made here", version="1")]

        @staticmethod
        @hookimpl
        def mobench_models() -> list[Spec]:
            return [Spec("strided", f"{__name__}:Strided", "strided convolutions", source="made here", version="1")]

    globals().update(LargeImages=LargeImages, Strided=Strided)
    registry().add(Plugin("large", "large-images", "1", module=__name__), Large)


def train_and_evaluate(epochs: float, n_data_workers: int) -> dict[str, Any]:
    """Run a job in this process and return its peak of resident memory and its seconds."""
    import torch

    from mobench.jobs.job import Budget
    from mobench.jobs.resolve import resolve
    from mobench.runs.allocator import keep_freed_memory
    from mobench.runs.execution import execute
    from mobench.runs.run_options import RunOptions

    keep_freed_memory()  # as in the process of a job
    torch.set_num_threads(1)
    register()
    idle_mb = idle()
    job = resolve("large-images", "strided", "phn-ls", {}, Budget(epochs=epochs, batch_size=BATCH))
    with PeakPrivate() as private:
        record = execute(job, RunOptions(data_workers=n_data_workers), threads=1)
    assert record.status == "completed", record.failure
    assert record.cost is not None
    n_trained = record.cost.steps * BATCH
    return {
        "idle_mb": idle_mb,
        "peak_mb": resident("VmHWM"),
        "peak_private_mb": private.megabytes,
        "steps": record.cost.steps,
        "training_images_per_second": n_trained / record.cost.training_seconds,
        "training_seconds": record.cost.training_seconds,
        "evaluation_seconds": record.cost.evaluation_seconds,
        "hypervolume": record.indicators["test"]["hypervolume"],
        "evaluated": {split: [len(front.losses), front.n_samples] for split, front in record.fronts.items()},
        "strategy": record.provenance.strategy,
    }


def resident(field: str) -> float:
    """Return a field of /proc/self/status in MB, such as VmRSS or its peak VmHWM."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (kilobytes,) = [line.split()[1] for line in lines if line.startswith(f"{field}:")]
    return int(kilobytes) / 1000 * 1.024


def idle() -> float:
    """Return the resident memory after a step of Adam on a tiny network, which imports all that it needs."""
    import torch

    from mobench.numerics import Adam

    network = torch.nn.Conv2d(3, 2, 5, stride=4)
    network(torch.zeros(2, 3, SIDE, SIDE)).sum().backward()
    Adam(network.parameters(), lr=1e-3).step()
    return resident("VmRSS")


class PeakPrivate:
    """The peak of resident memory that is not the content of a file, such as a library; looked at every 10 ms."""

    def __init__(self) -> None:
        self.megabytes = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._ended.wait(0.01):
            self.megabytes = max(self.megabytes, resident("RssAnon") + resident("RssShmem"))

    def __enter__(self) -> PeakPrivate:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()


def in_fork(function: Callable[[], str]) -> str:
    """Return the result of a function in a fork of this process after its imports, as jobs run on Linux."""
    import gc

    import mobench.runs.execution
    import mobench.runs.worker  # noqa: F401

    gc.freeze()
    end, other_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(end)
        with os.fdopen(other_end, "w") as pipe:
            pipe.write(function())
        os._exit(0)
    os.close(other_end)
    with os.fdopen(end) as pipe:
        result = pipe.read()
    os.waitpid(child, 0)
    return result


class RowByRow:
    """The same rows without `__getitems__`, as most map-style datasets are."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, position: int) -> Any:
        return self.rows.inputs[position], {name: target[position] for name, target in self.rows.targets.items()}


def reading(n_batches: int) -> list[dict[str, Any]]:
    """Return images per second that mobench and torch's DataLoader read, each in the same order."""
    import torch
    from torch.utils.data import DataLoader

    from mobench import StoredSamples
    from mobench.learning.batches import Batches

    torch.set_num_threads(1)
    register()
    rows = globals()["LargeImages"]().load("train").rows
    order = Batches(StoredSamples(rows), BATCH, 0)

    def by_mobench(rows: Any, n_workers: int) -> Iterable[int]:
        stream = Batches(StoredSamples(rows).read_by(n_workers), BATCH, 0).steps(0)
        return (len(batch) for (batch,) in islice(stream, n_batches))

    def by_torch(rows: Any, n_workers: int) -> Iterable[int]:
        positions: Any = [order.positions(step).tolist() for step in range(n_batches)]  # type: ignore[union-attr]
        loader: Any = DataLoader(RowByRow(rows), batch_sampler=positions, num_workers=n_workers)
        return (len(inputs) for inputs, _ in loader)

    sides: dict[str, Callable[[int], Iterable[int]]] = {
        "torch": functools.partial(by_torch, rows),
        "mobench, row by row": functools.partial(by_mobench, RowByRow(rows)),
        "mobench, whole batches": functools.partial(by_mobench, rows),
    }
    results = []
    for n_workers in (0, 2):
        speeds: dict[str, list[float]] = {side: [] for side in sides}
        for turn in range(TURNS + 1):
            for side, read in sides.items():
                began = time.perf_counter()
                n_images = sum(read(n_workers))
                if turn:  # the first turn brings the rows into the page cache
                    speeds[side].append(n_images / (time.perf_counter() - began))
        for side, values in speeds.items():
            ratio = max(values) / max(speeds["torch"])
            results.append({"side": side, "workers": n_workers, "images_per_second": max(values), "ratio": ratio})
    return results


def write(result: dict[str, Any], out: Path) -> None:
    from mobench.records.provenance import processor

    out.mkdir(parents=True, exist_ok=True)
    result = {"processor": processor(), "threads": 1, **result}
    (out / "stored.json").write_text(json.dumps(result, indent=1) + "\n")
    job = result["job"]
    lines = [
        f"{result['processor']}, one thread; {result['images']:,} images of 3×{SIDE}×{SIDE} bytes in files "
        f"({result['bytes'] / 1e9:.2f} GB), three strided convolutions and `phn-ls`, batch {BATCH}.",
        "",
        "| of the job, forked from a process with torch as in `mobench run`; it reads in its own process | |",
        "| --- | --- |",
        f"| resident memory, peak | {job['peak_mb']:.0f} MB |",
        f"| of an idle process, with torch and Adam | {job['idle_mb']:.0f} MB |",
        f"| private memory, peak: without pages of files such as torch's libraries | {job['peak_private_mb']:.0f} MB |",
        f"| training | {job['steps']:,} steps, {job['training_images_per_second']:,.0f} images/s |",
        "| evaluation | "
        + ", ".join(f"{n_rays} rays × {n:,} of {split}" for split, (n_rays, n) in job["evaluated"].items())
        + f", {job['evaluation_seconds']:.0f} s |",
        f"| hypervolume, test | {job['hypervolume']:.3f} |",
        "",
        "| reading batches in the order of training | processes | images/s | relative to torch |",
        "| --- | --- | --- | --- |",
        *(
            f"| {r['side']} | {r['workers']} | {r['images_per_second']:,.0f} | {r['ratio']:.2f} |"
            for r in result["reading"]
        ),
        "",
        f"Reading: the fastest of {TURNS} turns; the rows are in the page cache. `torch`: its DataLoader on rows",
        "of `__getitem__`. Row by row: the same dataset in `StoredSamples`. Whole batches: `ArrayRows`, with one",
        "call per batch.",
    ]
    (out / "stored.md").write_text("\n".join(lines) + "\n")


def alone(*words: str) -> Any:
    """Return the result of a part of this program in a process of its own."""
    done = subprocess.run([sys.executable, __file__, *words], check=True, stdout=subprocess.PIPE, text=True)
    print(done.stdout, end="", flush=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="folder for the images; they are removed at the end")
    parser.add_argument("--images", type=int, default=200_000, help="number of images of all splits")
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--data-workers", type=int, default=0)
    parser.add_argument("--batches", type=int, default=100, help="batches that are read in each turn")
    parser.add_argument("--out", type=Path, help="folder for stored.json and stored.md")
    parser.add_argument("--part", choices=["job", "reading"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        if arguments.part == "job":
            print(in_fork(lambda: json.dumps(train_and_evaluate(arguments.epochs, arguments.data_workers))))
        else:
            print(json.dumps(reading(arguments.batches)))
        return
    folder = Path(tempfile.mkdtemp(prefix="images-", dir=arguments.folder))
    os.environ[FOLDER] = str(folder)
    try:
        write_images(folder, arguments.images)
        n_bytes = sum(path.stat().st_size for path in folder.iterdir())
        words = ["--epochs", str(arguments.epochs), "--data-workers", str(arguments.data_workers)]
        result = {"images": arguments.images, "bytes": n_bytes, "job": alone("--part", "job", *words)}
        result["reading"] = alone("--part", "reading", "--batches", str(arguments.batches))
    finally:
        shutil.rmtree(folder)
    if arguments.out is not None:
        write(result, arguments.out)
    job = result["job"]
    print(
        f"peak {job['peak_mb']:.0f} MB, {job['idle_mb']:.0f} MB of them idle; private {job['peak_private_mb']:.0f} MB "
        f"(goal < {LIMIT_MB} MB); {n_bytes / 1e6:.0f} MB of images"
    )


if __name__ == "__main__":
    main()
