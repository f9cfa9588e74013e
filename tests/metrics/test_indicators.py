"""Indicators against closed forms, hand-computed fronts, moocore and inclusion–exclusion."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from itertools import combinations

import moocore
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from mobench.errors import NonFiniteError, ShapeError
from mobench.metrics import indicators as ind
from mobench.metrics.approximate_hypervolume import _sobol, approximate_volume, is_exact_affordable

Array = NDArray[np.float64]


def fronts(m: int, largest: int = 6) -> st.SearchStrategy[Array]:
    """Up to `largest` points on a coarse grid in [−2, 2]^m, so that ties and duplicates are common."""
    steps = st.integers(-4, 4).map(lambda v: v / 2)
    return st.integers(1, largest).flatmap(lambda n: arrays(np.float64, (n, m), elements=steps))


def by_inclusion_exclusion(points: Array, reference: Array) -> float:
    """|∪ boxes| = Σ (−1)^{s+1} |∩ of s boxes|; a box reaches from a point to the reference."""
    inside = points[(points < reference).all(axis=1)]
    total = 0.0
    for size in range(1, len(inside) + 1):
        for chosen in combinations(inside, size):
            total += (-1) ** (size + 1) * float(np.prod(reference - np.max(chosen, axis=0)))
    return total


@pytest.mark.parametrize("m", [2, 3, 4])
def test_hypervolume_of_unit_vectors(m: int) -> None:
    """The m unit vectors with reference 10: each leaves out the box where only it is not dominated."""
    reference = np.full(m, 10.0)
    dominated = np.random.default_rng(m).uniform(1, 10, (20, m))
    assert ind.hypervolume(np.vstack([np.eye(m), dominated]), reference) == pytest.approx(10**m - 1)


@pytest.mark.parametrize("n", [1, 2, 5, 40])
def test_hypervolume_of_a_staircase(n: int) -> None:
    """(i, n − i), i = 0..n, reference (n + 1, n + 1): (n+1)² less the steps 1 + 2 + … + n."""
    points = [(i, n - i) for i in range(n + 1)]
    assert ind.hypervolume(points, (n + 1, n + 1)) == pytest.approx((n + 1) ** 2 - n * (n + 1) / 2)


@pytest.mark.parametrize("m", [5, 8, 11, 20, 31, 40])
def test_hypervolume_of_unit_vectors_and_cubes_of_many_objectives(m: int) -> None:
    """Values as above. From m = 20 on, the m unit vectors are 20 or more points, so the volume is approximate."""
    value, error = ind.hypervolume_with_error(np.eye(m), np.full(m, 3.0))
    expected = 3.0**m - 1
    assert value == pytest.approx(expected, rel=1e-9) if not error else abs(value - expected) <= 2 * error
    assert (error > 0) == (m >= 20)
    assert ind.hypervolume_with_error([np.full(m, 0.5)], np.ones(m)) == (pytest.approx(0.5**m), 0.0)


def test_approximate_hypervolume_approaches_the_volume_outside_a_sphere_octant() -> None:
    """Points on the unit sphere, reference 1: from inside the corner, they dominate all but the octant of the ball.

    The union of boxes of 3,000 points is smaller than this limit, and at least that of the best 400 of them.
    """
    points = np.abs(np.random.default_rng(0).standard_normal((3000, 6)))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    value, error = ind.hypervolume_with_error(points, np.ones(6))
    limit = 1 - math.pi**3 / math.gamma(4) / 2**6
    assert error > 0
    assert ind.hypervolume(points[:400], np.ones(6), exact=True) - error < value < limit + error


KINDS = ("plane", "sphere", "complement", "stretched")


def random_front(kind: str, n: int, m: int, seed: int) -> Array:
    """Mutually non-dominated points below 1.1, or below 1.1e6 in one objective of the stretched kind."""
    random = np.random.default_rng(seed)
    plane = random.exponential(size=(n, m))
    plane /= plane.sum(axis=1, keepdims=True)
    sphere = np.abs(random.standard_normal((n, m)))
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    stretch = np.where(np.arange(m) == 0, 1e6, 1.0)
    return {"plane": plane, "sphere": sphere, "complement": 1 - sphere, "stretched": sphere * stretch}[kind]


@pytest.mark.slow
@pytest.mark.parametrize(("m", "n"), [(3, 60), (5, 60), (8, 40), (10, 25), (11, 20)])
def test_the_error_of_an_approximate_hypervolume_covers_the_exact_one(m: int, n: int) -> None:
    """At least 13 of 16 95 % intervals must cover the exact value, and all of them at 2.5 times the width."""
    ratios = []
    for kind in KINDS:
        for seed in range(4):
            front = random_front(kind, n, m, seed)
            reference = np.where(front.max(axis=0) > 2, 1.1e6, 1.1)
            value, error = approximate_volume(reference - front)
            exact = moocore.hypervolume(front, ref=reference)
            assert 0 < error < 0.02 * exact
            ratios.append(abs(value - exact) / error)
    assert sum(ratio <= 1 for ratio in ratios) >= 13
    assert max(ratios) < 2.5


def test_an_approximate_hypervolume_is_exact_for_one_box_and_for_boxes_in_a_box() -> None:
    assert approximate_volume(np.array([[0.5, 2.0, 3.0]])) == (pytest.approx(3.0), 0.0)
    value, error = approximate_volume(np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 1e-9]]))
    assert value == pytest.approx(1.0, abs=2 * error + 1e-8)


def test_an_approximate_hypervolume_is_the_same_in_every_run_and_leaves_the_random_state_alone() -> None:
    sides, before = 1.1 - random_front("plane", 40, 9, 0), torch.get_rng_state()
    first = approximate_volume(sides)
    _sobol.cache_clear()
    assert approximate_volume(sides) == first
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("m", "largest"), [(4, 10_000), (6, 400), (8, 70), (9, 45), (11, 28), (18, 13), (25, 12)])
def test_the_exact_hypervolume_is_used_up_to_a_size_that_depends_on_the_front_alone(m: int, largest: int) -> None:
    assert is_exact_affordable(largest, m)
    assert not is_exact_affordable(largest + 1, m)
    front = random_front("sphere", 12, m, 0)
    assert ind.hypervolume_with_error(front, np.full(m, 1.1)) == (
        pytest.approx(moocore.hypervolume(front, ref=np.full(m, 1.1))), 0.0,
    )  # fmt: skip


def test_dominated_points_do_not_count_for_the_size() -> None:
    front = random_front("sphere", 20, 11, 0)
    with_dominated = np.vstack([front, *(front + 1e-3 * k for k in range(1, 4))])
    value, error = ind.hypervolume_with_error(with_dominated, np.full(11, 1.1))
    assert (value, error) == (pytest.approx(ind.hypervolume(front, np.full(11, 1.1))), 0.0)


def test_eleven_objectives_with_many_rays_take_less_than_a_second() -> None:
    """66 rays took 18 to 25 s a call. Processor time, so that other work on the machine does not count."""
    front = random_front("sphere", 66, 11, 0)
    began = time.process_time()
    value, error = ind.hypervolume_with_error(front, np.full(11, 1.1))
    assert time.process_time() - began < 3
    assert 0 < error < 0.01 * value
    assert ind.hypervolume(front, np.full(11, 1.1)) == value


def test_hypervolume_by_hand() -> None:
    assert ind.hypervolume([(1, 3), (2, 2), (3, 1)], (4, 4)) == pytest.approx(6)
    assert ind.hypervolume([(-1, -1)], (2, 2)) == pytest.approx(9)
    assert ind.hypervolume([(0.5,), (0.25,)], (1,)) == pytest.approx(0.75)
    assert ind.hypervolume([(0, 0, 0), (1, 1, -1)], (2, 2, 2)) == pytest.approx(9)


@pytest.mark.parametrize("points", [[], np.empty((0, 2)), [(2, 0)], [(0, 2.0)], [(5, 5)]])
def test_what_is_not_below_the_reference_adds_nothing(points: list[tuple[float, ...]]) -> None:
    assert ind.hypervolume(points, (2, 2)) == 0


@pytest.mark.parametrize("m", [1, 2, 3, 4])
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_hypervolume_equals_inclusion_exclusion(m: int, data: st.DataObject) -> None:
    """Negatives, duplicates, dominated points and points beyond the reference among them."""
    points = data.draw(fronts(m))
    reference = np.ones(m)
    assert ind.hypervolume(points, reference) == pytest.approx(by_inclusion_exclusion(points, reference), abs=1e-9)


@pytest.mark.parametrize("m", [2, 3, 4])
def test_hypervolume_agrees_with_moocore(m: int) -> None:
    points = np.random.default_rng(0).normal(size=(200, m))
    assert ind.hypervolume(points, np.full(m, 1.5)) == pytest.approx(moocore.hypervolume(points, ref=np.full(m, 1.5)))


@given(points=fronts(3), extra=arrays(np.float64, 3, elements=st.integers(-4, 4).map(lambda v: v / 2)))
@settings(max_examples=100, deadline=None)
def test_only_a_new_non_dominated_point_inside_raises_hypervolume(points: Array, extra: Array) -> None:
    reference = np.ones(3)
    before, after = (ind.hypervolume(p, reference) for p in (points, np.vstack([points, extra])))
    useful = (extra < reference).all() and not (points <= extra).all(axis=1).any()
    if useful:
        assert after > before
    else:
        assert after == pytest.approx(before)


@given(points=fronts(3), order=st.permutations(range(3)))
@settings(max_examples=50, deadline=None)
def test_the_order_of_objectives_does_not_matter(points: Array, order: list[int]) -> None:
    reference = np.array([1.0, 1.5, 2.0])
    assert ind.hypervolume(points[:, order], reference[order]) == pytest.approx(ind.hypervolume(points, reference))
    assert ind.n_non_dominated(points[:, order]) == ind.n_non_dominated(points)


@pytest.mark.parametrize("m", [2, 3, 4])
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_non_dominated_by_definition_and_by_moocore(m: int, data: st.DataObject) -> None:
    points = data.draw(fronts(m, 10))
    mask = ind.non_dominated(points)
    for i, p in enumerate(points):
        dominated = any((q <= p).all() and (q < p).any() for q in points)
        earlier_twin = any((points[j] == p).all() for j in range(i))
        assert mask[i] == (not dominated and not earlier_twin)
    np.testing.assert_array_equal(mask, moocore.is_nondominated(points))


FRONT = np.array([[0.0, 2.0], [1.0, 1.0], [2.0, 0.0]])


def test_distances_by_hand() -> None:
    points = [[1.0, 2.0], [3.0, 0.0]]
    # from each point to the front: (1,2) → 1, (3,0) → 1
    assert ind.gd(points, FRONT) == pytest.approx(1)
    # from the front: (0,2) → 1, (1,1) → 1, (2,0) → 1
    assert ind.igd(points, FRONT) == pytest.approx(1)
    assert ind.igd_plus(points, FRONT) == pytest.approx((1 + 1 + 1) / 3)
    assert ind.gd_plus(points, FRONT) == pytest.approx(1)
    assert ind.additive_epsilon(points, FRONT) == pytest.approx(1)


def test_a_point_better_than_the_reference_costs_nothing_under_the_plus_variants() -> None:
    better = [[-1.0, 1.0], [0.5, 0.5], [1.0, -1.0]]
    assert ind.igd_plus(better, FRONT) == 0
    assert ind.gd_plus(better, FRONT) == 0
    assert ind.igd(better, FRONT) > 0
    # (½,½) serves (1,1) with ½ to spare, the other two serve their neighbours with 1
    assert ind.additive_epsilon(better, FRONT) == pytest.approx(-0.5)


@pytest.mark.parametrize("m", [2, 3, 4])
@pytest.mark.parametrize(
    ("distance", "reference_distance"),
    [
        (ind.igd, lambda a, z: moocore.igd(a, ref=z)),
        (ind.igd_plus, lambda a, z: moocore.igd_plus(a, ref=z)),
        (ind.additive_epsilon, lambda a, z: moocore.epsilon_additive(a, ref=z)),
    ],
)
def test_distances_agree_with_moocore(
    m: int, distance: Callable[[Array, Array], float], reference_distance: Callable[[Array, Array], float]
) -> None:
    draw = np.random.default_rng(m)
    for _ in range(20):
        a, z = draw.normal(size=(9, m)), draw.normal(size=(13, m)) - 0.5
        assert distance(a, z) == pytest.approx(reference_distance(a, z))


@pytest.mark.parametrize(
    ("of_each", "of_one"),
    [
        (ind.igd_plus_of_each, ind.igd_plus),
        (ind.additive_epsilon_of_each, ind.additive_epsilon),
        (
            lambda fronts, weights: ind.r2_of_each(fronts, weights, (-1,) * len(weights[0])),
            lambda points, weights: ind.r2(points, weights, (-1,) * len(weights[0])),
        ),
    ],
)
@pytest.mark.parametrize("m", [1, 2, 3, 8])
def test_many_fronts_at_once_give_what_each_gives(
    m: int,
    of_each: Callable[[list[Array], Array], list[float]],
    of_one: Callable[[Array, Array], float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ind, "_AT_ONCE", 200)  # of the fewest fronts a few
    draw = np.random.default_rng(m)
    all_fronts = [draw.normal(size=(p, m)) for p in (3, 5, 1, 3, 3, 5, 3)]
    other = draw.normal(size=(17, m)) - 0.5
    assert of_each(all_fronts, other) == pytest.approx([of_one(front, other) for front in all_fronts], rel=1e-13)
    assert of_each([], other) == []


def test_one_front_of_many_that_does_not_fit_is_named() -> None:
    with pytest.raises(ShapeError, match="3 objectives, the reference has 2"):
        ind.igd_plus_of_each([[(1, 2)], [(1, 2, 3)]], FRONT)
    with pytest.raises(NonFiniteError, match="nan"):
        ind.additive_epsilon_of_each([[(1, math.nan)]], FRONT)


@pytest.mark.parametrize("indicator", [ind.igd, ind.gd, ind.igd_plus, ind.gd_plus, ind.additive_epsilon])
def test_a_front_is_at_no_distance_from_itself(indicator: Callable[[Array, Array], float]) -> None:
    assert indicator(FRONT, FRONT) == 0


def test_spacing_by_hand() -> None:
    assert ind.spacing(FRONT) == 0
    # nearest neighbours in L1: 2, 2, 4 -> mean 8/3, sample deviation √(4/3)
    assert ind.spacing([[0, 4], [1, 3], [3, 1]]) == pytest.approx(math.sqrt(4 / 3))
    assert ind.spacing([[0, 0], [1, 1]]) is None


def test_r2_by_hand() -> None:
    # weights (1, 0): min of first losses 0; (0, 1): 0; (½, ½): ½ at (1, 1)
    assert ind.r2(FRONT, [[1, 0], [0, 1], [0.5, 0.5]], (0, 0)) == pytest.approx(0.5 / 3)


def test_non_uniformity_by_hand() -> None:
    exact, off, at_zero = ind.non_uniformity([[1, 3], [3, 1], [0, 1]], [[0.75, 0.25], [0.75, 0.25], [0.5, 0.5]])
    assert exact == pytest.approx(0)
    assert off == pytest.approx(0.9 * math.log(1.8) + 0.1 * math.log(0.2))
    assert at_zero == pytest.approx(math.log(2))
    assert np.isnan(ind.non_uniformity([[-1.0, 2.0]], [[0.5, 0.5]])).all()


@given(
    losses=arrays(np.float64, (5, 3), elements=st.floats(0.01, 100)),
    scale=st.floats(1e-6, 1e6),
)
@settings(max_examples=50, deadline=None)
def test_non_uniformity_is_scale_free_and_bounded(losses: Array, scale: float) -> None:
    r = np.full((5, 3), 1 / 3)
    non_uniformity = ind.non_uniformity(losses, r)
    np.testing.assert_allclose(ind.non_uniformity(scale * losses, r), non_uniformity, atol=1e-9)
    assert (non_uniformity >= -1e-12).all()
    assert (non_uniformity <= math.log(3) + 1e-12).all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ind.hypervolume([(1, 2)], (1, 2, 3)), ShapeError, "has 3 values, the front has 2 objectives"),
        (lambda: ind.hypervolume([1, 2], (1, 2)), ShapeError, "one row per point"),
        (lambda: ind.hypervolume([(1, math.nan)], (2, 2)), NonFiniteError, "point 0"),
        (lambda: ind.igd([(1, 2)], [(1, 2, 3)]), ShapeError, "2 objectives, the reference has 3"),
        (lambda: ind.igd([], [(1, 2)]), ShapeError, "0 points against 1"),
    ],
)
def test_bad_input_is_named(call: Callable[[], float], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
