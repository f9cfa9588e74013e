"""A fresh virtual environment for the code of a submission, without network and without running anything of it."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mobench import datafiles
from mobench.board.sandboxes import SandboxView, import_folders, python_paths
from mobench.board.wheels import Wheel, unpack
from mobench.errors import StoreError
from mobench.text import one_line

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LINK_NAME = "packages-of-the-verifier.pth"


@dataclass(frozen=True)
class SubmissionEnvironment:
    """python: its interpreter. site: its folder of packages. view: what programs in it see in a sandbox."""

    python: Path
    site: Path
    view: SandboxView


def create_environment(folder: Path, wheels: Sequence[Wheel], n_threads: int) -> SubmissionEnvironment:
    """Create an environment in an empty folder: the wheels of a submission, and the verifier's own packages read-only.

    The wheels are unpacked, so that none of their code runs. The packages of the verifier are trusted: they are those
    of the environment that this process runs in.

    Raises: StoreError.
    """
    venv, scratch, data = folder / "venv", folder / "scratch", folder / "data"
    words = [sys.executable, "-m", "venv", "--without-pip", str(venv)]
    done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise StoreError(f"no virtual environment can be made: {one_line(done.stderr or done.stdout, 300)}")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = venv / "lib" / version / "site-packages"
    own = {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
    links = [str(path) for path in import_folders() if path not in own and path.name != "lib-dynload"]
    (site / LINK_NAME).write_text("\n".join(links) + "\n")
    for wheel in wheels:
        unpack(wheel, site)
    scratch.mkdir()
    linked = _link_data(data)
    _make_readable(venv)  # the programs in it may run as another user
    variables = {
        "PATH": PATH, "HOME": str(scratch), "TMPDIR": str(scratch), "XDG_CACHE_HOME": str(scratch / "cache"),
        "USER": "sandbox", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": str(n_threads), "MKL_NUM_THREADS": str(n_threads), datafiles.VARIABLE: str(data),
    }  # fmt: skip
    view = SandboxView((*python_paths(), venv, data, *linked), scratch, variables)
    return SubmissionEnvironment(venv / "bin" / "python", site, view)


def _link_data(folder: Path) -> list[Path]:
    """Make a folder with links to everything in the folders of data files; return what the links point to."""
    folder.mkdir()
    folder.chmod(0o755)
    targets = []
    for place in datafiles.folders():
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            link = folder / path.name
            if not link.is_symlink() and os.access(path, os.R_OK):
                link.symlink_to(path.resolve())
                targets.append(path.resolve())
    return targets


def _make_readable(folder: Path) -> None:
    """Let every user read a folder and everything in it, whatever this process sets for new files."""
    for place, _, names in os.walk(folder):
        for path in (Path(place), *(Path(place, name) for name in names)):
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode | (0o555 if path.is_dir() or mode & 0o100 else 0o444))
