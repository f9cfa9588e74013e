"""Sources of a job's parts: distribution, module and content hash of their code, without paths of the machine."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mobench.errors import MobenchError
from mobench.jobs.job import Job
from mobench.plugins import Kind, Spec, registry
from mobench.records.record import Role, Source
from mobench.registered import IN_PROCESS, InProcessEntry

MAX_FILES, MAX_BYTES = 5000, 64 * 2**20
"""Only the Python files of a larger package are hashed, for example of a library that contains a part."""


def sources(job: Job) -> dict[Role, Source]:
    """Return the sources of mobench and of each part of a job. Parts whose code cannot be found are omitted."""
    by_role: dict[Role, Source | None] = {"mobench": _source("mobench", "mobench")}
    for role, part in job.registered_parts.items():
        by_role[role] = _of_part(role, part.name)
    return {role: source for role, source in by_role.items() if source is not None}


def _of_part(kind: Kind, name: str) -> Source | None:
    try:
        entry = registry().get(kind, name)
    except MobenchError:
        return None
    if not isinstance(entry.spec, Spec):
        return None
    if isinstance(entry, InProcessEntry):
        version, module = entry.plugin.version, entry.spec.target.partition(":")[0]
        origin: Literal["registered in process"] = "registered in process"
        return Source(distribution=IN_PROCESS, version=version, module=module, origin=origin, sha256=entry.sha256)
    return _source(entry.plugin.distribution, entry.spec.target.partition(":")[0])


@cache
def _source(distribution: str, module: str) -> Source | None:
    package = _files_of(module)
    if package is None:
        return None
    sha256 = content_hash(package)
    try:
        installed = metadata.distribution(distribution)
    except (metadata.PackageNotFoundError, ValueError):
        return Source(distribution=distribution, version="?", module=module, origin="elsewhere", sha256=sha256)
    return Source(
        distribution=distribution,
        version=installed.version,
        module=module,
        origin=_origin(installed, package),
        sha256=sha256,
    )


def _files_of(module: str) -> Path | None:
    """Return the folder of a module's top-level package, or the file of a single module; None if not found.

    A module that is already imported is preferred. A namespace package, which several distributions share, has no
    file; the next package below it is used.
    """
    names = module.split(".")
    for depth in range(1, len(names) + 1):
        name = ".".join(names[:depth])
        try:
            spec = getattr(sys.modules.get(name), "__spec__", None) or importlib.util.find_spec(name)
        except (ImportError, ValueError, AttributeError):
            return None
        if spec is None:
            return None
        if spec.origin is not None and spec.has_location:
            path = Path(spec.origin).resolve()
            return path.parent if path.name.startswith("__init__.") else path
    return None


def _origin(distribution: metadata.Distribution, path: Path) -> Literal["installed", "editable", "elsewhere"]:
    if (project := _editable(distribution)) is not None and path.is_relative_to(project):
        return "editable"
    installed = Path(str(distribution.locate_file(""))).resolve()
    return "installed" if path.is_relative_to(installed) else "elsewhere"


def _editable(distribution: metadata.Distribution) -> Path | None:
    """Return the project folder of a distribution that pip installed with -e; None for any other."""
    try:
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
        if origin.get("dir_info", {}).get("editable"):
            return Path(url2pathname(urlsplit(origin["url"]).path)).resolve()
    except (ValueError, KeyError, AttributeError, OSError):
        return None
    return None


def content_hash(package: Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of a folder's files.

    Compiled Python files and the folder `docs`, which wheels leave out and whose build writes pages, are not included.
    """
    if package.is_file():
        return hashlib.sha256(package.read_bytes()).hexdigest()
    files = sorted(_files(package), key=lambda path: path.relative_to(package).as_posix())
    if len(files) > MAX_FILES or sum(path.stat().st_size for path in files) > MAX_BYTES:
        files = [path for path in files if path.suffix == ".py"]
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(package).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        is_code = path.suffix != ".pyc" and "__pycache__" not in path.parts and path.is_file()
        if is_code and path.relative_to(folder).parts[0] != "docs":
            yield path
