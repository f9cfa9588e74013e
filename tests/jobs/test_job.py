"""The values that a job's id depends on, derived from the fields instead of a list."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobench.errors import MobenchError
from mobench.jobs import plan as plans
from mobench.jobs import suite as suites
from mobench.jobs.job import Budget, Job, Part, SeedSet, SolverPart

JOB = Job(
    dataset=Part(name="d", version="1", options={"n": 3, "shape": [1, 2], "rate": 0.5, "kind": "a", "deep": {"x": 1}}),
    model=Part(name="m", version="1", options={"width": 8}),
    solver=SolverPart(
        name="g+b",
        version="pair",
        options={"lr": 1e-3},
        generator=Part(name="g", version="1", options={"hidden": [4]}),
        balancer=Part(name="b", version="1", options={"flag": True}),
        sampler=Part(name="s", version="1", options={"power": 2.0}),
    ),
    budget=Budget(epochs=2),
    rays=[[0.25, 0.75], [0.5, 0.5]],
    rays_version=2,
    n_looks=10,
    patience=3,
    protocol="p-1",
    season="season-9",
)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of every plain value in nested dicts and lists."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from leaves(value[key], (*path, key))
    else:
        yield path


def another(value: Any) -> Any:
    """A value of the same kind that differs."""
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int | float) else value + "x"


PLAIN = JOB.model_dump(exclude_none=True)


@pytest.mark.parametrize("path", list(leaves(PLAIN)), ids=lambda path: ".".join(map(str, path)))
def test_every_value_of_a_job_is_in_its_id(path: tuple[Any, ...]) -> None:
    data = JOB.model_dump(exclude_none=True)
    inner: Any = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = another(inner[path[-1]])
    assert Job.model_validate(data).id != JOB.id


def test_no_field_escapes_the_test_above() -> None:
    """A field that is None here would have no leaf; the budget's other lengths exclude each other."""
    field_names = {path[0] for path in leaves(PLAIN)}
    assert field_names == set(Job.model_fields)
    assert {path[1] for path in leaves(PLAIN) if path[0] == "solver"} == set(SolverPart.model_fields)


def shuffled(value: Any, order: random.Random) -> Any:
    """The same content with the keys of every dict in another order."""
    if isinstance(value, list):
        return [shuffled(v, order) for v in value]
    if not isinstance(value, dict):
        return value
    keys = list(value)
    order.shuffle(keys)
    return {key: shuffled(value[key], order) for key in keys}


@given(st.randoms(use_true_random=False))
def test_the_order_of_keys_is_not_in_the_id_at_any_depth(order: random.Random) -> None:
    assert Job.model_validate(shuffled(JOB.model_dump(), order)).id == JOB.id


def test_whole_numbers_and_their_floats_are_one_length() -> None:
    def job(**length: Any) -> Job:
        return Job.model_validate({**JOB.model_dump(), "budget": length, "rays": [[0, 1], [1, 0]]})

    assert job(epochs=2).id == job(epochs=2.0).id
    assert job(epochs=2).id != job(steps=2).id


def test_the_id_is_short_harmless_in_file_names_and_the_same_in_every_process() -> None:
    """The text that is hashed is written out: a change of it orphans every record that exists."""
    part_text = '{"name":"d","options":{},"version":"1"}'
    text = (
        f'{{"budget":{{"batch_size":256,"steps":1}},"dataset":{part_text},"interface":1,"model":{part_text},'
        '"n_finite":5,"n_rays":25,"protocol":"p","seeds":{"data":0,"initialisation":0,"preferences":0,"solver":0},'
        '"solver":{"name":"s","options":{},"version":"1"}}'
    )
    part = Part(name="d", version="1")
    job = Job(
        dataset=part, model=part, solver=SolverPart(name="s", version="1"), budget=Budget(steps=1), protocol="p",
        interface=1,
    )  # fmt: skip
    assert job.id == hashlib.sha256(text.encode()).hexdigest()[:16]


def test_a_job_cannot_be_changed_under_its_id() -> None:
    with pytest.raises(ValueError, match="frozen"):
        JOB.protocol = "p-2"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_length_is_infinite(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        Budget(epochs=value)


@pytest.fixture
def tiny_suite(tiny: Any) -> suites.Suite:
    return suites.load(str(tiny))


@pytest.mark.parametrize("seed", [-1, 10**14, 2**64])
def test_a_seed_that_no_generator_takes_is_refused_before_anything_runs(tiny_suite: suites.Suite, seed: int) -> None:
    """Suite files refuse a negative one; the order of batches multiplies a seed by a million."""
    with pytest.raises(MobenchError, match="seed"):
        plans.plan(suites.overridden(tiny_suite, seeds=[seed]))


def test_a_large_seed_that_generators_take_is_accepted(tiny_suite: suites.Suite) -> None:
    (job, *_) = plans.plan(suites.overridden(tiny_suite, seeds=[2**32 - 1])).jobs
    assert job.seeds == SeedSet.all(2**32 - 1)


def test_fewer_rays_than_two_are_refused_wherever_they_come_from(tiny_suite: suites.Suite) -> None:
    """A suite file with a single ray is refused; so must be the same ray from the command line."""
    with pytest.raises(MobenchError, match="ray"):
        plans.plan(suites.overridden(tiny_suite, rays=[[0.5, 0.5]]))
