"""Min-norm; the program itself is tested against clarabel in learning/test_simplex."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mobench.interfaces import Problem, Seeds, Setting
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.preferences import finite_rays
from mobench.testing import properties
from mobench_analytic.point import Point
from mobench_analytic.problems import VLMOP2
from mobench_linear.stack import Stack
from mobench_mgda.min_norm import MinNorm

MS = [2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("m", MS)
def test_properties(m: int) -> None:
    properties.assert_well_behaved(MinNorm(), m)
    properties.assert_permutation_equivariant(MinNorm(), m)
    properties.assert_indifferent_to_scale(MinNorm(), m)
    properties.assert_descends(MinNorm(), m)


@pytest.mark.parametrize("m", MS)
@pytest.mark.parametrize("normalise", ["none", "l2", "loss"])
def test_properties_of_the_codes_form(m: int, normalise: Any) -> None:
    """The order of objectives is not checked: if there are several solutions, the direction is one of them."""
    balancer = MinNorm(normalise=normalise, weighted="raw")
    properties.assert_well_behaved(balancer, m)
    properties.assert_indifferent_to_scale(balancer, m)


@pytest.mark.parametrize("m", MS)
def test_normalised_by_length_scaling_one_gradient_changes_its_weight_alone(m: int) -> None:
    """The direction is that of unit gradients, for all lengths."""
    for case in properties.cases(m):
        if case.name != "random gradients":
            continue
        alpha = case.weights(MinNorm(normalise="l2"))
        unit = case.gradients / case.gradients.norm(dim=2, keepdim=True)
        plain = properties.Case("unit", case.losses, case.preferences, unit)
        direction = properties.direction(case, alpha)
        plain_direction = properties.direction(plain, plain.weights(MinNorm()))
        torch.testing.assert_close(
            direction / direction.norm(dim=1, keepdim=True), plain_direction / plain_direction.norm(dim=1, keepdim=True)
        )


def test_division_by_losses_by_hand() -> None:
    """Orthonormal gradients over losses 1 and 2: lengths 1 and ½, α ∝ (¼, 1) of those, so (¼, ½)·norm of the plain."""
    alpha = MinNorm(normalise="loss")(torch.tensor([[1.0, 2.0]]), torch.tensor([[0.5, 0.5]]), torch.eye(2)[None])
    # min over a of a² + (1 − a)²/4: a = 1/5; divided by the losses: (1/5, 4/5 · 1/2) ∝ (1/3, 2/3)
    torch.testing.assert_close(alpha, torch.tensor([[1 / 3, 2 / 3]]))


def test_the_codes_form_applies_the_weights_of_the_normalised_program_to_raw_losses() -> None:
    """The same program as above, a = 1/5, and no division of the weights."""
    balancer = MinNorm(normalise="loss", weighted="raw")
    alpha = balancer(torch.tensor([[1.0, 2.0]]), torch.tensor([[0.5, 0.5]]), torch.eye(2)[None])
    torch.testing.assert_close(alpha, torch.tensor([[1 / 5, 4 / 5]]))


@pytest.mark.parametrize("m", MS)
@pytest.mark.parametrize("normalise", ["l2", "loss"])
def test_raw_and_normalised_weights_are_of_one_program(m: int, normalise: Any) -> None:
    """α of the code's form over the sizes is α of ours; without normalisation both are one."""
    for case in properties.cases(m):
        if case.name != "random gradients":
            continue
        size = case.losses if normalise == "loss" else case.gradients.norm(dim=2)
        raw = case.weights(MinNorm(normalise=normalise, weighted="raw")) / size
        alpha = case.weights(MinNorm(normalise=normalise))
        torch.testing.assert_close(alpha, raw / raw.sum(1, keepdim=True))
        assert torch.equal(case.weights(MinNorm(weighted="raw")), case.weights(MinNorm()))


def test_the_codes_form_may_raise_a_loss_and_ours_does_not() -> None:
    """g = (1, 0) and (−2, 1) over losses 1 and 4: the smaller loss has nearly all weight in the program."""
    gradients = torch.tensor([[[1.0, 0.0], [-2.0, 1.0]]]).double()
    case = properties.Case("by hand", torch.tensor([[1.0, 4.0]]).double(), torch.full((1, 2), 0.5), gradients)

    def slopes(balancer: MinNorm) -> list[float]:
        (d,) = properties.direction(case, case.weights(balancer))
        return (gradients[0] @ d).tolist()

    assert min(slopes(MinNorm(normalise="loss"))) > 0
    assert min(slopes(MinNorm(normalise="loss", weighted="raw"))) < 0


def test_it_gives_one_point_of_the_pareto_set_of_vlmop2() -> None:
    torch.manual_seed(3)
    problem = Problem(VLMOP2(), Point(), dtype=torch.float64)
    solver = GradientSolver(Stack(), MinNorm(), GradientOptions(optimiser="sgd", lr=0.1))
    solver.start(problem, Setting(finite_rays(2), Seeds(), 1, 500))
    assert len(solver.network.rays) == 1  # type: ignore[arg-type]
    batch = problem.dataset.load("train")
    for _ in range(500):
        solver.step(batch)
    (x,) = next(solver.network.parameters()).detach()
    t = x.mean()
    assert float((x - t).norm()) < 1e-3, "on the segment between the two centres, all coordinates are equal"
    assert abs(float(t)) <= 20**-0.5
