"""Identity of jobs; valid and invalid record files."""

from __future__ import annotations

import json
from typing import Any

import pytest
from handmade import MADE
from pydantic import ValidationError

from mobench.errors import RecordError
from mobench.jobs.job import Budget, Job, Part, SeedSet, SolverPart
from mobench.records.record import MAX_BYTES, Failure, Record, RecordedFront, parse

JOB = Job(
    dataset=Part(name="d", version="1", options={"a": 1, "b": [1, 2]}),
    model=Part(name="m", version="1"),
    solver=SolverPart(
        name="g+b", version="pair", generator=Part(name="g", version="1"), balancer=Part(name="b", version="1")
    ),
    budget=Budget(epochs=2),
    protocol="p-1",
)


def record(**more: Any) -> Record:
    front = RecordedFront(preferences=[[0.5, 0.5]], losses=[[1 / 3, 2.0]], metrics={"a/b": [0.1]}, n_samples=4)
    settings: dict[str, Any] = {
        "id": JOB.id, "status": "completed", "job": JOB, "protocol": {"version": "p-1"}, "objectives": ["a", "b"],
        "fronts": {"test": front}, "indicators": {"test": {"hypervolume": 0.1, "gd": None}}, "provenance": MADE,
    }  # fmt: skip
    return Record(**{**settings, **more})


def changed(path: str, value: Any) -> Job:
    data = JOB.model_dump()
    *parents, last = path.split(".")
    inner = data
    for key in parents:
        inner = inner[key]
    inner[last] = value
    return Job.model_validate(data)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("dataset.name", "e"), ("dataset.version", "2"), ("dataset.options", {"a": 2, "b": [1, 2]}),
        ("model.name", "n"), ("solver.name", "x"), ("solver.options", {"lr": 1.0}), ("solver.generator.version", "2"),
        ("solver.balancer.options", {"e": 0}), ("budget", {"steps": 2}), ("budget.batch_size", 8), ("n_rays", 24),
        ("seeds.data", 1), ("seeds.initialisation", 1), ("seeds.preferences", 1), ("seeds.solver", 1), ("n_finite", 6),
        ("protocol", "p-2"), ("interface", 2),
    ],
)  # fmt: skip
def test_everything_that_determines_the_outcome_is_in_the_id(path: str, value: Any) -> None:
    assert changed(path, value).id != JOB.id


def test_the_order_of_keys_is_not() -> None:
    assert changed("dataset.options", {"b": [1, 2], "a": 1}).id == JOB.id
    assert Job.model_validate_json(JOB.model_dump_json()).id == JOB.id


@pytest.mark.parametrize("budget", [{}, {"epochs": 1, "steps": 1}, {"epochs": 0}, {"steps": -1}, {"seconds": 0}])
def test_a_budget_is_exactly_one_positive_length(budget: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Budget(**budget)


def test_one_seed_seeds_everything() -> None:
    assert SeedSet.all(7).model_dump() == {"data": 7, "initialisation": 7, "preferences": 7, "solver": 7}


def test_a_record_survives_being_written_and_read() -> None:
    assert parse(record().to_json(), "x") == record()


def test_the_digest_is_of_the_numbers_alone() -> None:
    elsewhere = MADE.model_copy(update={"started": "later", "processor": "another"})
    assert record(provenance=elsewhere).digest == record().digest
    other = RecordedFront(preferences=[[0.5, 0.5]], losses=[[1 / 3 + 1e-16, 2.0000000001]], n_samples=4)
    assert record(fronts={"test": other}).digest != record().digest


def edited(**change: Any) -> str:
    return json.dumps({**json.loads(record().to_json()), **change})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not a record"),
        ("{", "not a record"),
        (record().to_json()[:-40], "not a record"),
        (b"\x00\xff\xfe rubbish", "not a record"),
        ("[]", "not a record"),
        (edited(schema=2), "schema"),
        (edited(status="perfect"), "status"),
        (edited(surplus=1), "surplus"),
        (edited(id="0123456789abcdef"), "it was edited, or is not of mobench"),
        (edited(job={**JOB.model_dump(), "n_rays": 3}), "it was edited, or is not of mobench"),
        (edited(indicators={"test": {"hypervolume": float("nan")}}), "not a record"),
        ("[" * 100_000, "not a record"),
        (" " * (MAX_BYTES + 1), "too large"),
    ],
)
def test_what_is_no_whole_record_is_refused_in_one_line(text: Any, reason: str) -> None:
    with pytest.raises(RecordError, match=reason) as raised:
        parse(text, "some.json")
    assert "some.json" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_failure_has_no_numbers_but_says_why() -> None:
    failed = record(status="failed", fronts={}, indicators={}, failure=Failure(kind="KeyError", message="x"))
    assert parse(failed.to_json(), "x").failure == Failure(kind="KeyError", message="x")
