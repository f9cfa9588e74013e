"""Wheels of plugin distributions: reading them safely, and unpacking them without running anything."""

from __future__ import annotations

import re
import sys
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from email.parser import BytesParser
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path, PurePosixPath

from mobench import files
from mobench.board.submission_files import MAX_WHEEL_BYTES
from mobench.errors import StoreError
from mobench.records.record import Record
from mobench.records.sources import content_hash
from mobench.text import one_line

MAX_UNPACKED_BYTES = 128 * 2**20
MAX_MEMBERS = 5000
MAX_METADATA_BYTES = 2**20
STARTUP_MODULES = ("sitecustomize", "usercustomize")
"""Modules that Python imports by itself when it starts."""
DISTRIBUTION_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]{0,99}")
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+!-]{0,190}\.whl")


class WheelError(StoreError):
    """A file that is not an acceptable wheel."""


@dataclass(frozen=True)
class Wheel:
    """A wheel. requires: names of the distributions that it needs. modules: top-level modules that it installs."""

    path: Path
    name: str
    version: str
    requires: tuple[str, ...]
    modules: tuple[str, ...]


def read_wheel(path: Path) -> Wheel:
    """Return what a wheel says about itself.

    Raises: WheelError for a file that is not a wheel, is too large when unpacked, or has a member that would be written
        elsewhere than into the folder of packages or run when Python starts.
    """
    name = one_line(path.name, 100)
    try:
        if path.stat().st_size > MAX_WHEEL_BYTES:
            raise WheelError(f"{name} has more than {MAX_WHEEL_BYTES} bytes: leave data and weights out of the wheel")
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_members(name, members)
            folder = _metadata_folder(name, members)
            with archive.open(f"{folder}/METADATA") as file:
                stated = BytesParser().parsebytes(file.read(MAX_METADATA_BYTES))
    except (OSError, zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, ValueError) as error:
        if isinstance(error, WheelError):
            raise
        raise WheelError(f"{name} is not a wheel: {one_line(str(error), 200)}; build it with `pip wheel`") from error
    if not DISTRIBUTION_NAME.fullmatch(str(stated["Name"])) or not VERSION.fullmatch(str(stated["Version"])):
        raise WheelError(f"{name} states no name or version of a distribution: build it with `pip wheel`")
    tops = {PurePosixPath(member.filename).parts[0] for member in members}
    modules = sorted(top.removesuffix(".py").partition(".")[0] for top in tops if top != folder)
    return Wheel(
        path,
        str(stated["Name"]),
        str(stated["Version"]),
        tuple(_required(stated.get_all("Requires-Dist") or ())),
        tuple(modules),
    )


def unpack(wheel: Wheel, site: Path) -> None:
    """Write the files of a wheel into a folder of packages. Nothing is overwritten. Raises: WheelError."""
    name = one_line(wheel.path.name, 100)
    try:
        with zipfile.ZipFile(wheel.path) as archive:
            for member in archive.infolist():
                if member.is_dir():
                    continue
                target = site / member.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as source, files.create(target, 0o644) as file:
                    # the size that the archive states is the most that zipfile reads
                    file.write(source.read(member.file_size))
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise WheelError(f"{name} cannot be unpacked: {one_line(str(error), 200)}; build it again") from error


def conflicts(wheel: Wheel) -> list[str]:
    """Return why a wheel cannot be installed beside the packages of this process.

    A module of a name that exists here would replace it, for example the code that evaluates.
    """
    faults = []
    if normalised_distribution(wheel.name) == "mobench":
        faults.append("a wheel of mobench itself is no submission: the verifier has its own")
    for module in wheel.modules:
        if module in sys.stdlib_module_names or module in STARTUP_MODULES:
            faults.append(f"{wheel.name} has a module {module!r}, a name that Python itself uses")
        elif PathFinder.find_spec(module, sys.path) is not None:
            faults.append(f"{wheel.name} has a module {module!r}, which the verifier has already: use another name")
    return faults


def missing_requirements(wheel: Wheel, others: Iterable[Wheel]) -> list[str]:
    """Return the distributions that a wheel needs and that neither the verifier nor the submission has."""
    submitted = {normalised_distribution(other.name) for other in others}
    return [
        name for name in wheel.requires if normalised_distribution(name) not in submitted and not is_installed(name)
    ]


def code_hash(site: Path, module: str) -> str | None:
    """Return the hash of the code of a module's package in a folder, as the source of a record has it; None: absent."""
    folder = site
    for name in module.split("."):
        file, folder = folder / f"{name}.py", folder / name
        if (folder / "__init__.py").is_file():
            return content_hash(folder)
        if file.is_file():
            return content_hash(file)
    return None


def code_hashes(wheels: Sequence[Wheel], records: Sequence[Record], site: Path) -> dict[str, dict[str, str]]:
    """Return distribution -> module -> hash of its code, for the modules that records name, of unpacked wheels.

    The distribution has the name that the records give it.
    """
    names = {normalised_distribution(wheel.name) for wheel in wheels}
    hashes: dict[str, dict[str, str]] = {}
    for record in records:
        for source in record.provenance.sources.values():
            if normalised_distribution(source.distribution) in names:
                modules = hashes.setdefault(source.distribution, {})
                if source.module not in modules and (value := code_hash(site, source.module)) is not None:
                    modules[source.module] = value
    return hashes


def normalised_distribution(name: str) -> str:
    """Return the name of a distribution in the form in which names are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _check_members(name: str, members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MAX_MEMBERS:
        raise WheelError(f"{name} has {len(members)} files, at most {MAX_MEMBERS} are accepted: leave data out")
    n_bytes = sum(member.file_size for member in members)
    if n_bytes > MAX_UNPACKED_BYTES:
        raise WheelError(
            f"{name} has {n_bytes} bytes when unpacked, at most {MAX_UNPACKED_BYTES} are accepted: leave data out"
        )
    for member in members:
        path = PurePosixPath(member.filename)
        shown = one_line(member.filename, 100)
        if (
            path.is_absolute()
            or not path.parts
            or ".." in path.parts
            or not member.filename.isprintable()
            or "\\" in member.filename
            or ":" in path.parts[0]
        ):
            raise WheelError(f"{name} has a file {shown!r}, outside of its folder: build it with `pip wheel`")
        if path.suffix == ".pth":
            raise WheelError(f"{name} has a file {shown!r}, which runs whenever Python starts: leave it out")
        if path.parts[0].endswith(".data"):
            raise WheelError(f"{name} has a file {shown!r}, which is installed elsewhere than packages: leave it out")


def _metadata_folder(name: str, members: list[zipfile.ZipInfo]) -> str:
    folders = {member.filename.partition("/")[0] for member in members if member.filename.endswith("/METADATA")}
    folders = {folder for folder in folders if folder.endswith(".dist-info")}
    if len(folders) != 1:
        raise WheelError(f"{name} has {len(folders)} folders of metadata, a wheel has one: build it with `pip wheel`")
    return folders.pop()


def _required(lines: Iterable[str]) -> Iterator[str]:
    """Yield the names in lines such as `torch>=2.6; python_version > "3"`, without those of extras."""
    for line in lines:
        requirement, _, marker = str(line).partition(";")
        name = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", requirement)
        if name and not re.search(r"\bextra\s*==", marker):
            yield name[1]


def is_installed(name: str) -> bool:
    """Return whether this process can see a distribution of a name."""
    try:
        metadata.distribution(name)
    except (metadata.PackageNotFoundError, ValueError):
        return False
    return True
