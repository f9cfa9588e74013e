"""Analytic problems: values against pymoo's, fronts against definitions, the model of x itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pymoo.problems import get_problem

from mobench.errors import IncompatibleError
from mobench.interfaces import Problem
from mobench.metrics.indicators import hypervolume, igd, non_dominated
from mobench_analytic.point import Point
from mobench_analytic.problems import DTLZ2, VLMOP2, ZDT1, ZDT2, ZDT3, Analytic
from mobench_multimnist.dataset import MultiMnist

ZDTS = [(ZDT1(), "zdt1"), (ZDT2(), "zdt2"), (ZDT3(), "zdt3"), (DTLZ2(), "dtlz2")]
ALL: list[Analytic] = [VLMOP2(), *(p for p, _ in ZDTS)]


@pytest.mark.parametrize(("problem", "name"), ZDTS)
def test_values_are_pymoos(problem: Analytic, name: str) -> None:
    x = torch.rand(50, problem.n_variables, dtype=torch.float64)
    expected = get_problem(name, n_var=problem.n_variables).evaluate(x.numpy())
    np.testing.assert_allclose(torch.stack(problem.values(x), 1), expected, rtol=1e-12, atol=1e-12)


def test_no_objective_of_dtlz2_is_negative_at_the_bounds() -> None:
    """In single precision cos(π/2) < 0, and points far from the front were non-dominated by it."""
    corners = torch.randint(0, 2, (64, 12)).float()
    assert bool((torch.stack(DTLZ2(12).values(corners), 1) >= 0).all())


def test_vlmop2_by_hand() -> None:
    centre = torch.full((4,), 0.5, dtype=torch.float64)
    f1, f2 = VLMOP2(4).values(centre)
    assert (float(f1), float(f2)) == pytest.approx((0, 1 - math.exp(-4)))
    assert float(VLMOP2(4).values(0 * centre)[0]) == pytest.approx(1 - math.exp(-1))


@pytest.mark.parametrize("problem", ALL)
def test_no_point_dominates_the_known_front(problem: Analytic) -> None:
    front = problem.known_front(300)
    assert front is not None
    assert non_dominated(front.numpy()).all()
    x = torch.rand(5000, problem.n_variables, dtype=torch.float64)
    if problem.bounds is None:
        x = 2 * x - 1
    values = torch.stack(problem.values(x), 1)
    dominates = ((values[:, None] <= front[None]).all(-1) & (values[:, None] < front[None] - 1e-9).any(-1)).any()
    assert not bool(dominates)


@pytest.mark.parametrize(
    ("problem", "volume"),
    [
        # reference (1.1, 1.1): ∫ over f1 of (1.1 − f2), and 0.1·1.1 beyond f1 = 1
        (ZDT1(), 1.1 - (1 - 2 / 3) + 0.11),
        (ZDT2(), 1.1 - (1 - 1 / 3) + 0.11),
        # reference 1.1³ less an eighth of the unit ball
        (DTLZ2(), 1.1**3 - math.pi / 6),
    ],
)
def test_hypervolume_of_known_fronts_in_closed_form(problem: Analytic, volume: float) -> None:
    front = problem.known_front(4000)
    assert front is not None
    # a grid of 4,000 points on a surface falls short of the surface by about one per cent
    assert hypervolume(front.numpy(), problem.protocol.reference) == pytest.approx(volume, rel=0.012)


@pytest.mark.parametrize(("problem", "name"), [(ZDT1(), "zdt1"), (ZDT2(), "zdt2"), (ZDT3(), "zdt3")])
def test_known_fronts_are_pymoos(problem: Analytic, name: str) -> None:
    front, expected = problem.known_front(1000), get_problem(name).pareto_front()
    assert front is not None
    assert igd(front.numpy(), expected) < 5e-3
    assert igd(expected, front.numpy()) < 2e-2


@pytest.mark.parametrize("problem", ALL)
def test_protocol_bounds_the_front(problem: Analytic) -> None:
    front = problem.known_front(2000)
    assert front is not None
    p = problem.protocol
    np.testing.assert_allclose(front.min(0).values, p.ideal, atol=2e-3)
    np.testing.assert_allclose(front.max(0).values, p.nadir, atol=5e-3)
    assert (np.array(p.reference) >= np.array(p.nadir)).all()


@pytest.mark.parametrize("problem", ALL)
def test_points_stay_in_bounds_and_have_gradients(problem: Analytic) -> None:
    wrapped_problem = Problem(problem, Point(), dtype=torch.float64)
    for u in (torch.full((problem.n_variables,), 0.5), torch.linspace(-40, 41.7, problem.n_variables)):
        u = u.double().requires_grad_()
        outputs = wrapped_problem.outputs({"u": u}, torch.zeros(1, 0))
        losses = wrapped_problem.losses([outputs], problem.load("train"))
        assert bool(torch.isfinite(losses).all())
        (gradient,) = torch.autograd.grad(losses.sum(), u)
        assert bool(torch.isfinite(gradient).all())
        if problem.bounds is not None:
            x = outputs["x"].detach()
            assert float(x.min()) >= 0
            assert float(x.max()) <= 1


def test_both_bounds_are_reached() -> None:
    zdt1 = Problem(ZDT1(3), Point(), dtype=torch.float64)
    x = zdt1.outputs({"u": torch.tensor([0.0, 1.0, 0.5], dtype=torch.float64)}, torch.zeros(1, 0))["x"]
    torch.testing.assert_close(x, torch.tensor([0.0, 1.0, 0.5], dtype=torch.float64))


def test_point_is_for_analytic_problems() -> None:
    with pytest.raises(IncompatibleError, match="choose a network"):
        Point().build(MultiMnist())
