"""Keys of verifiers, signatures of outcomes, and the choice of records that is rerun."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest
from scipy import stats

from mobench.board.layout import State, Submission, Verification
from mobench.board.signatures import chosen_index, read_key, why_not_signed, write_new_key
from mobench.errors import MobenchError, StoreError

SUBMISSION = Submission(
    id="a", store="s", contact="c", licence="MIT", hardware=[], mobench=["0.1.0"], files={"records/a.json": "0" * 64}
)


def outcome(submission: Submission, selection: str) -> Verification:
    return Verification(
        submission=submission.digest, state=State.VERIFIED, verifier="v", mobench="0.1.0", hardware="h", isolation="i",
        finished="2026-12-01T00:00:00+00:00", core_seconds=1.0, selection=selection,
    )  # fmt: skip


def test_an_outcome_is_signed_and_every_change_of_it_is_noticed(tmp_path: Path) -> None:
    public = write_new_key(tmp_path / "key")
    key = read_key(tmp_path / "key")
    assert key.public == public
    signed = key.sign(outcome(SUBMISSION, key.select(SUBMISSION)))
    assert why_not_signed(SUBMISSION, signed, public) == ""
    changed = SUBMISSION.model_copy(update={"licence": "CC0"})
    assert "another content" in why_not_signed(changed, signed, public)
    lighter = signed.model_copy(update={"reason": "none"})
    assert "its signature" in why_not_signed(SUBMISSION, lighter, public)
    preferred = key.sign(signed.model_copy(update={"selection": "00" * 64}))
    assert "the choice" in why_not_signed(SUBMISSION, preferred, public)
    write_new_key(tmp_path / "other")
    assert "its signature" in why_not_signed(SUBMISSION, signed, read_key(tmp_path / "other").public)
    assert "its signature" in why_not_signed(SUBMISSION, signed.model_copy(update={"signature": "no hex"}), public)


def test_the_choice_is_the_same_again_and_other_for_another_key(tmp_path: Path) -> None:
    for name in "ab":
        write_new_key(tmp_path / name)
    selections = [read_key(tmp_path / name).select(SUBMISSION) for name in "aab"]
    assert selections[0] == selections[1] != selections[2]


def test_the_choice_is_uniform() -> None:
    counts = [0, 0, 0]
    for i in range(3000):
        counts[chosen_index(f"selection {i}", "a task", 3)] += 1
    assert stats.chisquare(counts).pvalue > 1e-3


def test_only_its_owner_can_read_a_key(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_new_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(StoreError, match="exists, and a key is never replaced"):
        write_new_key(path)
    path.chmod(0o640)
    with pytest.raises(StoreError, match=r"can be read by other users \(mode 640\).* chmod 600"):
        read_key(path)


def test_another_file_is_no_key(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("no key")
    path.chmod(0o600)
    with pytest.raises(StoreError, match="is not a private key: name a file that"):
        read_key(path)
    with pytest.raises(StoreError, match="cannot be read: No such file"):
        read_key(tmp_path / "none")


def test_without_the_library_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric", None)
    with pytest.raises(MobenchError, match=r"pip install 'mobench\[board\]'"):
        write_new_key(tmp_path / "key")
