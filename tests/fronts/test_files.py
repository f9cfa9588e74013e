"""Files of fronts: equal to the bit in a new process, no code in them, and hostile content is one clear error."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from own_data import SMALL, small_module, table
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import mobench
from mobench.errors import StoreError
from mobench.fronts.front_file import FRONT, RECORD

READER = """
import sys, numpy as np, pandas as pd, torch, mobench
torch.set_num_threads(1)
x = pd.read_pickle("x.pkl")
for name in ("front", "stack"):
    front = mobench.load(f"{name}.safetensors")
    for row in range(len(front.table)):
        np.save(f"{name}-{row}.npy", front.network(row)(x).numpy())
    np.save(f"{name}-labels.npy", front.network(0).predict(x).astype(str))
"""


@pytest.mark.slow
def test_a_new_process_predicts_the_same_to_the_bit(front: mobench.Front, stack: mobench.Front, tmp_path: Path) -> None:
    x, _ = table()
    x.to_pickle(tmp_path / "x.pkl")
    saved = {"front": front, "stack": stack}
    for name, trained in saved.items():
        trained.save(tmp_path / f"{name}.safetensors")
    command = [sys.executable, "-c", READER]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    for name, trained in saved.items():
        for row in range(len(trained.table)):
            outputs = trained.network(row)(x).numpy()
            assert np.load(tmp_path / f"{name}-{row}.npy").tobytes() == outputs.tobytes()
        assert np.load(tmp_path / f"{name}-labels.npy").tolist() == trained.network(0).predict(x).tolist()


def test_a_loaded_front_has_the_tables_choice_and_plot_of_the_saved_one(front: mobench.Front, tmp_path: Path) -> None:
    loaded = mobench.load(front.save(tmp_path / "new" / "front.safetensors"))
    assert loaded.record == front.record
    assert loaded.table.equals(front.table)
    bound = front.table["income"].median()
    assert np.array_equal(loaded.choose(income=bound), front.choose(income=bound))
    again = mobench.load(loaded.save(tmp_path / "again.safetensors"))
    x, _ = table()
    assert torch.equal(again.network([0.5, 0.5])(x), front.network([0.5, 0.5])(x))


def test_the_metadata_are_json(front: mobench.Front, tmp_path: Path) -> None:
    with safe_open(front.save(tmp_path / "f.safetensors"), "pt") as file:
        metadata = file.metadata()
    assert json.loads(metadata[RECORD])["id"] == front.record.id
    described = json.loads(metadata[FRONT])
    assert described["dataset"]["inputs"]["categories"] == {"work": ["farm", "office", "shop"]}
    assert [child["name"] for child in described["structure"]["children"].values()] == ["Linear", "ReLU", "Linear"]


def own_loss(outputs: Any, batch: Any) -> Tensor:
    result: Tensor = outputs["price"].square().mean()
    return result


@pytest.mark.parametrize("solver", ["phn-ls", "cosmos", "soup"])
def test_registered_models_penalties_and_functions_are_restored(solver: str, tmp_path: Path) -> None:
    x, targets = table()
    objectives = [mobench.mse("price"), mobench.l2(), mobench.flops(), own_loss]
    data = mobench.dataset(x, targets, objectives)
    front = mobench.fit(solver, data, settings={"model.widths": [6]}, **SMALL)
    loaded = mobench.load(front.save(tmp_path / "f.safetensors"))
    preference = [0.4, 0.3, 0.2, 0.1]
    assert torch.equal(loaded.network(preference)(x), front.network(preference)(x))
    np.testing.assert_array_equal(loaded.network(preference).predict(x), front.network(preference).predict(x))


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.linear(x).tanh()
        return result


def test_a_module_with_code_of_its_own_is_passed_again(data: mobench.Dataset, tmp_path: Path) -> None:
    front = mobench.fit("phn-ls", data, Own(), **SMALL)
    path = front.save(tmp_path / "own.safetensors")
    with pytest.raises(StoreError, match=r"trained with the module Own, .* pass model=, the same module or class"):
        mobench.load(path)
    x, _ = table()
    for model in (Own(), Own):
        assert torch.equal(mobench.load(path, model=model).network([0.3, 0.7])(x), front.network([0.3, 0.7])(x))
    with pytest.raises(StoreError, match=r"own\.safetensors"):
        mobench.load(path, model=small_module())


def test_pretrained_fronts_are_restored(data: mobench.Dataset, tmp_path: Path) -> None:
    front = mobench.fit("phn-ls", data, small_module(), pretrained=True, **SMALL)
    loaded = mobench.load(front.save(tmp_path / "f.safetensors"))
    x, _ = table()
    assert torch.equal(loaded.network([0.3, 0.7])(x), front.network([0.3, 0.7])(x))


def test_a_registered_job_is_loaded_from_a_file_and_from_its_folder(tmp_path: Path) -> None:
    from mobench.records.store import Store
    from mobench.runs.execution import execute

    front = mobench.fit("phn-ls", "vlmop2", "point", steps=5, strategy="default")
    loaded = mobench.load(front.save(tmp_path / "f.safetensors"))
    nothing = torch.zeros(1, 0)
    expected = front.network([0.3, 0.7])(nothing)
    assert torch.equal(loaded.network([0.3, 0.7])(nothing), expected)
    store = Store(tmp_path / "results")
    for record in (front.record, mobench.fit("ls", "vlmop2", "point", steps=5, seed=1).record):
        store.write(record)
    with pytest.raises(StoreError, match="without weights: run the suite again with --keep-weights"):
        mobench.load(tmp_path / "results", solver="phn-ls", seed=0)
    execute(front.record.job, weights=store.weights(front.record.job))
    from_folder = mobench.load(tmp_path / "results", solver="phn-ls", seed=0)
    assert torch.equal(from_folder.network([0.3, 0.7])(nothing), expected)
    with pytest.raises(StoreError, match="no completed record of solver 'phn-l'; did you mean 'phn-ls'"):
        mobench.load(tmp_path / "results", solver="phn-l")
    with pytest.raises(StoreError, match="has the seeds 0: pass one of them, not 4"):
        mobench.load(tmp_path / "results", solver="phn-ls", seed=4)
    with pytest.raises(StoreError, match="has no completed record"):
        mobench.load(tmp_path / "nothing")


def changed(path: Path, **metadata: str) -> Path:
    with safe_open(path, "pt") as file:
        old = file.metadata()
    save_file(load_file(path), path, {**old, **metadata})
    return path


def described(path: Path) -> dict[str, Any]:
    with safe_open(path, "pt") as file:
        front: dict[str, Any] = json.loads(file.metadata()[FRONT])
    return front


@pytest.mark.parametrize(
    "hostile",
    [
        "no json", "[]", "{" * 100_000, '{"format": 2}', "number", "module", "huge", "shape", "missing head",
        "objective", "nan", "penalty",
    ],
)  # fmt: skip
def test_hostile_descriptions_are_one_error(front: mobench.Front, tmp_path: Path, hostile: str) -> None:
    path = front.save(tmp_path / "f.safetensors")
    content = described(path)
    linear = {"name": "Linear", "arguments": {"in_features": 2**20, "out_features": 2**20}}
    if hostile == "number":
        content["dataset"]["heads"]["income"] = "two"
    elif hostile == "module":
        content["structure"] = {"name": "__builtins__"}
    elif hostile == "huge":
        content["structure"] = linear
    elif hostile == "shape":
        content["structure"]["children"]["0"]["arguments"]["out_features"] = 9
    elif hostile == "missing head":
        content["dataset"]["targets"] = {}
    elif hostile == "objective":
        content["dataset"]["objectives"][0]["kind"] = "eval"
    elif hostile == "nan":
        content["dataset"]["reference"]["income"] = None
    elif hostile == "penalty":
        content["penalties"] = [{"name": "l2", "kind": "l2", "code": "x"}]
    else:
        content = hostile
    text = content if isinstance(content, str) else json.dumps(content)
    with pytest.raises(StoreError):
        mobench.load(changed(path, **{FRONT: text}))


def test_other_files_are_one_clear_error(front: mobench.Front, tmp_path: Path) -> None:
    path = front.save(tmp_path / "f.safetensors")
    with pytest.raises(StoreError, match="is not a record"):
        mobench.load(changed(path, **{RECORD: "{}"}))
    edited = json.loads(front.record.to_json())
    edited["job"]["n_rays"] = 9000
    with pytest.raises(StoreError, match="it was edited"):
        mobench.load(changed(path, **{RECORD: json.dumps(edited)}))
    save_file({"a": torch.zeros(2)}, tmp_path / "plain.safetensors")
    with pytest.raises(StoreError, match="has weights and no description of a front"):
        mobench.load(tmp_path / "plain.safetensors")
    (tmp_path / "pickle.safetensors").write_bytes(b"\x80\x04\x95")
    with pytest.raises(StoreError, match="is no safetensors file"):
        mobench.load(tmp_path / "pickle.safetensors")
    with pytest.raises(StoreError, match=r"there is no file no\.safetensors that can be read"):
        mobench.load(tmp_path / "no.safetensors")
    complete = front.save(tmp_path / "g.safetensors")
    complete.write_bytes(complete.read_bytes()[:-100])
    with pytest.raises(StoreError, match=r"g\.safetensors"):
        mobench.load(complete)
