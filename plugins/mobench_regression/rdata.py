"""Reader of R data files (.rda, the uncompressed XDR format): enough for data frames of numbers and factors."""

from __future__ import annotations

import struct
from typing import Any

from mobench.errors import DataError

MAGIC = (b"RDX2\nX\n", b"RDX3\nX\n")
NULL_LIKE = (254, 253, 242)
"""Types without content: NULL, the global and the empty environment."""
REFERENCE, SYMBOL, PAIRLIST, STRING = 255, 1, 2, 9
INTEGERS, REALS, LISTS = (10, 13), (14,), (16, 19)
HAS_ATTRIBUTES, HAS_TAG = 512, 1024
MOST_ITEMS = 1_000_000
DEEPEST = 50


def objects(data: bytes) -> dict[str, Any]:
    """Return the objects of an R data file by name.

    A vector is a list. A vector with attributes is a dict with "value" and "attributes".

    Raises: DataError if the file is of another kind, ends early or has a type that is not read.
    """
    if data[:7] not in MAGIC:
        raise DataError("it is not an R data file in XDR format")
    try:
        top = _Reader(data, 7).file()
    except (struct.error, IndexError, RecursionError) as error:
        raise DataError(f"the R data file is damaged ({type(error).__name__})") from error
    if not isinstance(top, dict):
        raise DataError("the R data file has no named objects")
    return top


def columns_of(frame: Any) -> tuple[list[str], list[list[Any]]]:
    """Return names and columns of a data frame; factors become their levels.

    Raises: DataError if the object is not a data frame.
    """
    try:
        names: list[str] = frame["attributes"]["names"]
        columns = [
            [column["attributes"]["levels"][k - 1] for k in column["value"]] if isinstance(column, dict) else column
            for column in frame["value"]
        ]
    except (KeyError, TypeError, IndexError) as error:
        raise DataError("the R object is not a data frame") from error
    return names, columns


class _Reader:
    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at
        self.symbols: list[Any] = []

    def file(self) -> Any:
        version, _, _ = self.integer(), self.integer(), self.integer()
        if version == 3:
            self.take(self.integer())  # name of the encoding
        return self.item(0)

    def take(self, n: int) -> bytes:
        if n < 0 or self.at + n > len(self.data):
            raise DataError("the R data file ends early")
        self.at += n
        return self.data[self.at - n : self.at]

    def integer(self) -> int:
        value: int = struct.unpack(">i", self.take(4))[0]
        return value

    def item(self, depth: int) -> Any:
        if depth > DEEPEST:
            raise DataError("the R data file is nested too deep")
        flags = self.integer()
        kind = flags & 255
        if kind in NULL_LIKE:
            return None
        if kind == REFERENCE:
            return self.symbols[(flags >> 8 or self.integer()) - 1]
        if kind == SYMBOL:
            self.symbols.append(self.item(depth + 1))
            return self.symbols[-1]
        if kind == PAIRLIST:
            return self.pairs(flags, depth)
        value = self.vector(kind, depth)
        return {"value": value, "attributes": self.item(depth + 1)} if flags & HAS_ATTRIBUTES else value

    def pairs(self, flags: int, depth: int) -> dict[Any, Any]:
        """Return a list of tagged values, which ends with NULL."""
        result: dict[Any, Any] = {}
        while flags & 255 != NULL_LIKE[0]:
            if flags & 255 != PAIRLIST:
                raise DataError(f"an R list ends in type {flags & 255}")
            if flags & HAS_ATTRIBUTES:
                self.item(depth + 1)
            tag = self.item(depth + 1) if flags & HAS_TAG else None
            result[tag] = self.item(depth + 1)
            flags = self.integer()
        return result

    def vector(self, kind: int, depth: int) -> Any:
        n = self.integer()
        if kind == STRING:
            return None if n < 0 else self.take(n).decode("latin-1")
        if not 0 <= n <= MOST_ITEMS:
            raise DataError(f"an R vector has {n} items")
        if kind in INTEGERS:
            return list(struct.unpack(f">{n}i", self.take(4 * n)))
        if kind in REALS:
            return list(struct.unpack(f">{n}d", self.take(8 * n)))
        if kind in LISTS:
            return [self.item(depth + 1) for _ in range(n)]
        raise DataError(f"R type {kind} is not read")
