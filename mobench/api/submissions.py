"""`mobench.submit` and `mobench.verify_submission`: records on a public board."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mobench.api.calls import NameOfOption, paths

if TYPE_CHECKING:
    from mobench.board.layout import Verification
    from mobench.board.submission_writing import WrittenSubmission


def submit(
    folder: str | Path,
    *,
    to: str,
    contact: str,
    licence: str,
    store: str | None = None,
    solver: str | Sequence[str] = (),
    wheel: str | Path | Sequence[str | Path] = (),
    search: str | Path | None = None,
) -> Path | str:
    """Write the records of a folder as a submission to a board, with the wheels of the plugins that trained them.

    The records are checked before anything is written: their protocol, that each task has all its seeds with the same
    options, that hypervolumes follow from the losses, that the wheel has the code that trained them, that the search
    for options was within the budget of the season, and that no part was registered in one process only.

    Args:
        folder: The folder of the records, as `mobench run` wrote it.
        to: The folder of a board, or a git repository to which a branch with the submission is pushed.
        contact: Who answers questions, for example a name and an e-mail address. It is public.
        licence: Licence of records and plugin, for example MIT.
        store: Store of the board; default: the only one that has the tasks of the records.
        solver: Solvers to submit; default: those with a part that is not mobench's own, or else all.
        wheel: Wheel of a plugin distribution; default: it is built from the installed one.
        search: Folder of `mobench tune`, if options were searched.

    Returns:
        The folder of the submission; the name of the branch if it was pushed to a repository.

    Raises:
        StoreError: For records that the board would not accept; the message has the reasons.
    """
    written = submitted(
        folder, to=to, contact=contact, licence=licence, store=store, solver=solver, wheel=wheel, search=search
    )
    return written.branch or Path(written.place)


def submitted(
    folder: str | Path,
    *,
    to: str,
    contact: str,
    licence: str,
    store: str | None,
    solver: str | Sequence[str],
    wheel: str | Path | Sequence[str | Path],
    search: str | Path | None,
) -> WrittenSubmission:
    """Write a submission and return it with its place; the arguments are those of `submit`. Raises: MobenchError."""
    from mobench.board.submission_writing import Statements
    from mobench.board.submission_writing import submit as write_submission
    from mobench.jobs import arguments

    names = arguments.names(solver, "solver")
    statements = Statements(
        contact, licence, store or "", names, paths(wheel), None if search is None else Path(search)
    )
    return write_submission(Path(folder), to, statements)


def verify_submission(
    submission: str | Path,
    *,
    key: str | Path,
    board: str | Path | None = None,
    isolation: str = "auto",
    timeout: float = 3600.0,
    memory: int | str | None = None,
    disk: int | str | None = None,
    processes: int = 512,
    tolerance: float = 1e-3,
    new_seeds: bool = True,
) -> Verification:
    """Run records of a submission again that its author could not foresee, and write the signed outcome.

    The code of the submission runs in a sandbox without network, with limits on time, memory, processes and disk.

    Args:
        submission: The folder of a submission.
        key: The file of the verifier's key, which `mobench board key` wrote.
        board: The folder of the board; default: the one that the submission is in.
        isolation: Sandbox: bubblewrap, systemd-run, unshare or none; auto is the strongest that works here.
        timeout: Seconds after which a program of the submission is stopped.
        memory: Memory at which it is stopped: 500MB, 2GiB; default: 8GiB. A number is in bytes.
        disk: Size of the files that it can write; default: 2GiB.
        processes: Number of its processes and threads.
        tolerance: Largest relative difference that counts as agreement, as in `mobench verify`.
        new_seeds: Whether one seed of each task is run that was not submitted.

    Returns:
        The outcome: `state` ("verified" or "rejected"), `reason`, `isolation`, `reruns`, `caveats` and the signature.

    Raises:
        MobenchError: If it cannot be judged here, for example without a sandbox or without the data.
    """
    return verified_submission(
        submission, key=key, board=board, isolation=isolation, timeout=timeout, memory=memory, disk=disk,
        processes=processes, tolerance=tolerance, new_seeds=new_seeds,
    )  # fmt: skip


def verified_submission(
    submission: str | Path,
    *,
    key: str | Path,
    board: str | Path | None,
    isolation: str,
    timeout: float,
    memory: int | str | None,
    disk: int | str | None,
    processes: int,
    tolerance: float,
    new_seeds: bool,
    tell: Callable[[str], None] = lambda line: None,
    label: NameOfOption = str,
) -> Verification:
    """Verify a submission; `tell` is called with a line before each step. The other arguments are those above.

    Raises: MobenchError.
    """
    from mobench.board.sandboxed_runs import VerificationSettings
    from mobench.board.sandboxes import SandboxLimits
    from mobench.board.submission_verification import verify_submission as verify
    from mobench.jobs import arguments

    default = SandboxLimits()
    for name, value in (("timeout", timeout), ("tolerance", tolerance), ("processes", processes)):
        arguments.quantity(value, label(name))

    def n_bytes(value: int | str | None, name: str, otherwise: int) -> int:
        if value is None:
            return otherwise
        return arguments.parse_bytes(value, label(name)) or otherwise if isinstance(value, str) else value

    limits = SandboxLimits(
        timeout, n_bytes(memory, "memory", default.memory), processes, n_bytes(disk, "disk", default.disk)
    )
    settings = VerificationSettings(isolation, limits, tolerance, new_seeds)
    folder = Path(submission).absolute()
    return verify(folder, folder.parents[1] if board is None else Path(board), Path(key), settings, tell)
