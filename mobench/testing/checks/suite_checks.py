"""Conformance checks of suites."""

from __future__ import annotations

from mobench.jobs import plan as plans
from mobench.jobs import suite as suites
from mobench.plugins import Entry, SuiteFile
from mobench.testing.outcomes import demand


def can_be_planned(entry: Entry) -> None:
    """Its file can be read, and every name and option in it exists"""
    assert isinstance(entry.spec, SuiteFile)
    demand(
        entry.spec.path.is_file(),
        f"there is no file {entry.spec.path.name} in the installed package: put it beside the module that names it, "
        "and include it in the wheel",
    )
    demand(plans.plan(suites.load(str(entry.spec.path))).jobs, "it has no jobs: give it entries that can be combined")
