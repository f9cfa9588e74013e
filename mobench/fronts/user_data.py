"""Data as users have them: tensors, arrays, frames, torch datasets, with splits by fraction or by positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from mobench.errors import DataError, OptionError, ShapeError
from mobench.fronts.input_encoding import is_frame
from mobench.interfaces import Samples, Split, StoredSamples, seeded

SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True)
class UserData:
    """All samples of the user, and the positions of each split.

    inputs: a frame, a tensor or an array [N, ...], or named ones.
    targets: name -> values [N, ...].
    """

    inputs: Any
    targets: dict[str, Any]
    positions: dict[Split, Tensor]


def read(x: Any, targets: Any, split: Any, seed: int) -> UserData:
    """Return the samples and splits of the arguments of `mobench.dataset`. Raises: as `mobench.dataset`."""
    if isinstance(x, Mapping) and x and set(x) <= set(SPLITS):
        return _by_split(x, targets, split)
    inputs, named = _read_rows(x, targets)
    n = n_rows(inputs)
    for name, values in named.items():
        if len(values) != n:
            raise ShapeError(f"target {name!r} has {len(values)} rows, the inputs have {n}: pass one row per sample")
    return UserData(inputs, named, positions_of(split, n, seed))


def _by_split(x: Mapping[str, Any], targets: Any, split: Any) -> UserData:
    """Return the samples of separate splits, one after the other."""
    if split is not None:
        raise OptionError("x has the splits, and split= is set: leave out split")
    missing = [name for name in SPLITS if name not in x or (targets is not None and name not in targets)]
    if missing:
        raise OptionError(f"split {missing[0]!r} is missing: pass x and targets for each of {', '.join(SPLITS)}")
    parts = {name: _read_rows(x[name], None if targets is None else targets[name]) for name in SPLITS}
    positions: dict[Split, Tensor] = {}
    start = 0
    for name, (inputs, named) in parts.items():
        if named.keys() != parts["train"][1].keys():
            raise OptionError(f"split {name!r} has the targets {sorted(named)}: pass the same ones for every split")
        positions[name] = torch.arange(start, start + n_rows(inputs))
        start += n_rows(inputs)
    joined = {key: _joined([named[key] for _, named in parts.values()]) for key in parts["train"][1]}
    return UserData(_joined([inputs for inputs, _ in parts.values()]), joined, _checked(positions, start))


def _joined(parts: Sequence[Any]) -> Any:
    first = parts[0]
    if isinstance(first, Mapping):
        return {name: _joined([part[name] for part in parts]) for name in first}
    if hasattr(first, "iloc"):
        import pandas as pd

        return pd.concat(list(parts), ignore_index=True)
    if isinstance(first, Tensor):
        return torch.cat(list(parts))
    return np.concatenate([np.asarray(part) for part in parts])


def _read_rows(x: Any, targets: Any) -> tuple[Any, dict[str, Any]]:
    if isinstance(x, TorchDataset):
        names = [targets] if isinstance(targets, str) else targets
        if names is not None and (isinstance(names, Mapping) or not all(isinstance(name, str) for name in names)):
            raise OptionError(
                "x is a torch Dataset, which holds its targets: pass targets=['a', 'b'] as names of the second, third, "
                "… item of a row, or None for rows (inputs, {name: target})"
            )
        samples = _of_torch(x, list(names or ()))
        return samples.inputs, dict(samples.targets)
    if isinstance(x, Mapping):
        inputs: Any = {str(name): as_values(values) for name, values in x.items()}
    else:
        inputs = as_values(x)
    return inputs, _named(targets)


def _of_torch(rows: TorchDataset[Any], names: list[str]) -> Samples:
    """Read a map-style dataset of torch into memory."""
    if not hasattr(rows, "__len__"):
        raise DataError(f"{type(rows).__name__} has no length: pass a map-style Dataset with __len__ and __getitem__")
    if not names and len(rows) and not isinstance(rows[0][1], Mapping):
        names = ["y"] if len(rows[0]) == 2 else [f"y{i}" for i in range(len(rows[0]) - 1)]
    return StoredSamples(rows, names).take(slice(None))


def _named(targets: Any) -> dict[str, Any]:
    """Return targets by name: a mapping, the columns of a frame, or one array, whose name is "y"."""
    if targets is None:
        return {}
    if isinstance(targets, Mapping):
        return {str(name): as_values(values) for name, values in targets.items()}
    if is_frame(targets):
        return {str(name): targets[name].to_numpy() for name in targets.columns}
    values = as_values(targets)
    if values.ndim == 2 and values.shape[1] > 1:
        return {f"y{i}": values[:, i] for i in range(values.shape[1])}
    name = getattr(targets, "name", None)
    return {name if isinstance(name, str) and name else "y": values}


def as_values(values: Any) -> Any:
    """Return a frame, a tensor or an array with one row per sample. Raises: DataError for other types."""
    if is_frame(values) or isinstance(values, Tensor):
        return values
    if hasattr(values, "to_numpy"):  # a series
        return values.to_numpy()
    array = np.asarray(values)
    if array.ndim == 0:
        raise DataError(f"{type(values).__name__} has no rows: pass a tensor, an array or a frame, one row per sample")
    return array


def n_rows(inputs: Any) -> int:
    """Return the number of samples. Raises: ShapeError if named inputs differ in length."""
    if not isinstance(inputs, Mapping):
        return len(inputs)
    lengths = {name: len(values) for name, values in inputs.items()}
    if len(set(lengths.values())) != 1:
        raise ShapeError(f"the named inputs have {lengths} rows: pass one row per sample")
    return next(iter(lengths.values()))


def positions_of(split: Any, n: int, seed: int) -> dict[Split, Tensor]:
    """Return the positions of each split.

    split: fractions (train, val, test) that sum to 1, drawn with `seed`; or positions by name of the split; None:
        (0.7, 0.15, 0.15).

    Raises: OptionError for other values, and for splits without samples or with common ones.
    """
    if isinstance(split, Mapping):
        if set(split) != set(SPLITS):
            raise OptionError(f"split has {sorted(map(str, split))}: pass positions for each of {', '.join(SPLITS)}")
        positions = {name: _positions(split[name], n, name) for name in SPLITS}
        return _checked(positions, n)
    fractions = (0.7, 0.15, 0.15) if split is None else tuple(split)
    if len(fractions) != 3 or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise OptionError(
            f"split={fractions} was given: pass three fractions above 0 that sum to 1, for train, val and test, or "
            "positions by name, {'train': …, 'val': …, 'test': …}"
        )
    order = torch.randperm(n, generator=seeded(seed))
    n_val, n_test = (max(1, round(fraction * n)) for fraction in fractions[1:])
    ends = (n - n_val - n_test, n - n_test)
    if ends[0] < 2:
        raise OptionError(f"there are {n} samples: pass at least 2 for training and 1 for each other split")
    return {"train": order[: ends[0]], "val": order[ends[0] : ends[1]], "test": order[ends[1] :]}


def _positions(values: Any, n: int, name: str) -> Tensor:
    positions = torch.as_tensor(np.array(values))
    if positions.dtype == torch.bool and len(positions) == n:
        positions = positions.nonzero()[:, 0]
    if positions.ndim != 1 or positions.is_floating_point() or positions.dtype == torch.bool:
        raise OptionError(f"split {name!r} has no positions: pass whole numbers from 0 to {n - 1}, or {n} booleans")
    if len(positions) and not (int(positions.min()) >= 0 and int(positions.max()) < n):
        raise OptionError(
            f"positions of split {name!r} reach from {int(positions.min())} to {int(positions.max())}: there are {n} "
            "samples, from 0"
        )
    return positions.long()


def _checked(positions: dict[Split, Tensor], n: int) -> dict[Split, Tensor]:
    for name, chosen in positions.items():
        if len(chosen) < (2 if name == "train" else 1):
            raise OptionError(f"split {name!r} has {len(chosen)} samples: pass at least 2 for training, 1 for others")
    counts = torch.bincount(torch.cat(list(positions.values())), minlength=n)
    if int(counts.max()) > 1:
        raise OptionError(
            f"sample {int(counts.argmax())} is in two splits, or twice in one: pass positions that do not overlap"
        )
    return positions
