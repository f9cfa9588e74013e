"""Stacked nets against the same nets one after the other, layer by layer and through training."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from mobench.errors import OptionError
from mobench.interfaces import Problem, Seeds, Stacking, Strategy
from mobench.kernels.batch_last import batch_last
from mobench.kernels.stacked import StackedOutputs, running_statistics, stacked_call
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.loop import Limit, train
from mobench.learning.measured_strategy import measured
from mobench.learning.preferences import finite_rays
from mobench.metrics.evaluation import evaluate
from mobench_analytic.point import Point
from mobench_analytic.problems import VLMOP2
from mobench_epo.epo import EPO
from mobench_linear.linear import Linear
from mobench_linear.stack import Stack
from mobench_multimnist.dataset import MultiMnist
from mobench_networks.lenet import LeNet

K, B = 3, 4
STACKINGS: list[Literal["grouped", "split"]] = ["grouped", "split"]


class Flat(nn.Module):
    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x).flatten(1)
        return out


class Text(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(7, 5)
        self.norm = nn.LayerNorm(5)
        self.mix = nn.Linear(5, 5)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = torch.tanh(self.mix(self.norm(self.embedding(x)))).mean(1)
        return out


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(3, 5)

    def forward(self, x: Tensor) -> Tensor:
        h = c = x.new_zeros(len(x), 5)
        for t in range(x.shape[1]):
            h, c = self.cell(x[:, t], (h, c))
        return h


class Sequences(nn.Module):
    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.net = nn.LSTM(3, 5, **options)

    def forward(self, x: Tensor) -> Tensor:
        hidden_states, (h, c) = self.net(x)
        return torch.cat([hidden_states.flatten(1), h.movedim(0, 1).flatten(1), c.movedim(0, 1).flatten(1)], dim=1)


class Frozen(nn.Module):
    """A first layer that no weight set touches."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", torch.randn(4, 2, 3, 3))
        self.conv = nn.Conv2d(4, 3, 3)

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.get_buffer("kernel")
        out: Tensor = self.conv(nn.functional.conv2d(x, kernel)).flatten(1)
        return out


