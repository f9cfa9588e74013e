"""Global state of the process that plugins must not change: reading, comparing and restoring it.

The module has no heavy imports: the state of torch and NumPy is read only if they are already imported.
"""

from __future__ import annotations

import gc
import importlib
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

TORCH_RANDOM = "torch's random state"
_CUDNN = ("enabled", "benchmark", "deterministic", "allow_tf32")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
ENVIRONMENT, FILTERS = "the environment", "the warnings filters"


@dataclass(frozen=True)
class _StatePart:
    """How to read and restore one part of the global state.

    instead: what a plugin should do instead of changing it.
    library: the library that has this state; "" for Python itself.
    fresh:   returns the value right after the library is imported; None if it is unknown.
    """

    read: Callable[[], Any]
    write: Callable[[Any], object]
    instead: str
    library: str = ""
    fresh: Callable[[], Any] | None = None

    @property
    def is_there(self) -> bool:
        return not self.library or self.library in sys.modules


def snapshot() -> dict[str, Any]:
    """Return the current global state: readable name -> value."""
    return {name: piece.read() for name, piece in _PIECES.items() if piece.is_there}


def changes(before: Mapping[str, Any], after: Mapping[str, Any], allowed: Iterable[str] = ()) -> list[str]:
    """Return a message for each difference that is not allowed, with what to do instead."""
    return [
        f"{name} was changed: {_PIECES[name].instead}"
        for name in before
        if name in after and name not in allowed and not _same(before[name], after[name])
    ]


@contextmanager
def restored(*packages: str) -> Iterator[list[str]]:
    """Restore the global state at the end of the block, even if the block raises.

    The yielded list then contains a message for each changed part, as `changes` returns them. The state of a library
    that the block imports is compared with, and restored to, its state in a new process.

    packages: top-level packages whose import is checked. If they import third-party libraries for the first time,
        these may have changed the warnings filters and the environment. The filters are then kept, and the
        environment is restored without a message. If `packages` is empty, every change is reported.
    """
    before, modules, changed = snapshot(), set(sys.modules), list[str]()
    try:
        yield changed
    finally:
        after = snapshot()
        before |= {
            name: fresh()
            for name in after.keys() - before.keys()
            if (fresh := _PIECES[name].fresh) is not None
        }  # fmt: skip
        brings_libraries = bool(packages) and _brings_libraries(packages, modules)
        changed += changes(before, after, (ENVIRONMENT, FILTERS) if brings_libraries else ())
        if brings_libraries:
            del before[FILTERS]
        for name, value in before.items():
            if name in after and not _same(value, after[name]):
                _PIECES[name].write(value)


def _brings_libraries(packages: tuple[str, ...], modules: set[str]) -> bool:
    """Whether third-party packages were imported in addition to `modules`."""
    expected = {name.partition(".")[0] for name in modules} | {*packages, "mobench", *sys.stdlib_module_names}
    return not {name.partition(".")[0] for name in sys.modules} <= expected


def _same(a: Any, b: Any) -> bool:
    if type(a).__module__ == "torch" and type(a).__name__ == "Tensor":
        return bool(_torch().equal(a, b))
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    if type(a).__module__ == "numpy" and hasattr(a, "tobytes"):
        return bool(a.tobytes() == b.tobytes())
    return bool(a == b)


def _torch() -> Any:
    return importlib.import_module("torch")


def _numpy() -> Any:
    return importlib.import_module("numpy")


