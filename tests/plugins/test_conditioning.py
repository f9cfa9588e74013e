"""Balancers where gradients have very different lengths or nearly depend on one another, against exact arithmetic.

Weights and gradients are floats, so directions, lengths and cosines are computed from them without rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import pytest
import rational
import torch
from torch import Tensor

from mobench.interfaces import Balancer, Problem, Seeds, Setting, inner_products
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.gradients import combine, rounded_weights
from mobench.learning.preferences import finite_rays
from mobench.numerics.min_norm_point import min_norm
from mobench.numerics.simplex_programs import simplex_lp
from mobench.testing import properties
from mobench_analytic.point import Point
from mobench_analytic.problems import Analytic
from mobench_cagrad.cagrad import cagrad_weights
from mobench_epo.epo import EPO, epo_weights
from mobench_imtl_g.imtl import IMTLG
from mobench_linear.stack import Stack
from mobench_mgda.min_norm import MinNorm
from mobench_nash_mtl.nash import NashMTL
from mobench_pcgrad.pcgrad import PCGrad
from mobench_pmtl.decomposition import Decomposition
from mobench_upgrad.upgrad import UPGrad, upgrad_weights

RATIOS = [1.0, 1e3, 3e6, 1e10, 1e15, 1e16]
PROGRAMS = [
    pytest.param(n, ratio, marks=pytest.mark.slow if n == 6 else ())
    for n in (2, 3, 4, 5, 6)
    for ratio in RATIOS
    if n <= 4 or ratio <= 1e10
]
"""Sizes of linear programs and ratios of lengths: the simplex method solves those of more than four variables."""
Rows = list[list[float]]


def random_rows(m: int, seed: int, ratio: float = 1.0, n_long: int = 1, n: int = 6) -> Rows:
    """Gradients of small integers, the first ones multiplied by the ratio."""
    g = torch.randint(-9, 10, (m, n), generator=torch.Generator().manual_seed(seed)).double()
    g[:n_long] *= ratio
    rows: Rows = g.tolist()
    return rows


def nearly_dependent(m: int, distance: float, seed: int, n: int = 6) -> Rows:
    """Gradients of which the last is at about this distance from minus a positive combination of the others."""
    draw = torch.Generator().manual_seed(seed)
    g = torch.randn(m, n, generator=draw, dtype=torch.float64)
    w = torch.rand(m - 1, generator=draw, dtype=torch.float64) + 0.1 if seed % 2 else torch.ones(m - 1).double()
    g[-1] = -(w @ g[:-1]) + distance * torch.randn(n, generator=draw, dtype=torch.float64)
    rows: Rows = g.float().double().tolist()
    return rows


def gram(rows: Rows) -> Tensor:
    return inner_products(torch.tensor([rows], dtype=torch.float64))


def assert_direction(alpha: Tensor, rows: Rows, expected: list[Fraction], tolerance: float) -> None:
    assert rational.relative_distance(rational.combination(alpha[0].tolist(), rows), expected) < tolerance


def least_cosine(alpha: Tensor, rows: Rows) -> float:
    """The smallest cosine between the direction and a gradient; below 0 they conflict."""
    direction = rational.combination(alpha[0].tolist(), rows)
    return min(rational.cosine(direction, row) for row in rational.exact(rows))


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("m", [2, 3, 4])
def test_the_min_norm_direction_is_exact_at_any_ratio_of_lengths(m: int, ratio: float) -> None:
    for seed in range(20):
        rows = random_rows(m, seed, ratio, 1 + seed % (m - 1))
        if rational.dot(*rational.exact(rows[:2])) > 0:  # opposed, so that both take part
            rows[1] = [-value for value in rows[1]]
        expected = rational.combination(rational.shortest_combination(rows), rows)
        assert_direction(min_norm(gram(rows)), rows, expected, 1e-11)


@pytest.mark.parametrize("ratio", [1e15, 1e16])
def test_the_min_norm_direction_conflicts_with_neither_of_two_gradients(ratio: float) -> None:
    rows = [[1.0, 1.0], [-1.1 * ratio, 0.1 * ratio]]
    direction = rational.combination(min_norm(gram(rows))[0].tolist(), rows)
    short, long = (rational.cosine(direction, row) for row in rational.exact(rows))
    assert short == pytest.approx(0.76822128, abs=1e-8)
    assert abs(long) < 1e-14


@pytest.mark.parametrize("n_columns", [6, 9])
def test_the_min_norm_direction_of_many_gradients_conflicts_with_none(n_columns: int) -> None:
    """Eight gradients, so by active sets."""
    for ratio in RATIOS:
        for seed in range(5):
            rows = [row[:n_columns] for row in random_rows(8, seed, ratio, 1 + seed, n=12)]
            alpha = min_norm(gram(rows))
            direction = rational.combination(alpha[0].tolist(), rows)
            shortest = min(rational.dot(row, row) for row in rational.exact(rows))
            if rational.dot(direction, direction) > Fraction(1, 10**8) * shortest:
                assert least_cosine(alpha, rows) > -1e-9, (ratio, seed)


def radius_ratio(alpha: Tensor, rows: Rows, radius: float) -> float:
    """‖d − g₀‖ / (c ‖g₀‖)."""
    m = len(rows)
    mean = rational.combination([Fraction(1, m)] * m, rows)
    correction = rational.combination([Fraction(a) - Fraction(1, m) for a in alpha[0].tolist()], rows)
    return math.sqrt(rational.dot(correction, correction) / rational.dot(mean, mean)) / radius


def relative_gap(alpha: Tensor, rows: Rows, radius: float) -> float:
    """The dual's value g_w · g₀ + c‖g₀‖‖g_w‖ less the primal's min g_i · d, relative to ‖g₀‖‖g_w‖."""
    m = len(rows)
    mean = rational.combination([Fraction(1, m)] * m, rows)
    extra = [Fraction(a) - Fraction(1, m) for a in alpha[0].tolist()]
    correction = rational.combination([e / sum(extra) for e in extra], rows)
    direction = rational.combination(alpha[0].tolist(), rows)
    size = math.sqrt(rational.dot(mean, mean) * rational.dot(correction, correction))
    worst = min(rational.dot(direction, row) for row in rational.exact(rows))
    return float((rational.dot(correction, mean) - worst) / Fraction(size)) + radius


CAGRAD = [
    [[1.0, 0.0], [-6e5, 8e5]],
    [[1.0, 0.0], [-6e14, 8e14]],
    [[1e-7, 0.0], [-0.6, 0.8], [0.3, 1.0]],
    [[1e-12, 0.0], [-0.6, 0.8], [0.3, 1.0]],
    [[1.0, 0.0], [-1.0, 1e-5]],
    *(random_rows(m, m, ratio, m - 1) for m in (2, 3, 4, 6) for ratio in RATIOS),
]


@pytest.mark.parametrize("radius", [0.1, 0.4, 0.9])
@pytest.mark.parametrize("rows", CAGRAD)
def test_cagrads_correction_has_the_length_of_its_radius_and_is_the_best(rows: Rows, radius: float) -> None:
    alpha = cagrad_weights(gram(rows), radius)
    assert radius_ratio(alpha, rows, radius) == pytest.approx(1, abs=1e-6)
    assert relative_gap(alpha, rows, radius) < 1e-6


@pytest.mark.parametrize(("distance", "tolerance"), [(1e-6, 1e-2), (1e-5, 1e-4), (1e-3, 1e-6)])
def test_cagrads_radius_near_pareto_stationary_points(distance: float, tolerance: float) -> None:
    for m in (2, 3, 4):
        for seed in range(10):
            rows = nearly_dependent(m, distance, seed)
            assert radius_ratio(cagrad_weights(gram(rows), 0.4), rows, 0.4) == pytest.approx(1, abs=tolerance)


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("m", [2, 3, 4])
def test_upgrads_direction_is_exact_at_any_ratio_of_lengths(m: int, ratio: float) -> None:
    for seed in range(10):
        rows = random_rows(m, seed, ratio, 1 + seed % (m - 1))
        assert_direction(upgrad_weights(gram(rows)), rows, rational.mean_of_projections(rows), 1e-9)


@pytest.mark.parametrize("distance", [1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize("m", [2, 3, 4])
def test_upgrads_direction_near_a_linear_dependence(m: int, distance: float) -> None:
    for seed in range(10):
        rows = nearly_dependent(m, distance, seed)
        alpha = upgrad_weights(gram(rows))
        assert_direction(alpha, rows, rational.mean_of_projections(rows), 1e-12 / distance**2 + 1e-9)
        assert least_cosine(alpha, rows) > -1e-13 / distance


NEARLY_DEPENDENT = [
    nearly_dependent(m, distance, seed) for m in (3, 4) for distance in (1e-3, 1e-5) for seed in range(8)
]


@pytest.mark.parametrize(
    ("balancer", "tolerance"), [(UPGrad(), 2e-7), (MinNorm(), 2e-7), (Decomposition(), 2e-7), (EPO(), 2e-4)]
)
def test_directions_in_single_precision_do_not_conflict(balancer: Balancer, tolerance: float) -> None:
    """The combined direction in float32: weights rounded to float32 alone would conflict.

    Linear programs meet their constraints to 1e-9 of the terms, which is 1e-4 of a direction of 1e-5 of its terms.
    """
    n_conflicts_if_rounded = 0
    for rows in NEARLY_DEPENDENT:
        m = len(rows)
        started = properties.started(balancer, m, 1)
        alpha = started(torch.ones(1, m), torch.full((1, m), 1 / m), gram(rows))
        gradients = {"x": torch.tensor([rows])}
        assert gradients["x"].dtype == torch.float32
        direction = combine(gradients, rounded_weights(alpha, gram(rows), torch.float32))["x"]
        assert direction.dtype == torch.float32
        cosines = [rational.cosine(rational.exact(direction.tolist())[0], row) for row in rational.exact(rows)]
        assert min(cosines) > -tolerance
        n_conflicts_if_rounded += least_cosine(alpha.float(), rows) < -1e-4
    assert n_conflicts_if_rounded > 3


@pytest.mark.parametrize("balancer", [UPGrad(), MinNorm(), IMTLG(), NashMTL(), PCGrad()])
def test_weights_of_gradients_that_do_not_cancel_are_rounded(balancer: Balancer) -> None:
    """The sum is then computed in float32, which costs no extra time."""
    g = torch.eye(3)[None] + 0.1
    alpha = properties.started(balancer, 3, 1)(torch.ones(1, 3), torch.full((1, 3), 1 / 3), inner_products(g))
    assert rounded_weights(alpha, inner_products(g), torch.float32).dtype == torch.float32


@dataclass(frozen=True)
class Slopes(Analytic):
    """Linear functions of x with given gradients."""

    rows: tuple[tuple[float, ...], ...] = ()

    @property
    def n_variables(self) -> int:  # type: ignore[override]
        return len(self.rows[0])

    @property
    def bounds(self) -> None:
        return None

    @property
    def n_objectives(self) -> int:
        return len(self.rows)

    def values(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(x @ torch.tensor(row, dtype=x.dtype) for row in self.rows)


def test_a_step_of_upgrad_in_single_precision_raises_no_loss() -> None:
    """Through the solver: a step of gradient descent from 0 is minus the direction."""
    for rows in NEARLY_DEPENDENT:
        problem = Problem(Slopes(tuple(map(tuple, rows))), Point())
        solver = GradientSolver(Stack(), UPGrad(), GradientOptions(optimiser="sgd", lr=1.0))
        solver.start(problem, Setting(finite_rays(len(rows)), Seeds(), 1, 1))
        (x,) = solver.network.parameters()
        torch.nn.init.zeros_(x)
        solver.step(problem.dataset.load("train"))
        step = rational.exact((-x.detach()).tolist())[0]
        assert min(rational.cosine(step, row) for row in rational.exact(rows)) > -2e-7


@pytest.mark.parametrize(("n", "ratio"), PROGRAMS)
def test_linear_programs_are_exact_for_rows_and_columns_of_any_size(n: int, ratio: float) -> None:
    """The program of EPO's descending step, on gradients of very different lengths."""
    for seed in range(10):
        rows = random_rows(n, seed, ratio, 1 + seed % (n - 1))
        c = gram(rows)
        alpha, feasible = simplex_lp(c.sum(2), c, torch.zeros(1, n, dtype=torch.float64))
        exact_gram = [
            [rational.dot(first_row, second_row) for second_row in rational.exact(rows)]
            for first_row in rational.exact(rows)
        ]
        expected = rational.best_on_simplex([sum(row) for row in exact_gram], exact_gram, [0.0] * n)
        assert bool(feasible)
        best = rational.combination(expected, rows)
        assert rational.relative_distance(rational.combination(alpha[0].tolist(), rows), best) < 1e-6, seed


