"""Records and submissions for tests of boards, and changes of them as an attacker makes them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mobench.board.submission_files import sha256_of
from mobench.jobs.job import Job

STORE = "tiny"
CONTACT = {"contact": "A. Guest <a@example.org>", "licence": "MIT"}
Edit = Callable[[dict[str, Any]], None]


def copied(source: Path, target: Path, pattern: str) -> Path:
    (target / "records").mkdir(parents=True)
    for path in (source / "records").glob(pattern):
        shutil.copy(path, target / "records")
    return target


def edit_record(folder: Path, edit: Edit, index: int = 0) -> Path:
    """Change one record of a folder, and the hashes of a submission; return the record's file.

    If the job has changed, the record gets the id and the file name of its new job.
    """
    path = sorted((folder / "records").glob("*.json"))[index]
    content = json.loads(path.read_text())
    before = json.dumps(content["job"])
    edit(content)
    if json.dumps(content["job"]) != before:
        content["id"] = Job.model_validate(content["job"]).id
        path.unlink()
        path = path.with_name(f"{path.stem.rpartition('-')[0]}-{content['id']}.json")
    path.write_text(json.dumps(content, indent=1))
    hash_again(folder)
    return path


def hash_again(folder: Path) -> None:
    """Write the hashes of the present files into a submission."""
    path = folder / "submission.json"
    if path.exists():
        content = json.loads(path.read_text())
        names = [file.relative_to(folder).as_posix() for file in sorted(folder.glob("*/*"))]
        content["files"] = {name: sha256_of(folder / name) for name in names}
        path.write_text(json.dumps(content))
