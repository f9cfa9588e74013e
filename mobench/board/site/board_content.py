"""What a board contains: its stores with their leaderboards, and its submissions with their states.

Records are read as outlines, from the index of a store where it has one. Those of the board's owners decide what a
comparison holds fixed; records of a submission that differ in it are left out with the reason. The numbers of a
rejected submission are in no leaderboard.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mobench.board.layout import Board, State, Submission, read_board, read_submission, submission_folders
from mobench.board.states import Standing, standing_of
from mobench.errors import StoreError
from mobench.records.index import outlines
from mobench.records.outline import Outline
from mobench.records.store import Contents, Store
from mobench.reports.analysis.comparable import agreeing
from mobench.reports.analysis.leaderboard import Leaderboard, leaderboard
from mobench.text import one_line

TRUST = (State.IMPORTED, State.REPORTED, State.VERIFIED)
"""From the least to the most: a row has the least trusted state of its records."""


@dataclass(frozen=True)
class SubmissionContent:
    """A submission with its state and its records."""

    folder: Path
    submission: Submission
    standing: Standing
    records: tuple[Outline, ...]
    unreadable: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return self.submission.id


@dataclass(frozen=True)
class StoreContent:
    """A store of a board, with the submissions to it.

    board:    the leaderboard of the store's own records and of the submissions that are not rejected.
    records:  record id -> outline of each of these records, whether or not the leaderboard has it.
    submission_of: record id -> id of the submission that the record is of; "" for the board's own records.
    states:   record id -> state.
    rejected: the submissions to this store that are rejected.
    left_out: one line for each record that is not in the leaderboard, with the reason.
    """

    name: str
    board: Leaderboard
    records: dict[str, Outline]
    submission_of: dict[str, str]
    states: dict[str, State]
    rejected: tuple[SubmissionContent, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class BoardContent:
    """A board. faults: one line for each submission that cannot be read."""

    board: Board
    stores: tuple[StoreContent, ...]
    submissions: tuple[SubmissionContent, ...]
    faults: tuple[str, ...] = field(default=())


def read(folder: Path) -> BoardContent:
    """Return the content of a board.

    Raises: StoreError for a folder that is no board, and for a store without records.
    """
    board = read_board(folder)
    submissions, faults = _submissions(folder, board)
    by_store: dict[str, list[SubmissionContent]] = defaultdict(list)
    for content in submissions:
        if content.submission.store in board.stores:
            by_store[content.submission.store].append(content)
        else:
            faults.append(f"{content.id}: the board has no store {content.submission.store!r}, so no table has it")
    stores = tuple(_store(folder, name, by_store[name]) for name in board.stores)
    if not any(store.records or store.rejected for store in stores):
        raise StoreError(f"the board {one_line(str(folder))} has no records: run a suite into one of its stores")
    return BoardContent(board, stores, tuple(submissions), tuple(faults))


def _submissions(folder: Path, board: Board) -> tuple[list[SubmissionContent], list[str]]:
    contents, faults = list[SubmissionContent](), list[str]()
    for place in submission_folders(folder):
        try:
            submission = read_submission(place)
            records = outlines(Store(place))
            is_imported = bool(records.records) and all(r.imported is not None for r in records.records)
            standing = standing_of(place, submission, board.verifiers, is_imported)
        except StoreError as error:
            faults.append(f"{one_line(place.name)}: {one_line(str(error))}")
            continue
        unreadable = tuple(one_line(str(error)) for error in records.unreadable)
        contents.append(SubmissionContent(place, submission, standing, tuple(records.records), unreadable))
    return contents, faults


def _store(folder: Path, name: str, submissions: Sequence[SubmissionContent]) -> StoreContent:
    store = Store(folder / name)
    own = outlines(store) if store.records_folder.is_dir() else Contents[Outline]()
    records = {record.id: record for record in own.records}
    submission_of = dict.fromkeys(records, "")
    states = {id_: _unverified(record) for id_, record in records.items()}
    left_out = [one_line(str(error)) for error in own.unreadable]
    for content in submissions:
        if content.standing.state is State.REJECTED:
            continue
        left_out += [f"{content.id}: {line}" for line in content.unreadable]
        new = [record for record in content.records if record.id not in records]
        left_out += [
            f"{content.id}: {record.job.title} ({record.id}): {_whose(submission_of[record.id])} has this job already"
            for record in content.records
            if record.id in records
        ]
        selection = agreeing(new, list(records.values()))
        left_out += [f"{content.id}: {line}" for line in selection.left_out]
        for record in selection.records:
            records[record.id] = record
            submission_of[record.id] = content.id
            states[record.id] = _unverified(record) if content.standing.verification is None else content.standing.state
    board = leaderboard(sorted(records.values(), key=lambda record: record.id))
    rejected = tuple(content for content in submissions if content.standing.state is State.REJECTED)
    return StoreContent(
        name, board, records, submission_of, states, rejected, tuple(dict.fromkeys([*left_out, *board.left_out]))
    )


def _whose(submission: str) -> str:
    return f"submission {submission}" if submission else "the store"


def _unverified(record: Outline) -> State:
    return State.IMPORTED if record.imported is not None else State.REPORTED
