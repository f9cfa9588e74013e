"""Execution strategy: memory layout, stacking of weight sets and number of threads."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from mobench.errors import OptionError

Layout = Literal["channels_last", "contiguous", "batch_last"]
Stacking = Literal["separate", "grouped", "split"]

MAX_THREADS = 10_000


@dataclass(frozen=True)
class Strategy:
    """Choices that affect only the speed of the computation and the order of sums.

    layout:     memory layout of images. "batch_last" stores [C, H, W, N], for kernels that are compiled on this
        machine; they need a CPU and a C compiler, and torch's slower operations are used otherwise.
    stacking:   how a step runs K weight sets: one after the other ("separate"), or at once. At once, convolutions
        with different inputs are the groups of one convolution ("grouped") or run one after the other ("split").
    evaluation: the same for evaluation, which runs several rays at a time.
    threads:    number of torch threads; None keeps the current number.
    """

    layout: Layout = "channels_last"
    stacking: Stacking = "separate"
    evaluation: Stacking = "separate"
    threads: int | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def parse(cls, text: str) -> Strategy:
        """Parse a strategy such as "layout=contiguous,stacking=grouped"; "default" gives the defaults.

        Raises: OptionError for an unknown or repeated name, or an unknown value.
        """
        if text == "default":
            return cls()
        values: dict[str, Any] = {}
        for word in text.split(","):
            name, _, value = word.partition("=")
            if name in values:
                raise OptionError(f"strategy: {name!r} is given twice: give it once")
            values[name] = value
        return cls.from_dict(values)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Strategy:
        """Return a strategy from the result of `to_dict`, or from string values.

        Raises: OptionError for an unknown name or value.
        """
        accepted: dict[str, tuple[Any, ...]] = {
            "layout": get_args(Layout),
            "stacking": get_args(Stacking),
            "evaluation": get_args(Stacking),
        }
        values: dict[str, Any] = {}
        for name, value in content.items():
            if name == "threads":
                if value is not None and not _is_count(str(value)):
                    raise OptionError(f"strategy: threads is {value!r}: give a whole number from 1 to {MAX_THREADS}")
                values[name] = None if value is None else int(value)
            elif name not in accepted:
                raise OptionError(
                    f"strategy: {name!r} is not a part of a strategy: give {', '.join(f.name for f in fields(cls))}"
                )
            elif value not in accepted[name]:
                raise OptionError(f"strategy: {name} is {value!r}: give {' or '.join(accepted[name])}")
            else:
                values[name] = value
        return cls(**values)


def _is_count(text: str) -> bool:
    """Whether a text is a valid number of threads."""
    # isdigit alone accepts superscripts, which int rejects
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(MAX_THREADS)):
        return False
    return 0 < int(text) <= MAX_THREADS
