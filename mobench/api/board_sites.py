"""`mobench.site`: the static site of a board."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mobench.api.calls import progress_shown, warn

if TYPE_CHECKING:
    from mobench.board.site.site_build import WrittenSite


def site(board: str | Path, *, out: str | Path, progress: bool | None = None) -> Path:
    """Write the static site of a board, and return the path of its front page.

    The site works from the file system, below any address, and without scripts. Submissions that no table has are
    reported as a UserWarning; each is on the page of submissions too.

    Args:
        board: The folder of a board: its file board.toml names the stores that are shown.
        out: The folder of the site: new, empty, or with an earlier site, whose files are replaced.
        progress: As in `run`.

    Raises:
        StoreError: If the folder is no board, has no records, or the site cannot be written.
    """
    with progress_shown(progress):
        written = written_site(board, out=out)
    for line in written.faults:
        warn(line)
    return written.index


def written_site(board: str | Path, *, out: str | Path) -> WrittenSite:
    """Write the site of `site`. Raises: StoreError."""
    from mobench.board.site import site_build
    from mobench.output.progress import steps

    with steps("site") as step:
        return site_build.write(Path(board), Path(out), step)
