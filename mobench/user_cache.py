"""Location of the user's cache for mobench; everything in it can be recreated."""

from __future__ import annotations

from pathlib import Path


def user_cache_dir(part: str) -> Path | None:
    """Return the folder of this name in the user's cache; None if no home folder is known.

    The folder may be missing or inaccessible. Callers treat an OSError as a missing file when they read, and skip
    caching when they write.
    """
    from platformdirs import user_cache_path

    # without HOME and for a user unknown to the system, platformdirs raises or returns a relative path
    try:
        folder = user_cache_path("mobench") / part
    except RuntimeError:
        return None
    return folder if folder.is_absolute() else None
