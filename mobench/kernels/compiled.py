"""Compilation of a C file to a shared library for this processor, stored in the user's cache."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

from mobench import files
from mobench.errors import MobenchError
from mobench.user_cache import user_cache_dir

FLAGS = ("-O3", "-march=native", "-ffp-contract=fast", "-std=c11", "-shared", "-fPIC")
SECONDS = 120
MAX_BYTES = 2**26
"""Size limit of a cached library; the kernels of mobench take less than 100 kB."""
CHECKSUM_BYTES = 64


class NotCompiledError(MobenchError):
    """There is no C compiler, or compilation failed; torch's operations are used instead."""


@cache
def library(source: Path) -> ctypes.CDLL:
    """Return the library of a C file; compile it with $CC, cc, gcc or clang unless it is in the cache.

    Raises: NotCompiledError with the reason.
    """
    compiler = _compiler()
    cached = _cached_path(source, compiler)
    if cached is not None and _is_sound(cached):
        try:
            return ctypes.CDLL(str(cached))
        except OSError:  # built for another system: compile it for this one
            pass
    return _compile(compiler, source, cached)


def at_hand(source: Path) -> bool:
    """Whether the cache contains a valid library of a C file."""
    try:
        cached = _cached_path(source, _compiler())
        return cached is not None and _is_sound(cached)
    except NotCompiledError:
        return False


@cache
def missing(source: Path) -> str:
    """Return why the library of a C file is not available; "" if it is. Compiles the file if necessary."""
    try:
        library(source)
    except NotCompiledError as error:
        return str(error)
    return ""


def _compiler() -> str:
    for name in (os.environ.get("CC", ""), "cc", "gcc", "clang"):
        program = shutil.which(name) if name else None
        if program:
            return program
    raise NotCompiledError("there is no C compiler (cc, gcc or clang): install one")


def _compile(compiler: str, source: Path, cached: Path | None) -> ctypes.CDLL:
    name = Path(compiler).name
    with tempfile.TemporaryDirectory() as scratch:
        built = Path(scratch) / f"{source.stem}.so"
        # if the compiler does not support -march, compile for the generic processor family
        for flags in (FLAGS, tuple(flag for flag in FLAGS if not flag.startswith("-march"))):
            try:
                done = subprocess.run(
                    [compiler, *flags, "-o", str(built), str(source)],
                    capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False,
                )  # fmt: skip
            except (OSError, subprocess.SubprocessError) as error:
                raise NotCompiledError(f"{name} could not be run: {type(error).__name__}") from error
            if done.returncode == 0:
                break
        else:
            lines = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()
            reason = lines[0].strip() if lines else "no reason given"
            raise NotCompiledError(f"{name} declines {source.name}: {reason}")
        if cached is not None:
            _keep(built, cached)
        # the temporary folder may be mounted noexec, and the cache may contain another user's file
        for path in (cached, built) if cached is not None and _is_sound(cached) else (built,):
            with suppress(OSError):
                return ctypes.CDLL(str(path))
    if cached is not None:
        for path in (cached, _checksum(cached)):
            with suppress(OSError):
                path.unlink()
    raise NotCompiledError(f"the library that {name} built from {source.name} cannot be loaded")


def _keep(built: Path, cached: Path) -> None:
    """Store a library in the cache atomically; if the cache is not writable, the next run compiles it."""
    try:
        content = built.read_bytes()
        files.write_ours(cached, content)
        files.write_ours(_checksum(cached), hashlib.sha256(content).hexdigest().encode())
    except OSError:
        return


def _is_sound(cached: Path) -> bool:
    """Whether a cached library is valid: owned by this user, not writable by others, and with the stored checksum.

    Checked before loading, because loading runs code and a truncated library can crash the process.
    """
    try:
        expected = files.read_ours(_checksum(cached), CHECKSUM_BYTES).decode()
        return hashlib.sha256(files.read_ours(cached, MAX_BYTES)).hexdigest() == expected
    except (OSError, ValueError):
        return False


def _checksum(cached: Path) -> Path:
    return cached.with_name(f"{cached.name}.sha256")


def _cached_path(source: Path, compiler: str) -> Path | None:
    """Return the path of the cached library; None if there is no cache."""
    folder = user_cache_dir("kernels")
    return None if folder is None else folder / f"{source.stem}-{_key(source, compiler)}.so"


def _key(source: Path, compiler: str) -> str:
    parts = [source.read_text(), *FLAGS, compiler, str(Path(compiler).stat().st_size), platform.machine(), _processor()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _processor() -> str:
    """Return the properties of the processor that -march=native uses; machines can share a home folder."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor()
    words = ("model name", "flags", "Features")
    return "\n".join(sorted({line for line in info.read_text().splitlines() if line.startswith(words)}))
