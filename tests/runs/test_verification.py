"""A record against its repetition, and against a record that was tampered with."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from guests import balancer, install
from in_process import InProcess

from mobench.errors import RecordError, StoreError
from mobench.events import DataLoading, EvaluationProgress, Event, TrainingProgress
from mobench.interfaces import Strategy
from mobench.jobs.job import Job
from mobench.jobs.plan import plan
from mobench.jobs.resolve import providers
from mobench.jobs.suite import Suite, load, overridden
from mobench.metrics.evaluation import FrontValues, indicators_of
from mobench.records.record import Record, parse
from mobench.records.store import Store
from mobench.runs import repetition
from mobench.runs.execution import execute
from mobench.runs.executors.base import Exit, Limits
from mobench.runs.executors.local import LocalExecutor, available_cores
from mobench.runs.request import Request
from mobench.runs.verification import VerificationResult, compare, verify
from mobench_analytic.problems import VLMOP2


def job(**budget: float) -> Job:
    suite: Suite = overridden(
        load("analytic"), datasets=["vlmop2"], solvers=["phn-ls"], seeds=[3], budget=budget or {"steps": 30}
    )
    [only] = plan(suite).jobs
    return only


@pytest.fixture(scope="module")
def record() -> Record:
    return execute(job(), threads=1)


@pytest.fixture(scope="module")
def verified(record: Record) -> tuple[VerificationResult, list[Event]]:
    """The verdict about the record, and the events of its second run."""
    events: list[Event] = []
    return verify(record, on_event=events.append), events


@pytest.mark.slow
def test_a_record_is_repeated_to_the_bit(verified: tuple[VerificationResult, list[Event]]) -> None:
    verdict, _ = verified
    assert verdict.identical
    assert verdict.agrees
    assert all(c.difference == 0 for c in verdict.comparisons)
    assert verdict.caveats == []
    names = {c.name for c in verdict.comparisons}
    assert {"losses, test", "hypervolume, test@5", "igd_plus, test", "trace", "steps", "preferences"} <= names


def test_a_changed_number_is_found_and_named(record: Record) -> None:
    data = record.model_dump(by_alias=True)
    before = data["fronts"]["test"]["losses"][4][1]
    data["fronts"]["test"]["losses"][4][1] = 0.9 * before
    verdict = compare(Record.model_validate(data), record)
    [worst] = [c for c in verdict.comparisons if c.difference > 0]
    assert worst.name == "losses, test"
    assert worst.difference == pytest.approx(0.1)
    assert (worst.recorded, worst.again) == (0.9 * before, before)
    assert not verdict.identical
    assert compare(Record.model_validate(data), record, 0.11).agrees
    assert not compare(Record.model_validate(data), record, 0.09).agrees


@pytest.mark.parametrize(
    ("path", "value", "name"),
    [
        (("cost", "stored_parameters"), 1, "stored_parameters"),
        (("protocol", "reference"), [9.0, 9.0], "protocol"),
        (("indicators", "test", "spacing"), None, "spacing, test"),
        (("trace",), [], "trace steps, trace"),
        (("objectives",), ["x", "y"], "objectives"),
    ],
)
def test_what_a_job_fixes_has_to_be_equal(record: Record, path: tuple[str, ...], value: Any, name: str) -> None:
    data = record.model_dump(by_alias=True)
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    verdict = compare(Record.model_validate(data), record, 0.5)
    assert ", ".join(c.name for c in verdict.comparisons if not c.agrees) == name
    assert not verdict.agrees


def test_a_record_with_other_rays_differs_and_is_no_crash(record: Record) -> None:
    data = record.model_dump(by_alias=True)
    front = data["fronts"]["test"]
    for rows in (front["preferences"], front["losses"]):
        del rows[3:]
    wrong = [c.name for c in compare(Record.model_validate(data), record).comparisons if not c.agrees]
    assert wrong == ["preferences", "losses, test"]
    del data["fronts"]["train"]
    assert "losses, train" in [c.name for c in compare(Record.model_validate(data), record).comparisons if not c.agrees]


def test_what_moves_in_steps_may_move_further(record: Record) -> None:
    data = record.model_dump(by_alias=True)
    data["indicators"]["test"]["n_non_dominated"] *= 1.01
    data["indicators"]["test"]["hypervolume"] *= 1.0005
    verdict = compare(Record.model_validate(data), record)
    tolerances = {c.name: c.tolerance for c in verdict.comparisons}
    assert tolerances["n_non_dominated, test"] == pytest.approx(20 * tolerances["hypervolume, test"])
    assert tolerances["steps"] == 0
    assert verdict.agrees
    data["indicators"]["test"]["hypervolume"] *= 1.0006
    assert not compare(Record.model_validate(data), record).agrees


def test_the_order_of_nearly_equal_points_is_no_difference(record: Record) -> None:
    """Another processor swaps two points that agree to six digits, and four points become five."""
    first, second = (record.model_dump(by_alias=True) for _ in range(2))
    for data, step in ((first, 1e-6), (second, -1e-6)):
        losses = np.array([[0.1 * i, 1 - 0.1 * i] for i in range(25)])
        losses[1] = losses[0] + [1e-6, step]
        front = FrontValues(np.asarray(data["fronts"]["test"]["preferences"]), losses, {})
        data["fronts"]["test"]["losses"] = losses.tolist()
        data["indicators"]["test"] = indicators_of(front, VLMOP2().protocol, None)
    n_points = [data["indicators"]["test"]["n_non_dominated"] for data in (first, second)]
    assert n_points[0] != n_points[1]
    assert compare(Record.model_validate(first), Record.model_validate(second)).agrees
    first["indicators"]["test"]["n_non_dominated"] = 3.0
    comparisons = compare(Record.model_validate(first), Record.model_validate(second)).comparisons
    assert [c.name for c in comparisons if not c.agrees] == ["n_non_dominated, test"]


def test_the_losses_of_the_trace_are_not_measured_by_its_steps(record: Record) -> None:
    data = record.model_dump(by_alias=True)
    data["trace"][-1]["train_losses"][0] *= 1.1
    wrong = [c.name for c in compare(Record.model_validate(data), record).comparisons if not c.agrees]
    assert wrong == ["trace"]


def test_a_distance_is_measured_by_the_losses(record: Record) -> None:
    """1e-9 and 2e-9 are the same distance among losses of about one."""
    first, second = (record.model_dump(by_alias=True) for _ in range(2))
    first["fronts"]["test"]["losses"][0][0] = second["fronts"]["test"]["losses"][0][0] = 1.0
    for first_distance, second_distance, agrees in (
        (1e-9, 2e-9, True),
        (1.1701e-3, 1.1675e-3, True),
        (1.18e-3, 1.16e-3, False),
    ):
        first["indicators"]["test"]["gd"], second["indicators"]["test"]["gd"] = first_distance, second_distance
        assert compare(Record.model_validate(first), Record.model_validate(second)).agrees is agrees, (
            first_distance,
            second_distance,
        )


def test_another_version_of_a_part_is_said(record: Record) -> None:
    data = record.model_dump(by_alias=True)
    data["job"]["solver"]["balancer"]["version"] = "0"
    data["id"] = Record.model_validate(data).job.id
    (caveat,) = compare(Record.model_validate(data), record).caveats
    assert caveat.startswith("balancer linear: 0 then, ")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vlmop2-dwa-s0", "vlmop2-mgda-s1", "zdt1-ls-s0"])
def test_committed_records_are_made_again(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """2,000 steps each; on another processor sums are made in another order, hence the tolerance."""
    monkeypatch.setattr(repetition, "LocalExecutor", InProcess)
    (path,) = (Path(__file__).parents[2] / "results" / "analytic" / "records").glob(f"{name}-*.json")
    verdict = verify(parse(path.read_bytes(), path.name))
    assert [c for c in verdict.comparisons if not c.agrees] == []


def test_another_processor_is_said(record: Record) -> None:
    data = record.model_dump(by_alias=True)
    data["provenance"]["processor"] = "an abacus"
    data["provenance"]["strategy"] = None
    caveats = compare(Record.model_validate(data), record).caveats
    assert any("an abacus then" in c for c in caveats)
    assert any("default one" in c for c in caveats)


def test_seconds_and_failures_cannot_be_verified(record: Record) -> None:
    with pytest.raises(RecordError, match="seconds"):
        verify(execute(job(seconds=0.05), threads=1))
    data = record.model_dump(by_alias=True)
    data |= {"status": "failed", "failure": {"kind": "X", "message": "y"}}
    with pytest.raises(RecordError, match="has status failed"):
        verify(Record.model_validate(data))


@pytest.mark.parametrize(("budget", "most"), [({"steps": 2**62}, "1e+09"), ({"epochs": 1e12}, "1e+06")])
def test_a_budget_of_years_is_refused(record: Record, budget: dict[str, float], most: str) -> None:
    data = record.model_dump(by_alias=True)
    data["job"]["budget"] = budget
    data["id"] = Job.model_validate(data["job"]).id
    with pytest.raises(RecordError, match=re.escape(f"at most {most} are repeated")):
        verify(Record.model_validate(data))


@pytest.fixture
def requests(record: Record, monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """Requests to executors are not run: the executors leave the record itself."""
    received_requests: list[Request] = []

    def run(self: LocalExecutor, request: Request, tell: Any) -> Exit:
        received_requests.append(request)
        Store(request.store).write(record)
        return Exit("completed")

    monkeypatch.setattr(LocalExecutor, "run", run)
    return received_requests


def test_a_records_threads_are_bounded_by_the_cores_here(record: Record, requests: list[Request]) -> None:
    data = record.model_dump(by_alias=True)
    data["provenance"]["threads"] = data["provenance"]["strategy"]["threads"] = 5000
    verify(Record.model_validate(data))
    (request,) = requests
    assert request.threads == available_cores()
    assert request.options.strategy is not None
    assert request.options.strategy.threads == available_cores()


@pytest.mark.parametrize("strategy", [None, Strategy(), Strategy("contiguous", "grouped", "split", 1)])
def test_the_second_run_has_the_strategy_of_the_first(
    record: Record, requests: list[Request], strategy: Strategy | None
) -> None:
    data = record.model_dump(by_alias=True)
    data["provenance"]["strategy"] = None if strategy is None else {**strategy.to_dict(), "remark": "why, and how"}
    verify(Record.model_validate(data))
    assert requests[0].options.strategy == (strategy or Strategy())


def test_the_second_run_loads_the_plugins_of_its_job_alone_and_leaves_nothing(
    record: Record, requests: list[Request]
) -> None:
    verify(record)
    assert requests[0].plugins == providers(record.job)
    assert "mobench/multimnist" not in " ".join(requests[0].plugins)
    assert not Path(requests[0].store).exists()


def guest_record(folder: Path, monkeypatch: pytest.MonkeyPatch, record: Record, step: str) -> Record:
    """The record of a job whose balancer calls a function at each step, marked as completed."""
    install(folder, "odd", balancer("odd", step))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    data = record.model_dump(by_alias=True)
    data["job"]["solver"] = {**data["job"]["solver"], "balancer": {"name": "odd", "version": "1"}}
    data["id"] = Job.model_validate(data["job"]).id
    return Record.model_validate(data)


WAYS = {
    "hangs": ("import time; time.sleep(300)", {"timeout": 8.0}, "timed out after 8 seconds .--timeout"),
    "allocates": (
        "import time; self.held = b'x' * 2**30; time.sleep(300)", {"memory": 2**30}, "MB are allowed .--memory",
    ),
    "dies": (
        "import os, signal, sys; print('bye', flush=True); os.kill(os.getpid(), signal.SIGSEGV)", {},
        "SIGSEGV; its last words: bye",
    ),
    "raises": ("raise RuntimeError('no more')", {}, "repetition failed: no more"),
    "declines": (
        "from mobench.errors import IncompatibleError; raise IncompatibleError('not this')", {},
        "repetition was declined: not this",
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_whatever_becomes_of_the_second_run_is_one_error(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    step, limits, message = WAYS[way]
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = set(tmp_path.iterdir()) | {tmp_path / "site"}
    with pytest.raises(RecordError, match=message) as raised:
        verify(guest_record(tmp_path / "site", monkeypatch, record, step), limits=Limits(**limits))
    assert len(str(raised.value).splitlines()) == 1
    assert set(tmp_path.iterdir()) == before, "nothing is left behind"


@pytest.mark.slow
def test_progress_of_the_second_run_is_told(verified: tuple[VerificationResult, list[Event]]) -> None:
    _, events = verified
    assert {type(event) for event in events} == {DataLoading, TrainingProgress, EvaluationProgress}


def test_without_a_temporary_folder_there_is_an_error(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(StoreError, match="set TMPDIR"):
        verify(record)
