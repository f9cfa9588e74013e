"""What plugin authors test with: the conformance suite that every plugin passes, and input families.

`cases("my-distribution")` gives the checks of all that a distribution registers; each has `run()`, whose
result has a state ("passed", "failed", "declined") and a message. Assertions about balancers are in
`mobench.testing.properties`, inputs in `mobench.testing.families`, small objects in `mobench.testing.small`.
"""

from mobench.testing.conformance import CHECKS, cases
from mobench.testing.outcomes import Case, Check, Declined, Result

__all__ = ["CHECKS", "Case", "Check", "Declined", "Result", "cases"]
