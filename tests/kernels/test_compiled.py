"""Libraries of C files: compiled once, cached, and optional."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mobench.kernels import compiled
from mobench.kernels.compiled import NotCompiledError

SOURCE = "int answer(void) { return 42; }\n"


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CC", raising=False)
    compiled.library.cache_clear()
    compiled.missing.cache_clear()
    path = tmp_path / "answer.c"
    path.write_text(SOURCE)
    return path


def test_a_file_is_compiled_once_and_kept(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not compiled.at_hand(source)
    assert compiled.library(source).answer() == 42
    assert compiled.missing(source) == ""
    assert compiled.at_hand(source)
    compiled.library.cache_clear()
    monkeypatch.setattr(compiled, "_compile", None)  # would raise
    assert compiled.library(source).answer() == 42


def test_another_text_is_another_library(source: Path) -> None:
    assert compiled.library(source).answer() == 42
    other = source.with_name("other.c")
    other.write_text(SOURCE.replace("42", "43"))
    other.replace(source)
    compiled.library.cache_clear()
    assert not compiled.at_hand(source)
    assert compiled.library(source).answer() == 43


def answer_elsewhere(source: Path) -> str:
    """Return the library's answer in a new process: a process that has loaded the file must not see it change.

    The module runs from its file, because the package `mobench.kernels` imports torch.
    """
    script = (
        "import runpy, sys; from pathlib import Path\n"
        "print(runpy.run_path(sys.argv[1])['library'](Path(sys.argv[2])).answer())"
    )
    words = [sys.executable, "-c", script, compiled.__file__, str(source)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def cached_library(source: Path) -> Path:
    """The library in the cache."""
    assert answer_elsewhere(source) == "42"
    return compiled._cached_path(source, compiled._compiler())


def planted(folder: Path) -> bytes:
    """A library with another result."""
    source_path, library_path = folder / "planted.c", folder / "planted.so"
    source_path.write_text(SOURCE.replace("42", "666"))
    subprocess.run([compiled._compiler(), "-shared", "-fPIC", "-o", str(library_path), str(source_path)], check=True)
    return library_path.read_bytes()


@pytest.mark.parametrize("mode", [0o666, 0o620, 0o602])
def test_a_library_that_others_can_write_is_not_loaded_and_made_again(
    source: Path, cached_library: Path, tmp_path: Path, mode: int
) -> None:
    content = planted(tmp_path)
    cached_library.write_bytes(content)
    compiled._checksum(cached_library).write_text(hashlib.sha256(content).hexdigest())
    cached_library.chmod(mode)
    assert not compiled.at_hand(source)
    assert compiled.library(source).answer() == 42
    assert compiled.at_hand(source)
    assert stat.S_IMODE(cached_library.stat().st_mode) == 0o600


def test_a_library_of_somebody_else_is_not_loaded(
    source: Path, cached_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = planted(tmp_path)
    cached_library.write_bytes(content)
    compiled._checksum(cached_library).write_text(hashlib.sha256(content).hexdigest())
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert not compiled.at_hand(source)
    assert compiled.library(source).answer() == 42


@pytest.mark.parametrize("writable", ["a library", "a checksum", "the folder"])
def test_what_is_in_a_place_that_others_can_write_is_not_trusted(
    source: Path, cached_library: Path, tmp_path: Path, writable: str
) -> None:
    """The umask of a shared machine leaves such folders; the cache closes its own again."""
    content = planted(tmp_path)
    cached_library.write_bytes(content)
    compiled._checksum(cached_library).write_text(hashlib.sha256(content).hexdigest())
    {
        "a library": cached_library,
        "a checksum": compiled._checksum(cached_library),
        "the folder": cached_library.parent,
    }[writable].chmod(0o777)
    assert compiled.library(source).answer() == 42
    compiled.library.cache_clear()
    assert compiled.at_hand(source)
    assert not stat.S_IMODE(cached_library.parent.stat().st_mode) & 0o022, "others may not write to the folder"


@pytest.mark.parametrize("n_bytes", [0, 5000, -1])
def test_a_library_that_is_cut_short_is_made_again_before_it_can_end_the_process(
    source: Path, cached_library: Path, n_bytes: int
) -> None:
    """Its pages beyond the end of the file would be a bus error when they are touched."""
    content = cached_library.read_bytes()
    os.truncate(cached_library, n_bytes if n_bytes >= 0 else len(content) - 1)
    assert answer_elsewhere(source) == "42"
    assert cached_library.read_bytes()[:4] == b"\x7fELF"
    assert compiled.at_hand(source)


def test_a_library_without_its_checksum_is_made_again(source: Path, cached_library: Path) -> None:
    compiled._checksum(cached_library).unlink()
    assert not compiled.at_hand(source)
    assert compiled.library(source).answer() == 42
    assert compiled.at_hand(source)


def test_half_a_library_is_made_anew(source: Path) -> None:
    library_path = compiled._cached_path(source, compiled._compiler())
    library_path.parent.mkdir(parents=True)
    library_path.write_bytes(b"\x7fELF")
    assert compiled.library(source).answer() == 42


def test_a_cache_that_cannot_be_written_is_done_without(source: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder belongs")
    assert compiled.library(source).answer() == 42
    assert not compiled.at_hand(source)


def test_no_compiler_is_told(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NotCompiledError, match="no C compiler"):
        compiled.library(source)
    assert "install one" in compiled.missing(source)
    assert not compiled.at_hand(source)


def test_a_compiler_that_declines_is_quoted(source: Path) -> None:
    source.write_text("int answer(void) { return forty_two; }\n")
    assert re.search("declines answer.c: .*error.*forty_two", compiled.missing(source))


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("echo nonsense", "cannot be loaded"),
        ("exit 3", "declines answer.c: no reason given"),
        ("kill -9 $$", "declines answer.c"),
    ],
)
def test_a_compiler_of_nonsense_is_told(
    program: str, message: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = tmp_path / "nonsense"
    find_output = 'while [ "$1" != -o ]; do shift; done'
    compiler.write_text(f'#!/bin/sh\n{find_output}\n{program} > "$2"\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    assert message in compiled.missing(source)
    assert not compiled.at_hand(source)


def test_a_compiler_that_cannot_look_at_the_processor_compiles_for_any(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = tmp_path / "modest"
    compiler.write_text('#!/bin/sh\ncase "$*" in *-march=*) echo "error: unknown" >&2; exit 1;; esac\nexec cc "$@"\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    assert compiled.library(source).answer() == 42


def test_a_compiler_that_cannot_be_run_is_told(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = tmp_path / "empty"
    compiler.write_bytes(b"")
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    assert "empty could not be run: OSError" in compiled.missing(source)
