"""Protocols of datasets as stored in records, and the comparison of their contents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from mobench.interfaces import Dataset

VERSION = "version"


def stated_by(dataset: Dataset) -> dict[str, Any]:
    """Return the protocol of a dataset in the form stored in records. Fields that are None are omitted."""
    content: dict[str, Any] = json.loads(json.dumps(asdict(dataset.protocol)))
    return {name: value for name, value in content.items() if value is not None}


def contents(protocol: Mapping[str, Any]) -> str:
    """Return a record's protocol without its version, as text; "" for an empty one, as in failed jobs."""
    stated = {name: value for name, value in protocol.items() if name != VERSION}
    return json.dumps(stated, sort_keys=True) if stated else ""


def same_contents(protocol: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two protocols have the same contents. Empty contents agree with any others."""
    return not (contents(protocol) and contents(other)) or contents(protocol) == contents(other)


def differing(protocol: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Describe how `protocol` differs from `other`, for example "reference [1.0, 1.0] instead of [2.0, 2.0]"."""
    names = [name for name in {**protocol, **other} if protocol.get(name) != other.get(name)]
    return ", ".join(
        f"{name} {json.dumps(protocol.get(name))} instead of {json.dumps(other.get(name))}" for name in names
    )
