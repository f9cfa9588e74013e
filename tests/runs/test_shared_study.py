"""Several searches on one store: each trial is run once, and a killed search blocks no other."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from in_process import InProcess

from mobench.errors import StoreError
from mobench.events import JobEvent, JobStarted
from mobench.jobs.job import Job
from mobench.jobs.suite import Suite
from mobench.records.store import Store
from mobench.runs.executors.base import Exit, Tell
from mobench.runs.request import Request
from mobench.search import lock as study_lock
from mobench.search import study
from mobench.search import trial as trials
from mobench.search.journal import JOURNAL, MAX_BYTES, mend, reading
from mobench.search.lock import StudyLock, is_alive, remove_left_over

GRID: dict[str, Any] = {"space": {"lr": [0.1, 0.02, 0.003, 0.0004], "momentum": [0.0, 0.5]}}
TPE: dict[str, Any] = {"sampler": "tpe", "trials": 8, "space": {"lr": {"low": 1e-4, "high": 0.1, "log": True}}}
pytestmark = pytest.mark.slow
HOLD = """
import sys, time
from pathlib import Path
from mobench.search.lock import Presence, StudyLock
folder = Path(sys.argv[1])
with Presence(folder) as presence, StudyLock(folder, "study.turn"):
    print(presence.token, flush=True)
    time.sleep(600)
"""


class Slow(InProcess):
    """Trials take long enough for others to start at the same time."""

    def run(self, request: Request, tell: Tell) -> Exit:
        time.sleep(0.2)
        return super().run(request, tell)


@pytest.fixture(autouse=True)
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "LocalExecutor", Slow)


def suite(**search: Any) -> Suite:
    entry = {"datasets": ["vlmop2"], "models": ["point"], "solvers": ["ls"]}
    return Suite.model_validate({"name": "a", "budget": {"steps": 3}, "entries": [entry], "search": search})


@pytest.mark.parametrize("search", [GRID, TPE], ids=["grid", "tpe"])
@pytest.mark.parametrize("slots", [1, 2])
def test_of_searches_at_once_each_runs_its_share_and_all_see_every_trial(
    tmp_path: Path, search: dict[str, Any], slots: int
) -> None:
    started: list[str] = []
    trial_numbers: list[list[int]] = [[], [], []]

    def listen(job: Job, event: JobEvent) -> None:
        if isinstance(event, JobStarted):
            started.append(job.id)

    def run_search(number: int) -> list[study.StudyResult]:
        return study.search(
            suite(**search), Store(tmp_path), slots=slots, listen=listen,
            tell=lambda solver, trial: trial_numbers[number].append(trial.number),
        )  # fmt: skip

    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(run_search, range(3)))
    assert results[0] == results[1] == results[2]
    (outcome,) = results[0]
    assert [trial.state for trial in outcome.trials] == ["complete"] * 8
    assert sorted(number for numbers in trial_numbers for number in numbers) == list(range(8)), (
        "each is told where it was run"
    )
    assert set(Counter(started).values()) == {1}
    assert len(started) == 8, "no two trials had the same options"
    assert not list((tmp_path / "locks").glob("search-*"))


@pytest.mark.slow
def test_two_commands_on_one_study_both_succeed(
    tmp_path: Path, command: list[str], environment: dict[str, str]
) -> None:
    (tmp_path / "s.toml").write_text(
        '[budget]\nsteps = 3\n[[entries]]\ndatasets = ["vlmop2"]\nmodels = ["point"]\nsolvers = ["ls"]\n'
        "[search]\n[search.space]\nlr = [0.3, 0.2, 0.1]\n"
    )
    words = [*command, "tune", str(tmp_path / "s.toml"), "--out", str(tmp_path / "out")]
    processes = [
        subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=280) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    ended = [line for _, errors in outputs for line in errors.splitlines() if ": trial " in line]
    assert len(ended) == 3
    assert all(" complete " in line for line in ended)
    rows = [line for line in (tmp_path / "out" / "study.md").read_text().splitlines() if line.endswith("complete |")]
    assert len(rows) == 3


def test_a_search_goes_on_with_what_a_killed_one_left(tmp_path: Path) -> None:
    """A running trial of a search that has ended."""
    store, messages = Store(tmp_path), []
    study.search(suite(space={"lr": [0.1]}), store)
    text = (tmp_path / JOURNAL).read_text().splitlines(keepends=True)
    under_way = [line for line in text if '"op_code":6' not in line or '"state":0' in line]
    assert len(under_way) < len(text), "without the end of its trial"
    (tmp_path / JOURNAL).write_text("".join(under_way))
    (outcome,) = study.search(
        suite(space={"lr": [0.1]}),
        store,
        tell=lambda solver, trial: messages.append(trial.number),
        note=messages.append,
    )
    assert [trial.state for trial in outcome.trials] == ["complete"]
    assert messages == [1]


def _other(folder: Path) -> tuple[subprocess.Popen[str], str]:
    """A process that holds the study's turn, and the token of its search."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_a_lock_that_is_held_too_long_names_its_owner_and_ends_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_lock, "LOCK_SECONDS", 0.3)
    process, token = _other(tmp_path)
    try:
        with pytest.raises(
            StoreError, match=rf"study\.turn\.lock is held by process {process.pid} on .*: continue or end that"
        ):
            StudyLock(tmp_path, "study.turn").acquire()
        assert is_alive(tmp_path, token)
        assert study_lock.owner(tmp_path, token).startswith(f"process {process.pid} on ")
    finally:
        process.kill()
        process.communicate()
    with StudyLock(tmp_path, "study.turn"):
        assert not is_alive(tmp_path, token)
    assert not list((tmp_path / "locks").glob("search-*")), "what it left behind is removed"


