"""Data files: located, fetched from their sources in order, and verified."""

from __future__ import annotations

import dataclasses
import hashlib
import http.server
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mobench import datafiles
from mobench.errors import DataError, UnknownNameError
from mobench.hookspecs import DataFile

CONTENT = b"some numbers"
SHA = hashlib.sha256(CONTENT).hexdigest()
CALLS: list[str] = []


def gives(folder: Path) -> None:
    CALLS.append("gives")
    (folder / "set").mkdir()
    (folder / "set" / "a.bin").write_bytes(CONTENT)


def gives_something_else(folder: Path) -> None:
    CALLS.append("gives something else")
    (folder / "set").mkdir(exist_ok=True)
    (folder / "set" / "a.bin").write_bytes(b"<html>not found</html>")


def gives_nothing(folder: Path) -> None:
    CALLS.append("gives nothing")


def fails(folder: Path) -> None:
    CALLS.append("fails")
    raise ConnectionError("no route\nto host")


@pytest.fixture(autouse=True)
def _fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    CALLS.clear()
    monkeypatch.delenv("MOBENCH_DATA", raising=False)
    monkeypatch.setattr(datafiles, "cache_folder", lambda: tmp_path / "cache")


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch) -> Any:
    def registered(*sources: Any, urls: tuple[str, ...] = ()) -> DataFile:
        names = tuple(f"{__name__}:{source.__name__}" for source in sources)
        file = DataFile("set", "set/a.bin", SHA, urls=urls, fetch=names)
        monkeypatch.setattr(datafiles, "collections", lambda: {"set": [file]})
        monkeypatch.setitem(__import__("sys").modules, __name__, __import__("types").SimpleNamespace(**globals()))
        return file

    return registered


def place(folder: Path, content: bytes = CONTENT) -> Path:
    path = folder / "set" / "a.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_the_users_folder_comes_before_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, register: Any
) -> None:
    register(fails)
    place(tmp_path / "cache")
    user_file = place(tmp_path / "mine")
    monkeypatch.setenv("MOBENCH_DATA", str(tmp_path / "mine"))
    assert datafiles.require("set") == {"set/a.bin": user_file}
    assert CALLS == []


def test_sources_are_tried_in_order_until_one_gives_the_right_file(tmp_path: Path, register: Any) -> None:
    register(fails, gives_nothing, gives_something_else, gives)
    messages: list[str] = []
    paths = datafiles.require("set", messages.append)
    assert CALLS == ["fails", "gives nothing", "gives something else", "gives"]
    assert paths["set/a.bin"].read_bytes() == CONTENT
    assert paths["set/a.bin"].is_relative_to(tmp_path / "cache")
    assert messages[-1] == f"set/a.bin: {len(CONTENT)} bytes, checksum verified"
    assert [p.name for p in (tmp_path / "cache").iterdir()] == ["set"], "nothing is left of the attempts"


def test_when_no_source_helps_each_says_why(register: Any) -> None:
    register(fails, gives_something_else)
    with pytest.raises(DataError) as raised:
        datafiles.require("set")
    message = str(raised.value)
    assert "\n" not in message
    for part in ("not in the cache", "fails: no route to host", "SHA-256", "set MOBENCH_DATA"):
        assert part in message


def test_a_file_that_is_not_the_right_one_is_never_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, register: Any
) -> None:
    register(gives)
    wrong = place(tmp_path / "mine", b"something else")
    monkeypatch.setenv("MOBENCH_DATA", str(tmp_path / "mine"))
    with pytest.raises(DataError, match=r"set/a.bin is not the expected one.*mobench data fetch set"):
        datafiles.require("set")
    assert wrong.read_bytes() == b"something else", "a user's file is the user's"


def test_a_file_that_changes_is_checked_again(tmp_path: Path, register: Any) -> None:
    file = register(gives)
    path = place(tmp_path / "cache")
    datafiles.verify(file, path)
    path.write_bytes(b"changed meanwhile")
    with pytest.raises(DataError):
        datafiles.verify(file, path)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "a.bin").write_bytes(CONTENT)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args: Any) -> None:
            """Nothing on the test's output."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


def test_addresses_come_before_functions(server: str, register: Any) -> None:
    register(gives, urls=(f"{server}/missing.bin", f"{server}/a.bin"))
    assert datafiles.require("set")["set/a.bin"].read_bytes() == CONTENT
    assert CALLS == []


def panics(folder: Path) -> None:
    raise GeneratorExit("no Exception")


def test_a_function_that_cannot_be_imported_is_a_reason_and_the_next_is_tried(
    register: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = register(panics, gives)
    with_missing = dataclasses.replace(file, fetch=("no_such_module:gone", f"{__name__}:no_such_function", *file.fetch))
    monkeypatch.setattr(datafiles, "collections", lambda: {"set": [with_missing]})
    assert datafiles.require("set")["set/a.bin"].read_bytes() == CONTENT
    only_missing = dataclasses.replace(with_missing, fetch=with_missing.fetch[:3], path="set/b.bin")
    with pytest.raises(DataError, match=r"gone: No module named 'no_such_module'.*no such function: .*no Exception"):
        datafiles.obtain(only_missing)


def test_ctrl_c_in_a_source_interrupts(register: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    file = register(gives)

    def interrupted(target: str, stage: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(datafiles, "_call", interrupted)
    with pytest.raises(KeyboardInterrupt):
        datafiles.obtain(file)


def gives_a_private_file(folder: Path) -> None:
    gives(folder)
    (folder / "set" / "a.bin").chmod(0o600)


@pytest.mark.parametrize("source", ["address", "function"])
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_what_is_fetched_has_the_mode_that_the_umask_gives(
    server: str, register: Any, source: str, umask: int, mode: int
) -> None:
    file = register(gives_a_private_file, urls=(f"{server}/a.bin",) if source == "address" else ())
    previous_umask = os.umask(umask)
    try:
        path = datafiles.obtain(file)
    finally:
        os.umask(previous_umask)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_an_address_that_sends_more_than_the_file_is_given_up(server: str, register: Any) -> None:
    file = dataclasses.replace(register(gives, urls=(f"{server}/a.bin",)), n_bytes=len(CONTENT) - 1)
    messages: list[str] = []
    datafiles.obtain(file, messages.append)
    assert CALLS == ["gives"], "the next source is tried"


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path, register: Any) -> None:
    register(gives)
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(DataError, match="cache folder cannot be written"):
        datafiles.require("set")


def test_an_unknown_collection_is_named(register: Any) -> None:
    register(gives)
    with pytest.raises(UnknownNameError, match="did you mean 'set'"):
        datafiles.collection("sett")


def test_every_registered_file_has_a_checksum_and_a_source() -> None:
    for files in datafiles.collections().values():
        for file in files:
            assert len(file.sha256) == 64
            assert file.urls or file.fetch
            assert file.n_bytes > 0
            assert ".." not in file.path
            assert not file.path.startswith("/")
