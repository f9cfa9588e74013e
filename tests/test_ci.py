"""Continuous integration on a machine that lacks a program: it installs the program, or stops."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / ".ci" / "run"
NEEDED = {
    "python3": "python3 python3-venv",
    "cc": "gcc libc6-dev",
    "chromium": "chromium",
    "pdflatex": "--no-install-recommends texlive-latex-base texlive-latex-recommended",
    "pdftotext": "poppler-utils",
    "bwrap": "bubblewrap",
}


def run(folder: Path, missing: str, update: int, does: str) -> tuple[subprocess.CompletedProcess[str], str]:
    """The script with stand-ins for all programs but one; what apt-get was asked to do.

    python3 ends with 7, which is how it is known that everything before was passed. update: exit code of
    apt-get update. does: what apt-get install does.
    """
    (folder / ".ci").mkdir()
    shutil.copy(SCRIPT, folder / ".ci" / "run")
    programs = folder / "bin"
    programs.mkdir()
    (programs / "dirname").symlink_to(str(shutil.which("dirname")))
    log = folder / "log"
    log.touch()

    def stand_in(name: str, text: str) -> None:
        (programs / name).write_text(f"#!{shutil.which('bash')}\n{text}\n")
        (programs / name).chmod(0o755)

    for name in NEEDED:
        if name != missing:
            stand_in(name, "exit 7")
    stand_in("apt-get", f'echo "$*" >> {log}\nif [ "$1" = update ]; then exit {update}; fi\n{does}')
    words = [str(shutil.which("bash")), str(folder / ".ci" / "run")]
    done = subprocess.run(words, env={"PATH": str(programs)}, capture_output=True, text=True, timeout=60, check=False)
    return done, log.read_text()


@pytest.mark.parametrize("missing", NEEDED)
def test_a_missing_program_is_installed(tmp_path: Path, missing: str) -> None:
    place = tmp_path / "bin" / missing
    does = f"echo '#!{shutil.which('bash')}' > {place}; echo 'exit 7' >> {place}; {shutil.which('chmod')} +x {place}"
    done, log = run(tmp_path, missing, 0, does)
    assert log.splitlines() == ["update -q", f"install -q -y {NEEDED[missing]}"]
    assert done.returncode == 7, done.stderr


@pytest.mark.parametrize("missing", NEEDED)
@pytest.mark.parametrize(("update", "does", "code"), [(100, "exit 0", 100), (0, "exit 101", 101), (0, "exit 0", 1)])
def test_what_cannot_be_installed_ends_it_with_a_failure(
    tmp_path: Path, missing: str, update: int, does: str, code: int
) -> None:
    done, log = run(tmp_path, missing, update, does)
    assert done.returncode == code
    assert f"{missing} is missing" in done.stdout
    assert "update" in log
    if code == 1:
        assert f"{missing} is still missing after installing {NEEDED[missing]}" in done.stderr


def test_with_everything_there_nothing_is_installed(tmp_path: Path) -> None:
    done, log = run(tmp_path, "", 0, "exit 0")
    assert (done.returncode, log) == (7, "")
