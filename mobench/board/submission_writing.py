"""Writing of a submission: records and wheels, checked, in a folder of a board or in a branch of its repository."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from mobench import files
from mobench.board.layout import (
    BOARD_FILE,
    RECORDS_FOLDER,
    SEARCH_FILE,
    SUBMISSIONS_FOLDER,
    WHEELS_FOLDER,
    Board,
    Distribution,
    Submission,
    read_board,
    read_submission,
    write,
)
from mobench.board.repositories import cloned, git
from mobench.board.search_budget import search_faults, unstated_search
from mobench.board.store_tasks import StoreTasks, imported_key, store_tasks, task_key
from mobench.board.submission_checks import (
    OWN,
    hardware_of,
    read_records,
    record_faults,
    seasons_of,
    source_faults,
    statement_faults,
    versions_of,
)
from mobench.board.submission_files import file_faults, sha256_of
from mobench.board.wheel_building import wheel_of
from mobench.board.wheels import FILE_NAME, Wheel, code_hashes, normalised_distribution, read_wheel, unpack
from mobench.errors import MobenchError, StoreError
from mobench.records.record import Record
from mobench.records.store import Store
from mobench.text import file_name_part, one_line

HASH_DIGITS = 8
N_NAMED = 3
"""Reasons that an error names."""


@dataclass(frozen=True)
class Statements:
    """What the submitter states.

    store:   the store of the board; "" for the only one whose tasks the records are of.
    solvers: names of the solvers whose records are submitted; empty: those with a part that is not mobench's own, or
             all if there is none.
    wheels:  wheels of distributions that are not to be built.
    search:  folder of `mobench tune` with the search for the options.
    """

    contact: str
    licence: str
    store: str = ""
    solvers: Collection[str] = ()
    wheels: Sequence[Path] = ()
    search: Path | None = None


@dataclass(frozen=True)
class WrittenSubmission:
    """place: the folder of the submission, or the repository whose branch `branch` has it."""

    submission: Submission
    place: str
    branch: str = ""


def submit(folder: Path, to: str, statements: Statements) -> WrittenSubmission:
    """Write the records of a folder as a submission to a board.

    to: the folder of a board, into which the folder of the submission is written; or a git repository, into which a
        branch with one commit is pushed.

    Raises: StoreError if a check finds a reason why the board could not accept the submission; nothing is written then.
    """
    if (Path(to) / BOARD_FILE).is_file():
        board = Path(to)
        _check_is_folder(board)
        with tempfile.TemporaryDirectory(prefix="mobench-submit-") as temporary:
            prepared = _prepared(folder, board, statements, Path(temporary))
            target = board / SUBMISSIONS_FOLDER / prepared.name
            if target.exists():
                raise StoreError(f"{one_line(str(target))} exists: these records were submitted before")
            _move(prepared, target)
        return WrittenSubmission(_checked_again(target), str(target))
    with cloned(to) as board:
        _check_is_folder(board)
        (board / SUBMISSIONS_FOLDER).mkdir(exist_ok=True)
        target = _prepared(folder, board, statements, board / SUBMISSIONS_FOLDER)
        branch = f"submission/{target.name}"
        git(board, "checkout", "--quiet", "-b", branch)
        git(board, "add", "--force", "--", f"{SUBMISSIONS_FOLDER}/{target.name}")
        git(board, "commit", "--quiet", "--message", f"Submission {target.name}")
        git(board, "push", "--quiet", "origin", branch)
        return WrittenSubmission(_checked_again(target), to, branch)


def _prepared(folder: Path, board_folder: Path, statements: Statements, place: Path) -> Path:
    """Write a submission into a new folder below `place`, check it, and return the folder. Raises: StoreError."""
    board = read_board(board_folder)
    records = _chosen(folder, statements)
    store, tasks = _store(board_folder, board, records, statements.store)
    unstated = [] if statements.search is not None else unstated_search(records, tasks)
    _refuse([*record_faults(records, tasks), *unstated])
    with tempfile.TemporaryDirectory(prefix="mobench-wheels-") as temporary:
        wheels = _wheels(records, statements.wheels, Path(temporary))
        digest = hashlib.sha256("".join(sorted(record.to_json() for record in records)).encode())
        for wheel in wheels:
            digest.update(sha256_of(wheel.path).encode())
        solvers = sorted({record.job.solver.name for record in records})
        id_ = f"{_id_part('-'.join(solvers))}-{digest.hexdigest()[:HASH_DIGITS]}"
        target = place / id_
        if target.exists():
            raise StoreError(f"{SUBMISSIONS_FOLDER}/{id_} exists in the board: these records were submitted before")
        _copy(records, wheels, statements.search, target)
    submission = _described(target, store, records, wheels, statements)
    write(submission, target)
    with tempfile.TemporaryDirectory(prefix="mobench-site-") as site:
        copies = [read_wheel(target / distribution.wheel) for distribution in submission.distributions]
        for wheel in copies:
            unpack(wheel, Path(site))
        hashes = code_hashes(copies, records, Path(site))
    _refuse([*source_faults(records, hashes), *search_faults(target, submission, tasks)])
    return target


def _move(folder: Path, target: Path) -> None:
    """Copy a folder under another name, all or nothing. Raises: StoreError."""
    temporary = files.temporary_for(target)
    try:
        target.parent.mkdir(exist_ok=True)
        shutil.copytree(folder, temporary)
        temporary.rename(target)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise StoreError(
            f"nothing can be written to {one_line(str(target.parent))}: {error.strerror or error}; name a board that "
            "you may write to"
        ) from error


def _check_is_folder(board: Path) -> None:
    """Raise StoreError where the submissions of a board lie elsewhere."""
    if (board / SUBMISSIONS_FOLDER).is_symlink():
        raise StoreError(f"{SUBMISSIONS_FOLDER} of the board is a symbolic link: name a board that holds its own files")


def _described(
    target: Path, store: str, records: Sequence[Record], wheels: Sequence[Wheel], statements: Statements
) -> Submission:
    """Return the description of the files in a folder. Raises: StoreError for a statement that no board shows."""
    paths = [path for path in sorted(target.rglob("*")) if path.is_file()]
    hashes = {path.relative_to(target).as_posix(): sha256_of(path) for path in paths}
    wheel_files = [(wheel, f"{WHEELS_FOLDER}/{wheel.path.name}") for wheel in wheels]
    try:
        return Submission(
            id=target.name,
            store=store,
            season=seasons_of(records)[0],
            contact=statements.contact,
            licence=statements.licence,
            hardware=hardware_of(records),
            mobench=versions_of(records),
            distributions=[
                Distribution(name=wheel.name, version=wheel.version, wheel=file, sha256=hashes[file])
                for wheel, file in wheel_files
            ],
            files=hashes,
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise StoreError(f"this cannot be submitted: {one_line(place)}: {one_line(first['msg'])}") from error


def _chosen(folder: Path, statements: Statements) -> list[Record]:
    contents = Store(folder).contents()
    for error in contents.unreadable:
        raise error
    records = contents.records
    if statements.solvers:
        names = {record.job.solver.name for record in records}
        if unknown := [name for name in statements.solvers if name not in names]:
            raise StoreError(
                f"{one_line(str(folder))} has no records of {one_line(', '.join(unknown))}, it has records of "
                f"{one_line(', '.join(sorted(names))) or 'nothing'}: name one of them"
            )
        records = [record for record in records if record.job.solver.name in statements.solvers]
    elif guests := [record for record in records if _distributions(record)]:
        solvers = {record.job.solver.name for record in guests}
        records = [record for record in records if record.job.solver.name in solvers]
    if not records:
        raise StoreError(f"there are no records in {one_line(str(folder))}: name a folder that `mobench run` wrote")
    return records


def _store(board_folder: Path, board: Board, records: Sequence[Record], name: str) -> tuple[str, StoreTasks]:
    """Return the store that records belong to, and its tasks. Raises: StoreError."""
    if name and name not in board.stores:
        raise StoreError(f"the board has no store {one_line(name)!r}: name one of {', '.join(board.stores)}")
    if name or len(board.stores) == 1:
        store = name or board.stores[0]
        return store, store_tasks(board_folder, store)
    matching = []
    for store in board.stores:
        try:
            tasks = store_tasks(board_folder, store)
        except MobenchError:  # a store without records and suite has no task of these records
            continue
        imported = {task.imported_key for task in tasks.tasks.values()}
        if all((imported_key(r.job) in imported) if r.imported else (task_key(r.job) in tasks.tasks) for r in records):
            matching.append((store, tasks))
    if len(matching) != 1:
        which = f"{len(matching)} stores" if matching else "no store"
        raise StoreError(
            f"the records are of the tasks of {which} of the board: name the store with --store, one of "
            f"{', '.join(board.stores)}"
        )
    return matching[0]


def _distributions(record: Record) -> set[str]:
    """Return the distributions of a record's parts, without mobench itself."""
    return {source.distribution for source in record.provenance.sources.values()} - {OWN}


