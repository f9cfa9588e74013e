"""Files are written in place of their name; symbolic links are not followed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mobench import files
from mobench.files import write_whole


def test_a_new_file_replaces_no_other_and_follows_no_link(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"kept")
    (tmp_path / "link").symlink_to(precious)
    (tmp_path / "nowhere").symlink_to(tmp_path / "other")
    for name in ("precious", "link", "nowhere"):
        with pytest.raises(FileExistsError):
            files.create(tmp_path / name)
    assert precious.read_bytes() == b"kept"
    assert not (tmp_path / "other").exists()


def test_temporary_names_differ_and_are_swept_by_their_beginning(tmp_path: Path) -> None:
    names = {files.temporary_for(tmp_path / "a.json").name for _ in range(100)}
    assert len(names) == 100
    assert all(name.startswith(".a.json.") and name.endswith(".tmp") for name in names)


@pytest.mark.parametrize("case", ["link", "nowhere", "folder", "pipe"])
def test_only_a_regular_file_is_opened_in_place(tmp_path: Path, case: str) -> None:
    path, precious = tmp_path / "x", tmp_path / "precious"
    precious.write_bytes(b"kept")
    {
        "link": lambda: path.symlink_to(precious),
        "nowhere": lambda: path.symlink_to(tmp_path / "other"),
        "folder": path.mkdir,
        "pipe": lambda: os.mkfifo(path),
    }[case]()
    for attempt in (lambda: files.open_in_place(path, create=True), lambda: files.open_for_reading(path)):
        with pytest.raises(OSError, match=r"symbolic link|not a regular file|Is a directory"):
            attempt()
    assert precious.read_bytes() == b"kept"
    assert not (tmp_path / "other").exists()


def test_a_file_is_replaced_and_not_what_its_name_links_to(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"kept")
    (tmp_path / "record.json").symlink_to(precious)
    write_whole(tmp_path / "record.json", b"new")
    assert precious.read_bytes() == b"kept"
    assert (tmp_path / "record.json").read_bytes() == b"new"
    assert not (tmp_path / "record.json").is_symlink()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["precious", "record.json"]


def write_half(path: Path, then: Callable[[], None]) -> None:
    with files.replacing(path) as temporary:
        temporary.write_bytes(b"half")
        then()


@pytest.mark.parametrize("when", ["in the block", "at the flush", "at the rename"])
def test_a_failed_replacement_leaves_the_previous_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(b"previous")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    if when == "at the flush":
        monkeypatch.setattr(os, "fsync", fail)
    if when == "at the rename":
        monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        write_half(path, fail if when == "in the block" else lambda: None)
    assert path.read_bytes() == b"previous"
    assert list(tmp_path.iterdir()) == [path]


def test_an_existing_file_is_an_error_where_it_must_not_be_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_whole(path, b"first", overwrite=False)
    with pytest.raises(FileExistsError):
        write_whole(path, b"second", overwrite=False)
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_one_module_names_temporary_files() -> None:
    """All atomic writes go through `files.replacing`."""
    root = Path(files.__file__).parent
    places = {path.relative_to(root).as_posix() for path in root.rglob("*.py") if "temporary_for(" in path.read_text()}
    assert places == {"files.py"}


def test_a_name_that_no_file_can_have_is_not_there(tmp_path: Path) -> None:
    assert not files.is_readable_file(tmp_path / ("x" * 300))
    assert not files.is_readable_file(Path("a\0b"))
    assert not files.is_file(tmp_path)
    with pytest.raises(OSError, match="too long"):
        files.exists(tmp_path / ("x" * 300))


def test_a_pipe_stays_what_it_is_also_behind_a_link(tmp_path: Path) -> None:
    """Devices are handled alike, but a failing test would replace a device of this machine."""
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link):
        with pytest.raises(OSError, match="it is not a regular file"):
            write_whole(path, b"new")
    assert pipe.is_fifo()
    assert link.is_symlink()
    assert sorted(tmp_path.iterdir()) == [link, pipe]
