"""The first options that a search tries."""

from __future__ import annotations

from mobench.jobs.job import Budget
from mobench.jobs.resolve import resolve
from mobench.jobs.suite import Search
from mobench.search import proposals


def test_the_options_without_a_search_include_added_ones_that_the_job_leaves_out() -> None:
    """A job does not state an added option at its default; a search over it starts there all the same."""
    search = Search(space={"balancer.outside": ["start-phase", "constraints"], "lr": [0.01, 0.001]})
    default_job = resolve("vlmop2", "point", "pmtl", {}, Budget(steps=1))
    assert default_job.solver.balancer is not None
    assert "outside" not in default_job.solver.balancer.options
    assert proposals._as_they_are(default_job, search) == {"balancer.outside": '"constraints"', "lr": "0.001"}
    other = resolve("vlmop2", "point", "pmtl", {"outside": "start-phase"}, Budget(steps=1))
    assert proposals._as_they_are(other, search) == {"balancer.outside": '"start-phase"', "lr": "0.001"}
