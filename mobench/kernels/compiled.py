"""A C file to a library for this very processor, compiled once and kept in the user's cache."""

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
"""Of a library; ours have less than 100 kB."""
CHECKSUM_BYTES = 64


class NotCompiledError(MobenchError):
    """There is no compiler, or it declines; the library's own operations serve instead."""


@cache
def library(source: Path) -> ctypes.CDLL:
    """The functions of a C file; compiled by $CC, cc, gcc or clang unless that was done here before.

    Raises: NotCompiledError with the reason.
    """
    compiler = _compiler()
    kept = _kept(source, compiler)
    if kept is not None and _is_sound(kept):
        try:
            return ctypes.CDLL(str(kept))
        except OSError:  # for another system: compiled again
            pass
    return _compile(compiler, source, kept)


def at_hand(source: Path) -> bool:
    """Whether the library of a C file was compiled here before, and can be used."""
    try:
        kept = _kept(source, _compiler())
        return kept is not None and _is_sound(kept)
    except NotCompiledError:
        return False


@cache
def missing(source: Path) -> str:
    """Why there is no library of a C file here; "" where there is one."""
    try:
        library(source)
    except NotCompiledError as error:
        return str(error)
    return ""


def _compiler() -> str:
    for name in (os.environ.get("CC", ""), "cc", "gcc", "clang"):
        found = shutil.which(name) if name else None
        if found:
            return found
    raise NotCompiledError("there is no C compiler (cc, gcc or clang): install one")


def _compile(compiler: str, source: Path, kept: Path | None) -> ctypes.CDLL:
    name = Path(compiler).name
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / f"{source.stem}.so"
        # not every compiler knows how to look at the processor: then for any of its family
        for flags in (FLAGS, tuple(flag for flag in FLAGS if not flag.startswith("-march"))):
            try:
                done = subprocess.run(
                    [compiler, *flags, "-o", str(made), str(source)],
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
        if kept is not None:
            _keep(made, kept)
        # a folder for scratch may forbid to execute, and what is in the cache may still be another's
        for path in (kept, made) if kept is not None and _is_sound(kept) else (made,):
            with suppress(OSError):
                return ctypes.CDLL(str(path))
    if kept is not None:
        for path in (kept, _checksum(kept)):
            with suppress(OSError):
                path.unlink()
    raise NotCompiledError(f"what {name} made of {source.name} cannot be loaded")


def _keep(made: Path, kept: Path) -> None:
    """Into the cache under its name in one step; a cache that cannot be written costs the next run a compilation."""
    try:
        content = made.read_bytes()
        files.write_ours(kept, content)
        files.write_ours(_checksum(kept), hashlib.sha256(content).hexdigest().encode())
    except OSError:
        return


def _is_sound(kept: Path) -> bool:
    """Whether a library of the cache is what we put there: ours, closed to others, whole.

    It is looked at before it is loaded: code runs on loading, and a library that is cut short ends the process.
    """
    try:
        expected = files.read_ours(_checksum(kept), CHECKSUM_BYTES).decode()
        return hashlib.sha256(files.read_ours(kept, MAX_BYTES)).hexdigest() == expected
    except (OSError, ValueError):
        return False


def _checksum(kept: Path) -> Path:
    return kept.with_name(f"{kept.name}.sha256")


def _kept(source: Path, compiler: str) -> Path | None:
    """Where the library is kept; None where there is no cache."""
    folder = user_cache_dir("kernels")
    return None if folder is None else folder / f"{source.stem}-{_key(source, compiler)}.so"


def _key(source: Path, compiler: str) -> str:
    parts = [source.read_text(), *FLAGS, compiler, str(Path(compiler).stat().st_size), platform.machine(), _processor()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _processor() -> str:
    """What -march=native looks at; one home folder may serve machines of several kinds."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor()
    words = ("model name", "flags", "Features")
    return "\n".join(sorted({line for line in info.read_text().splitlines() if line.startswith(words)}))
