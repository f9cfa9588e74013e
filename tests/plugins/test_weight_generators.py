"""Properties that all weight generators share: CPMTL, PaMaL's endpoints, the chunked PHN."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from mobench import options
from mobench.errors import IncompatibleError
from mobench.interfaces import Problem, Seeds, Setting, WeightNetwork
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.preferences import dense_rays, finite_rays
from mobench.metrics.evaluation import evaluate
from mobench.numerics import objective_gradients
from mobench_analytic.point import Point
from mobench_analytic.problems import DTLZ2
from mobench_chunked_phn.chunked import ChunkedPHN
from mobench_cpmtl.chunked import Chunked, ChunkedHypernetwork
from mobench_linear.linear import Linear
from mobench_multimnist.dataset import MultiMnist
from mobench_networks.lenet import LeNet
from mobench_networks.mtl_cnn import MtlCnn
from mobench_pamal.endpoints import Endpoints
from mobench_resnet18.resnet18 import ResNet18

DATA = MultiMnist(source="embedded", pairs=40, test_pairs=8)
GENERATORS: dict[str, Any] = {
    "cpmtl": Chunked(),
    "cpmtl, matrices": Chunked(chunk="matrix", hidden=(16,)),
    "cpmtl, the report's": Chunked(variant="report", rank=3),
    "endpoints": Endpoints(),
    "chunked-phn": ChunkedPHN(size="fit", hidden=20, chunk=1000),
}


@pytest.fixture(scope="module")
def problem() -> Problem:
    torch.manual_seed(0)
    return Problem(DATA, LeNet(), dtype=torch.float64)


@pytest.fixture(params=GENERATORS)
def network(request: Any, problem: Problem) -> WeightNetwork:
    torch.manual_seed(1)
    built: WeightNetwork = GENERATORS[request.param].build(problem, finite_rays(2))
    return built


def test_weights_have_the_targets_names_and_shapes(network: WeightNetwork, problem: Problem) -> None:
    weights = network.weights(dense_rays(2, 3).double())
    assert {n: tuple(w.shape) for n, w in weights.items()} == {n: (3, *s) for n, s in problem.shapes.items()}


def test_k_preferences_at_once_are_k_alone(network: WeightNetwork) -> None:
    rays = dense_rays(2, 3).double()
    together = network.weights(rays)
    for k in range(3):
        for name, separate_weight in network.weights(rays[k : k + 1]).items():
            torch.testing.assert_close(separate_weight[0], together[name][k])


def test_the_preference_changes_every_tensor(network: WeightNetwork) -> None:
    a, b = (network.weights(r[None]) for r in finite_rays(2, 2).double())
    for name in a:
        assert float((a[name] - b[name]).detach().abs().max()) > 1e-6, name


def test_weights_begin_with_the_spread_of_the_targets_own(network: WeightNetwork, problem: Problem) -> None:
    """The target then learns from the first step; averages are over tensors with many weights."""
    fresh = dict(problem.new_target().named_parameters())
    middle = network.weights(torch.full((1, 2), 0.5, dtype=torch.float64))
    for name, fresh_weight in fresh.items():
        if fresh_weight.numel() >= 500:
            ratio = float(middle[name].detach().square().mean().sqrt() / fresh_weight.detach().square().mean().sqrt())
            assert 0.4 < ratio < 2.5, (name, ratio)


def test_the_exact_gram_matrix_is_the_general_one(network: WeightNetwork, problem: Problem) -> None:
    rays = torch.tensor([[0.5, 0.5], [0.9, 0.1]], dtype=torch.float64)
    batch = problem.prepare(problem.dataset.load("train").take(slice(0, 8)))
    generated = network.weights(rays)
    leaves = {name: w.detach().requires_grad_() for name, w in generated.items()}
    gradients = objective_gradients(problem.losses(network.outputs(leaves, batch.inputs), batch), leaves)
    dense = WeightNetwork.gram(network, rays, generated, gradients)
    assert float(dense.diagonal(dim1=1, dim2=2).min()) > 0
    torch.testing.assert_close(network.gram(rays, generated, gradients), dense, rtol=1e-5, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", GENERATORS)
def test_a_gradient_reaches_every_trained_parameter_and_training_lowers_the_loss(name: str) -> None:
    torch.manual_seed(0)
    problem = Problem(DATA, LeNet())
    solver = GradientSolver(GENERATORS[name], Linear(), GradientOptions(lr=3e-3, alpha=1.0))
    solver.start(problem, Setting(finite_rays(2), Seeds(), 1, 60))
    batch = problem.prepare(problem.dataset.load("train"))
    first = float(solver.step(batch).mean())
    for n, p in solver.network.named_parameters():
        assert p.grad is not None, n
        assert bool(p.grad.any()), n
    losses = [float(solver.step(batch).mean()) for _ in range(59)]
    assert sum(losses[-10:]) / 10 < 0.8 * first


def parameters_by_hand(target: int, n_chunks: int, inputs: int, hidden: tuple[int, int], rank: int) -> int:
    a, b = hidden
    return target * rank + (inputs * a + a) + (a * b + b) + (b * rank + rank) + n_chunks


@pytest.mark.parametrize(
    ("chunk", "n_chunks"),
    [("filter", 10 + 1 + 20 + 1 + 2 * 3), ("matrix", 2 * 5)],
)
def test_cpmtl_has_about_rank_times_the_targets_parameters(problem: Problem, chunk: Any, n_chunks: int) -> None:
    """d numbers for each weight, an embedding of 8 for each chunk, an MLP 10 → 64 → 64 → 4."""
    network = Chunked(chunk=chunk).build(problem, finite_rays(2))
    assert isinstance(network, ChunkedHypernetwork)
    assert network.n_stored_parameters == parameters_by_hand(31_910, 8 * n_chunks, 2 + 8, (64, 64), 4)
    assert network.parameter_ratio == pytest.approx(network.n_stored_parameters / 31_910)
    assert 4 < network.parameter_ratio < 4.2


def test_the_reports_variant_has_a_linear_layer_for_each_chunk(problem: Problem) -> None:
    """Its chunk number is no parameter; each chunk's layer has a bias: d + 1 numbers for each weight."""
    network = Chunked(variant="report").build(problem, finite_rays(2))
    assert network.n_stored_parameters == parameters_by_hand(31_910, 31_910, 2 + 1, (64, 64), 4)


