"""The runs of a verification in a sandbox: `mobench check`, chosen records, and one new seed of each task."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mobench.board.environments import SubmissionEnvironment
from mobench.board.isolated_job import MODULE, TEST_LOADS, without_results
from mobench.board.layout import Rerun
from mobench.board.new_seeds import compare_new_seed, with_new_seed
from mobench.board.sandboxed_process import ProbedSandbox, SandboxedResult, run
from mobench.board.sandboxes import SandboxLimits
from mobench.board.store_tasks import task_key
from mobench.board.submission_checks import OWN
from mobench.board.wheels import Wheel
from mobench.errors import StoreError
from mobench.records.record import MAX_BYTES, Record, parse
from mobench.runs.verification import TOLERANCE, compare
from mobench.text import one_line

MAX_ANSWER_BYTES = MAX_BYTES + 1000
LARGEST = 1e9
"""Stands for an infinite difference relative to its tolerance."""


@dataclass(frozen=True)
class VerificationSettings:
    """isolation: as `chosen_sandbox` takes it. new_seeds: whether one more seed of each task is run."""

    isolation: str = "auto"
    limits: SandboxLimits = SandboxLimits()
    tolerance: float = TOLERANCE
    new_seeds: bool = True


@dataclass
class Findings:
    """What a verification has found so far. reasons: why the submission is rejected."""

    reasons: list[str]
    isolation: str
    core_seconds: float
    reruns: list[Rerun]
    caveats: list[str]


class CannotJudge(StoreError):
    """The verifier's machine lacks something, which says nothing about the submission."""


class SandboxedRuns:
    """The programs that are run for a submission."""

    def __init__(
        self,
        environment: SubmissionEnvironment,
        sandbox: ProbedSandbox,
        settings: VerificationSettings,
        findings: Findings,
        tell: Callable[[str], None],
    ) -> None:
        self.environment, self.sandbox, self.settings = environment, sandbox, settings
        self.findings, self.tell = findings, tell

    def all(self, wheels: Sequence[Wheel], records: Sequence[Record], chosen: Sequence[Record], selection: str) -> None:
        """Check each distribution, and run each chosen record; stop at the first reason to reject."""
        for wheel in wheels:
            self.tell(f"mobench check {wheel.name}")
            self.findings.reasons += check_faults(wheel.name, self._run("check", wheel.name))
            if self.findings.reasons:
                return
        for record in chosen:
            self.tell(f"running {record.job.title} again")
            self._add(record, self._rerun(record, record))
            if self.settings.new_seeds and not self.findings.reasons:
                peers = [r for r in records if is_peer(r, record)]
                other = with_new_seed(record, selection)
                self.tell(f"running {other.job.title}, which no record has")
                self._add(other, self._rerun(other, record), peers)
            if self.findings.reasons:
                return

    def _run(self, kind: str, *names: str, request: bytes = b"") -> SandboxedResult:
        limits = self.settings.limits
        n_processes = 0 if self.sandbox.sandbox.name == "none" else limits.processes
        words = ["-P", "-m", MODULE, kind, n_processes, limits.disk, *names]
        python = [str(self.environment.python), *map(str, words)]
        result = run(python, self.sandbox.sandbox, self.environment.view, limits, request)
        self.findings.core_seconds += result.core_seconds
        return result

    def _rerun(self, request: Record, original: Record) -> Record | None:
        """Run a job; return its completed record, or add the reason why there is none. Raises: CannotJudge."""
        result = self._run("job", request=without_results(request).to_json().encode())
        again, reason = answered(request, result)
        if again is not None and again.failure is not None and again.failure.kind == "DataError":
            raise CannotJudge(f"{original.job.dataset.name} has no data here: {one_line(again.failure.message, 300)}")
        if again is not None and again.status == "diverged" and request.id != original.id:
            self.findings.caveats.append(f"{request.job.title}, which was not submitted, diverged")
            return None
        if again is None or again.status != "completed":
            why = reason or (again.failure.message if again is not None and again.failure else "no result")
            self.findings.reasons.append(f"{request.job.title}: {one_line(why, 500)}")
            return None
        return again

    def _add(self, record: Record, again: Record | None, peers: Sequence[Record] | None = None) -> None:
        """Compare a rerun with its record, or with the records of other seeds, and keep the result."""
        if again is None:
            return
        if peers is None:
            rerun, caveats = compare_rerun(record, again, self.settings.tolerance)
            self.findings.caveats += caveats
        else:
            rerun = compare_new_seed(again, peers)
        self.findings.reruns.append(rerun)
        if not rerun.agrees:
            self.findings.reasons.append(f"{rerun.title} does not agree: {rerun.description}")