class AfterShared(nn.Module):
    """A shared kernel after a kernel per net."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3)
        self.register_buffer("kernel", torch.randn(3, 4, 3, 3))
        self.bias = nn.Parameter(torch.randn(3))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv2d(self.conv(x), self.get_buffer("kernel"), self.bias).flatten(1)


CONV = nn.Conv2d
IMAGES = {
    "two convolutions": lambda: Flat(CONV(2, 4, 3), nn.ReLU(), CONV(4, 6, 3, stride=2, padding=1)),
    "groups and dilation": lambda: Flat(CONV(2, 4, 3, groups=2), CONV(4, 4, 3, groups=4, dilation=2, bias=False)),
    "padding by name": lambda: Flat(CONV(2, 3, 3, padding="same"), CONV(3, 3, 3, padding="same")),
    "max pool": lambda: Flat(CONV(2, 4, 3), nn.MaxPool2d(2), nn.ReLU(), CONV(4, 3, 2)),
    "average pool": lambda: Flat(CONV(2, 4, 3), nn.AvgPool2d(3, stride=2, padding=1), CONV(4, 3, 2)),
    "adaptive pools": lambda: Flat(CONV(2, 4, 3), nn.AdaptiveAvgPool2d(3), CONV(4, 3, 2), nn.AdaptiveMaxPool2d(1)),
    "pool before any convolution": lambda: Flat(nn.MaxPool2d(2), CONV(2, 3, 3)),
    "batch statistics": lambda: Flat(CONV(2, 4, 3), nn.BatchNorm2d(4, track_running_stats=False), CONV(4, 2, 3)),
    "batch norm without scale": lambda: Flat(CONV(2, 4, 3), nn.BatchNorm2d(4, affine=False, track_running_stats=False)),
    "group norm": lambda: Flat(CONV(2, 4, 3), nn.GroupNorm(2, 4), CONV(4, 2, 3)),
    "norm before any convolution": lambda: Flat(nn.GroupNorm(1, 2), CONV(2, 3, 3)),
    "layer norm": lambda: Flat(CONV(2, 4, 3), nn.LayerNorm([4, 7, 7])),
    "unknown to us": lambda: Flat(nn.ConvTranspose2d(2, 3, 3), nn.PReLU(3), CONV(3, 2, 3), nn.InstanceNorm2d(2)),
    "dense": lambda: Flat(nn.Flatten(), nn.Linear(162, 8), nn.GELU(), nn.Linear(8, 3)),
    "fixed first kernel": Frozen,
    "fixed last kernel": AfterShared,
}
OTHER_LAYERS = {
    "conv1d": (lambda: Flat(nn.Conv1d(2, 4, 3), nn.MaxPool1d(2), nn.Conv1d(4, 2, 2)), lambda: torch.randn(B, 2, 12)),
    "conv3d": (
        lambda: Flat(nn.Conv3d(2, 3, 3), nn.MaxPool3d(2), nn.Conv3d(3, 2, 2)),
        lambda: torch.randn(B, 2, 8, 8, 8),
    ),
    "embedding and layer norm": (Text, lambda: torch.randint(0, 7, (B, 6))),
    "lstm": (lambda: Sequences(batch_first=True), lambda: torch.randn(B, 4, 3)),
    "lstm of two layers and directions": (
        lambda: Sequences(num_layers=2, bidirectional=True, bias=False, batch_first=True),
        lambda: torch.randn(B, 4, 3),
    ),
    "lstm cell": (Recurrent, lambda: torch.randn(B, 4, 3)),
}


def compare(
    build: Any, inputs: Tensor, stacking: Stacking, dtype: torch.dtype = torch.float64, tolerance: float = 1e-9
) -> None:
    """Outputs and gradients of K nets; those of nets one by one are always the library's, in float64."""
    nets = [build().double() for _ in range(K)]
    for net in nets[1:]:  # tensors that are no parameters are shared
        net.load_state_dict({**net.state_dict(), **dict(nets[0].named_buffers())})
    if inputs.is_floating_point():
        inputs = inputs.double()
    cast_inputs = inputs.to(dtype) if inputs.is_floating_point() else inputs
    names = [name for name, _ in nets[0].named_parameters()]
    weights = {
        n: torch.stack([dict(net.named_parameters())[n].detach() for net in nets]).requires_grad_() for n in names
    }
    separate = torch.stack(
        [functional_call(nets[0], {n: w[k] for n, w in weights.items()}, (inputs,)) for k in range(K)]
    )
    cast_weights = {name: w.detach().to(dtype).requires_grad_() for name, w in weights.items()}
    stacked = stacked_call(deepcopy(nets[0]).to(dtype), cast_weights, cast_inputs, stacking)
    cotangent = torch.randn_like(separate)
    torch.testing.assert_close(stacked.double(), separate, rtol=tolerance, atol=tolerance)
    for gradient, exact_gradient in zip(
        torch.autograd.grad(stacked, list(cast_weights.values()), cotangent.to(dtype)),
        torch.autograd.grad(separate, list(weights.values()), cotangent),
        strict=True,
    ):
        torch.testing.assert_close(gradient.double(), exact_gradient, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("stacking", STACKINGS)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("name", IMAGES)
def test_images(name: str, layout: torch.memory_format, stacking: Stacking) -> None:
    torch.manual_seed(0)
    compare(IMAGES[name], torch.randn(B, 2, 9, 9).to(memory_format=layout), stacking)


@pytest.mark.parametrize("stacking", STACKINGS)
@pytest.mark.parametrize("name", IMAGES)
def test_images_side_by_side(name: str, stacking: Stacking) -> None:
    torch.manual_seed(0)
    compare(IMAGES[name], batch_last(torch.randn(B, 2, 9, 9)), stacking, torch.float32, 1e-3)


@pytest.mark.parametrize("name", OTHER_LAYERS)
def test_other_layers(name: str) -> None:
    torch.manual_seed(0)
    build, inputs = OTHER_LAYERS[name]
    compare(build, inputs(), "grouped")


def test_dropout_differs_from_net_to_net() -> None:
    torch.manual_seed(0)
    net = Flat(nn.Flatten(), nn.Dropout(0.5), nn.Linear(50, 50, bias=False))
    weights = {"layers.2.weight": torch.eye(50).expand(K, 50, 50).clone()}
    out = stacked_call(net, weights, torch.ones(B, 50), "grouped")
    assert set(out.unique().tolist()) == {0.0, 2.0}
    assert not torch.equal(out[0], out[1])
    assert 0.35 < float((out == 0).float().mean()) < 0.65


def test_a_net_that_keeps_running_statistics_is_named() -> None:
    assert running_statistics(Flat(CONV(2, 4, 3), nn.BatchNorm2d(4))) == ["layers.1"]
    assert running_statistics(Flat(nn.BatchNorm2d(4, track_running_stats=False))) == []


def test_stacked_outputs_are_a_sequence_of_outputs() -> None:
    outputs = StackedOutputs({"a": torch.arange(6).view(3, 2)})
    assert len(outputs) == 3
    assert [o["a"].tolist() for o in outputs] == [[0, 1], [2, 3], [4, 5]]
    assert len(outputs[:2]) == 2


def multimnist(dtype: torch.dtype, strategy: Strategy) -> Problem:
    dataset = MultiMnist(source="embedded", pairs=512, test_pairs=100)
    return Problem(dataset, LeNet(), dtype=dtype, strategy=strategy)


OTHERWISE = [
    (Strategy(stacking="split", evaluation="split"), torch.float32, 1e-4),
    (Strategy(stacking="split", evaluation="split"), torch.float64, 1e-9),
    (Strategy("batch_last"), torch.float32, 1e-4),
    (Strategy("batch_last", "grouped", "grouped"), torch.float32, 1e-4),
    (Strategy("batch_last", "split", "split", threads=2), torch.float32, 1e-4),
    (Strategy("batch_last", "grouped"), torch.float64, 1e-9),
]


@pytest.mark.slow
@pytest.mark.parametrize(("otherwise", "dtype", "tolerance"), OTHERWISE)
@pytest.mark.parametrize("balancer", [Linear, EPO])
def test_an_epoch_ends_where_separate_nets_end_whatever_the_strategy(
    balancer: Any, otherwise: Strategy, dtype: torch.dtype, tolerance: float
) -> None:
    ends = []
    for strategy in (Strategy(), otherwise):
        problem = multimnist(dtype, strategy)
        samples = problem.dataset.load("train")
        solver = GradientSolver(Stack(), balancer(), GradientOptions())
        train(
            solver, problem, samples, limit=Limit(epochs=1), batch_size=64, seeds=Seeds(0, 0, 0, 0),
            rays=finite_rays(2, 3),
        )  # fmt: skip
        ends.append(evaluate(solver.pareto_set, problem, samples.take(slice(0, 100)), finite_rays(2, 3)).losses)
    assert abs(ends[0] - ends[1]).max() <= tolerance


@pytest.mark.slow
def test_measuring_leaves_no_trace_and_chooses_what_it_says() -> None:
    problem = multimnist(torch.float32, Strategy())
    torch.manual_seed(5)
    state = torch.get_rng_state()
    choice = measured(problem, problem.dataset.load("train").take(slice(0, 32)), 2, threads=1)
    assert torch.equal(state, torch.get_rng_state())
    assert problem.strategy == Strategy()
    assert choice.strategy.threads == 1
    assert choice.remark == ""


def convolutions_of(strategies: list[Strategy], monkeypatch: pytest.MonkeyPatch, steps: int | None = None) -> str:
    """The remark of a measurement in which every candidate is noted."""

    def note(self: Any, default: Strategy, candidates: Any, work: Any) -> Strategy:
        strategies.extend(candidates)
        return default

    monkeypatch.setattr("mobench.learning.measured_strategy._Search._fastest", note)
    problem = multimnist(torch.float32, Strategy())
    return measured(problem, problem.dataset.load("train").take(slice(0, 8)), 2, threads=1, steps=steps).remark


def test_images_side_by_side_are_among_what_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    strategies: list[Strategy] = []
    assert convolutions_of(strategies, monkeypatch) == ""
    assert {(s.layout, s.stacking) for s in strategies} == {
        *(
            (layout, stacking)
            for layout in ("channels_last", "contiguous")
            for stacking in ("separate", "grouped", "split")
        ),
        *(("batch_last", stacking) for stacking in ("separate", "grouped")),
    }


def test_without_a_compiler_the_remark_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mobench.kernels.batch_last.why_not", lambda: "there is no C compiler: install one")
    strategies: list[Strategy] = []
    assert (
        convolutions_of(strategies, monkeypatch) == "images not laid side by side: there is no C compiler: install one"
    )
    assert "batch_last" not in {s.layout for s in strategies}


def test_a_short_training_does_not_wait_for_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mobench.kernels.batch_last.at_hand", lambda: False)
    monkeypatch.setattr("mobench.learning.measured_strategy.COMPILES", 1e9)
    monkeypatch.setattr("mobench.kernels.batch_last.why_not", lambda: pytest.fail("compiled"))
    strategies: list[Strategy] = []
    assert convolutions_of(strategies, monkeypatch, steps=1000) == ""
    assert "batch_last" not in {s.layout for s in strategies}


def test_small_nets_without_convolutions_are_stacked_without_a_clock() -> None:
    problem = Problem(VLMOP2(), Point())
    samples = problem.dataset.load("train")
    choices = [measured(problem, samples, 5, threads=1).strategy for _ in range(3)]
    assert [c.stacking for c in choices] == ["grouped"] * 3


class Branching(nn.Module):
    """Depends on its own values, which vmap does not support."""

    def __init__(self) -> None:
        super().__init__()
        self.point = Point().build(VLMOP2())

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        if not all(bool(torch.isfinite(p).all()) for p in self.parameters()):
            raise ValueError("no finite point")
        outputs: dict[str, Tensor] = self.point(inputs)
        return outputs


def test_a_module_that_cannot_be_stacked_runs_alone_and_the_remark_says_why() -> None:
    problem = Problem(VLMOP2(), Point())
    problem.new_target = Branching  # type: ignore[method-assign, assignment]
    problem.target = Branching()
    choice = measured(problem, problem.dataset.load("train"), 3, threads=1)
    assert choice.strategy.stacking == "separate"
    assert "one after the other: RuntimeError" in choice.remark


def test_a_strategy_is_read_back_from_its_text_and_its_dict() -> None:
    strategy = Strategy.parse("layout=contiguous,stacking=split,evaluation=grouped,threads=2")
    assert strategy == Strategy("contiguous", "split", "grouped", 2)
    assert Strategy.from_dict(strategy.to_dict()) == strategy
    assert Strategy.parse("default") == Strategy()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("layout=sideways", "channels_last or contiguous"),
        ("colour=red", "layout"),
        ("threads=0", "a whole number from 1"),
    ],
)
def test_no_strategy_is_told(text: str, word: str) -> None:
    with pytest.raises(OptionError, match=word):
        Strategy.parse(text)
