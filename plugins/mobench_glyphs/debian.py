"""Debian packages: download from the archive, and extraction without Debian's tools."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from mobench.downloads import download, run
from mobench.errors import DataError

ARCHIVES = ("https://deb.debian.org/debian", "https://snapshot.debian.org/archive/debian/20250520T000000Z")
"""The current archive, and one that keeps the packages of a past day."""
MAGIC, HEADER = b"!<arch>\n", 60
"""Start of an ar archive, and the length of the header of its members."""
MEMBER_BYTES = 2**27
"""Size limit of an extracted file."""


@dataclass(frozen=True)
class DebianPackage:
    """A binary package of Debian 12.

    name:    name of the package, for apt-get.
    path:    path in the archive, below "pool/main/".
    sha256:  checksum of the package.
    n_bytes: size of the package.
    """

    name: str
    path: str
    sha256: str
    n_bytes: int

    def fetch(self, folder: Path) -> Path:
        """Download the package to a folder and return its path: from the archives, then with apt-get.

        Raises: DataError if no source has the package with this checksum.
        """
        target, problems = folder / self.path.rpartition("/")[2], []
        for archive in ARCHIVES:
            try:
                download(f"{archive}/pool/main/{self.path}", target, self.n_bytes)
                self._verify(target)
                return target
            except (OSError, EOFError, zlib.error, DataError) as error:
                problems.append(f"{archive}: {error}")
        target.unlink(missing_ok=True)
        try:
            run(["apt-get", "download", self.name], folder, self.n_bytes)
            package = next(iter(sorted(folder.glob(f"{self.name}_*.deb"))), None)
            if package is None:
                raise DataError("it left no package")
            self._verify(package)
            return package
        except DataError as error:
            problems.append(f"apt-get: {error}")
        raise DataError(f"package {self.name} could not be downloaded ({'; '.join(problems)})")

    def _verify(self, path: Path) -> None:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != self.sha256:
            raise DataError(f"{path.name} has SHA-256 {digest[:12]}…, expected {self.sha256[:12]}…: another version")


def extract(package: Path, inside: str, folder: Path) -> None:
    """Extract the regular files of a Debian package below the path `inside` to a folder, with their paths.

    Raises: DataError if the file is not a Debian package, or contains no such files.
    """
    with tarfile.open(fileobj=io.BytesIO(_data_member(package))) as tar:
        members = []
        for member in tar:
            member.name = member.name.removeprefix("./")
            if member.isfile() and member.name.startswith(inside) and member.size <= MEMBER_BYTES:
                members.append(member)
        tar.extractall(folder, members=members, filter="data")
    if not members:
        raise DataError(f"{package.name} has no files below {inside}: another version of the package is needed")


def _data_member(package: Path) -> bytes:
    """Return the compressed tar archive data.tar.* of a package, which is an ar archive."""
    content = package.read_bytes()
    at = len(MAGIC)
    while content.startswith(MAGIC) and at + HEADER <= len(content):
        name, size = content[at : at + 16].strip(), content[at + 48 : at + 58].strip()
        if not size.isdigit():
            break
        at += HEADER
        if name.startswith(b"data.tar"):
            return content[at : at + int(size)]
        at += int(size) + int(size) % 2
    raise DataError(f"{package.name} is not a Debian package: download it again")
