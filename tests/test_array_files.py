"""Rows of .npy files against numpy's own reading."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mobench.array_files import ArrayFile, ArrayRows
from mobench.errors import DataError

RNG = np.random.default_rng(0)
ARRAYS: list[Any] = [
    RNG.integers(0, 255, (20, 3, 4), dtype=np.uint8),
    RNG.standard_normal((20,)),
    RNG.standard_normal((20, 0)),
    RNG.standard_normal((20, 5)).astype(np.float16),
    RNG.integers(0, 9, (20, 2)) > 4,
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_rows_are_those_of_numpy_at_any_positions(array: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", array)
    file = ArrayFile(tmp_path / "a.npy")
    assert (len(file), file.shape, file.dtype) == (20, array.shape, array.dtype)
    for positions in ([], [3], [19, 0, 0, 7], list(range(20)), [4, 5, 6, 2, 3, 19]):
        rows = file.read(positions)
        assert (rows.dtype, rows.shape) == (array.dtype, (len(positions), *array.shape[1:]))
        assert np.array_equal(rows, array[positions] if positions else array[:0])
    assert np.array_equal(file[7], array[7])
    assert np.array_equal(pickle.loads(pickle.dumps(file))[7], array[7])


def test_blocks_larger_than_a_chunk_are_read_completely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mobench.array_files.CHUNK_BYTES", 7)
    np.save(tmp_path / "a.npy", ARRAYS[1])
    assert np.array_equal(ArrayFile(tmp_path / "a.npy").read(range(20)), ARRAYS[1])


def test_a_large_header_is_read(tmp_path: Path) -> None:
    with open(tmp_path / "a.npy", "wb") as file:
        np.lib.format.write_array(file, ARRAYS[0], version=(2, 0))
    assert np.array_equal(ArrayFile(tmp_path / "a.npy")[3], ARRAYS[0][3])


def test_positions_outside_the_array_are_rejected(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ARRAYS[0])
    for position in (-1, 20):
        with pytest.raises(IndexError, match="has 20 rows"):
            ArrayFile(tmp_path / "a.npy")[position]


def test_files_that_are_no_arrays_of_numbers_are_rejected(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    with pytest.raises(DataError, match=r"a\.npy is not a readable \.npy file .*: write it with numpy\.save"):
        ArrayFile(path)
    path.write_bytes(b"not an array")
    with pytest.raises(DataError, match="is not a readable"):
        ArrayFile(path)
    for array in (np.array(3.0), np.asfortranarray(ARRAYS[0]), np.array([{}], dtype=object)):
        np.save(path, array)
        with pytest.raises(DataError, match="has no rows in C order"):
            ArrayFile(path)
    np.save(path, ARRAYS[0])
    file = ArrayFile(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="has 239 bytes of 240: write it again"):
        ArrayFile(path)
    with pytest.raises(DataError, match="ends before its last row"):
        file.read([19])


def test_arrays_of_a_dataset_have_equal_lengths(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ARRAYS[0])
    with pytest.raises(DataError, match=r"the arrays have \[3, 20\] rows"):
        ArrayRows(tmp_path / "a.npy", {"y": np.zeros(3)})
    rows = ArrayRows(tmp_path / "a.npy", {"y": np.arange(20)})
    inputs, targets = rows[4]
    assert np.array_equal(inputs.numpy(), ARRAYS[0][4])
    assert int(targets["y"]) == 4
