"""Lines of `--json` about boards and submissions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mobench.output.output_lines import OutputLine


@dataclass(frozen=True)
class SubmissionLine(OutputLine):
    """A submission that was written.

    path:   its folder, or the repository that has it.
    branch: the branch of the repository; "" for a folder.
    """

    event = "submission"
    id: str
    store: str
    path: str
    branch: str
    records: int


@dataclass(frozen=True)
class VerificationLine(OutputLine):
    """The outcome of a verification. outcome: the content of `verification.json`."""

    event = "verification"
    id: str
    state: str
    reason: str
    outcome: dict[str, Any]


@dataclass(frozen=True)
class KeyLine(OutputLine):
    """A new key. path: file of the private key. public: the public key in hexadecimal digits."""

    event = "key"
    path: str
    public: str
