"""Division of rows into training, validation and test splits: drawn groups, and blocks of time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mobench.interfaces import Split

Index = NDArray[np.int64]
Parts = Mapping[Split, Index]
VALIDATION, TEST = 0.2, 0.2
"""Shares of the rows."""


def drawn(groups: Index, seed: int, test: float = TEST) -> dict[Split, Index]:
    """Return the rows of each split; whole groups are drawn until the test and then the validation split are full.

    groups: [N], the group of each row.
    test:   share of the rows for testing; 0 leaves the test split empty.
    """
    names, first, sizes = np.unique(groups, return_index=True, return_counts=True)
    names, sizes = names[np.argsort(first)], sizes[np.argsort(first)]
    order = np.random.default_rng(seed).permutation(len(names))
    filled = np.cumsum(sizes[order]) - sizes[order]
    n_test, n_val = test * len(groups), VALIDATION * len(groups)
    role = np.where(filled < n_test, 2, np.where(filled < n_test + n_val, 1, 0))
    role_of = np.empty(len(names), np.int64)
    role_of[order] = role
    position = {name: i for i, name in enumerate(names.tolist())}
    roles = np.array([role_of[position[group]] for group in groups.tolist()])
    return {"train": np.flatnonzero(roles == 0), "val": np.flatnonzero(roles == 1), "test": np.flatnonzero(roles == 2)}


def blocks(n_rows: int, n_blocks: int, gap: int) -> dict[Split, Index]:
    """Return the rows of each split, in blocks of consecutive rows: of every five blocks, three for training.

    The fourth of five blocks is for validation and the fifth for testing. The last `gap` rows of a block whose
    successor belongs to another split are left out, so that windows of up to `gap` rows do not overlap between
    splits.
    """
    roles: list[Split] = ["train", "train", "train", "val", "test"]
    edges = np.linspace(0, n_rows, n_blocks + 1).astype(np.int64)
    rows: dict[Split, list[Index]] = {"train": [], "val": [], "test": []}
    for k in range(n_blocks):
        role = roles[k % len(roles)]
        is_border = k + 1 < n_blocks and roles[(k + 1) % len(roles)] != role
        rows[role].append(np.arange(edges[k], edges[k + 1] - gap * is_border))
    return {split: np.concatenate(parts) for split, parts in rows.items()}