def _environment(values: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(values)


def _filters(values: list[Any]) -> None:
    warnings.filters[:] = values  # type: ignore[index]
    warnings._filters_mutated()  # type: ignore[attr-defined]


def _python_path(values: list[str]) -> None:
    sys.path[:] = values


def _folder() -> str:
    """Return the working folder; "" if it was removed."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def _change_folder(path: str) -> None:
    with suppress(OSError):
        os.chdir(path)


def _handle_signals(handlers: tuple[Any, ...]) -> None:
    # only the main thread can set signal handlers, so other threads cannot have changed them
    if threading.current_thread() is threading.main_thread():
        for number, handler in zip(_SIGNALS, handlers, strict=True):
            signal.signal(number, handler)


def _set_cudnn(values: tuple[bool, ...]) -> None:
    for name, value in zip(_CUDNN, values, strict=True):
        setattr(_torch().backends.cudnn, name, value)


def _flushes_denormals() -> bool:
    torch = _torch()
    return bool(torch.full((1,), 1e-310, dtype=torch.float64, device="cpu").mul(1.0).item() == 0.0)


def _of_torch(
    read: Callable[[Any], Any], write: Callable[[Any, Any], object], instead: str, fresh: Callable[[Any], Any] | None
) -> _StatePart:
    read_fresh = None if fresh is None else lambda: fresh(_torch())
    return _StatePart(lambda: read(_torch()), lambda value: write(_torch(), value), instead, "torch", read_fresh)


_LEAVE = "leave this setting to the user"
_PIECES = {
    TORCH_RANDOM: _of_torch(
        lambda t: t.get_rng_state(),
        lambda t, value: t.set_rng_state(value),
        "draw from `seeded(seed)` of mobench.interfaces, with the seed given",
        None,  # differs in every new process
    ),
    "NumPy's random state": _StatePart(
        lambda: _numpy().random.get_state(),
        lambda value: _numpy().random.set_state(value),
        "use numpy.random.default_rng(seed)",
        "numpy",
    ),
    "Python's random state": _StatePart(random.getstate, random.setstate, "use random.Random(seed)"),
    "torch's default dtype": _of_torch(
        lambda t: t.get_default_dtype(),
        lambda t, value: t.set_default_dtype(value),
        "create tensors in the dtype of the tensors that they are combined with",
        lambda t: t.float32,
    ),
    "torch's default device": _of_torch(
        lambda t: t.get_default_device(),
        lambda t, value: t.set_default_device(value),
        "create tensors on the device of the tensors that they are combined with",
        lambda t: t.device("cpu"),
    ),
    "torch's number of threads": _of_torch(
        lambda t: t.get_num_threads(), lambda t, value: t.set_num_threads(value), _LEAVE, None
    ),
    "torch's gradient mode": _of_torch(
        lambda t: t.is_grad_enabled(),
        lambda t, value: t.set_grad_enabled(value),
        "use `with torch.no_grad():` around the code that needs it",
        lambda t: True,
    ),
    "torch's choice of deterministic algorithms": _of_torch(
        lambda t: t.are_deterministic_algorithms_enabled(),
        lambda t, value: t.use_deterministic_algorithms(value),
        "leave it as it is",
        lambda t: False,
    ),
    "torch's precision of matrix products": _of_torch(
        lambda t: t.get_float32_matmul_precision(),
        lambda t, value: t.set_float32_matmul_precision(value),
        _LEAVE,
        lambda t: "highest",
    ),
    "torch's treatment of denormal numbers": _of_torch(
        lambda t: _flushes_denormals(), lambda t, value: t.set_flush_denormal(value), _LEAVE, lambda t: False
    ),
    "torch's anomaly detection": _of_torch(
        lambda t: t.is_anomaly_enabled(),
        lambda t, value: t.autograd.set_detect_anomaly(value),
        "use `with torch.autograd.detect_anomaly():`",
        lambda t: False,
    ),
    "cuDNN's settings": _of_torch(
        lambda t: tuple(getattr(t.backends.cudnn, name) for name in _CUDNN),
        lambda t, value: _set_cudnn(value),
        _LEAVE,
        None,
    ),
    "NumPy's handling of errors": _StatePart(
        lambda: _numpy().geterr(),
        lambda value: _numpy().seterr(**value),
        "use `with numpy.errstate(...):`",
        "numpy",
    ),
    FILTERS: _StatePart(
        lambda: list(warnings.filters), _filters, "use `with warnings.catch_warnings():` around the code that warns"
    ),
    "the working folder": _StatePart(_folder, _change_folder, "use paths that do not depend on it"),
    ENVIRONMENT: _StatePart(lambda: dict(os.environ), _environment, "pass values as arguments"),
    "sys.path": _StatePart(lambda: list(sys.path), _python_path, "import installed packages only"),
    "the signal handlers": _StatePart(
        lambda: tuple(map(signal.getsignal, _SIGNALS)), _handle_signals, "leave Ctrl-C and SIGTERM to mobench"
    ),
    "the recursion limit": _StatePart(sys.getrecursionlimit, sys.setrecursionlimit, "leave it as it is"),
    "the garbage collector's state": _StatePart(
        gc.isenabled, lambda value: gc.enable() if value else gc.disable(), "leave it as it is"
    ),
}
