"""Data files: found, fetched from one source after the other, and checked by SHA-256."""

from __future__ import annotations

import hashlib
import importlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

from mobench import files
from mobench.downloads import download
from mobench.errors import DataError, unknown_name
from mobench.plugins import DataFile, load_all, registry
from mobench.text import message_of, one_line
from mobench.user_cache import user_cache_dir

Tell = Callable[[str], None]
Share = Callable[[float], None]
VARIABLE = "MOBENCH_DATA"
STAGE, STAGE_LOCK = ".fetch-", ".lock"
"""Prefix of folders in the cache into which a source is fetched, and in each the lock of the process that does it."""
STAGE_SECONDS = 60.0
"""Age of a folder from which on it is left over where nobody holds its lock."""
MAX_BYTES = 2**32
"""Of a download whose size is not stated."""


def cache_folder() -> Path | None:
    """Where downloads are kept: the user's cache folder for mobench; None where no home folder is known."""
    return user_cache_dir("data")


def folders() -> list[Path]:
    """Where data files are looked for, in order: $MOBENCH_DATA, then the cache."""
    given = os.environ.get(VARIABLE)
    # a user who is not known stays as written: there is no such folder
    own = Path(os.path.expanduser(given)) if given else None
    return [folder for folder in (own, cache_folder()) if folder is not None]


def collections() -> dict[str, list[DataFile]]:
    """All registered data files, by the name of their collection."""
    found: dict[str, list[DataFile]] = {}
    for file in registry().data_files:
        found.setdefault(file.name, []).append(file)
    return found


def collection(name: str) -> list[DataFile]:
    """The files of one collection. Raises: UnknownNameError."""
    known = collections()
    if name not in known:
        load_all()
        known = collections()
    if name not in known:
        raise unknown_name("data collection", name, known)
    return known[name]


def locate(file: DataFile) -> Path | None:
    """Where the file lies, unchecked; None where it does not, or may not be read."""
    return next((path for folder in folders() if files.is_readable_file(path := folder / file.path)), None)


def verify(file: DataFile, path: Path) -> None:
    """Raise DataError unless the file at `path` has the checksum that it should have."""
    status = path.stat()
    found = _sha256(path, status.st_size, status.st_mtime_ns)
    if found != file.sha256:
        raise DataError(
            f"data file {file.path} is not the one it should be: SHA-256 {found[:12]}… of {status.st_size} bytes, "
            f"expected {file.sha256[:12]}…: delete it and run `mobench data fetch {file.name}`"
        )


def require(name: str, tell: Tell = lambda line: None) -> dict[str, Path]:
    """The verified files of a collection, fetched where they are missing: path as registered -> place.

    Raises: DataError for a file that is broken, or that no source could give.
    """
    return {file.path: obtain(file, tell) for file in collection(name)}


def obtain(file: DataFile, tell: Tell = lambda line: None, share: Share = lambda part: None) -> Path:
    """Where a verified file lies, fetched if it is missing.

    tell: called with a line when a source is tried. share: with how much of a download is here, from 0 to 1.

    Raises: DataError, as `require`.
    """
    return _have(file) or _fetch(file, tell, share)


def _have(file: DataFile) -> Path | None:
    path = locate(file)
    if path is not None:
        verify(file, path)
    return path


def _fetch(file: DataFile, tell: Tell, share: Share) -> Path:
    """Try each source of a file in turn; what arrives is checked before it gets its name."""
    from filelock import FileLock

    folder = cache_folder()
    reasons = [f"not in {' or '.join(_shown(f) for f in folders()) or 'any folder'}"]
    try:
        if folder is None:
            raise OSError("no home folder is known")
        folder.mkdir(parents=True, exist_ok=True)
        _remove_left_stages(folder)
        for label, source in _sources(file, share):
            tell(f"{file.path}: trying {label}")
            # a stage of its own for each: what a failed source leaves must not meet the next one's
            with tempfile.TemporaryDirectory(prefix=STAGE, dir=folder) as stage, FileLock(Path(stage) / STAGE_LOCK):
                reason = _attempt(source, file, Path(stage))
                if reason:
                    reasons.append(f"{label}: {reason}")
                    continue
                _keep_all(Path(stage), folder)
            tell(f"{file.path}: {(folder / file.path).stat().st_size} bytes, checksum right")
            return folder / file.path
    except OSError as error:
        reasons.append(f"the cache folder cannot be written: {error.strerror or error}")
    raise DataError(
        f"data file {file.path} could not be had ({'; '.join(reasons)}): set {VARIABLE} to a folder that holds it"
    )


def _remove_left_stages(folder: Path) -> None:
    """Remove what killed processes had fetched by half."""
    from filelock import FileLock, Timeout

    for stage in folder.glob(f"{STAGE}*"):
        with suppress(OSError, Timeout):
            # a new one may not have its lock yet
            if time.time() - stage.stat().st_mtime > STAGE_SECONDS:
                with FileLock(stage / STAGE_LOCK, timeout=0):
                    shutil.rmtree(stage)


def _attempt(source: Callable[[Path], None], file: DataFile, stage: Path) -> str:
    """Why a source did not give the file; '' when it did."""
    try:
        source(stage)
        arrived = stage / file.path
        if not arrived.is_file():
            return "it did not give this file"
        verify(file, arrived)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return one_line(message_of(error), 200) or type(error).__name__
    return ""


def _sources(file: DataFile, share: Share) -> Iterable[tuple[str, Callable[[Path], None]]]:
    for url in file.urls:
        yield "its download address", partial(_download, url, file, share)
    for target in file.fetch:
        yield target.partition(":")[2].replace("_", " "), partial(_call, target)


def _download(url: str, file: DataFile, share: Share, stage: Path) -> None:
    packed = url.endswith(".gz") and not file.path.endswith(".gz")
    download(url, stage / file.path, file.n_bytes or MAX_BYTES, unpack=packed, share=share)


def _call(target: str, stage: Path) -> None:
    """Call a plugin's function. Raises: whatever its import and the function raise."""
    module, _, name = target.partition(":")
    getattr(importlib.import_module(module), name)(stage)


def _keep_all(stage: Path, folder: Path) -> None:
    """Move every registered and verified file out of the stage; a source often brings a whole collection.

    They get the mode that the umask gives to new files: some sources write files that their owner alone may read.
    """
    probe = stage / ".mode"
    probe.touch()
    mode = stat.S_IMODE(probe.stat().st_mode)
    for collected in collections().values():
        for file in collected:
            arrived = stage / file.path
            if not arrived.is_file():
                continue
            verify(file, arrived)
            place = folder / file.path
            place.parent.mkdir(parents=True, exist_ok=True)
            arrived.chmod(mode)
            arrived.replace(place)


@cache
def _sha256(path: Path, size: int, mtime_ns: int) -> str:
    """The checksum, computed once for each state of a file in this process."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _shown(folder: Path) -> str:
    return f"${VARIABLE}" if os.environ.get(VARIABLE) and folder == folders()[0] else "the cache"
