"""Downloads with a size limit, for files from servers and from package managers."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Any, Protocol

from mobench.errors import DataError

SECONDS = 20
RUN_SECONDS = 600
PART_BYTES = 1 << 16
PACKED_SLACK = 1 << 20
"""Bytes by which a compressed file may exceed its content: headers, names, incompressible blocks."""


def download(
    url: str, path: Path, at_most: int, *, unpack: bool = False, share: Callable[[float], None] = lambda part: None
) -> None:
    """Download a URL to a file.

    at_most: largest size of the file in bytes; reading stops when the source sends more.
    unpack:  True if the download is gzip-compressed; the file is written uncompressed.
    share:   called with the completed fraction of the download, from 0 to 1, if the server sends the total size.

    Raises: DataError if the URL is not http(s) or if the file exceeds `at_most` bytes; OSError, EOFError.
    """
    if not url.startswith(("http://", "https://")):
        raise DataError(f"{url[:200]!r} is not a download address: pass one that begins with http:// or https://")
    request = urllib.request.Request(url, headers={"User-Agent": "mobench"})
    path.parent.mkdir(parents=True, exist_ok=True)
    with urllib.request.urlopen(request, timeout=SECONDS) as answer, path.open("wb") as target:
        sent: Any = _Bounded(answer, at_most + PACKED_SLACK * unpack, share)
        if unpack:
            with gzip.GzipFile(fileobj=sent) as content:
                copy(content, target, at_most)
        else:
            copy(sent, target, at_most)


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, n_bytes: int, /) -> bytes: ...


def copy(source: Readable, target: IO[bytes], at_most: int) -> None:
    """Copy a stream to its end.

    Raises: DataError as soon as the stream exceeds `at_most` bytes.
    """
    n_bytes = 0
    while part := source.read(PART_BYTES):
        n_bytes += len(part)
        if n_bytes > at_most:
            raise DataError(f"it is larger than the {at_most} bytes that are expected: it is another file")
        target.write(part)


def run(command: list[str], folder: Path, at_most: int) -> None:
    """Run a package manager's command in a folder; limit each file that it writes to `at_most` bytes.

    Raises: DataError if the program is missing, fails or takes too long.
    """
    if shutil.which(command[0]) is None:
        raise DataError(f"the program {command[0]} is not installed")
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=RUN_SECONDS, check=False,
            preexec_fn=partial(_limit_files, at_most),
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise DataError(f"{' '.join(command[:2])} did not end within {RUN_SECONDS} seconds") from error
    if done.returncode != 0:
        raise DataError(f"{' '.join(command[:2])} failed: {' '.join(done.stderr.split())[-150:]}")


def _limit_files(at_most: int) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (at_most, at_most))


class _Bounded:
    """A response stream that counts its bytes and enforces the size limit."""

    def __init__(self, answer: Any, at_most: int, share: Callable[[float], None]) -> None:
        self._answer, self._at_most, self._share = answer, at_most, share
        self._n_bytes = 0

    def read(self, n_bytes: int = PART_BYTES) -> bytes:
        part: bytes = self._answer.read(n_bytes if n_bytes >= 0 else PART_BYTES)
        self._n_bytes += len(part)
        if self._n_bytes > self._at_most:
            raise DataError(f"the source sends more than {self._at_most} bytes: it is another file")
        if self._answer.length is not None:
            self._share(min(1.0, self._n_bytes / max(1, self._n_bytes + self._answer.length)))
        return part
