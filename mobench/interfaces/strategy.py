"""How a problem's arithmetic is laid out: what a processor likes, and no method's business."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from mobench.errors import OptionError

Layout = Literal["channels_last", "contiguous", "batch_last"]
Stacking = Literal["separate", "grouped", "split"]


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
        return cls.from_dict(dict(word.partition("=")[::2] for word in text.split(",")))

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
                if value is not None and not (str(value).isdigit() and int(value) > 0):
                    raise OptionError(f"strategy: threads is {value!r}: give a whole number above 0")
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
