"""Histories of users: the films that they rated in order of time, and their division into splits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mobench.errors import DataError
from mobench.interfaces import Split
from mobench_regression.table import read_csv

N_USERS, N_FILMS = 943, 1682
Flags = NDArray[np.bool_]
SHARES: dict[Split, tuple[float, float]] = {"train": (0.45, 0.6), "val": (0.6, 0.8), "test": (0.8, 1.0)}
"""Part of a user's films, in order of time, that is to be recommended; the films before it are the history."""


def histories(path: Path) -> list[NDArray[np.int64]]:
    """Return the films (from 0) of each user, in the order of time; films rated in the same second by number.

    Raises: DataError if the file is damaged.
    """
    rows = read_csv(path)
    try:
        table = np.array([[int(row[name]) for name in ("user_id", "timestamp", "movie_id")] for row in rows])
    except (KeyError, ValueError) as error:
        raise DataError(f"{path.name} is not the table of ratings ({error}): fetch ml100k again") from error
    users, films = table[:, 0] - 1, table[:, 2] - 1
    if users.min() < 0 or users.max() >= N_USERS or films.min() < 0 or films.max() >= N_FILMS:
        raise DataError(f"{path.name} has users or films beyond {N_USERS} and {N_FILMS}: fetch ml100k again")
    order = np.lexsort((films, table[:, 1], users))
    return [films[order][users[order] == user] for user in np.unique(users)]


def flags(films_of_users: Sequence[NDArray[np.int64]], split: Split) -> tuple[Flags, Flags]:
    """Return the history and the films to recommend [users, films] of a split."""
    history, following = (np.zeros((len(films_of_users), N_FILMS), bool) for _ in range(2))
    first, last = SHARES[split]
    for user, films in enumerate(films_of_users):
        start, end = int(first * len(films)), int(last * len(films))
        history[user, films[:start]] = True
        following[user, films[start:end]] = True
    return history, following


def popularity(films_of_users: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Return the number of users [films] who have each film in the training part of their histories."""
    history, following = flags(films_of_users, "train")
    n_users: NDArray[np.float64] = (history | following).sum(0).astype(np.float64)
    return n_users
