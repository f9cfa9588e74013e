"""How a problem's arithmetic is laid out: what a processor likes, and no method's business."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from mobench.errors import OptionError

Layout = Literal["channels_last", "contiguous", "batch_last"]
Stacking = Literal["separate", "grouped", "split"]

MAX_THREADS = 10_000


@dataclass(frozen=True)
class Strategy:
    """The choices that change how fast numbers come and in which order they are summed, nothing else.

    layout:     memory order of images; "batch_last" has them side by side, for kernels that are compiled
        here (on a processor that has a C compiler; elsewhere the library's serve, slowly).
    stacking:   how a step runs K weight sets: one after the other ("separate"), or at once, where
        convolutions are groups of one ("grouped") or one after the other if their inputs differ ("split").
    evaluation: the same for judging, several rays at a time.
    threads:    of torch; None leaves them as they are.
    """

    layout: Layout = "channels_last"
    stacking: Stacking = "separate"
    evaluation: Stacking = "separate"
    threads: int | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def parse(cls, text: str) -> Strategy:
        """A strategy from "layout=contiguous,stacking=grouped"; "default" for the defaults.

        Raises: OptionError for an unknown name or value.
        """
        if text == "default":
            return cls()
        given: dict[str, Any] = {}
        for word in text.split(","):
            name, _, value = word.partition("=")
            if name in given:
                raise OptionError(f"strategy: {name!r} is there twice: give it once")
            given[name] = value
        return cls.from_dict(given)

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> Strategy:
        """A strategy from what `to_dict` gave, or from strings.

        Raises: OptionError for an unknown name or value.
        """
        accepted: dict[str, tuple[Any, ...]] = {
            "layout": get_args(Layout),
            "stacking": get_args(Stacking),
            "evaluation": get_args(Stacking),
        }
        values: dict[str, Any] = {}
        for name, value in given.items():
            if name == "threads":
                if value is not None and not _is_count(str(value)):
                    raise OptionError(f"strategy: threads is {value!r}: give a whole number from 1 to {MAX_THREADS}")
                values[name] = None if value is None else int(value)
            elif name not in accepted:
                raise OptionError(
                    f"strategy: {name!r} is no part of one: give {', '.join(f.name for f in fields(cls))}"
                )
            elif value not in accepted[name]:
                raise OptionError(f"strategy: {name} is {value!r}: give {' or '.join(accepted[name])}")
            else:
                values[name] = value
        return cls(**values)


def _is_count(text: str) -> bool:
    """Whether a text is a number of threads, and nothing else."""
    # isdigit alone takes superscripts, which int does not
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(MAX_THREADS)):
        return False
    return 0 < int(text) <= MAX_THREADS
