"""Progress estimates of a run against closed forms, with a clock that the test sets."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobench.events import JobEvent
from mobench.jobs.job import Budget, Job, Part, SeedSet, SolverPart
from mobench.output.tally import Tally, makespan

CLASSES: dict[str, Any] = {cls.phase: cls for cls in get_args(JobEvent)}
Lengths = st.lists(st.floats(0, 100), max_size=6)


def job(solver: str = "a", seed: int = 0, dataset: str = "data", steps: int = 10) -> Job:
    return Job(
        dataset=Part(name=dataset, version="1"), model=Part(name="point", version="1"),
        solver=SolverPart(name=solver, version="1"), budget=Budget(steps=steps), seeds=SeedSet.all(seed), protocol="1",
    )  # fmt: skip


class Watch:
    """A tally with a clock that the test sets."""

    def __init__(self, jobs: Sequence[Job], slots: int = 1) -> None:
        self.now = 0.0
        self.tally = Tally(jobs, slots, lambda: self.now)

    def at(self, at_seconds: float, job: Job, phase: str, **event: Any) -> None:
        self.now = at_seconds
        if phase == "train":
            event = {"step": 1, "total": 10, "epoch": 1.0, "seconds": 1.0, "losses": (1.0, 2.0), **event}
        if phase == "end":
            event = {"status": "completed", **event}
        if phase == "evaluate":
            event = {"fraction": 0.0, **event}
        self.tally.hear(job, CLASSES[phase](**event))


def test_waiting_jobs_take_the_slot_that_is_free_first() -> None:
    assert makespan([], [], 2) == 0
    assert makespan([3], [], 2) == 3
    assert makespan([3], [4], 1) == 7
    assert makespan([3], [4], 2) == 4
    assert makespan([3, 1], [2, 2], 2) == 5


@given(Lengths, st.integers(1, 4))
def test_a_makespan_is_within_the_bounds_of_list_scheduling(lengths: list[float], slots: int) -> None:
    """Graham 1966: no better than the longest and the mean load, no worse than their sum."""
    total = makespan([], lengths, slots)
    longest, load = max(lengths, default=0.0), sum(lengths) / slots
    assert max(longest, load) - 1e-9 <= total <= longest + load + 1e-9
    if slots == 1:
        assert total == pytest.approx(sum(lengths))


@given(st.lists(st.floats(0.1, 9), min_size=1, max_size=4))
def test_with_a_slot_for_each_the_order_does_not_matter(lengths: list[float]) -> None:
    assert {makespan([], list(order), len(lengths)) for order in permutations(lengths)} == {max(lengths)}


def test_nothing_is_claimed_before_the_speed_is_known() -> None:
    a = job()
    watch = Watch([a])
    assert watch.tally.time_left().seconds is None
    watch.at(1, a, "start")
    watch.at(3, a, "train", fraction=0.1)
    assert watch.tally.time_left().seconds is None, "a single report is no speed"
    watch.at(3.5, a, "train", fraction=0.2)
    assert watch.tally.time_left().seconds is None, "half a second is too short"
    watch.at(5, a, "train", fraction=0.5)
    # 0.4 in two seconds: the other half takes 2.5
    assert watch.tally.time_left().seconds == pytest.approx(2.5)
    watch.now = 6
    assert watch.tally.time_left().seconds == pytest.approx(1.5), "time passes between reports"


def test_a_job_that_goes_on_from_a_checkpoint_is_judged_by_what_it_does_now() -> None:
    a = job()
    watch = Watch([a, job(seed=1)])
    watch.at(0, a, "start")
    watch.at(0, a, "train", fraction=0.8)
    watch.at(2, a, "train", fraction=0.9)
    assert watch.tally.time_left_of(watch.tally.jobs[a.id]).seconds == pytest.approx(2)
    # of its kind, from the beginning: twenty seconds
    assert watch.tally.time_left().seconds == pytest.approx(2 + 20)


def test_jobs_are_as_long_as_those_of_their_kind() -> None:
    """Solver b takes ten times as long as a; known of each from seed 0."""
    jobs = [job(solver, seed) for seed in (0, 1, 2) for solver in ("a", "b")]
    watch = Watch(jobs)
    watch.at(0, jobs[0], "start")
    watch.at(2, jobs[0], "end")
    assert watch.tally.time_left().seconds == pytest.approx(5 * 2)
    assert watch.tally.time_left().guessed == 3, "of b nothing is known yet"
    watch.at(2, jobs[1], "start")
    watch.at(22, jobs[1], "end")
    time_left = watch.tally.time_left()
    assert (time_left.seconds, time_left.guessed) == (pytest.approx(2 + 20 + 2 + 20), 0)


def test_jobs_at_once_overlap() -> None:
    jobs = [job(seed=seed) for seed in range(5)]
    watch = Watch(jobs, slots=2)
    for started_job in jobs[:2]:
        watch.at(0, started_job, "start")
    for started_job in jobs[:2]:
        watch.at(10, started_job, "end")
    assert watch.tally.time_left().seconds == pytest.approx(20)


def test_another_data_set_tells_nothing() -> None:
    a, b = job(), job(dataset="other")
    watch = Watch([a, b])
    watch.at(0, a, "start")
    watch.at(9, a, "end")
    assert watch.tally.time_left().seconds is None


def test_records_that_were_there_tell_how_long_their_kind_takes() -> None:
    a, b = job(seed=0), job(seed=1)
    watch = Watch([a, b])
    watch.at(0, a, "present", status="completed", seconds=7.0)
    assert watch.tally.time_left().seconds == 7


def test_judging_counts_once_it_was_seen() -> None:
    a, b = job(seed=0), job(seed=1)
    watch = Watch([a, b])
    watch.at(0, a, "start")
    watch.at(0, a, "train", fraction=0.5)
    watch.at(4, a, "train", fraction=1.0)
    watch.at(4, a, "evaluate", split="test")
    assert watch.tally.time_left_of(watch.tally.jobs[a.id]).seconds is None
    watch.at(7, a, "end")
    watch.at(7, b, "start")
    watch.at(7, b, "train", fraction=0.0)
    watch.at(9, b, "train", fraction=0.5)
    assert watch.tally.time_left().seconds == pytest.approx(2 + 3)
    watch.at(11, b, "train", fraction=1.0)
    watch.at(12, b, "evaluate", split="test")
    assert watch.tally.time_left().seconds == pytest.approx(2)


def test_jobs_that_are_expected_are_guessed_from_all() -> None:
    watch = Watch([])
    watch.tally.expect(3)
    assert (watch.tally.n_jobs, watch.tally.n_waiting, watch.tally.time_left().seconds) == (3, 3, None)
    a = job()
    watch.at(0, a, "start")
    watch.at(4, a, "end")
    assert (watch.tally.n_done, watch.tally.n_waiting) == (1, 2)
    assert (watch.tally.time_left().seconds, watch.tally.time_left().guessed) == (8, 2)


def test_the_best_is_of_each_data_set_and_of_no_job_that_failed() -> None:
    a, b, c, d = job("a"), job("b"), job("c"), job("a", dataset="other")
    watch = Watch([a, b, c, d])
    watch.at(0, a, "present", status="completed", hypervolume=1.0)
    watch.at(0, d, "present", status="completed", hypervolume=0.5)
    watch.at(1, b, "start")
    watch.at(2, b, "train", fraction=0.5, hypervolume=3.0)
    assert {name: view.job.solver.name for name, view in watch.tally.best().items()} == {"data": "b", "other": "a"}
    watch.at(3, b, "train", fraction=0.6, hypervolume=None)
    assert watch.tally.best()["data"].hypervolume == 3.0, "reports between two looks keep what the look said"
    watch.at(3, b, "end", status="diverged", message="NaN")
    assert watch.tally.best()["data"].job == a


def test_every_job_is_in_one_state() -> None:
    jobs = [job(seed=seed) for seed in range(4)]
    watch = Watch(jobs)
    watch.at(0, jobs[0], "present", status="completed")
    watch.at(0, jobs[1], "start")
    watch.at(0, jobs[1], "end", status="failed", message="no")
    watch.at(0, jobs[2], "start")
    tally = watch.tally
    assert (tally.n_jobs, tally.n_done, tally.n_waiting, len(tally.of("running"))) == (4, 2, 1, 1)
    assert tally.jobs[jobs[1].id].message == "no"
