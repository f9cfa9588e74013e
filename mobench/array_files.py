"""Rows of arrays in .npy files, read from disk when they are asked for.

A memory-mapped array counts its pages as memory of the process; rows that are read with `os.pread` do not stay there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mobench.errors import DataError
from mobench.interfaces import Samples, map_inputs

__all__ = ["ArrayFile", "ArrayRows"]

CHUNK_BYTES = 2**24
"""Most bytes that are read at once."""
ArraySource: TypeAlias = "Path | str | NDArray[Any] | Tensor | ArrayFile"
"""An array in memory, or the .npy file of one that stays on disk."""


class ArrayFile:
    """The array of a .npy file, which stays on disk: `array[i]` reads row i.

    Raises: DataError if the file is missing, damaged, in Fortran order, or of Python objects.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        try:
            with open(self.path, "rb") as file:
                version = np.lib.format.read_magic(file)
                read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else _header_2
                shape, is_fortran, dtype = read_header(file)
                self._offset = file.tell()
                n_bytes = os.fstat(file.fileno()).st_size - self._offset
        except (OSError, ValueError) as error:
            raise DataError(f"{self.path} is not a readable .npy file ({error}): write it with numpy.save") from error
        if is_fortran or dtype.hasobject or not shape:
            raise DataError(f"{self.path} has no rows in C order: save a contiguous array of numbers with an axis")
        self.shape: tuple[int, ...] = tuple(shape)
        self.dtype: np.dtype[Any] = dtype
        self._row_bytes = dtype.itemsize * int(np.prod(shape[1:], dtype=np.int64))
        if n_bytes < self._row_bytes * len(self):
            raise DataError(f"{self.path} has {n_bytes} bytes of {self._row_bytes * len(self)}: write it again")
        self._descriptor: int | None = None

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, position: int) -> NDArray[Any]:
        row: NDArray[Any] = self.read([position])[0]
        return row

    def read(self, positions: Sequence[int]) -> NDArray[Any]:
        """Return the rows at positions, in their order: [B, ...]. Consecutive rows are read at once.

        Raises: IndexError for a position outside the array; DataError if the file has become shorter.
        """
        rows = np.empty((len(positions), *self.shape[1:]), self.dtype)
        memory = rows.reshape(-1).view(np.uint8).data if rows.size else memoryview(b"")
        start = 0
        while start < len(positions):
            end = start + 1
            while end < len(positions) and positions[end] == positions[end - 1] + 1:
                end += 1
            first, last = positions[start], positions[end - 1]
            if first < 0 or last >= len(self):
                raise IndexError(f"{self.path} has {len(self)} rows: it has none at {first} to {last}")
            self._read_into(memory[start * self._row_bytes : end * self._row_bytes], first)
            start = end
        return rows

    def _read_into(self, memory: memoryview, first_row: int) -> None:
        offset = self._offset + first_row * self._row_bytes
        while len(memory):
            content = os.pread(self._opened(), min(len(memory), CHUNK_BYTES), offset)
            if not content:
                raise DataError(f"{self.path} ends before its last row: write it again")
            memory[: len(content)] = content
            memory, offset = memory[len(content) :], offset + len(content)

    def _opened(self) -> int:
        # pread has no position in the file, so processes and threads may share the descriptor
        if self._descriptor is None:
            try:
                self._descriptor = os.open(self.path, os.O_RDONLY)
            except OSError as error:
                raise DataError(f"{self.path} cannot be read ({error.strerror}): write it again") from error
        return self._descriptor

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_descriptor": None}

    def __del__(self) -> None:
        descriptor = getattr(self, "_descriptor", None)
        if descriptor is not None:
            os.close(descriptor)


class ArrayRows:
    """A map-style dataset of arrays of equal length, in .npy files or in memory; for `mobench.StoredSamples`.

    inputs:  one array, or named ones. targets: name -> array. A path stands for a file whose rows stay on disk.

    Raises: DataError for files that cannot be read, and for arrays of different lengths.
    """

    def __init__(self, inputs: ArraySource | Mapping[str, ArraySource], targets: Mapping[str, ArraySource]) -> None:
        self.inputs: ArrayFile | Tensor | dict[str, ArrayFile | Tensor]
        if isinstance(inputs, Mapping):
            self.inputs = named = {name: _opened(source) for name, source in inputs.items()}
            arrays = list(named.values())
        else:
            self.inputs = _opened(inputs)
            arrays = [self.inputs]
        self.targets = {name: _opened(source) for name, source in targets.items()}
        arrays += self.targets.values()
        lengths = sorted({len(array) for array in arrays})
        if len(lengths) > 1:
            raise DataError(f"the arrays have {lengths} rows: give arrays of equal length")
        self._length = lengths[0]

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, position: int) -> tuple[Any, dict[str, Tensor]]:
        row = self.__getitems__([position])
        return map_inputs(lambda tensor: tensor[0], row.inputs), {name: t[0] for name, t in row.targets.items()}

    def __getitems__(self, positions: Sequence[int]) -> Samples:
        return Samples(_rows(self.inputs, positions), {n: _rows(a, positions) for n, a in self.targets.items()})


def _header_2(file: Any) -> Any:
    return np.lib.format.read_array_header_2_0(file)


def _opened(source: ArraySource) -> ArrayFile | Tensor:
    if isinstance(source, str | Path):
        return ArrayFile(source)
    return source if isinstance(source, ArrayFile | Tensor) else torch.from_numpy(source)


def _rows(array: Any, positions: Sequence[int]) -> Any:
    """Return rows of an array, or of named arrays, as tensors."""
    if isinstance(array, Mapping):
        return {name: _rows(named, positions) for name, named in array.items()}
    if isinstance(array, ArrayFile):
        return torch.from_numpy(array.read(positions))
    return array[torch.as_tensor(positions, dtype=torch.long)]