def answered(request: Record, result: SandboxedResult) -> tuple[Record | None, str]:
    """Return the record that a sandboxed job left, or why there is none that can be used."""
    if result.excess:
        return None, f"its process {result.excess}"
    if len(result.output) > MAX_ANSWER_BYTES:
        return None, f"its process printed {len(result.output)} bytes, more than a record has"
    try:
        answer = json.loads(result.output)
        again = parse(json.dumps(answer["record"]), "the rerun's record")
        n_loads = int(answer["test_loads"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None, f"its process ended with exit code {result.code} and left no record: {_last_line(result.errors)}"
    if again.job != request.job:
        return None, "its process left the record of another job"
    if n_loads > TEST_LOADS:
        return None, f"the test split was loaded {n_loads - TEST_LOADS} times during training"
    return again, ""


def compare_rerun(record: Record, again: Record, tolerance: float) -> tuple[Rerun, list[str]]:
    """Return how a rerun agrees with its record, and the reasons why it may differ although nothing is wrong."""
    result = compare(record, again, tolerance)
    ratios = [
        0.0 if not c.difference else c.difference / c.tolerance if c.tolerance else LARGEST for c in result.comparisons
    ]
    differing = [c for c in result.comparisons if not c.agrees]
    described = [
        f"{c.name} {c.recorded:.6g} in the record, {c.again:.6g} in the rerun" for c in differing[:3]
    ]  # fmt: skip
    rerun = Rerun(
        record=record.id,
        title=one_line(record.job.title),
        agrees=result.agrees,
        identical=result.identical,
        largest=min(LARGEST, max(ratios, default=0.0)),
        description=one_line("; ".join(described)),
    )
    # the plugins of the submission exist in the sandbox alone
    sources = record.provenance.sources
    parts = record.job.registered_parts.items()
    of_guests = [(role, part.name) for role, part in parts if role in sources and sources[role].distribution != OWN]
    labels = tuple(f"{role} {name}: " for role, name in of_guests)
    return rerun, [caveat for caveat in result.caveats if not caveat.startswith(labels)]


def check_faults(name: str, result: SandboxedResult) -> list[str]:
    """Return why a distribution does not pass `mobench check`, from its output."""
    if result.excess:
        return [f"mobench check {name}: its process {result.excess}"]
    lines = []
    for text in result.output[:MAX_ANSWER_BYTES].decode(errors="replace").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict):
            lines.append(line)
    failed = [line for line in lines if line.get("event") == "check" and line.get("state") == "failed"]
    if failed:
        shown = [f"{line.get('name')}, {line.get('check')}: {line.get('message')}" for line in failed[:3]]
        return [one_line(f"mobench check {name}: {len(failed)} checks failed, {'; '.join(shown)}")]
    if result.code == 0 and not any(line.get("event") == "checks" and line.get("passed") for line in lines):
        return [f"mobench check {name} made no check"]
    if result.code != 0:
        return [one_line(f"mobench check {name} ended with exit code {result.code}: {_last_line(result.errors)}")]
    return []


def is_peer(record: Record, other: Record) -> bool:
    """Whether two records are of the same solver on the same task, and the first has a result."""
    is_same = record.job.solver == other.job.solver and task_key(record.job) == task_key(other.job)
    return is_same and record.status == "completed"


def _last_line(text: str) -> str:
    return next((one_line(line, 200) for line in reversed(text.splitlines()) if line.strip()), "no output")
