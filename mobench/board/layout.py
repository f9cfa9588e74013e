"""The files of a board: `board.toml`, stores of records, and submissions with their verification.

board.toml                       title, and the stores that the board shows
STORE/records/*.json             records of the board's owners, written by `mobench run`
submissions/ID/submission.json   what a submission claims, with the hash of each of its files
submissions/ID/records/*.json    its records
submissions/ID/wheels/*.whl      the plugin distributions that train them, if they are not mobench's own
submissions/ID/search/study.csv  the trials of the search for their options, if there was one
submissions/ID/verification.json the signed outcome of a verification, once there is one
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, ValidationError

from mobench import files
from mobench.errors import StoreError
from mobench.jobs.job import Strict
from mobench.text import one_line

BOARD_FILE = "board.toml"
SUBMISSIONS_FOLDER = "submissions"
SUBMISSION_FILE = "submission.json"
VERIFICATION_FILE = "verification.json"
RECORDS_FOLDER = "records"
WHEELS_FOLDER = "wheels"
SEARCH_FILE = "search/study.csv"
MAX_BYTES = 2**22
"""Size limit of each of these files, records and wheels excluded."""


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("a text has only printable characters, in one line")
    return text


ShortText = Annotated[str, Field(max_length=500), AfterValidator(_printable)]
"""One line without control characters. It may contain HTML, LaTeX or a formula; pages and tables escape it."""
StatedText = Annotated[ShortText, Field(pattern=r"\S")]
"""A text that is not blank."""
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 hash in hexadecimal digits."""
SubmissionId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")]
StoreName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}(/[a-z0-9][a-z0-9-]{0,39}){0,2}$")]
"""A folder of records relative to the board, such as `season-2/small`."""
FileName = Annotated[str, Field(pattern=r"^(records|wheels|search)/[A-Za-z0-9][A-Za-z0-9_.+!-]{0,199}$")]


class State(StrEnum):
    """How far the numbers of a row can be trusted.

    VERIFIED: jobs that the submitter could not foresee were run again and agreed.
    REPORTED: as submitted; nothing was run again.
    IMPORTED: points of another program, without a job that could be run.
    REJECTED: a verification found a reason, which is public, not to trust the numbers.
    """

    VERIFIED = "verified"
    REPORTED = "reported"
    IMPORTED = "imported"
    REJECTED = "rejected"


class Board(Strict):
    """The content of `board.toml`.

    stores:    the folders of records that are shown, in this order.
    verifiers: name -> public key (Ed25519, 64 hexadecimal digits) of those whose signed outcomes count.
    """

    format: Literal[1] = 1
    title: ShortText
    description: ShortText = ""
    url: ShortText = ""
    licence: ShortText = ""
    stores: list[StoreName] = Field(min_length=1)
    verifiers: dict[Annotated[str, Field(max_length=80)], Hash] = Field(default_factory=dict)


class Distribution(Strict):
    """A distribution whose plugins the records need. wheel: its file in `wheels`."""

    name: ShortText
    version: ShortText
    wheel: FileName
    sha256: Hash


class Submission(Strict):
    """The content of `submission.json`.

    store:    the store of the board that the records belong to.
    season:   the season of the records' jobs; "" if they have none.
    hardware: the classes of hardware on which the records were made: processors as in their provenance.
    mobench:  the versions of mobench with which they were made.
    files:    the SHA-256 hash of each file of the submission, by its path in the submission's folder.
    """

    format: Literal[1] = 1
    id: SubmissionId
    store: StoreName
    season: Annotated[str, Field(max_length=80)] = ""
    contact: StatedText
    licence: StatedText
    hardware: list[ShortText]
    mobench: list[ShortText]
    distributions: list[Distribution] = Field(default_factory=list)
    files: dict[FileName, Hash]

    @property
    def digest(self) -> str:
        """The SHA-256 hash of everything submitted: this object, with the hashes of the files."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()


class Rerun(Strict):
    """A job that was run again. largest: the largest difference relative to its tolerance, at most 1 if it agrees."""

    record: ShortText
    title: ShortText
    agrees: bool
    identical: bool
    largest: float
    description: ShortText = ""


class Verification(Strict):
    """The content of `verification.json`.

    submission: the digest of the verified submission. An outcome of another one does not count.
    reason:     why the submission is rejected, in one sentence; "" if it is verified.
    isolation:  what the reruns were isolated by, such as "bubblewrap: no network, no files outside its folder".
    selection:  the signature of the digest. It determines the rerun jobs: only the owner of the key can predict them.
    signature:  the signature of this object without this field.
    """

    format: Literal[1] = 1
    submission: Hash
    state: Literal[State.VERIFIED, State.REJECTED]
    reason: Annotated[str, Field(max_length=2000), AfterValidator(_printable)] = ""
    verifier: ShortText
    mobench: ShortText
    hardware: ShortText
    isolation: ShortText
    finished: ShortText
    core_seconds: float
    reruns: list[Rerun] = Field(default_factory=list)
    caveats: list[ShortText] = Field(default_factory=list)
    selection: ShortText
    signature: ShortText = ""

    @property
    def signed_bytes(self) -> bytes:
        """The bytes that `signature` signs."""
        content = self.model_dump(mode="json", exclude={"signature"})
        return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


FileContent = TypeVar("FileContent", bound=Strict)


def read_board(folder: Path) -> Board:
    """Return the description of a board. Raises: StoreError."""
    path = folder / BOARD_FILE
    content = _bytes(path, f"name the folder of a board, which has a file {BOARD_FILE} (`mobench new board`)")
    try:
        return Board.model_validate(tomllib.loads(content.decode()))
    except (ValueError, ValidationError) as error:
        raise _invalid(path, error) from error


def read_submission(folder: Path) -> Submission:
    """Return the description of the submission in a folder. Raises: StoreError."""
    return _parsed(folder / SUBMISSION_FILE, Submission, "name a folder that `mobench submit` wrote")


def read_verification(folder: Path) -> Verification | None:
    """Return the verification in a submission's folder, or None if there is none. Raises: StoreError."""
    path = folder / VERIFICATION_FILE
    return _parsed(path, Verification, "make it readable") if path.exists() else None


def submission_folders(board: Path) -> Iterator[Path]:
    """Yield the folder of each submission of a board, sorted by name."""
    folder = board / SUBMISSIONS_FOLDER
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if (path / SUBMISSION_FILE).is_file())


def write(content: Submission | Verification, folder: Path) -> Path:
    """Write a submission or a verification into its folder, all or nothing. Returns the path of the file."""
    path = folder / (SUBMISSION_FILE if isinstance(content, Submission) else VERIFICATION_FILE)
    text = json.dumps(content.model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=False)
    files.write_whole(path, (text + "\n").encode())
    return path


def _parsed(path: Path, model: type[FileContent], remedy: str) -> FileContent:
    try:
        return model.model_validate_json(_bytes(path, remedy))
    except ValidationError as error:
        raise _invalid(path, error) from error


def _bytes(path: Path, remedy: str) -> bytes:
    try:
        return files.read(path, MAX_BYTES)
    except OSError as error:
        raise StoreError(f"{one_line(str(path))} cannot be read: {error.strerror or error}; {remedy}") from error


def _invalid(path: Path, error: Exception) -> StoreError:
    reason = str(error)
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        reason = f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}"
    return StoreError(f"{one_line(str(path))} is not valid: {one_line(reason)}; correct it or write it again")
