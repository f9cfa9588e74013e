"""Attainment surfaces against staircases by hand and against counting."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobench.errors import NonFiniteError, OptionError, ShapeError
from mobench.reports.analysis.attainment import attainment_surfaces

FRONTS = [[[1, 4], [3, 2]], [[2, 3]], [[2, 5], [4, 1]], [[5, 5]]]


def test_four_staircases_by_hand() -> None:
    """Worked out by hand: the corners that are attained by one, two, three and all of four fronts."""
    surfaces = attainment_surfaces(FRONTS, [25, 50, 75, 100])
    assert surfaces[25].tolist() == [[1, 4], [2, 3], [3, 2], [4, 1]]
    assert surfaces[50].tolist() == [[2, 4], [3, 3], [4, 2]]
    assert surfaces[75].tolist() == [[2, 5], [4, 3]]
    assert surfaces[100].tolist() == [[5, 5]]


def test_one_front_is_all_its_surfaces() -> None:
    for surface in attainment_surfaces([[[3, 1], [1, 3], [3, 3]]]).values():
        assert surface.tolist() == [[1, 3], [3, 1]]


def test_three_objectives_by_hand() -> None:
    surfaces = attainment_surfaces([[[1, 2, 3]], [[3, 1, 2]]], [50, 100])
    assert surfaces[50].tolist() == [[1, 2, 3], [3, 1, 2]]
    assert surfaces[100].tolist() == [[3, 2, 3]]


def test_levels_that_are_no_whole_number_of_fronts_go_up() -> None:
    """The median of three fronts is attained by two of them."""
    surfaces = attainment_surfaces([[[1, 1]], [[2, 2]], [[3, 3]]])
    assert [surfaces[level].tolist() for level in (25, 50, 75)] == [[[1, 1]], [[2, 2]], [[3, 3]]]


corner = st.integers(0, 5)


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 3).flatmap(lambda m: st.lists(
    st.lists(st.tuples(*[corner] * m), min_size=1, max_size=4), min_size=1, max_size=5)))  # fmt: skip
def test_a_place_is_dominated_by_a_surface_if_that_many_fronts_attain_it(fronts: list[list[tuple[int, ...]]]) -> None:
    surfaces = attainment_surfaces(fronts)
    places = np.array(list(product(range(7), repeat=len(fronts[0][0]))))

    def attained(front: object) -> np.ndarray:
        return (np.asarray(front)[None] <= places[:, None]).all(axis=2).any(axis=1)

    count = sum(attained(front).astype(int) for front in fronts)
    for level, surface in surfaces.items():
        assert (attained(surface) == (100 * count >= level * len(fronts))).all()


def test_what_is_no_family_of_fronts_is_refused() -> None:
    with pytest.raises(ShapeError, match="no front"):
        attainment_surfaces([])
    with pytest.raises(ShapeError, match="front 1 has shape"):
        attainment_surfaces([[[1, 2]], []])
    with pytest.raises(ShapeError, match="2 and 3 objectives"):
        attainment_surfaces([[[1, 2]], [[1, 2, 3]]])
    with pytest.raises(ShapeError, match="4 objectives"):
        attainment_surfaces([[[1, 2, 3, 4]]])
    with pytest.raises(NonFiniteError, match="front 0"):
        attainment_surfaces([[[1, float("nan")]]])
    for level in (0, 101, float("nan")):
        with pytest.raises(OptionError, match="not a percentage"):
            attainment_surfaces([[[1, 2]]], [level])
