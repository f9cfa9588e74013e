"""Ed25519 signatures of verifications, and the choice of records that only the owner of a key can predict.

Ed25519 signatures are deterministic (RFC 8032, section 5.1.6): a key has exactly one signature of a submission. The
choice that follows from it is unknown to the submitter, cannot be influenced by the verifier, and can be checked by
everybody who has the public key.
"""

from __future__ import annotations

import hashlib
import stat
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from mobench import files
from mobench.board.layout import Submission, Verification
from mobench.errors import MobenchError, StoreError
from mobench.text import one_line

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

MAX_KEY_BYTES = 10_000
SELECTION = b"selection of a mobench submission: "
"""Start of the signed text that determines the choice. The bytes of a verification start differently, with a brace."""


@dataclass(frozen=True)
class SigningKey:
    """A private key. public: its public key, 64 hexadecimal digits, as `verifiers` in `board.toml` has it."""

    private: Ed25519PrivateKey
    public: str

    def select(self, submission: Submission) -> str:
        """Return the signature that determines which records of a submission are run again."""
        return self.private.sign(SELECTION + submission.digest.encode()).hex()

    def sign(self, outcome: Verification) -> Verification:
        """Return a verification with its signature."""
        return outcome.model_copy(update={"signature": self.private.sign(outcome.signed_bytes).hex()})


def write_new_key(path: Path) -> str:
    """Write a new private key into a file that only its owner can read, and return the public key.

    Raises: StoreError if the file exists or cannot be written; MobenchError without the package `cryptography`.
    """
    from_library = _library()
    from cryptography.hazmat.primitives import serialization

    key = from_library.Ed25519PrivateKey.generate()
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        with files.create(path, 0o600) as file:
            file.write(text)
    except FileExistsError as error:
        raise StoreError(f"{one_line(str(path))} exists, and a key is never replaced: name another file") from error
    except OSError as error:
        raise StoreError(
            f"{one_line(str(path))} cannot be written: {error.strerror or error}; name another file"
        ) from error
    return _public(key)


def read_key(path: Path) -> SigningKey:
    """Return the private key in a file.

    Raises: StoreError if other users can read the file, or if it has no Ed25519 key; MobenchError without the package
        `cryptography`.
    """
    from_library = _library()
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    name = one_line(str(path))
    try:
        content = files.read(path, MAX_KEY_BYTES)
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise StoreError(
            f"{name} cannot be read: {error.strerror or error}; name a file that `mobench board key` wrote"
        ) from error
    if mode & 0o077:
        raise StoreError(f"{name} can be read by other users (mode {mode:o}): a key is secret, run chmod 600 {name}")
    try:
        key = load_pem_private_key(content, None)
    except (ValueError, TypeError) as error:
        raise StoreError(f"{name} is not a private key: name a file that `mobench board key` wrote") from error
    if not isinstance(key, from_library.Ed25519PrivateKey):
        raise StoreError(f"{name} is a key of another kind than Ed25519: name a file that `mobench board key` wrote")
    return SigningKey(key, _public(key))


def why_not_signed(submission: Submission, outcome: Verification, public: str) -> str:
    """Return why a verification is not the owner of a public key's outcome for a submission; "" if it is.

    Raises: MobenchError without the package `cryptography`.
    """
    if outcome.submission != submission.digest:
        return "it is about another content of the submission"
    key = _library().Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
    if not _is_signature(key, outcome.signature, outcome.signed_bytes):
        return "its signature is not of the verifier's key"
    if not _is_signature(key, outcome.selection, SELECTION + submission.digest.encode()):
        return "the choice of rerun records is not of the verifier's key"
    return ""


def chosen_index(selection: str, task: str, n: int) -> int:
    """Return which of `n` records of a task is run again: a uniform number below `n` from a hash of both texts."""
    digest = hashlib.sha256(f"{selection}\0{task}".encode()).digest()
    return int.from_bytes(digest, "big") % n


def _is_signature(key: Ed25519PublicKey, signature: str, message: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


def _library() -> ModuleType:
    """Return the module of Ed25519 keys. Raises: MobenchError if the package is not installed."""
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise MobenchError(
            "signatures need the package cryptography, which is not installed: pip install 'mobench[board]'"
        ) from error
    return ed25519
