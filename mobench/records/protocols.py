"""What a dataset's protocol states, as records keep it: its contents are compared, not its version alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from mobench.interfaces import Dataset

VERSION = "version"


def stated_by(dataset: Dataset) -> dict[str, Any]:
    """The protocol of a dataset in the form that a record keeps."""
    content: dict[str, Any] = json.loads(json.dumps(asdict(dataset.protocol)))
    return content


def contents(protocol: Mapping[str, Any]) -> str:
    """What a record's protocol states besides its version, as text; "" for a failed job's, which states nothing."""
    stated = {name: value for name, value in protocol.items() if name != VERSION}
    return json.dumps(stated, sort_keys=True) if stated else ""


def same_contents(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two protocols agree in all that both of them state."""
    return not (contents(one) and contents(other)) or contents(one) == contents(other)


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """In which parts `one` differs from `other`, in words: "reference [1.0, 1.0] instead of [2.0, 2.0]"."""
    names = [name for name in {**one, **other} if one.get(name) != other.get(name)]
    return ", ".join(f"{name} {json.dumps(one.get(name))} instead of {json.dumps(other.get(name))}" for name in names)