@pytest.mark.parametrize(("m", "ratio"), PROGRAMS)
def test_epo_balances_whatever_the_ratio_of_lengths(m: int, ratio: float) -> None:
    """Multiplying one loss's gradient leaves its program's rows as they are: no product counts as rounding."""
    for seed in range(10):
        rows = random_rows(m, seed, ratio, 1 + seed % (m - 1))
        losses = torch.rand(1, m, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 0.1
        r = torch.full((1, m), 1 / m, dtype=torch.float64)
        alpha, feasible = epo_weights(losses, r, gram(rows), 1e-12)
        objective, constraints, bounds = balancing_program(losses, r, rows)
        expected = rational.best_on_simplex(objective, constraints, bounds)
        assert bool(feasible.all())
        direction = rational.combination(alpha[0].tolist(), rows)
        assert rational.relative_distance(direction, rational.combination(expected, rows)) < 1e-6, seed


def balancing_program(
    losses: Tensor, r: Tensor, rows: Rows
) -> tuple[list[Fraction], list[list[Fraction]], list[float | Fraction]]:
    """Objective, rows and bounds of arXiv 2108.00597's balancing step; products with gradients are exact."""
    m = len(rows)
    weighted = (r * losses)[0]
    share = weighted / weighted.sum()
    logs = (m * share).log()
    a = (r[0] * (logs - (share * logs).sum())).tolist()
    g = rational.exact(rows)
    towards_point = rational.combination(a, rows)
    towards = [rational.dot(row, towards_point) for row in g]
    largest = int(weighted.argmax())
    helps = any(t > 0 for t in towards)
    bounds: list[float | Fraction] = [
        Fraction(0) if j == largest or not helps else (-math.inf if towards[j] > 0 else towards[j]) for j in range(m)
    ]
    return towards, [[rational.dot(first_row, second_row) for second_row in g] for first_row in g], bounds


@pytest.mark.parametrize("ratio", RATIOS)
def test_epo_tells_short_gradients_apart(ratio: float) -> None:
    """At losses (3, 2, 1) with equal preferences a step lowers only loss 1: its product is 1/ratio² of loss 3's."""
    rows = [[1 / ratio, 0.0, 0.0], [0.0, 1 / ratio, 0.0], [0.0, 0.0, 1.0]]
    r = torch.full((1, 3), 1 / 3, dtype=torch.float64)
    alpha = properties.started(EPO(scale_by_m=False), 3, 1)(torch.tensor([[3.0, 2.0, 1.0]]).double(), r, gram(rows))
    torch.testing.assert_close(alpha, torch.tensor([[1.0, 0.0, 0.0]], dtype=torch.float64), atol=1e-12, rtol=0)
