"""Folders that users provide: where they are looked for, what is said about missing ones, and how they are listed."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from mobench import user_folders
from mobench.errors import DataError, UnknownNameError
from mobench.hookspecs import UserFolder, hookimpl
from mobench.plugins import Plugin, Registry, registry

FOLDER = UserFolder(
    "pictures", "set/pictures", ("train/image", "labels.csv"), "images and a table", "Download a.zip from its authors"
)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Folders that are searched: $MOBENCH_DATA, the cache and the working directory."""
    places = {name: tmp_path / name for name in ("data", "cache", "work")}
    for place in places.values():
        place.mkdir()
    monkeypatch.setenv("MOBENCH_DATA", str(places["data"]))
    monkeypatch.setenv("XDG_CACHE_HOME", str(places["cache"]))
    monkeypatch.chdir(places["work"])
    monkeypatch.setattr(user_folders, "folders_by_name", lambda: {FOLDER.name: FOLDER})
    return places


def fill(place: Path) -> Path:
    (place / "train" / "image").mkdir(parents=True)
    (place / "labels.csv").touch()
    return place


def test_a_folder_is_found_in_each_place(places: dict[str, Path]) -> None:
    in_work = fill(places["work"] / "set" / "pictures")
    assert user_folders.require("pictures").samefile(in_work)
    in_cache = fill(places["cache"] / "mobench" / "data" / "set" / "pictures")
    assert user_folders.require("pictures") == in_cache
    in_data = fill(places["data"] / "set" / "pictures")
    assert user_folders.require("pictures") == in_data
    (in_data / "labels.csv").unlink()
    assert user_folders.require("pictures") == in_cache


def test_a_folder_of_another_name_is_found(places: dict[str, Path], tmp_path: Path) -> None:
    elsewhere = fill(tmp_path / "elsewhere")
    assert user_folders.require("pictures", str(elsewhere)) == elsewhere
    assert user_folders.require("pictures", "../elsewhere").samefile(elsewhere)
    below = fill(places["data"] / "mine")
    assert user_folders.require("pictures", "mine") == below


def test_what_is_missing_is_told_with_what_to_do(places: dict[str, Path]) -> None:
    with pytest.raises(DataError) as missing:
        user_folders.require("pictures", "")
    text = str(missing.value)
    assert "'set/pictures' is not in $MOBENCH_DATA, the cache or the working directory" in text
    assert "Accepted is a folder with train/image, labels.csv: images and a table" in text
    assert "Download a.zip from its authors, and name the folder in the option `folder`" in text
    with pytest.raises(DataError, match=r"Download a\.zip from its authors, and move it to set/pictures below"):
        user_folders.require("pictures")  # the dataset has no option `folder`
    place = fill(places["data"] / "set" / "pictures")
    (place / "labels.csv").unlink()
    with pytest.raises(DataError, match=r"pictures has no labels\.csv\."):
        user_folders.require("pictures")
    with pytest.raises(DataError, match=r"'a\\x00b' is not in"):
        user_folders.require("pictures", "a\x00b")


def test_an_unknown_name_is_told_with_the_nearest(places: dict[str, Path]) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'pictures'"):
        user_folders.require("picture")


def test_it_cannot_be_fetched(places: dict[str, Path]) -> None:
    with pytest.raises(DataError, match=r"pictures is provided by the user.*Download a\.zip.*move it to set/pictures"):
        user_folders.fetchable("pictures")
    assert user_folders.fetchable("jura")


def test_the_hook_registers_folders() -> None:
    guest = ModuleType("guest")
    guest.mobench_user_folders = hookimpl(lambda: [FOLDER])  # type: ignore[attr-defined]
    plugin_registry, plugin = Registry(), Plugin("guest", "guest", "1.0")
    plugin_registry.add(plugin, guest)
    assert (plugin.state, plugin_registry.user_folders) == ("ok", [FOLDER])


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("pictures", "return a list of UserFolder"),
        (UserFolder("a", "../a", ("b",), "", ""), "below the data folder"),
        (UserFolder("a", "a", ("../b",), "", ""), "below user folder 'a'"),
        (UserFolder("a", "a", "train", "", ""), "contents='train': a value of type tuple"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_folder_breaks_its_plugin_alone(folder: object, message: str) -> None:
    guest = ModuleType("guest")
    guest.mobench_user_folders = hookimpl(lambda: [folder])  # type: ignore[attr-defined]
    plugin_registry, plugin = Registry(), Plugin("guest", "guest", "1.0")
    plugin_registry.add(plugin, guest)
    assert plugin.state == "broken"
    assert message in plugin.error
    assert plugin_registry.user_folders == []


def test_declared_folders_have_names_of_their_own() -> None:
    folders = registry().user_folders
    assert len(folders) == len(user_folders.folders_by_name())
    assert all(folder.contents and folder.layout and folder.origin for folder in folders)
