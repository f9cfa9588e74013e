from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr

from mobench.metrics.controllability import _ranks, controllability

RAYS = np.array([[0.9, 0.1], [0.6, 0.4], [0.4, 0.6], [0.1, 0.9]])


def test_a_set_that_obeys_has_one() -> None:
    assert controllability(1 - RAYS, RAYS) == pytest.approx([1.0, 1.0])


def test_a_set_that_does_the_reverse_has_minus_one() -> None:
    assert controllability(RAYS, RAYS) == pytest.approx([-1.0, -1.0])


def test_ranks_by_hand() -> None:
    # ranks of −loss along the rays of falling r: 4 3 1 2 -> Spearman 1 − 6·(1² + 1²)/(4·15) = 0.8
    losses = np.array([[0.1, 1.0], [0.2, 1.0], [0.4, 1.0], [0.3, 1.0]])
    first, second = controllability(losses, RAYS)
    assert first == pytest.approx(0.8)
    assert second is None, "a constant loss has no order"


def test_one_ray_has_no_order() -> None:
    assert controllability([[0.1, 0.2]], [[0.5, 0.5]]) == [None, None]


@given(
    losses=arrays(np.float64, (9, 2), elements=st.integers(0, 5).map(float)),
    preferences=arrays(np.float64, (9, 2), elements=st.integers(0, 5).map(float)),
)
@settings(deadline=None, max_examples=60)
def test_ties_share_their_ranks_as_in_scipy(losses: Any, preferences: Any) -> None:
    for i, correlation in enumerate(controllability(losses, preferences)):
        if correlation is not None:
            assert correlation == pytest.approx(spearmanr(preferences[:, i], -losses[:, i]).statistic, abs=1e-12)


@given(
    arrays(np.float64, st.integers(1, 30), elements=st.sampled_from([0.0, -0.0, 0.1, 0.1 + 1e-16, 1 / 3, 1e300]))
    | arrays(np.float64, st.integers(1, 30), elements=st.floats(allow_nan=True, allow_infinity=True))
)
@settings(deadline=None, max_examples=60)
def test_ranks_are_those_of_pandas_to_the_bit(values: Any) -> None:
    np.testing.assert_array_equal(_ranks(values), pd.Series(values).rank().to_numpy())
