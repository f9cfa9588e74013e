"""Samples of a map-style dataset that stays on disk: batches are read when they are needed."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, default_collate

from mobench.errors import ShapeError
from mobench.interfaces.samples import Inputs, Samples

PREFETCHED = 2
"""Batches that each reading process keeps ready."""
WORTH = 32
"""Number of batches that is worth starting processes, which takes about 0.1 s each."""


class MapStyleDataset(Protocol):
    """A map-style dataset, such as `torch.utils.data.Dataset`: a length, and one row per position."""

    def __len__(self) -> int: ...

    def __getitem__(self, position: int, /) -> Any: ...


class StoredSamples(Samples):
    """Samples that stay where a map-style dataset has them, for data larger than memory.

    rows: has `len(rows)`, and `rows[i]` returns `(inputs, targets)` of sample i. Inputs are a tensor, an array or a
        number, or a mapping of named ones; targets are a mapping of named ones. If `rows` also has
        `__getitems__(positions)`, as torch's datasets may, a batch is read by one call; it returns the rows in the
        order of the positions, as a list of them or as `Samples` of the batch.
    target_names: names of the targets of rows that are tuples `(inputs, first target, second target, …)`.

    `take` returns `Samples` in memory; `inputs`, `targets` and `map` would read everything and are rejected. A row must
    be the same each time it is read, because training and evaluation read it again. Python floats become float64.

    With `read_by(n)`, n processes read batches ahead, with torch's DataLoader. Rows are then read in several processes
    at once: open files inside the methods that read, or read them without a position that is shared (`os.pread`).
    """

    def __init__(self, rows: MapStyleDataset, target_names: Sequence[str] = ()) -> None:
        self.rows = rows
        self.target_names = tuple(target_names)
        self.positions: Tensor | None = None
        self.n_processes = 0
        self.pin_memory = False

    @property
    def inputs(self) -> Inputs:
        raise self._not_in_memory("inputs")

    @property
    def targets(self) -> Mapping[str, Tensor]:
        raise self._not_in_memory("targets")

    def __repr__(self) -> str:
        return f"StoredSamples({len(self)} samples of {type(self.rows).__name__})"

    def __len__(self) -> int:
        return len(self.rows) if self.positions is None else len(self.positions)

    def take(self, index: Tensor | slice) -> Samples:
        """Read the samples at `index`, a tensor of positions or a slice, into memory."""
        return self._read(self._positions_at(index))

    def subset(self, index: Tensor | slice) -> StoredSamples:
        """Return the samples at `index` without reading them."""
        subset = self._copy()
        subset.positions = torch.tensor(self._positions_at(index), dtype=torch.long)
        return subset

    def map(self, function: Any) -> Samples:
        raise self._not_in_memory("results of map")

    def read_by(self, n_processes: int, pin_memory: bool = False) -> StoredSamples:
        """Return the same samples, whose `batches` are read ahead by processes.

        n_processes: 0: they are read in this process, when they are asked for.
        pin_memory: whether batches that processes read are copied to page-locked memory, from which a GPU copies them
            faster.
        """
        samples = self._copy()
        samples.n_processes, samples.pin_memory = n_processes, pin_memory
        return samples

    def batches(self, indices: Iterable[Tensor | slice]) -> Iterator[Samples]:
        """Yield the samples at each index, in order; the results are the same for any number of processes.

        Up to `PREFETCHED` indices for each process are taken before their samples are yielded. The processes end with
        the iterator. A list of fewer than `WORTH` indices is read in this process. torch's random state is not changed.
        """
        if not self.n_processes or (isinstance(indices, Sequence) and len(indices) < WORTH):
            yield from super().batches(indices)
            return
        with warnings.catch_warnings():
            # the processes run one thread and none of the parent's
            warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
            # processes that wait for a disk need no cores
            warnings.filterwarnings("ignore", "This DataLoader will create .* worker processes", UserWarning)
            loader: Any = DataLoader(
                _Batches(self),  # type: ignore[arg-type]
                batch_size=None,
                sampler=map(self._positions_at, indices),
                num_workers=self.n_processes,
                prefetch_factor=PREFETCHED,
                collate_fn=_unchanged,
                pin_memory=self.pin_memory,
                # the loader draws a seed, by default from torch's global random state
                generator=torch.Generator(),
            )
            batches = iter(loader)
        for inputs, targets in batches:
            yield Samples(inputs, targets)

    def _read(self, positions: Sequence[int]) -> Samples:
        """Read rows of the dataset into memory, with one call if it has `__getitems__`."""
        if not len(positions):
            return self._read([0]).take(slice(0, 0))
        read_rows = getattr(self.rows, "__getitems__", None)
        if read_rows is None:
            return self._joined([self.rows[position] for position in positions])
        read = read_rows(list(positions))
        samples = read if isinstance(read, Samples) else self._joined(read)
        if len(samples) != len(positions):
            raise ShapeError(
                f"__getitems__ of {type(self.rows).__name__} returned {len(samples)} rows for {len(positions)} "
                "positions: return one row per position"
            )
        return samples

    def read_row(self, position: int) -> Samples:
        """Read one row of the dataset with `__getitem__`, as `Samples` of length 1."""
        return self._joined([self.rows[position]])

    def _positions_at(self, index: Tensor | slice) -> list[int]:
        """Return the positions in `rows` of the samples at an index."""
        n = len(self)
        if isinstance(index, slice):
            chosen = range(*index.indices(n))
            return list(chosen) if self.positions is None else self.positions[list(chosen)].tolist()
        index = index.nonzero()[:, 0] if index.dtype == torch.bool else index
        if len(index) and not (-n <= int(index.min()) and int(index.max()) < n):
            raise IndexError(f"positions reach from {int(index.min())} to {int(index.max())}, there are {n} samples")
        index = torch.where(index < 0, index + n, index)
        return (index if self.positions is None else self.positions[index]).tolist()

    def _joined(self, rows: Sequence[Any]) -> Samples:
        pairs = [self._pair(row) for row in rows]
        first_inputs, first_targets = pairs[0]
        if isinstance(first_inputs, Mapping):
            inputs: Inputs = {name: _stacked([named[name] for named, _ in pairs]) for name in first_inputs}
        else:
            inputs = _stacked([inputs for inputs, _ in pairs])
        return Samples(inputs, {name: _stacked([targets[name] for _, targets in pairs]) for name in first_targets})

    def _pair(self, row: Any) -> tuple[Any, Mapping[str, Any]]:
        if isinstance(row, tuple) and self.target_names and len(row) == 1 + len(self.target_names):
            return row[0], dict(zip(self.target_names, row[1:], strict=True))
        if isinstance(row, tuple) and len(row) == 2 and isinstance(row[1], Mapping):
            return row[0], row[1]
        form = f"a tuple of {len(row)}" if isinstance(row, tuple) else type(row).__name__
        raise ShapeError(
            f"a row of {type(self.rows).__name__} is {form}: return (inputs, targets) with targets by name, or "
            "(inputs, target, …) and give StoredSamples a target name for each"
        )

    def _not_in_memory(self, what: str) -> ShapeError:
        return ShapeError(
            f"these {len(self)} samples stay on disk, so their {what} are not in memory: read some with take(index) or "
            "batches(indices)"
        )

    def _copy(self) -> StoredSamples:
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        return copy


class _Batches:
    """A map-style dataset of whole batches: its keys are the positions of a batch. For processes that read."""

    def __init__(self, samples: StoredSamples) -> None:
        self.samples = samples.read_by(0)

    def __getitem__(self, positions: list[int]) -> tuple[Inputs, Mapping[str, Tensor]]:
        batch = self.samples._read(positions)
        return batch.inputs, batch.targets


def _unchanged(batch: Any) -> Any:
    return batch


def _stacked(values: Sequence[Any]) -> Tensor:
    """Return the values of several rows as one tensor; in a reading process, in memory that it shares."""
    if isinstance(values[0], np.ndarray):
        # rows of memory-mapped arrays cannot be written to, which tensors have to be
        values = [array if array.flags.writeable else array.copy() for array in values]
    collated: Tensor = default_collate(list(values))
    return collated
