"""Data files: lookup, download from a list of sources, and SHA-256 checks.

Plugins list their files by the hook `mobench_data_files` (`DataFile` in `mobench.hookspecs`).
"""

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

TellLine = Callable[[str], None]
Share = Callable[[float], None]
VARIABLE = "MOBENCH_DATA"
STAGE, STAGE_LOCK = ".fetch-", ".lock"
"""Prefix of the temporary cache folders that sources write to, and the name of the process's lock file in each."""
STAGE_SECONDS = 60.0
"""Age in seconds after which a temporary folder without a held lock is considered stale."""
MAX_BYTES = 2**32
"""Size limit of a download whose size is not specified."""


def cache_folder() -> Path | None:
    """Return the cache folder of downloads; None if no home folder is known."""
    return user_cache_dir("data")


def folders() -> list[Path]:
    """Return the folders that are searched for data files, in order: $MOBENCH_DATA, then the cache."""
    variable = os.environ.get(VARIABLE)
    # expanduser leaves the ~ of an unknown user unchanged; such a folder does not exist
    chosen = Path(os.path.expanduser(variable)) if variable else None
    return [folder for folder in (chosen, cache_folder()) if folder is not None]


def collections() -> dict[str, list[DataFile]]:
    """Return all registered data files, grouped by the name of their collection."""
    by_name: dict[str, list[DataFile]] = {}
    for file in registry().data_files:
        by_name.setdefault(file.name, []).append(file)
    return by_name


def collection(name: str) -> list[DataFile]:
    """Return the files of one collection.

    Raises: UnknownNameError if no collection has this name.
    """
    by_name = collections()
    if name not in by_name:
        load_all()
        by_name = collections()
    if name not in by_name:
        raise unknown_name("data collection", name, by_name)
    return by_name[name]


def locate(file: DataFile) -> Path | None:
    """Return the path of a data file without verifying it; None if it is missing or not readable."""
    return next((path for folder in folders() if files.is_readable_file(path := folder / file.path)), None)


def verify(file: DataFile, path: Path) -> None:
    """Raise DataError unless the file at `path` has the registered checksum."""
    status = path.stat()
    digest = _sha256(path, status.st_size, status.st_mtime_ns)
    if digest != file.sha256:
        raise DataError(
            f"data file {file.path} is not the expected one: SHA-256 {digest[:12]}… of {status.st_size} bytes, "
            f"expected {file.sha256[:12]}…: delete it and run `mobench data fetch {file.name}`"
        )


def require(name: str, tell: TellLine = lambda line: None) -> dict[str, Path]:
    """Return the verified files of a collection: registered path -> path on disk. Missing files are fetched.

    tell: called with a message when a source is tried.

    Raises: DataError if a file is damaged, or if no source provides it.
    """
    return {file.path: obtain(file, tell) for file in collection(name)}


def obtain(file: DataFile, tell: TellLine = lambda line: None, share: Share = lambda part: None) -> Path:
    """Return the path of a verified file; fetch the file if it is missing.

    tell:  called with a message when a source is tried.
    share: called with the completed fraction of a download, from 0 to 1.

    Raises: DataError, as `require`.
    """
    return _have(file) or _fetch(file, tell, share)


def _have(file: DataFile) -> Path | None:
    path = locate(file)
    if path is not None:
        verify(file, path)
    return path


def _fetch(file: DataFile, tell: TellLine, share: Share) -> Path:
    """Try the sources of a file in turn; verify the result before it is moved to its final path."""
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
            # one temporary folder per source, so that the remains of a failed source do not affect the next one
            with tempfile.TemporaryDirectory(prefix=STAGE, dir=folder) as stage, FileLock(Path(stage) / STAGE_LOCK):
                reason = _attempt(source, file, Path(stage))
                if reason:
                    reasons.append(f"{label}: {reason}")
                    continue
                _keep_all(Path(stage), folder)
            tell(f"{file.path}: {(folder / file.path).stat().st_size} bytes, checksum verified")
            return folder / file.path
    except OSError as error:
        reasons.append(f"the cache folder cannot be written: {error.strerror or error}")
    raise DataError(
        f"data file {file.path} could not be fetched ({'; '.join(reasons)}): set {VARIABLE} to a folder with it"
    )


def _remove_left_stages(folder: Path) -> None:
    """Remove incomplete downloads of killed processes."""
    from filelock import FileLock, Timeout

    for stage in folder.glob(f"{STAGE}*"):
        with suppress(OSError, Timeout):
            # a new folder may not have its lock yet
            if time.time() - stage.stat().st_mtime > STAGE_SECONDS:
                with FileLock(stage / STAGE_LOCK, timeout=0):
                    shutil.rmtree(stage)


def _attempt(source: Callable[[Path], None], file: DataFile, stage: Path) -> str:
    """Return why a source did not provide the file; '' if it did."""
    try:
        source(stage)
        arrived = stage / file.path
        if not arrived.is_file():
            return "it provided a different file"
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
    """Call a plugin's function. Exceptions of its import and of the function are not caught."""
    module, _, name = target.partition(":")
    getattr(importlib.import_module(module), name)(stage)


def _keep_all(stage: Path, folder: Path) -> None:
    """Verify all registered files in the temporary folder and move them to the cache.

    A source often provides a whole collection. Files get the default mode of new files under the umask, because
    some sources write files that only their owner can read.
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
    """Return the SHA-256 checksum; cached in this process per path, size and modification time."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _shown(folder: Path) -> str:
    return f"${VARIABLE}" if os.environ.get(VARIABLE) and folder == folders()[0] else "the cache"
