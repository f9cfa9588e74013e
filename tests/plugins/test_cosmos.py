from __future__ import annotations

import pytest
import torch
from torch import nn

from mobench.errors import IncompatibleError, ShapeError
from mobench.interfaces import Dataset, Layout, Model, Problem, Samples, Seeds, Setting, Strategy
from mobench.kernels.batch_last import is_batch_last
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.preferences import dense_rays, finite_rays
from mobench.testing import properties
from mobench_analytic.point import Point
from mobench_analytic.problems import VLMOP2
from mobench_cosmos.conditioned import Input, Wider
from mobench_cosmos.cosmos import Cosmos
from mobench_epo.epo import EPO
from mobench_multimnist.dataset import MultiMnist
from mobench_networks.lenet import CosmosLeNet, LeNet

MS = [2, 3, 4, 5, 6, 7, 8]


@pytest.fixture(scope="module")
def problem() -> Problem:
    torch.manual_seed(0)
    return Problem(MultiMnist(source="embedded", pairs=80, test_pairs=10), LeNet())


@pytest.mark.parametrize("m", MS)
def test_properties(m: int) -> None:
    properties.assert_well_behaved(Cosmos(), m)
    properties.assert_permutation_equivariant(Cosmos(), m)
    properties.assert_indifferent_to_scale(Cosmos(), m)


@pytest.mark.parametrize("m", MS)
@pytest.mark.parametrize("align", ["both", "inverse", "ray"])
def test_weights_are_the_gradient_of_the_papers_loss(m: int, align: str) -> None:
    for case in properties.cases(m, n_cases=10, seed=m):
        losses, r = case.losses.clone().requires_grad_(), case.preferences
        ray = r if align == "ray" else 1 / r
        q = r if align != "both" else ray / ray.sum(1, keepdim=True)
        (q * losses).sum().backward(retain_graph=True)
        (-2.0 * torch.cosine_similarity(losses, ray, dim=1, eps=1e-30)).sum().backward()
        torch.testing.assert_close(case.weights(Cosmos(align=align)), losses.grad)  # type: ignore[arg-type]


def test_the_targets_first_layer_reads_the_preference(problem: Problem) -> None:
    constant = Input(channels="constant").build(problem, finite_rays(2))
    assert constant.n_stored_parameters == 31_910 + 2 * 9 * 9 * 10
    # 708 weights more in the paper's LeNet, whose first convolution is 5 × 5: 500 of them there
    learnt = Input().build(problem, finite_rays(2))
    assert (
        learnt.n_stored_parameters
        == constant.n_stored_parameters + 208
        == 31_910 + 2 * 9 * 9 * 10 + 43_058 - 42_350 - 500
    )


def test_with_the_papers_network_it_has_the_papers_parameters() -> None:
    problem = Problem(MultiMnist(source="embedded", pairs=80, test_pairs=10), CosmosLeNet())
    assert Input().build(problem, finite_rays(2)).n_stored_parameters == 43_058


def test_k_preferences_at_once_are_k_alone(problem: Problem) -> None:
    network, rays, inputs = Input().build(problem, finite_rays(2)), dense_rays(2, 3), torch.rand(4, 1, 36, 36)
    together = network(inputs, rays)
    for k in range(3):
        separate_outputs = network.serve(rays[k])(inputs)
        torch.testing.assert_close(separate_outputs["right"], together[k]["right"], rtol=1e-4, atol=1e-6)
    assert float((together[0]["left"] - together[2]["left"]).detach().abs().max()) > 1e-4


def test_constant_channels_hold_the_preference(problem: Problem) -> None:
    network = Input(channels="constant").build(problem, finite_rays(2))
    target_inputs: list[torch.Tensor] = []
    network.target.register_forward_pre_hook(lambda module, args: target_inputs.append(args[0]))  # type: ignore[operator, union-attr]
    network(inputs := torch.rand(2, 1, 36, 36), torch.tensor([[0.3, 0.7], [0.9, 0.1]]))
    assert target_inputs[0].shape == (4, 3, 36, 36)
    assert torch.equal(target_inputs[0][2:, :1], inputs)
    assert bool((target_inputs[0][:2, 1] == 0.3).all())
    assert bool((target_inputs[0][2:, 2] == 0.1).all())


def test_learnt_channels_are_transposed_convolutions_of_the_preference(problem: Problem) -> None:
    network = Input().build(problem, finite_rays(2))
    network.double()
    target_inputs: list[torch.Tensor] = []
    network.target.register_forward_pre_hook(lambda module, args: target_inputs.append(args[0]))  # type: ignore[operator, union-attr]
    rays = torch.tensor([[0.3, 0.7], [0.9, 0.1]], dtype=torch.double)
    network(inputs := torch.rand(2, 1, 36, 36, dtype=torch.double), rays)
    first, second = (p.detach() for p in network.patterns.parameters())  # type: ignore[union-attr]
    small = torch.einsum("km,mcij->kcij", rays, first).relu()
    padded = torch.zeros(2, 2, 12, 12, dtype=torch.double)  # 4 × 4 at stride 2 under 6 × 6, one line cut off all around
    for y in range(4):
        for x in range(4):
            padded[:, :, 2 * y : 2 * y + 6, 2 * x : 2 * x + 6] += torch.einsum(
                "km,mcij->kcij", small[:, :, y, x], second
            )
    place = torch.arange(36) * 10 // 36
    expected = padded[:, :, 1:-1, 1:-1].relu()[:, :, place[:, None], place]
    assert torch.equal(target_inputs[0][2:, :1], inputs)
    for k in range(2):
        for image in range(2):
            torch.testing.assert_close(target_inputs[0][2 * k + image, 1:], expected[k])


