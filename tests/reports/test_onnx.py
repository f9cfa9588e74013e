"""Networks as ONNX: written models agree with torch, and unsuitable networks are refused."""

from __future__ import annotations

import json
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from mobench.errors import IncompatibleError, MobenchError, StoreError
from mobench.records.networks import Trained, load
from mobench.records.record import Record
from mobench.records.store import Store
from mobench.reports import onnx as report

pytestmark = pytest.mark.slow

FIT = ("phn-ls", "cpmtl-ls", "cosmos", "chunked-phn-ls")


def record_of(folder: Path, solver: str) -> Record:
    (record,) = [r for r in Store(folder).contents().records if r.job.solver.name == solver]
    return record


def trained(folder: Path, solver: str) -> Trained:
    record = record_of(folder, solver)
    return load(record, Store(folder).weights(record.job))


@pytest.mark.parametrize("solver", FIT)
def test_a_file_answers_as_torch_does_at_any_batch_and_each_preference_otherwise(
    trained_folder: Path, solver: str
) -> None:
    network = trained(trained_folder, solver)
    run = report.session(report.to_onnx(network))
    test = network.problem.prepare(network.problem.dataset.load("test"))
    answers = []
    for n, preference in ((1, [0.03, 0.97]), (3, [0.5, 0.5]), (60, [0.81, 0.19])):
        wished = torch.tensor(preference)
        with torch.no_grad():
            expected = network.network.serve(wished)(test.inputs[:n])
        outputs = run(test.inputs[:n], wished)
        assert list(outputs) == ["left", "right"]
        for name in outputs:
            assert outputs[name].shape == (n, 10)
            torch.testing.assert_close(outputs[name], expected[name], atol=1e-4, rtol=0)
        answers.append(outputs["left"][:1])
    assert not torch.equal(answers[0], answers[2]), "the answer depends on the preference"


def test_loaded_weights_give_the_losses_of_the_record(trained_folder: Path) -> None:
    network = trained(trained_folder, "phn-ls")
    front = network.record.fronts["test"]
    batch = network.problem.prepare(network.problem.dataset.load("test"))
    with torch.no_grad():
        losses = network.problem.losses(network.network(batch.inputs, torch.tensor(front.preferences)), batch)
    np.testing.assert_allclose(losses.numpy(), front.losses, rtol=1e-5)


