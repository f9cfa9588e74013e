"""A check of one registered name, and what came of it."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mobench.errors import nearest
from mobench.plugins import Entry, Spec, SuiteFile
from mobench.text import message_of

Check = Callable[[Entry], None]
State = Literal["passed", "failed", "declined"]


class Declined(Exception):
    """A check that cannot be made here, with the reason."""


def demand(fulfilled: object, message: str) -> None:
    """Raise AssertionError with the message, which says what to do, unless the condition holds.

    A statement of Python's own would check nothing under `python -O`.
    """
    if not fulfilled:
        raise AssertionError(message)


@dataclass(frozen=True)
class Result:
    """What came of a check.

    says:    what holds where it passed.
    message: of a failure what is wrong and what to do, else the reason for declining.
    details: the traceback of a failure.
    """

    check: str
    says: str
    state: State
    message: str = ""
    details: str = ""


@dataclass(frozen=True)
class Case:
    """One check of one name."""

    entry: Entry
    check: Check

    def __str__(self) -> str:
        return f"{self.entry.kind} {self.entry.name}: {self.check.__name__}"

    def run(self) -> Result:
        """The result; whatever the plugin raises is a failure. Global state is put back afterwards."""
        from mobench.testing.global_state import put_back

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
    """A failure for each check that a spec declines and that does not exist."""
    if isinstance(entry.spec, SuiteFile):
        return []
    known = [check.__name__ for check in checks]
    what = "Pair" if not isinstance(entry.spec, Spec) else "Spec"
    return [
        Result(
            name,
            "What is declined exists",
            "failed",
            f"the {what} declines {name!r}, which is no check of a {entry.kind}"
            f"{nearest(name, known) or '; there are ' + ', '.join(known)}",
        )
        for name in entry.spec.declines
        if name not in known
    ]


def _raised(error: BaseException) -> str:
    """What was raised, and the line to look at."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    message = message_of(error)
    return f"raised {type(error).__name__}{where}: {message} (make it pass; the traceback shows the way there)"
