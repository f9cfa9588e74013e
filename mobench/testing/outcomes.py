"""Cases, which are a check of one registered name, and their results."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mobench.plugins import Entry, Spec, SuiteFile
from mobench.text import message_of, name_hint

Check = Callable[[Entry], None]
CheckState = Literal["passed", "failed", "declined"]


class Declined(Exception):
    """Raised when a check does not apply or cannot run here; the message is the reason."""


def demand(fulfilled: object, message: str) -> None:
    """Raise AssertionError with the message unless the condition holds. The message says what to do.

    An `assert` statement is not used, because `python -O` removes it.
    """
    if not fulfilled:
        raise AssertionError(message)


@dataclass(frozen=True)
class Result:
    """Result of a check.

    says:    the property that the check tests; it holds if the check passed.
    message: what is wrong and what to do if the check failed, or the reason if it was declined.
    details: the traceback if the check failed.
    """

    check: str
    says: str
    state: CheckState
    message: str = ""
    details: str = ""


@dataclass(frozen=True)
class Case:
    """One check of one registered name."""

    entry: Entry
    check: Check

    def __str__(self) -> str:
        return f"{self.entry.kind} {self.entry.name}: {self.check.__name__}"

    def run(self) -> Result:
        """Run the check and return its result. Any exception of the plugin is a failure. Global state is restored."""
        from mobench.testing.state_changes import put_back

        name, says = self.check.__name__, (self.check.__doc__ or "").splitlines()[0]
        reason = "" if isinstance(self.entry.spec, SuiteFile) else self.entry.spec.declines.get(name, "")
        if reason:
            return Result(name, says, "declined", f"by the plugin: {reason}")
        try:
            with put_back():
                self.check(self.entry)
        except Declined as declined:
            return Result(name, says, "declined", str(declined))
        except AssertionError as error:
            return Result(name, says, "failed", message_of(error), traceback.format_exc())
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return Result(name, says, "failed", _raised(error), traceback.format_exc())
        return Result(name, says, "passed")


def unknown_declines(entry: Entry, checks: list[Check]) -> list[Result]:
    """Return a failed result for each unknown check name in the `declines` of a spec."""
    if isinstance(entry.spec, SuiteFile):
        return []
    names = [check.__name__ for check in checks]
    kind = "Pair" if not isinstance(entry.spec, Spec) else "Spec"
    return [
        Result(
            name,
            "What is declined exists",
            "failed",
            f"the {kind} declines {name!r}, which is not a check of a {entry.kind}{name_hint(name, names)}",
        )
        for name in entry.spec.declines
        if name not in names
    ]


def _raised(error: BaseException) -> str:
    """Describe an exception: its type, file, line and message."""
    frames = traceback.extract_tb(error.__traceback__)
    location = f" at {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    message = message_of(error)
    return (
        f"raised {type(error).__name__}{location}: {message} (fix the error; the traceback shows where it was raised)"
    )
