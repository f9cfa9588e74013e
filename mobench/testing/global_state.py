"""What a process has one of, and a plugin has to leave as it is."""

from __future__ import annotations

import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

TORCH_RANDOM = "torch's random state"


@dataclass(frozen=True)
class _Kept:
    """How one piece is read and put back, and what a plugin does instead of changing it."""

    read: Callable[[], Any]
    write: Callable[[Any], object]
    instead: str


def _environment(values: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(values)


def _filters(values: list[Any]) -> None:
    warnings.filters[:] = values  # type: ignore[index]
    warnings._filters_mutated()  # type: ignore[attr-defined]


def _python_path(values: list[str]) -> None:
    sys.path[:] = values


_KEPT = {
    TORCH_RANDOM: _Kept(
        torch.get_rng_state, torch.set_rng_state, "draw from `seeded(seed)` of mobench.interfaces, with the seed given"
    ),
    "NumPy's random state": _Kept(np.random.get_state, np.random.set_state, "use numpy.random.default_rng(seed)"),
    "Python's random state": _Kept(random.getstate, random.setstate, "use random.Random(seed)"),
    "torch's default dtype": _Kept(
        torch.get_default_dtype, torch.set_default_dtype, "give tensors the dtype of what they are computed with"
    ),
    "torch's default device": _Kept(
        torch.get_default_device, torch.set_default_device, "give tensors the device of what they are computed with"
    ),
    "torch's number of threads": _Kept(
        torch.get_num_threads, torch.set_num_threads, "leave it to whoever runs mobench"
    ),
    "torch's gradient mode": _Kept(
        torch.is_grad_enabled, torch.set_grad_enabled, "use `with torch.no_grad():` around what needs it"
    ),
    "torch's choice of deterministic algorithms": _Kept(
        torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms, "leave it as it is"
    ),
    "the warnings filters": _Kept(
        lambda: list(warnings.filters), _filters, "use `with warnings.catch_warnings():` around what warns"
    ),
    "the working folder": _Kept(os.getcwd, os.chdir, "use paths that do not depend on it"),
    "the environment": _Kept(lambda: dict(os.environ), _environment, "hand values over as arguments"),
    "sys.path": _Kept(lambda: list(sys.path), _python_path, "import what is installed"),
}


def snapshot() -> dict[str, Any]:
    """Every piece of global state that is watched, by the name that people know it under."""
    return {name: kept.read() for name, kept in _KEPT.items()}


def changes(before: Mapping[str, Any], after: Mapping[str, Any], allowed: tuple[str, ...] = ()) -> list[str]:
    """A phrase for each difference that is not allowed, with what to do instead."""
    return [
        f"{name} was changed: {_KEPT[name].instead}"
        for name in before
        if name not in allowed and not _same(before[name], after[name])
    ]


def stir() -> None:
    """Draw a number from every random state, so that none is as somebody's seed has left it."""
    torch.rand(1)
    np.random.rand()
    random.random()


@contextmanager
def put_back() -> Iterator[None]:
    """Whatever happens inside, global state is afterwards what it was."""
    before = snapshot()
    try:
        yield
    finally:
        after = snapshot()
        for name, value in before.items():
            if not _same(value, after[name]):
                _KEPT[name].write(value)


@contextmanager
def imported_afresh(package: str) -> Iterator[None]:
    """Inside, the modules of a package are imported anew, so that what an import does can be seen again."""

    def own() -> dict[str, Any]:
        return {n: module for n, module in sys.modules.items() if n == package or n.startswith(f"{package}.")}

    kept = own()
    for name in kept:
        del sys.modules[name]
    try:
        yield
    finally:
        for name in own():
            del sys.modules[name]
        sys.modules.update(kept)


def _same(one: Any, two: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, two)
    if isinstance(one, tuple):
        return len(one) == len(two) and all(map(_same, one, two))
    if isinstance(one, np.ndarray):
        return bool(np.array_equal(one, two))
    return bool(one == two)
