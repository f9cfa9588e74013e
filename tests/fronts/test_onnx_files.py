"""ONNX files of fronts: raw inputs, outputs equal to torch, and metadata that onnxruntime reads."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from own_data import table

import mobench
from mobench.errors import IncompatibleError

pytestmark = pytest.mark.slow


def opened(path: Path) -> tuple[Any, dict[str, Any]]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    entries = session.get_modelmeta().custom_metadata_map
    parsed = {
        name: json.loads(text) if name in ("mobench.preference", "mobench.input", "mobench.outputs") else text
        for name, text in entries.items()
    }
    return session, parsed


def raw(x: Any) -> Any:
    numbers = x[["age", "hours"]].to_numpy()
    one_hot = np.stack([x["work"] == work for work in ("farm", "office", "shop")], axis=1)
    return np.hstack([numbers, one_hot]).astype(np.float32)


def test_a_front_is_a_file_with_a_preference_and_says_what_it_is(front: mobench.Front, tmp_path: Path) -> None:
    session, entries = opened(front.to_onnx(tmp_path / "front.onnx"))
    x, _ = table()
    for preference in ([0.3, 0.7], [0.9, 0.1]):
        arguments = {"input": raw(x), "preference": np.array(preference, np.float32)}
        (output,) = session.run(None, arguments)
        np.testing.assert_allclose(output, front.network(preference)(x).numpy(), atol=1e-4)
    assert entries["mobench.version"] == metadata.version("mobench")
    assert entries["mobench.record"] == front.record.id
    assert (entries["mobench.solver"], entries["mobench.dataset"], entries["mobench.model"]) == (
        "phn-ls", "own-data", "Sequential",
    )  # fmt: skip
    assert entries["mobench.preference"] == ["income", "sex_parity"]
    stated = entries["mobench.input"]
    assert (stated["name"], stated["shape"]) == ("input", [5])
    assert stated["entries"] == ["age", "hours", "work=farm", "work=office", "work=shop"]
    order = np.asarray(front._problem.dataset.load("train").inputs)  # type: ignore[arg-type]
    assert order.shape == (84, 5)
    assert stated["lowest"][2:] == [0, 0, 0]
    assert stated["highest"][2:] == [1, 1, 1]
    assert raw(x)[:, 0].min() <= stated["lowest"][0] < stated["highest"][0] <= raw(x)[:, 0].max()
    assert entries["mobench.outputs"] == {"income": {"shape": [2], "target": "income", "labels": ["high", "low"]}}


def test_a_network_of_a_finite_set_is_a_file_and_the_set_is_declined(stack: mobench.Front, tmp_path: Path) -> None:
    with pytest.raises(IncompatibleError, match=r"write one with network\(preference\)\.to_onnx\(path\)"):
        stack.to_onnx(tmp_path / "stack.onnx")
    session, entries = opened(stack.network(1).to_onnx(tmp_path / "network.onnx"))
    x, _ = table()
    (output,) = session.run(None, {"input": raw(x)})
    np.testing.assert_allclose(output, stack.network(1)(x).numpy(), atol=1e-4)
    assert entries["mobench.preference"] == pytest.approx(
        {name: stack.table.loc[1, f"preference {name}"] for name in ("income", "sex_parity")}
    )
