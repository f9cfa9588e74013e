"""Records and submissions for tests of boards, and changes of them as an attacker makes them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mobench.board.submission_files import sha256_of
from mobench.jobs.job import Job
from mobench.records.store import Store

STORE = "tiny"
CONTACT = {"contact": "A. Guest <a@example.org>", "licence": "MIT"}
Edit = Callable[[dict[str, Any]], None]


def copied(source: Path, target: Path, pattern: str) -> Path:
    (target / "records").mkdir(parents=True)
    for path in (source / "records").glob(pattern):
        shutil.copy(path, target / "records")
    return target


def edit_records(folder: Path, edit: Edit) -> None:
    """Change every record of a folder, as `edit_record` does."""
    for path in sorted((folder / "records").glob("*.json")):
        edit_record(folder, edit, path)


def edit_record(folder: Path, edit: Edit, path: Path | None = None) -> None:
    """Change one record of a folder, by default the first, and the hashes of a submission.

    If the job has changed, the record gets the id and the file name of its new job.
    """
    path = path or min((folder / "records").glob("*.json"))
    content = json.loads(path.read_text())
    before = json.dumps(content["job"])
    edit(content)
    if json.dumps(content["job"]) != before:
        job = Job.model_validate(content["job"])
        content["id"] = job.id
        path.unlink()
        path = Store(folder).path(job)
    path.write_text(json.dumps(content, indent=1))
    hash_again(folder)


def hash_again(folder: Path) -> None:
    """Write the hashes of the present files into a submission."""
    path = folder / "submission.json"
    if path.exists():
        content = json.loads(path.read_text())
        names = [file.relative_to(folder).as_posix() for file in sorted(folder.glob("*/*"))]
        content["files"] = {name: sha256_of(folder / name) for name in names}
        path.write_text(json.dumps(content))