@pytest.mark.parametrize("token", [None, 3, "", "../../x", "A" * 32, "0" * 33])
def test_a_token_that_is_none_is_of_no_search(tmp_path: Path, token: object) -> None:
    assert not is_alive(tmp_path, token)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("target", ["r/study.journal", "study.journal", "/nowhere"])
def test_a_left_over_lock_of_optunas_own_holds_up_nobody_and_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    """This also holds for a store whose path is relative to the working folder."""
    monkeypatch.setattr(study_lock, "LEFT_OVER_SECONDS", 0.2)
    monkeypatch.chdir(tmp_path)
    store = Store("r")
    study.search(suite(space={"lr": [0.1]}), store)
    before = Path("r", JOURNAL).read_bytes()
    Path("r", f"{JOURNAL}.lock").symlink_to(target)
    began = time.monotonic()
    (outcome,) = study.search(suite(space={"lr": [0.1]}), store)
    assert time.monotonic() - began < 60
    assert len(outcome.trials) == 1
    assert not os.path.lexists(f"r/{JOURNAL}.lock")
    assert Path("r", JOURNAL).read_bytes() == before


def test_a_lock_that_comes_and_goes_is_not_left_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link, identities = tmp_path / f"{JOURNAL}.lock", iter([(1, 1), (2, 2)])
    link.symlink_to("x")
    monkeypatch.setattr(study_lock, "_identity", lambda path: next(identities))
    remove_left_over(tmp_path / JOURNAL, tmp_path)
    assert link.is_symlink()


def test_a_file_that_is_no_lock_of_optunas_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / f"{JOURNAL}.lock").write_text("mine")
    remove_left_over(tmp_path / JOURNAL, tmp_path)
    assert (tmp_path / f"{JOURNAL}.lock").read_text() == "mine"


LINE = b'{"op_code":0,"worker_id":"w","study_name":"n","directions":[2]}\n'
NO_JOURNALS: dict[str, bytes] = {
    "one line of text": b"my notes",
    "text": b"my notes\nof today",
    "JSON": b'{"a": 1}\n{"b": 2}\n{"c"',
    "a journal with text behind": LINE + b"my notes",
    "text with a journal behind": b"my notes\n" + LINE + LINE[:20],
    "zeros behind": LINE + b"\0" * 100,
}


@pytest.mark.parametrize("case", NO_JOURNALS)
def test_what_is_no_journal_is_not_cut_off(tmp_path: Path, case: str) -> None:
    (tmp_path / JOURNAL).write_bytes(NO_JOURNALS[case])
    for attempt in (lambda store: study.search(suite(**GRID), store), _mend):
        with pytest.raises(StoreError, match="is not the journal of a search, or it is damaged"):
            attempt(Store(tmp_path))
        assert (tmp_path / JOURNAL).read_bytes() == NO_JOURNALS[case]


def test_a_journal_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    """A sparse file, which takes no space on the disk."""
    with open(tmp_path / JOURNAL, "wb") as file:
        file.truncate(MAX_BYTES + 1)
    for attempt in (lambda store: study.search(suite(**GRID), store), _mend):
        with pytest.raises(StoreError, match=f"it has over {MAX_BYTES} bytes"):
            attempt(Store(tmp_path))
    assert (tmp_path / JOURNAL).stat().st_size == MAX_BYTES + 1


@pytest.mark.parametrize("partial_line", [b"{", LINE[:9], LINE[:30], LINE[:-1]])
def test_a_last_line_of_a_journal_is_cut_off(tmp_path: Path, partial_line: bytes) -> None:
    for complete_lines in (LINE, b""):
        (tmp_path / JOURNAL).write_bytes(complete_lines + partial_line)
        _mend(Store(tmp_path))
        assert (tmp_path / JOURNAL).read_bytes() == complete_lines


@pytest.mark.parametrize("target", [LINE + LINE[:30], LINE, b"my notes", None])
def test_a_journal_is_not_followed_through_a_link(tmp_path: Path, target: bytes | None) -> None:
    if target is not None:
        (tmp_path / "precious").write_bytes(target)
    (tmp_path / JOURNAL).symlink_to("precious")
    for attempt in (study.search, study.outcomes):
        with pytest.raises(StoreError, match="it is a symbolic link"):
            attempt(suite(**GRID), Store(tmp_path))
    if target is None:
        assert not (tmp_path / "precious").exists()
    else:
        assert (tmp_path / "precious").read_bytes() == target


def _mend(store: Store) -> None:
    with reading(store):
        mend(store)


def test_locks_are_not_followed_through_links(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"kept")
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "study.turn.lock").symlink_to(tmp_path / "precious")
    with pytest.raises(StoreError, match="nothing can be written"):
        StudyLock(tmp_path, "study.turn").acquire()
    assert (tmp_path / "precious").read_bytes() == b"kept"
