"""The state of a submission: only a signed outcome about its present content counts."""

from __future__ import annotations

from pathlib import Path

from submissions import edit_record

from mobench.board import layout
from mobench.board.layout import State, Verification, read_board, read_submission
from mobench.board.signatures import read_key
from mobench.board.states import standing_of


def outcome(submission: Path, key: Path, state: State = State.VERIFIED, verifier: str = "me") -> Verification:
    """Write a signed outcome into a submission, and return it."""
    content, signer = read_submission(submission), read_key(key)
    unsigned = Verification(
        submission=content.digest, state=state, reason="" if state is State.VERIFIED else "it differs",
        verifier=verifier, mobench="0.1.0", hardware="h", isolation="i", finished="2026-12-01T00:00:00+00:00",
        core_seconds=1.0, selection=signer.select(content),
    )  # fmt: skip
    signed = signer.sign(unsigned)
    layout.write(signed, submission)
    return signed


def state(submission: Path, board: Path, is_imported: bool = False) -> tuple[State, str]:
    standing = standing_of(submission, read_submission(submission), read_board(board).verifiers, is_imported)
    return standing.state, standing.reason


def test_without_an_outcome_it_is_reported_or_imported(submission: Path, board: Path) -> None:
    assert state(submission, board) == (State.REPORTED, "")
    assert state(submission, board, is_imported=True) == (State.IMPORTED, "")


def test_a_signed_outcome_counts(submission: Path, board: Path, key: Path) -> None:
    signed = outcome(submission, key)
    standing = standing_of(submission, read_submission(submission), read_board(board).verifiers, False)
    assert (standing.state, standing.verification) == (State.VERIFIED, signed)
    outcome(submission, key, State.REJECTED)
    assert state(submission, board) == (State.REJECTED, "it differs")


def test_the_outcome_of_a_stranger_does_not_count(submission: Path, board: Path, key: Path, tmp_path: Path) -> None:
    from mobench.board.signatures import write_new_key

    outcome(submission, key, verifier="somebody")
    assert state(submission, board) == (
        State.REPORTED, "the verification does not count: 'somebody' is no verifier of the board",
    )  # fmt: skip
    write_new_key(tmp_path / "other.pem")
    outcome(submission, tmp_path / "other.pem")
    assert state(submission, board) == (
        State.REPORTED, "the verification does not count: its signature is not of the verifier's key",
    )  # fmt: skip


def test_an_outcome_does_not_outlive_a_change(submission: Path, board: Path, key: Path) -> None:
    outcome(submission, key)
    path = submission / "submission.json"
    before = path.read_text()
    path.write_text(before.replace('"MIT"', '"CC0"'))
    assert state(submission, board) == (
        State.REPORTED, "the verification does not count: it is about another content of the submission",
    )  # fmt: skip
    path.write_text(before)
    assert state(submission, board)[0] is State.VERIFIED
    edit_record(submission, lambda content: content["notes"].update(x=1))
    path.write_text(before)
    state_now, reason = state(submission, board)
    assert state_now is State.REJECTED
    assert "has another hash than submission.json states: it was changed after submission" in reason
