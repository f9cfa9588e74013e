"""The state of a submission: what its files, its records and its signed verification say together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mobench.board.layout import State, Submission, Verification, read_verification
from mobench.board.signatures import why_not_signed
from mobench.board.submission_files import file_faults

IGNORED = "the verification does not count"


@dataclass(frozen=True)
class Standing:
    """The state of a submission.

    reason:       why it is rejected, or why its verification does not count; "" for none.
    verification: the outcome that counts; None if there is none.
    """

    state: State
    reason: str = ""
    verification: Verification | None = None


def standing_of(folder: Path, submission: Submission, verifiers: Mapping[str, str], is_imported: bool) -> Standing:
    """Return the state of a submission on a board.

    An outcome counts if it is about the present content, and signed by a verifier of the board. A submission whose
    files are not those that it lists is rejected, because it is unknown what was submitted.

    verifiers:   name -> public key, as in `board.toml`.
    is_imported: whether all its records are imported points.

    Raises: StoreError for a verification that cannot be read; MobenchError if there is a verification and the package
        `cryptography` is not installed.
    """
    if faults := file_faults(folder, submission):
        return Standing(State.REJECTED, faults[0])
    unverified = State.IMPORTED if is_imported else State.REPORTED
    outcome = read_verification(folder)
    if outcome is None:
        return Standing(unverified)
    if outcome.verifier not in verifiers:
        return Standing(unverified, f"{IGNORED}: {outcome.verifier!r} is no verifier of the board")
    if why_not := why_not_signed(submission, outcome, verifiers[outcome.verifier]):
        return Standing(unverified, f"{IGNORED}: {why_not}")
    return Standing(outcome.state, outcome.reason, outcome)
