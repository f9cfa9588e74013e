"""Wheels, and fresh virtual environments that contain the dependencies of mobench but not mobench itself.

The dependencies (torch and others) are those of the running interpreter: each is linked into a folder that a .pth
file names. A fresh environment therefore takes seconds, and it runs the mobench that a test installs into it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPTS = ("mypy", "pip", "pytest")


def environment(venv: Path, home: Path) -> dict[str, str]:
    """Return the environment of a shell in which pip uses no network and the tested checkout is not visible.

    Raises: RuntimeError if `python` or `pip` is not that of `venv`, because a test would change other packages.
    """
    hidden = ("MOBENCH", "XDG_", "PYTHON", "PIP_", "VIRTUAL_ENV", "COVERAGE")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}
    own_bin = Path(sys.executable).parent
    other_folders = [path for path in inherited["PATH"].split(os.pathsep) if Path(path) != own_bin]
    more = {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads this as "no isolation"
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "200",
        "PATH": os.pathsep.join([str(venv / "bin"), *other_folders]),
    }
    for command in ("python", "python3", "pip"):
        program = shutil.which(command, path=more["PATH"])
        if program != str(venv / "bin" / command):
            raise RuntimeError(f"{command} would be {program}: make the environment with `fresh` first")
    return {**inherited, **more}


def fresh(venv: Path, lent: Path) -> Path:
    """Create a virtual environment with the packages of this interpreter except mobench; return its python.

    lent: the folder to create for links to those packages, outside the environment.
    """
    done = subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    python = venv / "bin" / "python"
    # outside the environment, where pip uninstalls nothing: it never follows a link
    lent.mkdir()
    for name in ("purelib", "platlib"):
        for item in Path(sysconfig.get_path(name)).iterdir():
            if "mobench" not in item.name and item.suffix != ".pth" and not (lent / item.name).exists():
                (lent / item.name).symlink_to(item)
    site = sysconfig.get_path("purelib", vars={"base": str(venv), "platbase": str(venv)})
    (Path(site) / "lent.pth").write_text(f"{lent}\n")
    for script in SCRIPTS:
        path = venv / "bin" / script
        path.write_text(
            f"#!{python}\nimport runpy, sys\nsys.argv[0] = {script!r}\n"
            f"runpy.run_module({script!r}, run_name='__main__')\n"
        )
        path.chmod(0o755)
    (venv / "bin" / "ruff").symlink_to(Path(sys.executable).parent / "ruff")
    return python


def wheel(project: Path, target: Path) -> Path:
    """Build the wheel of a project as for a package index; return its path."""
    words = ["-m", "pip", "wheel", "-q", "--no-build-isolation", "--no-deps", "--no-index", "-w", str(target)]
    done = subprocess.run([sys.executable, *words, str(project)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = target.glob(f"{project_name(project)}-*.whl")
    return path


def project_name(project: Path) -> str:
    """Return the name of the distribution as it is written in file names."""
    import tomllib

    data = tomllib.loads((project / "pyproject.toml").read_text())
    return str(data["project"]["name"]).replace("-", "_")
