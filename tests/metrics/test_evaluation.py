from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mobench.errors import PreferenceError
from mobench.interfaces import ParetoNetwork, Problem, Samples, head_shape
from mobench.learning.preferences import dense_rays, finite_rays
from mobench.metrics import cost, evaluation
from mobench.metrics.evaluation import FrontValues, at_rays, evaluate, indicators_of
from mobench.plugins import registry
from mobench_analytic.point import Point
from mobench_analytic.problems import VLMOP2
from mobench_linear.stack import Stack
from mobench_multimnist.dataset import MultiMnist
from mobench_networks.lenet import LeNet
from mobench_phn.phn import PHN


@pytest.fixture(scope="module")
def images() -> tuple[Problem, ParetoNetwork, Samples]:
    torch.manual_seed(0)
    problem = Problem(MultiMnist(source="embedded", pairs=50, test_pairs=37), LeNet())
    return problem, PHN().build(problem, finite_rays(2)), problem.dataset.load("test")


def test_batches_of_any_size_give_the_mean_over_all_samples(images: tuple[Problem, ParetoNetwork, Samples]) -> None:
    problem, network, samples = images
    rays = dense_rays(2, 3)
    one_batch = evaluate(network, problem, samples, rays, batch_size=1000)
    parts = evaluate(network, problem, samples, rays, batch_size=8)
    np.testing.assert_allclose(parts.losses, one_batch.losses, rtol=1e-5)
    assert parts.metrics["left/accuracy"] == pytest.approx(one_batch.metrics["left/accuracy"])

    with torch.no_grad():
        batch = problem.prepare(samples)
        outputs = network(batch.inputs, rays)
        losses = problem.losses(outputs, batch).numpy()
    np.testing.assert_allclose(one_batch.losses, losses, rtol=1e-5)
    hits = (outputs[1]["right"].argmax(1) == batch.targets["right"]).double().mean()
    assert one_batch.metrics["right/accuracy"][1] == pytest.approx(float(hits))


def test_batches_are_smaller_for_large_outputs(
    images: tuple[Problem, ParetoNetwork, Samples], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two heads of ten classes have 20 values per image; 37 images are read in batches of 7."""
    problem, network, samples = images
    expected = evaluate(network, problem, samples, finite_rays(2), batch_size=7)
    sizes = []
    prepare = problem.prepare
    monkeypatch.setattr(problem, "prepare", lambda batch: (sizes.append(len(batch)), prepare(batch))[1])
    monkeypatch.setattr(evaluation, "OUTPUT_VALUES", 159)
    np.testing.assert_array_equal(evaluate(network, problem, samples, finite_rays(2)).losses, expected.losses)
    assert sizes == [7] * 5 + [2]


def test_batches_are_smaller_for_large_inputs(
    images: tuple[Problem, ParetoNetwork, Samples], monkeypatch: pytest.MonkeyPatch
) -> None:
    problem, network, samples = images
    expected = evaluate(network, problem, samples, finite_rays(2), batch_size=5)
    per_image = samples.inputs[0].numel()
    monkeypatch.setattr(evaluation, "INPUT_VALUES", 6 * per_image - 1)
    np.testing.assert_array_equal(evaluate(network, problem, samples, finite_rays(2)).losses, expected.losses)


def test_batches_of_data_sets_that_have_records_are_not_changed() -> None:
    """Other batches change the last bits of losses."""

    def n_values(shapes: Any) -> int:
        return sum(math.prod(head_shape(shape)) for shape in shapes)

    smaller = set()
    for name, entry in registry().entries["dataset"].items():
        dataset = entry.load()()
        shape = dataset.input_shape
        n_inputs = n_values(shape.values() if isinstance(shape, dict) else [shape])
        n_outputs = n_values(dataset.heads.values())
        if 250 * n_inputs > evaluation.INPUT_VALUES or 250 * n_outputs > evaluation.OUTPUT_VALUES:
            smaller.add(name)
    assert smaller == {"earth", "nyuv2", "camvid", "cityscapes", "celeba", "office31", "office-home"}


def test_evaluation_leaves_modes_and_gradients_alone(images: tuple[Problem, ParetoNetwork, Samples]) -> None:
    problem, network, samples = images
    network.train()
    problem.train(True)
    evaluate(network, problem, samples, finite_rays(2))
    assert network.training
    assert problem.target.training
    assert all(p.grad is None for p in network.parameters())


def test_points_on_the_pareto_set_have_the_indicators_of_the_known_front() -> None:
    problem = Problem(VLMOP2(), Point(), dtype=torch.float64)
    rays = finite_rays(2).double()
    network = Stack().build(problem, rays)
    # x = t / √n on the segment between the two centres, t from −0.9 to 0.9
    t = torch.linspace(0.9, -0.9, 5, dtype=torch.float64)
    with torch.no_grad():
        next(network.parameters()).copy_((t / math.sqrt(20))[:, None].expand(-1, 20))
    front = evaluate(network, problem, problem.dataset.load("test"), rays)
    np.testing.assert_allclose(front.losses[:, 0], 1 - np.exp(-((t.numpy() - 1) ** 2)))
    known_front = problem.dataset.known_front(2001)
    assert known_front is not None
    values = indicators_of(front, problem.protocol, known_front.numpy())
    assert values["gd"] == pytest.approx(0, abs=1e-3)
    assert values["n_non_dominated"] == 5
    assert values["controllability"] == pytest.approx(1)
    assert values["epsilon"] is not None
    assert values["epsilon"] > 0


def test_at_rays_picks_rows_and_refuses_what_was_not_evaluated() -> None:
    rays = dense_rays(2, 25).double().numpy()
    front = FrontValues(rays, 1 - rays, {"a": list(range(25))})
    picked = at_rays(front, finite_rays(2))
    assert picked.metrics["a"] == [0, 6, 12, 18, 24]
    np.testing.assert_allclose(picked.losses, 1 - picked.preferences)
    with pytest.raises(PreferenceError, match="evaluate it there"):
        at_rays(front, torch.tensor([[0.123, 0.877]]))


def test_undefined_indicators_are_none() -> None:
    single_point = FrontValues(np.array([[0.5, 0.5]]), np.array([[-1.0, 0.5]]), {})
    values = indicators_of(single_point, VLMOP2().protocol, None)
    assert values["spacing"] is None
    assert values["controllability"] is None
    assert values["non_uniformity"] is None
    assert "igd" not in values


def test_costs_are_positive_and_switching_is_what_is_timed(images: tuple[Problem, ParetoNetwork, Samples]) -> None:
    problem, network, samples = images

    class Counting:
        rays = None
        n_stored_parameters = 0
        served = 0

        def serve(self, preference: Tensor) -> object:
            self.served += 1
            return network.serve(preference)

    counting = Counting()
    assert cost.switch_seconds(counting, finite_rays(2), problem, repeats=4) > 0  # type: ignore[arg-type]
    assert counting.served == 4
    assert cost.inference_seconds_per_sample(counting, finite_rays(2), problem, samples) > 0  # type: ignore[arg-type]
    assert counting.served == 5
    assert cost.peak_bytes(torch.device("cpu")) > 10_000_000