def test_flat_inputs_get_the_preference_itself() -> None:
    class Rows(MultiMnist):
        input_shape = (5,)

    class OneLayer(Model):
        def build(self, dataset: Dataset) -> nn.Module:
            return nn.ModuleDict({"left": nn.Linear(dataset.input_shape[0], 10)})

    network = Input().build(Problem(Rows(source="embedded", pairs=80, test_pairs=10), OneLayer()), finite_rays(2))
    assert [(name, tuple(p.shape)) for name, p in network.named_parameters()] == [
        ("target.left.weight", (10, 7)),
        ("target.left.bias", (10,)),
    ]


@pytest.mark.parametrize("layout", ["channels_last", "batch_last"])
def test_images_lie_as_the_strategy_says_and_learn_the_same(problem: Problem, layout: Layout) -> None:
    batch = problem.dataset.load("train").take(slice(0, 8))
    target_inputs: list[torch.Tensor] = []
    ends: list[torch.Tensor] = []
    for strategy in (Strategy(layout="contiguous"), Strategy(layout=layout)):
        placed = Problem(problem.dataset, problem.model, strategy=strategy)
        torch.manual_seed(0)
        solver = GradientSolver(Input(), Cosmos(), GradientOptions())
        solver.start(placed, Setting(finite_rays(2), Seeds(), 4, 30))
        solver.network.target.register_forward_pre_hook(lambda module, args: target_inputs.append(args[0]))  # type: ignore[operator, union-attr]
        ends.append(torch.stack([solver.step(placed.prepare(batch)) for _ in range(3)])[-1])
    first, last = target_inputs[0], target_inputs[-1]
    assert first.is_contiguous()
    assert is_batch_last(last) == (layout == "batch_last")
    assert last.is_contiguous(memory_format=torch.channels_last) == (layout == "channels_last")
    torch.testing.assert_close(ends[1], ends[0], rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_the_pair_trains(problem: Problem) -> None:
    solver = GradientSolver(Input(), Cosmos(), GradientOptions(lr=1e-2, alpha=1.2))
    solver.start(problem, Setting(finite_rays(2), Seeds(), 4, 30))
    batch = problem.prepare(problem.dataset.load("train"))
    losses = torch.stack([solver.step(batch).mean() for _ in range(30)])
    assert float(losses[-5:].mean()) < float(losses[:3].mean())
    before = [p.detach().clone() for p in solver.network.parameters()]
    solver.step(batch)
    assert all(not torch.equal(a, b) for a, b in zip(before, solver.network.parameters(), strict=True))


def test_a_gram_matrix_is_taken_in_the_networks_own_weights(problem: Problem) -> None:
    """`input+epo` has a balancer that needs one."""
    solver = GradientSolver(Input(), EPO(), GradientOptions())
    solver.start(problem, Setting(finite_rays(2), Seeds(), 4, 30))
    assert bool(torch.isfinite(solver.step(problem.prepare(problem.dataset.load("train")))).all())


def test_what_has_no_inputs_is_refused() -> None:
    with pytest.raises(IncompatibleError, match="no preference can be joined"):
        Input().build(Problem(VLMOP2(), Point()), finite_rays(2))


def test_preferences_of_another_number_of_objectives_are_refused(problem: Problem) -> None:
    with pytest.raises(ShapeError, match=r"pass \[K, 2\]"):
        Input().build(problem, finite_rays(2))(torch.rand(1, 1, 36, 36), torch.tensor([[0.2, 0.3, 0.5]]))


@pytest.mark.parametrize("align", ["both", "inverse", "ray"])
@pytest.mark.parametrize("size", [0.0, 1e-25])
def test_losses_without_a_direction_take_the_weighted_sum(align: str, size: float) -> None:
    r = torch.tensor([[0.3, 0.7]])
    weights = Cosmos(align=align)(torch.full((1, 2), size), r, None)  # type: ignore[arg-type]
    torch.testing.assert_close(weights, r.flip(1) if align == "both" else r)


def test_for_two_objectives_both_is_the_papers_with_the_preference_read_the_other_way_round() -> None:
    for case in properties.cases(2, n_cases=10, seed=0):
        alpha, expected = case.weights(Cosmos()), Cosmos(align="ray")(case.losses, case.preferences.flip(1), case.gram)
        torch.testing.assert_close(alpha, expected)


def test_whole_numbers_are_refused(problem: Problem) -> None:
    network = Input().build(problem, finite_rays(2))
    with pytest.raises(IncompatibleError, match=r"inputs of type torch.int64 cannot be joined"):
        network(torch.ones(2, 1, 36, 36, dtype=torch.long), finite_rays(2))


def test_a_wider_dataset_prepares_as_its_own_does(problem: Problem) -> None:
    class Halved(MultiMnist):
        def prepare(self, batch: Samples) -> Samples:
            return Samples(batch.inputs.float() / 2, batch.targets)

    batch = problem.dataset.load("test").take(slice(0, 2))
    halved = Wider(Halved(source="embedded", pairs=80, test_pairs=10))
    assert halved.input_shape == (3, 36, 36)
    assert torch.equal(halved.prepare(batch).inputs, batch.inputs.float() / 2)
