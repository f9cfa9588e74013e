"""Folders of data that users provide: lookup, and errors that say what a folder has to contain.

Plugins declare them by the hook `mobench_user_folders` (`UserFolder` in `mobench.hookspecs`).
"""

from __future__ import annotations

from pathlib import Path

from mobench.datafiles import VARIABLE, collection, folders
from mobench.errors import DataError, unknown_name
from mobench.files import is_readable_dir, is_readable_file
from mobench.plugins import DataFile, UserFolder, load_all, registry

__all__ = ["fetchable", "find", "folders_by_name", "require"]


def folders_by_name() -> dict[str, UserFolder]:
    """Return all declared folders by the name of their data."""
    return {folder.name: folder for folder in registry().user_folders}


def find(folder: UserFolder, path: str = "") -> Path | None:
    """Return the place of a folder that has all its contents; None if there is none.

    path: another path than `folder.path`, absolute or relative. It is looked for in $MOBENCH_DATA, in the cache, and
        in the working directory.
    """
    return next((place for place in _places(folder, path) if not _absent(folder, place)), None)


def require(name: str, path: str | None = None) -> Path:
    """Return the place of the folder with the user's data of this name.

    path: value of the option `folder` of a dataset, as in `find`; None: the dataset has no such option.

    Raises: DataError if no place has it, or none has all its contents; UnknownNameError if no plugin declares it.
    """
    folder = _declared(name)
    place = find(folder, path or "")
    if place is not None:
        return place
    present = next((place for place in _places(folder, path or "") if is_readable_dir(place)), None)
    if present is None:
        state = f"{path or folder.path!r} is not in ${VARIABLE}, the cache or the working directory"
    else:
        state = f"{present} has no {' and no '.join(_absent(folder, present))}"
    remedy = "" if path is None else "name the folder in the option `folder`, or "
    raise DataError(
        f"no folder with the user's files of {name} was found: {state}. Accepted is a folder with "
        f"{', '.join(folder.contents)}: {folder.layout}. {folder.origin}, and {remedy}move it to "
        f"{folder.path} below ${VARIABLE}"
    )


def fetchable(name: str) -> list[DataFile]:
    """Return the files of a collection that have checksums and can be fetched.

    Raises: DataError if users have to provide the data of this name; UnknownNameError if nothing has this name.
    """
    load_all()
    folder = folders_by_name().get(name)
    if folder is not None:
        raise DataError(
            f"{name} is provided by the user: it has no checksums and cannot be fetched. {folder.origin}, and move it "
            f"to {folder.path} below ${VARIABLE}"
        )
    return collection(name)


def _declared(name: str) -> UserFolder:
    by_name = folders_by_name()
    if name not in by_name:
        load_all()
        by_name = folders_by_name()
    if name not in by_name:
        raise unknown_name("folder of data", name, by_name)
    return by_name[name]


def _places(folder: UserFolder, path: str) -> list[Path]:
    # an absolute path stays as it is
    return [root / (path or folder.path) for root in (*folders(), Path())]


def _absent(folder: UserFolder, place: Path) -> list[str]:
    """Return the contents that a place does not have; all of them if it cannot be read."""
    paths = {part: place / part for part in folder.contents}
    return [part for part, path in paths.items() if not (is_readable_file(path) or is_readable_dir(path))]
