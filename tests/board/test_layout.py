"""The files of a board."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobench.board import layout
from mobench.board.layout import Board, State, Submission, Verification
from mobench.errors import StoreError

SUBMISSION = Submission(
    id="famous-method-3f2a",
    store="season-2/small",
    contact="someone@example.org",
    licence="MIT",
    hardware=["some processor"],
    mobench=["0.1.0"],
    files={"records/a.json": "0" * 64},
)


def test_a_submission_is_read_as_it_was_written(tmp_path: Path) -> None:
    layout.write(SUBMISSION, tmp_path)
    assert layout.read_submission(tmp_path) == SUBMISSION
    assert layout.read_verification(tmp_path) is None


def test_the_digest_covers_the_files_and_every_statement() -> None:
    changes: list[dict[str, object]] = [
        {"licence": "CC0"}, {"files": {"records/a.json": "1" * 64}}, {"store": "other"}, {"contact": "x"},
    ]  # fmt: skip
    digests = {SUBMISSION.digest, *(SUBMISSION.model_copy(update=change).digest for change in changes)}
    assert len(digests) == 1 + len(changes)


def test_the_signed_bytes_are_all_but_the_signature() -> None:
    outcome = Verification(
        submission=SUBMISSION.digest, state=State.VERIFIED, verifier="v", mobench="0.1.0", hardware="h", isolation="i",
        finished="2026-12-01T00:00:00+00:00", core_seconds=1.0, selection="aa",
    )  # fmt: skip
    assert outcome.signed_bytes == outcome.model_copy(update={"signature": "bb"}).signed_bytes
    assert outcome.signed_bytes != outcome.model_copy(update={"core_seconds": 2.0}).signed_bytes


@pytest.mark.parametrize("name", ["records/../../x", "records/.hidden", "/records/a", "records/a/b", "other/a", "a\n"])
def test_files_cannot_leave_their_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="files"):
        Submission.model_validate({**SUBMISSION.model_dump(), "files": {name: "0" * 64}})


@pytest.mark.parametrize("store", ["../x", "a//b", "A", "", "a/b/c/d", "a/", "/a"])
def test_stores_are_folders_of_the_board(tmp_path: Path, store: str) -> None:
    (tmp_path / "board.toml").write_text(f'title = "t"\nstores = ["{store}"]\n')
    with pytest.raises(StoreError, match=r"board\.toml is not valid: stores\.0"):
        layout.read_board(tmp_path)


def test_a_board_is_read(tmp_path: Path) -> None:
    (tmp_path / "board.toml").write_text('title = "t"\nstores = ["a", "season-2/small"]\n')
    assert layout.read_board(tmp_path) == Board(title="t", stores=["a", "season-2/small"])


def test_a_folder_without_a_board_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"board\.toml cannot be read: No such file"):
        layout.read_board(tmp_path)


def test_submissions_are_found_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        (tmp_path / "submissions" / name).mkdir(parents=True)
    for name in ("b", "a"):
        layout.write(SUBMISSION, tmp_path / "submissions" / name)
    assert [folder.name for folder in layout.submission_folders(tmp_path)] == ["a", "b"]
