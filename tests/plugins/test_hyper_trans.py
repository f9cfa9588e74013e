"""Hyper-Trans: its trunk by hand, parameters by the closed formula, and a known front."""

from __future__ import annotations

import math

import pytest
import torch

from mobench.errors import OptionError
from mobench.interfaces import Problem, WeightNetwork
from mobench.jobs import resolve
from mobench.jobs.job import Budget
from mobench.learning.preferences import dense_rays, finite_rays
from mobench.numerics import objective_gradients
from mobench.runs.execution import execute
from mobench_hyper_trans.hyper_trans import AttentionTrunk, HyperTrans
from mobench_mlp.mlp import Mlp
from mobench_multimnist.dataset import MultiMnist
from mobench_networks.lenet import LeNet
from mobench_regression.mulan import Enb


def test_it_has_the_parameters_of_the_formula() -> None:
    problem = Problem(MultiMnist(source="embedded", pairs=40, test_pairs=8), LeNet())
    h, m, n = 100, 2, 31_910
    network = HyperTrans().build(problem, finite_rays(m))
    assert network.n_stored_parameters == (h + 1) * n + 7 * h**2 + 7 * h + 2 * m * h == 3_294_010


def test_the_trunk_is_attention_and_a_network_with_residual_connections() -> None:
    torch.manual_seed(0)
    trunk = AttentionTrunk(3, 8, 2).double()
    preferences = torch.tensor([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]], dtype=torch.float64)
    for r, features in zip(preferences, trunk(preferences), strict=True):
        tokens = torch.stack([(e.weight[:, 0] * x + e.bias).relu() for e, x in zip(trunk.embeddings, r, strict=True)])
        projected = tokens @ trunk.attention.in_proj_weight.T + trunk.attention.in_proj_bias
        query, key, value = (part.reshape(3, 2, 4).transpose(0, 1) for part in projected.chunk(3, dim=1))
        heads = torch.softmax(query @ key.transpose(1, 2) / math.sqrt(4), dim=2) @ value
        attended = tokens + trunk.attention.out_proj(heads.transpose(0, 1).reshape(3, 8))
        mixed = attended + trunk.second(trunk.first(attended).relu())
        torch.testing.assert_close(features, trunk.output(mixed).relu().mean(0))


def test_the_exact_gram_matrix_is_the_general_one() -> None:
    problem = Problem(Enb(), Mlp(widths=(5,)), dtype=torch.float64)
    torch.manual_seed(0)
    network = HyperTrans(features=6, n_heads=2).build(problem, dense_rays(2))
    assert isinstance(network, WeightNetwork)
    rays = torch.tensor([[0.5, 0.5], [0.9, 0.1]], dtype=torch.float64)
    batch = problem.prepare(problem.dataset.load("train").take(slice(0, 8)))
    generated = network.weights(rays)
    leaves = {name: w.detach().requires_grad_() for name, w in generated.items()}
    gradients = objective_gradients(problem.losses(network.outputs(leaves, batch.inputs), batch), leaves)
    dense = WeightNetwork.gram(network, rays, generated, gradients)
    torch.testing.assert_close(network.gram(rays, generated, gradients), dense, rtol=1e-8, atol=1e-12)


def test_heads_must_divide_the_width() -> None:
    problem = Problem(Enb(), Mlp(widths=(5,)))
    with pytest.raises(OptionError, match="3 heads do not divide: set it to a multiple of"):
        HyperTrans(features=8, n_heads=3).build(problem, finite_rays(2))


def test_it_reaches_the_known_front() -> None:
    """VLMOP2 under the smooth Tchebycheff scalarisation: its front is concave."""
    options = {"solver.lr": 2e-3, "solver.alpha": 1.0, "solver.n_preferences": 4, "generator.features": 20}
    job = resolve.resolve("vlmop2", "point", "hyper-trans+smooth-tchebycheff", options, Budget(steps=150))
    record = execute(job)
    assert record.status == "completed", record.failure
    values = record.indicators["test"]
    assert values["gd"] is not None
    assert values["gd"] < 0.02
    assert values["controllability"] is not None
    assert values["controllability"] > 0.95
