"""LSTM and HyperLSTM against cells written out gate by gate, and the text that they read."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import layer_norm, linear

from mobench.errors import DataError, IncompatibleError
from mobench.interfaces import Problem, Seeds, seeded
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.loop import Limit, train
from mobench_linear.linear import Linear
from mobench_linear.stack import Stack
from mobench_multimnist.dataset import MultiMnist
from mobench_recurrent.hyper_lstm import HyperLstm
from mobench_recurrent.lstm import CharLstm
from mobench_text.dataset import MAX_BYTES, Text, bits_per_character

TEXT = Text(source="embedded", length=8)
GATES = "ifgo"


def shaken(model: CharLstm | HyperLstm) -> Problem:
    """A problem in which every parameter of the target differs from its initial value."""
    torch.manual_seed(0)
    problem = Problem(TEXT, model, dtype=torch.float64)
    with torch.no_grad():
        for p in problem.target.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=seeded(len(p)), dtype=p.dtype))
    return problem


def cell_of(sums: dict[str, Tensor], c: Tensor, gates: object) -> tuple[Tensor, Tensor]:
    """The usual update from four normalised sums, one gate after the other."""
    p = dict(gates.named_parameters())  # type: ignore[attr-defined]
    n = (c.shape[1],)
    i, f, g, o = (layer_norm(sums[k], n, p["gain"][j], p["bias"][j]) for j, k in enumerate(GATES))
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(layer_norm(c, n, p["cell_gain"], p["cell_bias"])), c


def columns(weight: Tensor, gate: int, width: int) -> Tensor:
    return weight[:, gate * width : (gate + 1) * width]


def test_the_lstm_is_the_usual_one() -> None:
    problem = shaken(CharLstm(hidden=5))
    p = dict(problem.target.named_parameters())
    x = TEXT.prepare(TEXT.load("val").take(slice(0, 3))).inputs
    h = c = torch.zeros(3, 5, dtype=torch.float64)
    expected = []
    for t in range(8):
        sums = {k: columns(p["input"], j, 5)[x[:, t]] + h @ columns(p["recurrent"], j, 5) for j, k in enumerate(GATES)}
        h, c = cell_of(sums, c, problem.target.gates)
        expected.append(linear(h, p["output.weight"], p["output.bias"]))
    torch.testing.assert_close(problem.target(x)["byte"], torch.stack(expected, 1))


def test_the_hyper_lstm_is_equations_10_to_13() -> None:
    """One gate after the other, with z_h = W ĥ + b, z_x = W ĥ + b, z_b = W ĥ, d linear in z and b(z) = W z + b_0."""
    hidden, hyper, nz = 5, 3, 2
    problem = shaken(HyperLstm(hidden=hidden, hyper=hyper, embedding=nz))
    p = dict(problem.target.named_parameters())
    x = TEXT.prepare(TEXT.load("val").take(slice(0, 3))).inputs
    h = c = torch.zeros(3, hidden, dtype=torch.float64)
    small = small_c = torch.zeros(3, hyper, dtype=torch.float64)
    expected = []
    for t in range(8):
        hyper_sums = {
            k: columns(p["hyper_input"], j, hyper)[x[:, t]]
            + h @ columns(p["hyper_from_state"], j, hyper)
            + small @ columns(p["hyper_recurrent"], j, hyper)
            for j, k in enumerate(GATES)
        }
        small, small_c = cell_of(hyper_sums, small_c, problem.target.hyper_gates)
        sums = {}
        for j, k in enumerate(GATES):
            z_h, z_x, z_b = (
                small @ p["to_z"][:, s : s + nz] + (p["z_bias"][s : s + nz] if s < 8 * nz else 0)
                for s in ((part * 4 + j) * nz for part in range(3))
            )
            wh, wx = h @ columns(p["recurrent"], j, hidden), columns(p["input"], j, hidden)[x[:, t]]
            bias = z_b @ p["bias"][j] + p["constant_bias"][j]
            sums[k] = (z_h @ p["scale"][0, j]) * wh + (z_x @ p["scale"][1, j]) * wx + bias
        h, c = cell_of(sums, c, problem.target.gates)
        expected.append(linear(h, p["output.weight"], p["output.bias"]))
    torch.testing.assert_close(problem.target(x)["byte"], torch.stack(expected, 1))


def test_scales_begin_as_a_tenth() -> None:
    target = Problem(TEXT, HyperLstm(hidden=6, hyper=3, embedding=4)).target
    z = target.z_bias.reshape(8, 4)[:4]
    torch.testing.assert_close(torch.einsum("gz,gzh->gh", z, target.scale[0]), torch.full((4, 6), 0.1))
    assert not bool(target.to_z[:, : 2 * 4 * 4].any())


@pytest.mark.parametrize(("model", "count"), [(CharLstm(), 592_640), (HyperLstm(), 514_976)])
def test_parameter_counts(model: CharLstm | HyperLstm, count: int) -> None:
    """H = 256: 256·4H bytes, H·4H, 4·2·H + 2H norms, 256(H + 1) scores; the plain net is the larger."""
    assert Problem(TEXT, model).n_target_parameters == count
    h = 256
    assert Problem(TEXT, CharLstm()).n_target_parameters == 256 * 4 * h + 4 * h * h + 10 * h + 256 * (h + 1)


def test_the_constant_bias_of_each_gate_is_trained() -> None:
    """b(z) = W z + b_0 holds 4·hidden parameters more than W z; b_0 begins as 0 and gets a gradient."""
    problem = shaken(HyperLstm(hidden=6, hyper=3, embedding=2))
    constant = dict(problem.target.named_parameters())["constant_bias"]
    assert constant.shape == (4, 6)
    assert not bool(Problem(TEXT, HyperLstm(hidden=6, hyper=3, embedding=2)).target.constant_bias.any())
    batch = TEXT.prepare(TEXT.load("val").take(slice(0, 3)))
    problem.target(batch.inputs)["byte"].square().sum().backward()
    assert constant.grad is not None
    assert bool((constant.grad != 0).all())


@pytest.mark.parametrize("model", [CharLstm(hidden=6), HyperLstm(hidden=6, hyper=3, embedding=2)])
def test_nothing_of_the_future_is_read(model: CharLstm | HyperLstm) -> None:
    target = Problem(TEXT, model).target
    sequences = torch.randint(0, 256, (2, 8), generator=seeded(0))
    changed_sequences = sequences.clone()
    changed_sequences[:, 5:] = 0
    torch.testing.assert_close(
        target(sequences)["byte"][:, :5], target(changed_sequences)["byte"][:, :5], rtol=0, atol=0
    )
    assert not torch.equal(target(sequences)["byte"][:, 5:], target(changed_sequences)["byte"][:, 5:])


def test_bits_per_character_by_hand() -> None:
    scores = torch.zeros(2, 3, 256)
    targets = {"byte": torch.zeros(2, 3, dtype=torch.long)}
    from mobench.interfaces import Samples

    batch = Samples(torch.zeros(2, 3), targets)
    assert float(bits_per_character({"byte": scores}, batch)) == pytest.approx(8.0)
    scores[..., 0] = math.log(255)
    assert float(bits_per_character({"byte": scores}, batch)) == pytest.approx(1.0, abs=1e-5)


def test_windows_follow_each_other_and_targets_are_one_further_on(tmp_path: Path) -> None:
    path = tmp_path / "bytes"
    path.write_bytes(bytes(range(200)))
    dataset = Text(source=str(path), length=10, held_out=0.2)
    parts = [dataset.load(split) for split in ("train", "val", "test")]
    assert [p.inputs.flatten().tolist() for p in parts] == [
        list(range(110)),
        list(range(120, 150)),
        list(range(160, 190)),
    ]
    for p in parts:
        assert torch.equal(p.targets["byte"], p.inputs + 1)


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be read \(No such file"):
        Text(source=str(tmp_path / "none")).load("train")
    os.mkfifo(tmp_path / "pipe")
    with open(tmp_path / "large", "wb") as file:
        file.truncate(MAX_BYTES + 1)
    no_file = "not a regular file|Is a directory"
    reasons = {
        "/dev/zero": no_file,
        tmp_path / "pipe": no_file,
        tmp_path: no_file,
        tmp_path / "large": "at most",
        "a\0b": "null",
    }
    for source, reason in reasons.items():
        with pytest.raises(DataError, match=f"cannot be read .*{reason}"):
            Text(source=str(source)).load("train")
    (tmp_path / "short").write_bytes(b"abc")
    with pytest.raises(DataError, match="too few for a train window of 100"):
        Text(source=str(tmp_path / "short")).load("train")
    with pytest.raises(IncompatibleError, match="use dataset text"):
        CharLstm().check(MultiMnist())


@pytest.mark.slow
@pytest.mark.parametrize("model", [CharLstm(hidden=24), HyperLstm(hidden=24, hyper=8, embedding=3)])
def test_a_periodic_text_is_learned(tmp_path: Path, model: CharLstm | HyperLstm) -> None:
    """abcabc…: after its first byte a window is certain, so the cost goes to nearly nothing."""
    path = tmp_path / "abc"
    path.write_bytes(b"abcd" * 1000)
    dataset = Text(source=str(path), length=12)
    torch.manual_seed(0)
    problem = Problem(dataset, model)
    solver = GradientSolver(Stack(), Linear(), GradientOptions(lr=0.02))
    common = {"batch_size": 16, "seeds": Seeds(), "rays": torch.ones(1, 1)}
    training = train(solver, problem, dataset.load("train"), limit=Limit(steps=120), **common)
    assert training.recent_losses[0] < 0.5
