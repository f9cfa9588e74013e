"""Hypernetworks conditioned on tasks, noise and data; calibration and separation against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mobench.errors import IncompatibleError
from mobench.interfaces import Problem, Samples, Seeds, seeded
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.loop import Limit, train
from mobench.metrics.evaluation import evaluate
from mobench_analytic.problems import VLMOP2
from mobench_images.cnn import MnistCnn
from mobench_images.dataset import Mnist
from mobench_linear.linear import Linear
from mobench_linear.stack import Stack
from mobench_multimnist import pictures
from mobench_multimnist.compose import Pictures
from mobench_multimnist.dataset import MultiMnist
from mobench_networks.lenet import LeNet
from mobench_roles.data import DataConditionedCnn
from mobench_roles.noise import NoiseConditioned, NoiseConditionedNetwork
from mobench_roles.task import TaskConditioned, TaskConditionedNetwork
from mobench_roles.unknown import UNKNOWN, MnistAndGarments, calibration_error, error, separation

ONE = torch.ones(1, 1)
PAIRS = MultiMnist(source="embedded", pairs=90, test_pairs=20)
DIGITS = Mnist(source="embedded", limit=60)


def task_network() -> TaskConditionedNetwork:
    torch.manual_seed(0)
    built = TaskConditioned(hidden=(16,), features=8).build(Problem(PAIRS, LeNet()), torch.empty(0))
    assert isinstance(built, TaskConditionedNetwork)
    return built


def noise_network(**options: object) -> NoiseConditionedNetwork:
    torch.manual_seed(0)
    build = NoiseConditioned(hidden=(16,), features=8, samples=4, **options).build  # type: ignore[arg-type]
    built = build(Problem(DIGITS, MnistCnn(channels=4)), ONE)
    assert isinstance(built, NoiseConditionedNetwork)
    return built


def test_each_task_is_read_from_its_own_weights() -> None:
    network = task_network()
    ray = torch.tensor([0.3, 0.7])
    x = torch.rand(2, 1, 36, 36)
    weights = network.weights(ray)
    (outputs,) = network(x, ray[None])
    for t, task in enumerate(("left", "right")):
        expected = network.problem.outputs({name: w[t] for name, w in weights.items()}, x)[task]
        torch.testing.assert_close(outputs[task], expected)
    assert not torch.equal(weights["conv1.weight"][0], weights["conv1.weight"][1])


def test_a_tasks_loss_moves_its_own_embedding_and_the_shared_network_only() -> None:
    """Soft sharing: gradients of one task reach the maker, and no other task's embedding."""
    network = task_network()
    (outputs,) = network(torch.rand(4, 1, 36, 36), torch.tensor([[0.5, 0.5]]))
    outputs["left"].square().sum().backward()
    grad = network.embeddings.grad
    assert grad is not None
    assert bool(grad[0].any())
    assert not bool(grad[1].any())
    shared = network.maker.trunk[0].weight.grad
    assert shared is not None
    assert bool(shared.any())


@pytest.mark.parametrize("kind", ["noise", "dropout"])
def test_prediction_averages_probabilities_of_fixed_networks(kind: str) -> None:
    network = noise_network(kind=kind).eval()
    x = torch.rand(3, 1, 28, 28)
    (outputs,) = network(x, ONE)
    weights = network.weights(ONE[0], network.fixed)
    probabilities = [
        network.problem.outputs({name: w[s] for name, w in weights.items()}, x)["class"].softmax(1) for s in range(4)
    ]
    torch.testing.assert_close(outputs["class"].exp(), torch.stack(probabilities).mean(0))
    torch.testing.assert_close(outputs["class"].exp().sum(1), torch.ones(3))
    assert not torch.allclose(probabilities[0], probabilities[1], atol=1e-6), "the networks do not differ"
    assert torch.equal(network(x, ONE)[0]["class"], outputs["class"])


@pytest.mark.parametrize("kind", ["noise", "dropout"])
def test_training_draws_another_network_every_step_and_a_resumed_one_the_same(kind: str) -> None:
    network = noise_network(kind=kind).train()
    x = torch.rand(3, 1, 28, 28)
    first = network(x, ONE)[0]["class"]
    state = {name: value.clone() for name, value in network.state_dict().items()}
    second = network(x, ONE)[0]["class"]
    assert not torch.allclose(first, second)
    network.load_state_dict(state)
    assert torch.equal(network(x, ONE)[0]["class"], second)


def test_dropout_keeps_its_share_and_its_mean() -> None:
    network = noise_network(kind="dropout", rate=0.25)
    factors = network._draw(4000, 1)
    assert factors.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert float(factors.mean()) == pytest.approx(1.0, abs=0.02)
    assert float((factors == 0).float().mean()) == pytest.approx(0.25, abs=0.01)


def test_only_images_have_probabilities_to_average() -> None:
    with pytest.raises(IncompatibleError, match="choose a dataset of images"):
        NoiseConditioned().check(VLMOP2())


