"""Seeds of torch's generators."""

from __future__ import annotations

import pytest
import torch

from mobench.random_state import seed_torch


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1, -5])
def test_the_numbers_are_those_of_torch_manual_seed(seed: int) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        expected = torch.randn(5), torch.randint(10, (5,))
        seed_torch(seed)
        assert torch.equal(torch.randn(5), expected[0])
        assert torch.equal(torch.randint(10, (5,)), expected[1])


def test_seeding_keeps_nothing() -> None:
    with torch.random.fork_rng(devices=[]):
        n_calls = len(torch.cuda._queued_calls)
        seed_torch(0)
        assert len(torch.cuda._queued_calls) == n_calls
