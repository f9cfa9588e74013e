"""Verification of a submission: checks, reruns that the submitter could not foresee, and a signed outcome."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from mobench.board.environments import create_environment
from mobench.board.layout import State, Submission, Verification, read_board, read_submission, write
from mobench.board.sandboxed_process import check_name, chosen_sandbox
from mobench.board.sandboxed_runs import CannotJudge, Findings, SandboxedRuns, VerificationSettings
from mobench.board.sandboxes import SandboxView
from mobench.board.search_budget import search_faults
from mobench.board.signatures import chosen_index, read_key
from mobench.board.store_tasks import StoreTasks, store_tasks, task_key
from mobench.board.submission_checks import OWN, read_records, record_faults, source_faults, statement_faults
from mobench.board.submission_files import file_faults
from mobench.board.wheels import (
    Wheel,
    WheelError,
    code_hashes,
    conflicts,
    is_installed,
    missing_requirements,
    read_wheel,
    unpack,
)
from mobench.errors import OptionError, RecordError, StoreError
from mobench.records.provenance import processor
from mobench.records.record import Record
from mobench.runs.executors.local import available_cores
from mobench.runs.repetition import check_repeatable
from mobench.text import one_line

NOT_RUN = "nothing was run"
MAX_REASON = 2000


def verify_submission(
    folder: Path,
    board: Path,
    key_path: Path,
    settings: VerificationSettings,
    tell: Callable[[str], None] = lambda line: None,
) -> Verification:
    """Verify a submission, write the signed outcome into its folder, and return it.

    tell: called with a line before each step.

    Raises: MobenchError if the submission cannot be judged here: it cannot be read, the key is no verifier's of the
        board, no sandbox works, data or a device are missing. Nothing is written then.
    """
    check_name(settings.isolation)
    key = read_key(key_path)
    verifiers = read_board(board).verifiers
    verifier = next((name for name, public in verifiers.items() if public == key.public), None)
    if verifier is None:
        raise OptionError(
            f"the board has no verifier with the public key {key.public}: add it to [verifiers] in board.toml"
        )
    if folder.is_symlink():
        raise StoreError(f"{one_line(str(folder))} is a symbolic link: name the folder of a submission")
    submission = read_submission(folder)
    selection = key.select(submission)
    tasks = store_tasks(board, submission.store)
    findings = Findings([], NOT_RUN, 0.0, [], [])
    try:
        _judge(folder, submission, tasks, selection, key_path, settings, findings, tell)
    except _Rejected as rejected:
        findings.reasons = rejected.reasons
    outcome = Verification(
        submission=submission.digest,
        state=State.REJECTED if findings.reasons else State.VERIFIED,
        reason=one_line("; ".join(findings.reasons), MAX_REASON),
        verifier=verifier,
        mobench=metadata.version("mobench"),
        hardware=one_line(processor()),
        isolation=findings.isolation,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        core_seconds=round(findings.core_seconds, 3),
        reruns=findings.reruns,
        caveats=[one_line(caveat) for caveat in dict.fromkeys(findings.caveats)],
        selection=selection,
    )
    signed = key.sign(outcome)
    write(signed, folder)
    return signed


def selected(records: Sequence[Record], selection: str) -> tuple[list[Record], list[str]]:
    """Return one record of each solver and task to run again, and a caveat for each task of which none can be.

    selection: the verifier's signature of the submission, see `signatures`.
    """
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[f"{record.job.solver.name}\0{task_key(record.job)}"].append(record)
    chosen, caveats = [], []
    for key, group in sorted(groups.items()):
        repeatable, reason = [], ""
        for record in sorted(group, key=lambda record: record.id):
            try:
                check_repeatable(record)
                repeatable.append(record)
            except RecordError as error:
                reason = str(error)
        if repeatable:
            chosen.append(repeatable[chosen_index(selection, key, len(repeatable))])
        else:
            caveats.append(f"not rerun: {reason}")
    return chosen, caveats


class _Rejected(Exception):
    """Reasons to reject a submission."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(*reasons)
        self.reasons = list(reasons)


def _refuse(faults: Sequence[str]) -> None:
    """Raise _Rejected if there is a fault."""
    if faults:
        raise _Rejected(faults)


def _checked_records(folder: Path, submission: Submission, tasks: StoreTasks) -> list[Record]:
    """Return the records of a submission. Raises: _Rejected."""
    _refuse(file_faults(folder, submission))
    records, faults = read_records(folder, submission)
    faults += [*statement_faults(submission, records), *record_faults(records, tasks)]
    _refuse([*faults, *search_faults(folder, submission, tasks)])
    return records