def test_a_file_that_answers_otherwise_is_not_written(trained_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = trained(trained_folder, "cosmos")
    model = onnx.load_model_from_string(report.to_onnx(network))
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.name.endswith("heads.layers.left.bias"):
            tensor.CopyFrom(numpy_helper.from_array(values + np.float32(2e-4) * 10, tensor.name))
    monkeypatch.setattr(report, "_exported", lambda trained: model.SerializeToString())
    with pytest.raises(MobenchError, match=r"differs from torch by 0\.002"):
        report.to_onnx(network)


def test_a_network_with_chance_in_it_is_not_written(trained_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = trained(trained_folder, "cosmos")
    monkeypatch.setattr(report, "difference", lambda *args: float("nan"))
    with pytest.raises(MobenchError, match="differs from torch by nan"):
        report.to_onnx(network)


def test_halves_halve_the_file_and_keep_three_digits(trained_folder: Path) -> None:
    network = trained(trained_folder, "phn-ls")
    full_size = report.to_onnx(network)
    half = report.halved(full_size)
    assert len(half) < 0.51 * len(full_size)
    test = network.problem.prepare(network.problem.dataset.load("test"))
    difference = report.difference(half, network, test.inputs, torch.tensor([[0.3, 0.7], [0.9, 0.1]]))
    assert 0 < difference < 0.01
    stored = {t.name: numpy_helper.to_array(t) for t in onnx.load_model_from_string(half).graph.initializer}
    assert sum(v.size for v in stored.values() if v.dtype == np.float16) > 3_190_000
    large = [name for name, v in stored.items() if v.dtype == np.float32 and v.size >= report.SMALL]
    assert large == []


def test_a_stack_of_nets_is_refused(trained_folder: Path) -> None:
    with pytest.raises(IncompatibleError, match="ls keeps a net for each of 5 preferences"):
        report.to_onnx(trained(trained_folder, "ls"))


def test_inputs_that_are_no_images_are_refused(finished: Path, tmp_path: Path) -> None:
    from mobench.runs.execution import execute

    job = record_of(finished, "phn-ls").job
    execute(job, threads=1, weights=tmp_path / "w.safetensors")
    with pytest.raises(IncompatibleError, match="reads inputs of shape"):
        report.to_onnx(load(record_of(finished, "phn-ls"), tmp_path / "w.safetensors"))


def test_weights_that_are_absent_broken_or_of_another_network_are_one_clear_error(
    trained_folder: Path, tmp_path: Path
) -> None:
    record, store = record_of(trained_folder, "phn-ls"), Store(trained_folder)
    with pytest.raises(StoreError, match="run the suite with --keep-weights"):
        load(record, tmp_path / "nowhere.safetensors")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"\x80\x04 no weights")
    with pytest.raises(StoreError, match=r"broken\.safetensors does not hold the weights of multimnist"):
        load(record, broken)
    other = store.weights(record_of(trained_folder, "cosmos").job)
    with pytest.raises(StoreError, match="does not hold the weights"):
        load(record, other)


def test_from_the_command_line(cli: Any, trained_folder: Path, tmp_path: Path) -> None:
    done = cli("export", trained_folder, "--format", "onnx,csv", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    file_names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert len(file_names) == len(FIT) + 1
    assert [name for name in file_names if name.startswith("multimnist-cosmos-s0-") and name.endswith(".onnx")]
    assert "declined: multimnist · ls · seed 0: ls keeps a net for each" in done.stderr
    for path in (tmp_path / "out").glob("*.onnx"):
        model = onnx.load(path)
        assert [i.name for i in model.graph.input] == ["image", "preference"]
        assert [d.dim_value for d in model.graph.input[1].type.tensor_type.shape.dim] == [2]
        check_metadata(path)


def check_metadata(path: Path) -> None:
    """Check what onnxruntime reads in the file of a network on MultiMNIST."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    entries = session.get_modelmeta().custom_metadata_map
    assert path.name == f"multimnist-{entries['mobench.solver']}-s0-{entries['mobench.record']}.onnx"
    assert entries["mobench.version"] == metadata.version("mobench")
    assert (entries["mobench.dataset"], json.loads(entries["mobench.preference"])) == ("multimnist", ["left", "right"])
    samples = json.loads(entries["mobench.input"])
    assert samples["name"] == session.get_inputs()[0].name
    assert samples["shape"] == session.get_inputs()[0].shape[1:]
    assert (samples["lowest"], samples["highest"]) == (0.0, 1.0)
    outputs = json.loads(entries["mobench.outputs"])
    assert outputs == {"left": {"shape": [10]}, "right": {"shape": [10]}}
    assert list(outputs) == [output.name for output in session.get_outputs()]


def test_a_network_of_vectors_has_an_input_of_another_name(tmp_path: Path) -> None:
    from mobench.jobs.job import Budget
    from mobench.jobs.resolve import resolve
    from mobench.runs.execution import execute

    job = resolve("slump", "mlp", "cosmos", {"model.widths": [4], "dataset.targets": ["flow"]}, Budget(steps=2))
    model = report.to_onnx(load(execute(job, weights=tmp_path / "w.safetensors"), tmp_path / "w.safetensors"))
    assert [i.name for i in onnx.load_model_from_string(model).graph.input] == ["input", "preference"]


def test_without_weights_nothing_is_written_and_the_reason_is_told(
    cli: Any, trained_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(trained_folder / "records", tmp_path / "bare" / "records")
    done = cli("export", tmp_path / "bare", "--format", "onnx")
    assert done.returncode == 2
    assert "no network was written as ONNX" in done.stderr
    assert "--keep-weights" in done.stderr
    assert not list((tmp_path / "bare").glob("*.onnx"))
