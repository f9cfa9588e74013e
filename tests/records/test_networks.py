"""Weights from unknown sources: they are loaded or refused in one line; nothing is executed."""

from __future__ import annotations

import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from hostile import FUZZ, fit_to_print
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save

from mobench.errors import StoreError
from mobench.jobs.job import Budget, Job
from mobench.jobs.resolve import resolve
from mobench.records.networks import load
from mobench.records.record import Record
from mobench.runs.execution import execute


@pytest.fixture(scope="module")
def saved_network(tmp_path_factory: pytest.TempPathFactory) -> tuple[Record, Path]:
    """A record and its weights."""
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    return execute(resolve("vlmop2", "point", "phn-ls", {}, Budget(steps=2)), threads=1, weights=path), path


class _Runs:
    """A pickle that creates a folder when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("case", ["pickle", "torch", "torch, of old", "script"])
def test_a_pickle_posing_as_weights_is_never_executed(
    saved_network: tuple[Record, Path], tmp_path: Path, case: str
) -> None:
    mark, path = tmp_path / "executed", tmp_path / "w.safetensors"
    if case == "pickle":
        path.write_bytes(pickle.dumps(_Runs(mark)))
    elif case == "script":
        path.write_text(f"import os; os.mkdir({str(mark)!r})")
    else:
        torch.save({"weight": _Runs(mark)}, path, _use_new_zipfile_serialization=case == "torch")
    with pytest.raises(StoreError, match="does not hold the weights of vlmop2") as raised:
        load(saved_network[0], path)
    assert fit_to_print(str(raised.value))
    assert not mark.exists()


def test_options_that_the_weights_header_does_not_bear_out_allocate_nothing(saved_network: tuple[Record, Path]) -> None:
    """Three billion numbers, which would become resident memory when they are filled."""
    data = saved_network[0].model_dump(by_alias=True)
    data["job"]["solver"]["generator"]["options"]["hidden"] = [30_000, 30_000, 30_000]
    before = psutil.Process().memory_info().rss
    with pytest.raises(StoreError, match=r"does not hold the weights of vlmop2.* would have more than"):
        load(saved_network[0].model_copy(update={"job": Job.model_validate(data["job"])}), saved_network[1])
    assert psutil.Process().memory_info().rss - before < 200e6


def header(change: Callable[[dict[str, Any]], Any]) -> Callable[[bytes], bytes]:
    """The same tensors behind another header."""

    def changed(data: bytes) -> bytes:
        (n,) = struct.unpack("<Q", data[:8])
        metadata = json.loads(data[8 : 8 + n])
        change(metadata)
        text = json.dumps(metadata).encode()
        return struct.pack("<Q", len(text)) + text + data[8 + n :]

    return changed


def _first(metadata: dict[str, Any]) -> dict[str, Any]:
    tensor_info: dict[str, Any] = metadata[min(name for name in metadata if name != "__metadata__")]
    return tensor_info


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "half": lambda data: data[: len(data) // 2],
    "a byte more": lambda data: data + b"x",
    "a header without end": lambda data: struct.pack("<Q", 2**63) + data[8:],
    "a header as long as memory": lambda data: struct.pack("<Q", 2**40) + data[8:],
    "nested deep": lambda data: struct.pack("<Q", 10**6) + b"[" * 10**6,
    "another type": header(lambda metadata: _first(metadata).update(dtype="Q8")),
    "whole numbers of another size": header(lambda metadata: _first(metadata).update(dtype="I8")),
    "a huge shape": header(lambda metadata: _first(metadata).update(shape=[2**62, 2**62])),
    "a negative shape": header(lambda metadata: _first(metadata).update(shape=[-1])),
    "offsets from elsewhere": header(lambda metadata: _first(metadata).update(data_offsets=[0, 2**60])),
    "a tensor more": header(lambda metadata: metadata.update({"\x1b[2J": {**_first(metadata)}})),
    "a tensor less": lambda data: save({}),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_weights_are_refused_in_one_line(saved_network: tuple[Record, Path], tmp_path: Path, case: str) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(BROKEN[case](saved_network[1].read_bytes()))
    with pytest.raises(StoreError, match="does not hold the weights of vlmop2") as raised:
        load(saved_network[0], path)
    assert fit_to_print(str(raised.value))


@settings(FUZZ, max_examples=60)
@given(data=st.data())
def test_bytes_put_into_weights_are_read_or_refused(
    saved_network: tuple[Record, Path], tmp_path: Path, data: st.DataObject
) -> None:
    record, good = saved_network
    raw, path = good.read_bytes(), tmp_path / "w.safetensors"
    at = data.draw(st.integers(0, min(400, len(raw))))
    until = data.draw(st.integers(at, min(len(raw), at + 20)))
    path.write_bytes(raw[:at] + data.draw(st.binary(max_size=20)) + raw[until:])
    try:
        network = load(record, path).network
    except StoreError as error:
        refusal = str(error)
        assert fit_to_print(refusal)
        return
    assert {name: tensor.shape for name, tensor in network.state_dict().items()} == {
        name: tensor.shape for name, tensor in load_file(good).items()
    }