def _checked_wheels(folder: Path, submission: Submission, records: Sequence[Record], site: Path) -> list[Wheel]:
    """Return the wheels of a submission, which have the code that trained the records. Raises: _Rejected, CannotJudge.

    site: an empty folder, into which they are unpacked.
    """
    try:
        wheels = [read_wheel(folder / distribution.wheel) for distribution in submission.distributions]
        _refuse(_wheel_faults(submission, wheels))
        for wheel in wheels:
            unpack(wheel, site)
    except WheelError as error:
        raise _Rejected([str(error)]) from error
    _refuse(source_faults(records, code_hashes(wheels, records, site)))
    return wheels


def _check_can_be_run(submission: Submission, records: Sequence[Record], chosen: Sequence[Record], why: str) -> None:
    """Raise CannotJudge if no record is chosen, or one that cannot be run in a sandbox."""
    if not chosen:
        state = State.IMPORTED if all(record.imported for record in records) else State.REPORTED
        raise CannotJudge(
            f"no record of {submission.id} can be run again ({one_line(why, 300)}): it stays {state}, leave it "
            "unverified"
        )
    if devices := {record.provenance.device for record in chosen} - {"cpu"}:
        raise CannotJudge(
            f"records of device {one_line(', '.join(devices))} cannot be run in a sandbox, which has the processor "
            "alone: leave the submission unverified"
        )


def _judge(
    folder: Path,
    submission: Submission,
    tasks: StoreTasks,
    selection: str,
    key_path: Path,
    settings: VerificationSettings,
    findings: Findings,
    tell: Callable[[str], None],
) -> None:
    """Check and run a submission, and add what is found to `findings`. Raises: _Rejected, MobenchError."""
    tell("checking files and records")
    records = _checked_records(folder, submission, tasks)
    chosen, findings.caveats = selected(records, selection)
    _check_can_be_run(submission, records, chosen, "; ".join(findings.caveats))
    findings.caveats += _missing_tasks(records, tasks)
    n_threads = max(1, min(available_cores(), max(r.provenance.threads for r in chosen)))
    with tempfile.TemporaryDirectory(prefix="mobench-board-") as temporary:
        wheels = _checked_wheels(folder, submission, records, Path(temporary, "code"))
        environment = create_environment(Path(temporary), wheels, n_threads)
        check_key_is_hidden(key_path, environment.view)
        sandbox = chosen_sandbox(settings.isolation, environment.view)
        findings.isolation = f"{sandbox.description}; {settings.limits.text}"
        tell(findings.isolation)
        SandboxedRuns(environment, sandbox, settings, findings, tell).all(wheels, records, chosen, selection)


def _wheel_faults(submission: Submission, wheels: Sequence[Wheel]) -> list[str]:
    """Return why the wheels of a submission cannot be installed here. Raises: CannotJudge."""
    faults = [fault for wheel in wheels for fault in conflicts(wheel)]
    if present := [wheel.name for wheel in wheels if is_installed(wheel.name) and wheel.name != OWN]:
        raise CannotJudge(f"{one_line(', '.join(present), 300)} is installed here: verify where it is not")
    for wheel, stated in zip(wheels, submission.distributions, strict=True):
        if (wheel.name, wheel.version) != (stated.name, stated.version):
            faults.append(f"{stated.wheel} is of {wheel.name} {wheel.version}, not of {stated.name} {stated.version}")
        elif not faults and (missing := missing_requirements(wheel, wheels)):
            raise CannotJudge(
                f"{wheel.name} needs {one_line(', '.join(missing), 300)}, which is not installed here: review and "
                "install it, or leave the submission unverified"
            )
    return faults


def _missing_tasks(records: Sequence[Record], tasks: StoreTasks) -> list[str]:
    present = {task_key(record.job) for record in records}
    missing = sorted(task.title for key, task in tasks.tasks.items() if key not in present)
    return [f"no records of {len(missing)} tasks of the store: {', '.join(missing)}"] if missing else []


def check_key_is_hidden(key_path: Path, view: SandboxView) -> None:
    """Raise OptionError if a program in a sandbox can read the verifier's key."""
    resolved = key_path.resolve()
    if any(resolved.is_relative_to(path.resolve()) for path in view.readable):
        raise OptionError(
            f"{one_line(str(key_path))} is in a folder that the submission's code can read: move the key elsewhere"
        )
