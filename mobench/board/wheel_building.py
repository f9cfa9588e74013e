"""Wheels of installed distributions: built from their project, or packed from their installed files."""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.util
import io
import json
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mobench.errors import StoreError
from mobench.text import one_line

OF_THE_INSTALLER = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
"""Files of metadata that an installer writes; they are not in a wheel."""
TIME = (1980, 1, 1, 0, 0, 0)
"""Time of every packed file, so that equal files give equal wheels."""
BUILD_SECONDS = 600


def wheel_of(name: str, folder: Path) -> Path:
    """Write the wheel of an installed distribution into a folder and return its path.

    An editable installation is built from its project by pip; the files of any other installation are packed.

    Raises: StoreError if the distribution is not installed, or its wheel cannot be built.
    """
    try:
        distribution = metadata.distribution(name)
    except (metadata.PackageNotFoundError, ValueError) as error:
        raise StoreError(
            f"distribution {one_line(name, 100)!r} is not installed here: install it, or name its wheel with --wheel"
        ) from error
    project = _project(distribution)
    return _packed(distribution, folder) if project is None else _built(project, folder)


def _project(distribution: metadata.Distribution) -> Path | None:
    """Return the project of an editable installation; None for any other."""
    try:
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
        if origin.get("dir_info", {}).get("editable"):
            return Path(url2pathname(urlsplit(origin["url"]).path))
    except (ValueError, KeyError, AttributeError):
        return None
    return None


def _built(project: Path, folder: Path) -> Path:
    words = ["wheel", "--quiet", "--disable-pip-version-check", "--no-deps", "--wheel-dir", str(folder)]
    if _has_backend(project):  # the network is not needed then
        words.append("--no-build-isolation")
    done = subprocess.run(
        [sys.executable, "-m", "pip", *words, str(project)],
        capture_output=True, text=True, errors="replace", timeout=BUILD_SECONDS, check=False,
    )  # fmt: skip
    built = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or not built:
        reason = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "no reason given")
        raise StoreError(
            f"the wheel of {one_line(project.name, 100)} cannot be built: {one_line(reason, 300)}; build it yourself "
            "and name it with --wheel"
        )
    return built[0]


def _has_backend(project: Path) -> bool:
    """Return whether the tool that builds a project is installed here."""
    try:
        system = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8")).get("build-system", {})
        module = str(system.get("build-backend", "setuptools.build_meta")).partition(":")[0]
        return importlib.util.find_spec(module.partition(".")[0]) is not None
    except (OSError, ValueError):
        return False


def _packed(distribution: metadata.Distribution, folder: Path) -> Path:
    name, version = distribution.metadata["Name"], distribution.version
    if distribution.files is None:
        raise StoreError(f"{one_line(name, 100)} has no list of its installed files: name its wheel with --wheel")
    contents: dict[str, bytes] = {}
    for file in distribution.files:
        if ".." in file.parts or file.is_absolute() or file.suffix == ".pyc" or file.name in OF_THE_INSTALLER:
            continue
        contents[file.as_posix()] = Path(str(distribution.locate_file(file))).read_bytes()
    (info,) = {part for path in contents if (part := path.partition("/")[0]).endswith(".dist-info")} or {""}
    if not info:
        raise StoreError(f"{one_line(name, 100)} has no metadata of a wheel: name its wheel with --wheel")
    contents.setdefault(
        f"{info}/WHEEL", b"Wheel-Version: 1.0\nGenerator: mobench\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    contents[f"{info}/RECORD"] = _record(info, contents)
    tag = next(
        line.partition(":")[2].strip()
        for line in contents[f"{info}/WHEEL"].decode().splitlines()
        if line.startswith("Tag:")
    )
    path = folder / f"{name.replace('-', '_').replace('.', '_')}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in sorted(contents.items()):
            archive.writestr(zipfile.ZipInfo(member, TIME), content, zipfile.ZIP_DEFLATED)
    return path


def _record(info: str, contents: dict[str, bytes]) -> bytes:
    """Return the list of files of a wheel with their hashes."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for member, content in sorted(contents.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        writer.writerow([member, f"sha256={digest}", len(content)])
    writer.writerow([f"{info}/RECORD", "", ""])
    return buffer.getvalue().encode()
