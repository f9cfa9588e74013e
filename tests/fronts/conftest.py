"""A small table with two targets, and fronts on it that several tests read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from own_data import SMALL, small_module, table

import mobench


@pytest.fixture(scope="session")
def data() -> mobench.Dataset:
    x, targets = table()
    objectives = [mobench.cross_entropy("income"), mobench.demographic_parity("sex", head="income")]
    return mobench.dataset(x, targets, objectives)


@pytest.fixture(scope="session")
def front(data: mobench.Dataset) -> mobench.Front:
    """A hypernetwork of a small module of torch.nn."""
    return mobench.fit("phn-ls", data, small_module(), seed=0, **SMALL)


@pytest.fixture(scope="session")
def stack(data: mobench.Dataset) -> mobench.Front:
    """Five networks of the small module."""
    return mobench.fit("ls", data, small_module(), seed=0, **SMALL)


@pytest.fixture(autouse=True)
def _single_thread() -> Iterator[None]:
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)
