"""Test tools for plugin authors: the conformance checks that every plugin must pass.

`cases("my-distribution")` returns the checks of every name that a distribution registers. Each case has a method
`run()`, whose result has a state ("passed", "failed" or "declined") and a message. Assertions on balancers are in
`mobench.testing.properties`, input families in `mobench.testing.families` and small plugin objects in
`mobench.testing.small`.
"""

from mobench.testing.conformance import CHECKS, cases
from mobench.testing.outcomes import Case, Check, Declined, Result

__all__ = ["CHECKS", "Case", "Check", "Declined", "Result", "cases"]
