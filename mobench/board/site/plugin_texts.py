"""What plugins say about a method: source, summary and README, from the installed plugins or a submission's wheel."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from email.parser import BytesParser
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from mobench import files
from mobench.board.site.board_content import SubmissionContent
from mobench.board.wheels import MAX_METADATA_BYTES, read_wheel
from mobench.errors import MobenchError
from mobench.jobs.job import Part
from mobench.plugins import Plugin, registry
from mobench.registered import KINDS, top_package
from mobench.text import one_line

MAX_README_BYTES = 2**18
OWN = "mobench"
"""The distribution whose description is about no single plugin."""


@dataclass(frozen=True)
class PluginText:
    """What a plugin says about a part of a method. origin: the plugin, or why there is no text."""

    role: str
    name: str
    origin: str
    summary: str = ""
    source: str = ""
    readme: str = ""


def of_part(role: str, part: Part) -> PluginText:
    """Return what the installed plugin of a part says; its `origin` says so if there is none."""
    kind = next((kind for kind in KINDS if kind == role), None)
    try:
        if kind is None:
            raise MobenchError(f"no plugin registers a {role}")
        entry = registry().get(kind, part.name)
    except MobenchError:
        return PluginText(role, part.name, "no plugin of this name was installed where the site was made")
    spec, plugin = entry.spec, entry.plugin
    return PluginText(role, part.name, plugin.origin, spec.summary, getattr(spec, "source", ""), readme_of(plugin))


def readme_of(plugin: Plugin) -> str:
    """Return the README beside a plugin's package, else the description of its distribution; "" if there is none."""
    try:
        spec = find_spec(top_package(plugin.module))
    except (ImportError, ValueError):
        spec = None
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        try:
            return files.read(Path(folder, "README.md"), MAX_README_BYTES).decode(errors="replace")
        except OSError:  # most distributions have theirs outside the package
            continue
    if plugin.distribution == OWN:
        return ""
    try:
        return _description(metadata.metadata(plugin.distribution))
    except metadata.PackageNotFoundError:
        return ""


def of_wheels(content: SubmissionContent) -> list[PluginText]:
    """Return what the wheels of a submission say about themselves. Nothing of a wheel is run."""
    texts = []
    for distribution in content.submission.distributions:
        path = content.folder / distribution.wheel
        name = f"{distribution.name} {distribution.version}"
        try:
            wheel = read_wheel(path)
            with zipfile.ZipFile(path) as archive:
                member = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
                with archive.open(member) as file:
                    stated = BytesParser().parsebytes(file.read(MAX_METADATA_BYTES))
        except (MobenchError, OSError, ValueError, zipfile.BadZipFile, StopIteration) as error:
            texts.append(PluginText("distribution", name, f"its wheel cannot be read: {one_line(str(error))}"))
            continue
        texts.append(
            PluginText(
                "distribution", f"{wheel.name} {wheel.version}", distribution.wheel, str(stated.get("Summary", "")),
                str(stated.get("Home-page", "")), _description(stated),
            )
        )  # fmt: skip
    return texts


def _description(stated: object) -> str:
    payload = getattr(stated, "get_payload", lambda: "")()
    text = payload if isinstance(payload, str) and payload.strip() else str(stated["Description"] or "")  # type: ignore[index]
    return text[:MAX_README_BYTES]