def _wheels(records: Sequence[Record], paths: Sequence[Path], temporary: Path) -> list[Wheel]:
    """Return the wheels of the parts of records: those given, and others built or packed here."""
    wheels = [read_wheel(path) for path in paths]
    for wheel in wheels:
        if not FILE_NAME.fullmatch(wheel.path.name):
            raise StoreError(f"{one_line(wheel.path.name)} is not a name of a wheel: build it with `pip wheel`")
    given = {normalised_distribution(wheel.name) for wheel in wheels}
    for index, name in enumerate(sorted({name for record in records for name in _distributions(record)})):
        if normalised_distribution(name) not in given:
            folder = temporary / str(index)
            folder.mkdir()
            wheels.append(read_wheel(wheel_of(name, folder)))
    return wheels


def _copy(records: Sequence[Record], wheels: Sequence[Wheel], search: Path | None, target: Path) -> None:
    (target / RECORDS_FOLDER).mkdir(parents=True)
    for record in records:
        files.write_whole(target / RECORDS_FOLDER / Store(target).path(record.job).name, record.to_json().encode())
    if wheels:
        (target / WHEELS_FOLDER).mkdir()
    for wheel in wheels:
        shutil.copyfile(wheel.path, target / WHEELS_FOLDER / wheel.path.name)
    if search is not None:
        path = target / SEARCH_FILE
        path.parent.mkdir()
        try:
            shutil.copyfile(search / path.name, path)
        except OSError as error:
            raise StoreError(
                f"{one_line(str(search))} has no readable {path.name}: name the folder of a `mobench tune`"
            ) from error


def _id_part(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", file_name_part(name).lower()).strip("-") or "x"


def _refuse(faults: Sequence[str]) -> None:
    """Raise StoreError for the first reasons, if there is any."""
    if faults:
        more = f"; and {len(faults) - N_NAMED} more" if len(faults) > N_NAMED else ""
        raise StoreError(f"this cannot be submitted: {'; '.join(faults[:N_NAMED])}{more}")


def _checked_again(target: Path) -> Submission:
    """Return the submission in a folder, checked as a verifier checks it. Raises: StoreError."""
    submission = read_submission(target)
    records, faults = read_records(target, submission)
    _refuse([*file_faults(target, submission), *faults, *statement_faults(submission, records)])
    return submission
