"""The user's cache for mobench: what it holds can be made again, and where it cannot be used it is absent."""

from __future__ import annotations

from pathlib import Path


def user_cache_dir(part: str) -> Path | None:
    """The folder of this name in the user's cache; None where no home folder is known.

    It may not exist, and the system may not let us look into it: whoever reads it takes an OSError for a file that
    is not there, and whoever writes it does without.
    """
    from platformdirs import user_cache_path

    # without HOME, of a user whom the system does not know: versions of platformdirs raise, or return a relative path
    try:
        folder = user_cache_path("mobench") / part
    except RuntimeError:
        return None
    return folder if folder.is_absolute() else None