@pytest.mark.parametrize("model", [LeNet(), MtlCnn()])
def test_a_chunk_is_its_tensor_times_its_coefficients(model: Any) -> None:
    problem = Problem(DATA, model, dtype=torch.float64)
    network = Chunked().build(problem, finite_rays(2))
    assert isinstance(network, ChunkedHypernetwork)
    r = torch.tensor([[0.3, 0.7]], dtype=torch.float64)
    first = next(iter(problem.shapes))
    filters = problem.shapes[first][0]
    a = network.coefficients(r)[0]
    for j in range(filters):
        by_hand = (network.chunks[0][j] @ a[j]).reshape(problem.shapes[first][1:])
        torch.testing.assert_close(network.weights(r)[first][0, j], by_hand)


def test_endpoints_are_met_at_the_corners_and_averaged_between() -> None:
    problem = Problem(DTLZ2(), Point(), dtype=torch.float64)
    network = Endpoints().build(problem, finite_rays(3))
    assert isinstance(network, WeightNetwork)
    assert network.n_stored_parameters == 3 * problem.n_target_parameters
    (endpoints,) = network.parameters()
    corners = network.weights(torch.eye(3, dtype=torch.float64))["u"]
    torch.testing.assert_close(corners, endpoints.detach())
    middle = network.weights(torch.full((1, 3), 1 / 3, dtype=torch.float64))["u"][0]
    torch.testing.assert_close(middle, endpoints.detach().mean(0))


SIZES = {"11M": 11_036_684, "5M": 5_044_684, "2M": 2_066_892, "1M": 1_103_564}


@pytest.mark.parametrize(("variant", "n_weights"), [("torchvision", 11_180_500), ("phn", 11_180_500 + 262_656)])
@pytest.mark.parametrize("size", SIZES)
def test_chunked_phn_has_the_papers_parameters_for_resnet18(size: str, variant: Any, n_weights: int) -> None:
    """262,656 = 512·512 + 512, the dense layer before the heads."""
    problem = Problem(DATA, ResNet18(variant=variant))
    assert problem.n_target_parameters == n_weights
    built = options.build(ChunkedPHN, {"size": size}).build(problem, finite_rays(2))
    assert built.n_stored_parameters == SIZES[size]


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["batch-statistics", "group"])
def test_resnet18_takes_a_step_and_is_evaluated_under_the_chunked_phn(norm: Any) -> None:
    torch.manual_seed(0)
    problem = Problem(DATA, ResNet18(norm=norm))
    assert list(problem.target.buffers()) == []
    solver = GradientSolver(ChunkedPHN(), Linear(), GradientOptions())
    solver.start(problem, Setting(finite_rays(2), Seeds(), 1, 1))
    batch = problem.prepare(problem.dataset.load("train").take(slice(0, 6)))
    losses = solver.step(batch)
    assert bool((losses < 20).all())
    for name, p in solver.network.named_parameters():
        assert p.grad is not None, name
        assert bool(p.grad.any()), name
    front = evaluate(solver.network, problem, problem.dataset.load("test"), finite_rays(2, 2))
    assert front.losses.shape == (2, 2)


def test_the_hypernetworks_resnet18_pads_and_rectifies_before_its_heads() -> None:
    torch.manual_seed(0)
    net = ResNet18(variant="phn").build(DATA)
    x = torch.rand(3, 1, 36, 36)
    padded = torch.zeros(3, 1, 38, 38)
    padded[:, :, :36, :36] = x
    dense, body = net.body.fc[0], copy.deepcopy(net.body)
    body.fc = torch.nn.Identity()
    assert (dense.in_features, dense.out_features) == (512, 512)
    for name, head in net.heads.items():
        torch.testing.assert_close(net(x)[name], head(dense(body(padded)).relu()))


def test_groups_make_a_prediction_independent_of_its_batch_and_batch_statistics_do_not() -> None:
    torch.manual_seed(0)
    x = torch.rand(4, 1, 36, 36)
    for norm, same in (("group", True), ("batch-statistics", False)):
        net = options.build(ResNet18, {"norm": norm}).build(DATA).eval()
        with torch.no_grad():
            from_full_batch, from_two_samples = net(x)["left"][:2], net(x[:2])["left"]
        assert torch.allclose(from_full_batch, from_two_samples, atol=1e-4) is same


def test_a_target_that_does_not_fit_is_refused_with_the_remedy() -> None:
    problem = Problem(DATA, LeNet())
    with pytest.raises(IncompatibleError, match=r"set generator\.size=fit"):
        ChunkedPHN(chunk=10).build(problem, finite_rays(2))


def test_images_too_small_for_resnet18_are_refused() -> None:
    with pytest.raises(IncompatibleError, match="at least 32×32"):
        ResNet18().build(DTLZ2())