def test_a_data_conditioned_kernel_is_each_pictures_own_mixture() -> None:
    """Picture by picture with its mixed kernel, as the equation says."""
    torch.manual_seed(0)
    net = DataConditionedCnn(channels=3, kernel=5, kernels=2).build(DIGITS).double()
    with torch.no_grad():
        net.mixture.weight.mul_(20)
    x = torch.rand(4, 1, 28, 28, dtype=torch.float64)
    outputs = net(x)["class"]
    for b in range(4):
        features = net.pool(net.conv1(x[b : b + 1]))
        share = torch.sigmoid(net.mixture(features.mean((2, 3))))[0]
        kernel = share[0] * net.kernels[0] + share[1] * net.kernels[1]
        second = torch.nn.functional.conv2d(features, kernel, net.bias, padding=2)
        torch.testing.assert_close(outputs[b : b + 1], net.heads["class"](net.pool(second).flatten(1)))


def test_what_data_cnn_cannot_read_is_refused() -> None:
    with pytest.raises(IncompatibleError, match="takes images"):
        DataConditionedCnn().check(VLMOP2())
    with pytest.raises(IncompatibleError, match="even"):
        DataConditionedCnn(kernel=4).check(DIGITS)


def judged(scores: list[list[float]], labels: list[int]) -> tuple[dict[str, torch.Tensor], Samples]:
    return {"class": torch.tensor(scores)}, Samples(torch.zeros(len(labels)), {"class": torch.tensor(labels)})


def test_calibration_error_by_hand() -> None:
    """Four at confidence .9, three right: |.75 − .9|; two at .6, none right: .6; (4 · .15 + 2 · .6) / 6 = .3."""
    sure, unsure = [math.log(0.9), math.log(0.1)], [math.log(0.6), math.log(0.4)]
    outputs, samples = judged([sure] * 4 + [unsure] * 2 + [sure], [0, 0, 0, 1, 1, 1, UNKNOWN])
    assert float(calibration_error(outputs, samples)) == pytest.approx(0.3, abs=1e-6)
    assert float(error(outputs, samples)) == pytest.approx(0.5)


@given(seed=st.integers(0, 10_000), ties=st.booleans())
@settings(deadline=None, max_examples=60, derandomize=True)
def test_separation_is_the_share_of_pairs_in_the_right_order(seed: int, ties: bool) -> None:
    """Compare with a count over every pair of a garment and a digit; equal entropies count as one half."""
    draw = seeded(seed)
    scores = torch.randn(24, 5, generator=draw, dtype=torch.float64)
    if ties:
        scores = scores.round()
    labels = torch.where(torch.rand(24, generator=draw) < 0.4, UNKNOWN, 1)
    labels[0], labels[1] = UNKNOWN, 1
    logs = scores.log_softmax(1)
    entropy = (-(logs.exp() * logs).sum(1)).numpy()
    unknown = labels.numpy() == UNKNOWN
    pairs = [np.sign(round(u - k, 11)) / 2 + 0.5 for u in entropy[unknown] for k in entropy[~unknown]]
    value = separation({"class": scores}, Samples(scores, {"class": labels}))
    assert float(value) == pytest.approx(float(np.mean(pairs)), abs=1e-9)


def test_garments_follow_digits_in_validation_and_testing(monkeypatch: pytest.MonkeyPatch) -> None:
    def plain(name: str, part: str) -> Pictures:
        n = 600 if part == "train" else 100
        value = 1 if name == "mnist" else 2
        return Pictures(np.full((n, 28, 28), value, np.uint8), (np.arange(n) % 10).astype(np.uint8))

    monkeypatch.setattr(pictures, "full", plain)
    dataset = MnistAndGarments()
    train_, test = dataset.load("train"), dataset.load("test")
    assert set(train_.inputs.unique().tolist()) == {1}
    assert test.inputs[:, 0, 0, 0].tolist() == [1, 2] * 100
    assert bool((test.targets["class"][1::2] == UNKNOWN).all())
    assert bool((test.targets["class"][::2] >= 0).all())
    # pooled figures of a front are those of the whole split, however it is cut into batches
    problem = Problem(dataset, MnistCnn(channels=2))
    solver = GradientSolver(Stack(), Linear(), GradientOptions())
    common = {"batch_size": 50, "seeds": Seeds(), "rays": ONE}
    train(solver, problem, train_, limit=Limit(steps=2), **common)
    fronts = [evaluate(solver.pareto_set, problem, test, ONE, batch_size=b) for b in (200, 50, 10)]
    for name, values in fronts[0].metrics.items():
        for other in fronts[1:]:
            assert other.metrics[name] == pytest.approx(values, abs=1e-6), name


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["noise", "dropout"])
def test_digits_are_learned(kind: str) -> None:
    problem = Problem(Mnist(source="embedded"), MnistCnn(channels=8, kernel=5))
    generator = NoiseConditioned(kind=kind, samples=4)  # type: ignore[arg-type]
    solver = GradientSolver(generator, Linear(), GradientOptions(lr=2e-3))
    torch.manual_seed(0)
    common = {"batch_size": 64, "seeds": Seeds(), "rays": ONE}
    train(solver, problem, problem.dataset.load("train"), limit=Limit(epochs=2), **common)
    front = evaluate(solver.pareto_set, problem, problem.dataset.load("test"), ONE)
    assert front.metrics["class/accuracy"][0] > 0.85
