"""Jobs on a Ray cluster of two nodes, one of which is killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gated import STEPS, Gate

from mobench.errors import OptionError
from mobench.events import JobEvent, NodeLost, TrainingProgress
from mobench.interfaces import Strategy
from mobench.jobs import plan as plans
from mobench.jobs import suite as suites
from mobench.jobs.job import Job
from mobench.jobs.plan import Plan
from mobench.records.store import Store
from mobench.runs import runner
from mobench.runs.executors import Limits, make
from mobench.runs.run_options import RunOptions

# Ray leaves sockets and processes to the end of the interpreter
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def cluster(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head without room for jobs, and two nodes with one CPU each."""
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray
    from ray.cluster_utils import Cluster

    ray_cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    ray_cluster.nodes_for_jobs = [ray_cluster.add_node(num_cpus=1) for _ in range(2)]
    ray_cluster.wait_for_nodes()
    yield ray_cluster
    ray.shutdown()
    ray_cluster.shutdown()


def test_a_node_killed_in_mid_run_costs_no_job_and_each_ends_with_one_record(
    cluster: Any, gate: Gate, tiny: Path, tmp_path: Path
) -> None:
    jobs = [gate.job(job) for job in plans.plan(suites.load(str(tiny))).jobs]
    executor = make("ray", Limits(cpus=1, address=cluster.address))
    assert (executor.slots, executor.threads) == (2, 1)
    events: list[str] = []
    training: set[str] = set()

    def listen(job: Job, event: JobEvent) -> None:
        events.append(event.phase)
        if isinstance(event, TrainingProgress) and job.id not in training:
            training.add(job.id)
            if len(training) == 2:
                cluster.remove_node(cluster.nodes_for_jobs.pop(), allow_graceful=False)
        if isinstance(event, NodeLost):
            # not before: a job outlives its node by a moment, in which it could come to its end
            gate.open()

    summary = runner.run(
        Plan("two", jobs),
        Store(tmp_path / "out"),
        executor,
        RunOptions(strategy=Strategy(), checkpoint_seconds=0),
        listen=listen,
    )
    assert sorted(j.id for j in summary.completed) == sorted(j.id for j in jobs)
    contents = Store(tmp_path / "out").contents()
    assert contents.unreadable == []
    assert sorted(r.id for r in contents.records) == sorted(j.id for j in jobs)
    assert {r.status for r in contents.records} == {"completed"}
    assert {r.cost.steps for r in contents.records if r.cost} == {STEPS}
    assert events.count("lost") == 1
    assert events.count("end") == 2
    with pytest.raises(OptionError, match="no node of the Ray cluster has 64 CPUs"):
        make("ray", Limits(cpus=64, address=cluster.address))
