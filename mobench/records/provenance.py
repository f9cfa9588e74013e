"""Collect the provenance of a record: versions, processor, git state and times."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from mobench.jobs.job import Job
from mobench.plugins import registry
from mobench.records.record import Provenance
from mobench.records.sources import sources

PACKAGES = ("torch", "torchvision", "numpy", "pymoo", "moocore", "scipy")


def collect(
    started: datetime,
    device: str,
    threads: int,
    command: Sequence[str] = (),
    strategy: dict[str, Any] | None = None,
    job: Job | None = None,
) -> Provenance:
    """Return versions, processor, threads, git state and times, without host name and paths of the machine.

    job: the job that ran in this process; adds the sources of its parts.
    """
    return Provenance(
        started=started.isoformat(timespec="seconds"),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        mobench=_version("mobench") or "?",
        python=platform.python_version(),
        packages=_packages(),
        platform=f"{platform.system()} {platform.machine()}",
        processor=processor(),
        threads=threads,
        device=device,
        git=_git(),
        strategy=strategy,
        command=[_without_folder(word) for word in command],
        sources=sources(job) if job is not None else {},
    )


@cache
def _packages() -> dict[str, str]:
    names = {*PACKAGES, *(p.distribution for p in registry().plugins if p.state == "ok")}
    return {name: version for name in sorted(names) if (version := _version(name))}


@cache
def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


@cache
def processor() -> str:
    """Return the processor model and its vector instructions, which affect speed and summation order."""
    import torch

    model = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    return f"{model} ({torch.backends.cpu.get_cpu_capability()})"


@cache
def _git() -> str | None:
    """Return the commit of mobench's git checkout; None outside a checkout. See `commit_of`."""
    return commit_of(Path(__file__).parent)


def commit_of(folder: Path) -> str | None:
    """Return the commit of a folder's git checkout, with "-dirty" if tracked files differ from it.

    Files in `results` at the top of the checkout do not count: a run writes tables there, and they are no code.
    None if the folder is in no checkout or git cannot be run.
    """

    def git(*words: str) -> str:
        process = subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, text=True, timeout=10, check=True
        )  # fmt: skip
        return process.stdout.strip()

    try:
        commit = git("describe", "--always", "--abbrev=12", "--exclude=*")
        changes = git("status", "--porcelain", "--untracked-files=no", "--", ":(top)", ":(top,exclude)results")
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("-dirty" if changes else "") if commit else None


def _without_folder(word: str) -> str:
    head, equals, value = word.rpartition("=")
    return head + equals + (Path(value).name if value.startswith(("/", "~")) or sys.prefix in value else value)


def without_paths(details: str) -> str:
    """Return a traceback with file names reduced to their last two parts, which reveal no path of the machine."""
    return re.sub(r'File "[^"]*?([^"/\\]+/[^"/\\]+)"', r'File "\1"', details)
