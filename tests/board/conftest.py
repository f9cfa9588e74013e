"""A small board, records that can be submitted to it, and the key of its verifier."""

from __future__ import annotations

from pathlib import Path

import pytest
from submissions import CONTACT, STORE, copied

SUITE = """
seeds = [0, 1]
[budget]
steps = 20
[[entries]]
datasets = ["vlmop2"]
models = ["point"]
solvers = ["ls", "phn-ls"]
"""


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store with two seeds of two solvers on one task."""
    import in_process

    return in_process.trained(SUITE, tmp_path_factory.mktemp("trained"))


@pytest.fixture
def mine(trained: Path, tmp_path: Path) -> Path:
    """Return a store with the records to submit."""
    return copied(trained, tmp_path / "mine", "*-phn-ls-s*.json")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    from mobench.board.signatures import write_new_key

    write_new_key(tmp_path / "key.pem")
    return tmp_path / "key.pem"


@pytest.fixture
def board(trained: Path, tmp_path: Path, key: Path) -> Path:
    """Return a board with one store, which has records of another solver, and one verifier."""
    from mobench.board.signatures import read_key

    folder = tmp_path / "board"
    copied(trained, folder / STORE, "*-ls-s*.json")
    for path in (folder / STORE / "records").glob("*-phn-ls-s*.json"):
        path.unlink()
    public = read_key(key).public
    (folder / "board.toml").write_text(f'title = "T"\nstores = ["{STORE}"]\n[verifiers]\nme = "{public}"\n')
    return folder


@pytest.fixture
def submission(mine: Path, board: Path) -> Path:
    """Return the folder of a submission that passes every check."""
    import mobench

    return Path(mobench.submit(mine, to=str(board), **CONTACT))
