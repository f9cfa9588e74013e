from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mobench.interfaces import inner_products
from mobench.testing import properties
from mobench.testing.families import gradient_families
from mobench_pcgrad.pcgrad import PCGrad, pcgrad_weights

MS = [1, 2, 3, 4, 5, 6, 7, 8]
VECTOR = st.lists(st.integers(-2, 2), min_size=4, max_size=4)
ROWS = st.lists(VECTOR, min_size=1, max_size=8)
"""Small integers: zero, equal, opposite and dependent gradients come up often."""


def integers(rows: list[list[int]]) -> Tensor:
    return torch.tensor([rows], dtype=torch.float64)


def random_orders(k: int, m: int, seed: int) -> Tensor:
    return torch.rand(k, m, m, generator=torch.Generator().manual_seed(seed)).argsort(2)


def direction(g: Tensor, order: Tensor) -> Tensor:
    return torch.einsum("km,kmn->kn", pcgrad_weights(inner_products(g), order), g)


def in_gradient_space(g: Tensor, order: Tensor) -> Tensor:
    """The algorithm as the paper prints it, for one problem: gradients [m, n], order [m, m]."""
    total = torch.zeros_like(g[0])
    for i in range(len(g)):
        projected = g[i].clone()
        for j in order[i].tolist():
            if j != i and projected @ g[j] < 0:
                projected -= (projected @ g[j]) / (g[j] @ g[j]) * g[j]
        total += projected
    return total


@pytest.mark.parametrize("m", MS)
def test_properties(m: int) -> None:
    properties.assert_well_behaved(PCGrad(), m)
    properties.assert_indifferent_to_scale(PCGrad(), m)


@pytest.mark.parametrize("m", [1, 2])
def test_up_to_two_objectives_have_no_randomness_and_no_conflict(m: int) -> None:
    properties.assert_permutation_equivariant(PCGrad(), m)
    properties.assert_descends(PCGrad(), m)


@pytest.mark.parametrize("m", MS)
def test_coefficients_do_what_the_paper_does_to_gradients(m: int) -> None:
    """240 problems a size, with the same random orders; relative to the longest gradient."""
    for name, g in gradient_families(m, seed=m).items():
        g = g / g.norm(dim=2).amax(1).clamp_min(1e-300)[:, None, None]
        order = random_orders(20, m, m)
        expected = torch.stack([in_gradient_space(*pair) for pair in zip(g, order, strict=True)])
        torch.testing.assert_close(direction(g, order), expected, atol=1e-9, rtol=0, msg=name)


@pytest.mark.parametrize("m", MS)
def test_gradients_in_single_precision(m: int) -> None:
    for name, g in gradient_families(m, seed=m).items():
        g = g / g.norm(dim=2).amax(1).clamp_min(1e-300)[:, None, None]
        order = random_orders(20, m, m)
        single_precision = torch.einsum("km,kmn->kn", pcgrad_weights(inner_products(g.float()), order), g)
        torch.testing.assert_close(single_precision, direction(g, order), atol=1e-4, rtol=0, msg=name)


@pytest.mark.slow
@given(rows=ROWS, seed=st.integers(0, 100))
@settings(deadline=None, max_examples=200, derandomize=True)
def test_coefficients_do_what_the_paper_does_to_integers(rows: list[list[int]], seed: int) -> None:
    g, order = integers(rows), random_orders(1, len(rows), seed)
    torch.testing.assert_close(direction(g, order)[0], in_gradient_space(g[0], order[0]), atol=1e-9, rtol=0)


@given(first_gradient=VECTOR, second_gradient=VECTOR)
@settings(deadline=None, max_examples=200, derandomize=True)
def test_two_objectives_do_not_conflict(first_gradient: list[int], second_gradient: list[int]) -> None:
    g = integers([first_gradient, second_gradient])
    assert float((g @ direction(g, random_orders(1, 2, 0))[:, :, None]).min()) > -1e-12


@given(rows=ROWS, seed=st.integers(0, 100), factor=st.floats(1e-6, 1e6))
@settings(deadline=None, max_examples=100, derandomize=True)
def test_names_and_scale_of_objectives_do_not_matter(rows: list[list[int]], seed: int, factor: float) -> None:
    """The same meetings under other numbers, and gradients in another unit, give the same direction."""
    m = len(rows)
    g, order = integers(rows), random_orders(1, m, seed)
    renamed = torch.randperm(m, generator=torch.Generator().manual_seed(seed))
    meetings = renamed.argsort()[order[:, renamed]]
    torch.testing.assert_close(direction(factor * g[:, renamed], meetings) / factor, direction(g, order))


@given(rows=st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=4), min_size=1, max_size=8))
@settings(deadline=None, max_examples=50, derandomize=True)
def test_without_conflict_it_is_the_sum(rows: list[list[int]]) -> None:
    alpha = pcgrad_weights(inner_products(integers(rows)), random_orders(1, len(rows), 0))
    assert torch.equal(alpha, torch.ones(1, len(rows), dtype=torch.float64))


def test_two_opposite_pulls_by_hand() -> None:
    """g₁ = (1, 0), g₂ = (−1, 1): (½, ½) and (0, 1) remain."""
    g = torch.tensor([[[1.0, 0.0], [-1.0, 1.0]]], dtype=torch.float64)
    torch.testing.assert_close(direction(g, random_orders(1, 2, 0)), torch.tensor([[0.5, 1.5]], dtype=torch.float64))


def test_every_order_of_meetings_is_as_likely() -> None:
    """Three objectives have 2³ ways to meet; 4,000 draws see each outcome as often as counting says."""
    g = torch.tensor([[1.0, 0.2], [-1.0, 1.0], [-0.8, -1.0]], dtype=torch.float64)
    permutations = torch.tensor(list(itertools.permutations(range(3))))
    ways = torch.stack([permutations[list(pick)] for pick in itertools.product(range(6), repeat=3)])
    possible, counts = (
        pcgrad_weights(inner_products(g.expand(216, 3, 2)), ways).round(decimals=9).unique(dim=0, return_counts=True)
    )
    losses = torch.ones(4000, 3, dtype=torch.float64)
    balancer = properties.started(PCGrad(), 3)
    alpha = balancer(losses, losses / 3, inner_products(g.expand(4000, 3, 2))).round(decimals=9)
    n_drawn = (alpha[:, None] == possible[None]).all(2).sum(0)
    assert len(possible) > 2
    assert int(n_drawn.sum()) == 4000
    torch.testing.assert_close(n_drawn / 4000, counts / 216, atol=0.03, rtol=0)


def test_orders_go_on_from_a_checkpoint() -> None:
    (case, *_) = properties.cases(5)
    pcgrad = properties.started(PCGrad(), 5)
    case.weights(pcgrad)
    state = pcgrad.state_dict()
    expected = case.weights(pcgrad)
    other = properties.started(PCGrad(), 5, seed=9)
    other.load_state_dict(state)
    assert torch.equal(case.weights(other), expected)
