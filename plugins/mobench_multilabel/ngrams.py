"""Hashed counts of n-grams: vectors of a fixed length for texts, the same on every machine."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray


def hashed_counts(texts: Sequence[Sequence[str]], longest: int, n_columns: int) -> NDArray[np.float32]:
    """Return how often the n-grams of each text occur, [len(texts), n_columns].

    texts:     symbols of each text: characters, words or other tokens.
    longest:   n-grams of 1 to `longest` consecutive symbols are counted.
    n_columns: number of columns; n-grams of the same CRC-32, modulo this number, share one.
    """

    @cache
    def column(gram: tuple[str, ...]) -> int:
        return zlib.crc32("\x1f".join(gram).encode()) % n_columns

    counts = np.zeros((len(texts), n_columns), np.float32)
    for row, text in enumerate(texts):
        shifted = [text[i:] for i in range(longest)]
        columns = [column(gram) for n in range(1, longest + 1) for gram in zip(*shifted[:n], strict=False)]
        counts[row] = np.bincount(np.array(columns, np.int64), minlength=n_columns)
    return counts
