"""DB-MTL by its definition; its steps are compared with the authors' code in tests/oracles."""

from __future__ import annotations

import pytest
import torch

from mobench.testing import properties
from mobench.testing.families import gradient_families
from mobench_db_mtl.db_mtl import DBMTL


@pytest.mark.parametrize("m", [1, 2, 3, 5])
def test_properties(m: int) -> None:
    properties.assert_well_behaved(DBMTL(), m)
    properties.assert_permutation_equivariant(DBMTL(), m)
    properties.assert_indifferent_to_units(DBMTL(), m, n_steps=3)


def test_without_averages_all_gradients_of_log_losses_get_the_longest_length() -> None:
    g = gradient_families(3)["random"]
    losses = torch.rand(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.1
    balancer = DBMTL(decay=0.0)
    properties.started(balancer, 3)
    direction = balancer.directions(losses, losses, g)
    of_logs = g / losses[:, :, None]
    units = of_logs / of_logs.norm(dim=2, keepdim=True)
    expected = of_logs.norm(dim=2).amax(1)[:, None] * units.sum(1)
    torch.testing.assert_close(direction, expected, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(balancer.task_weights(None), 1 / losses, atol=0, rtol=1e-6)


def test_the_averages_are_exponential() -> None:
    """y_t = Σ (1 − β) β^(t − s) ∇log L(s) for constant β."""
    balancer = DBMTL(decay=0.8)
    properties.started(balancer, 2)
    losses, expected = torch.ones(20, 2).double(), torch.zeros(20, 2, 12).double()
    for step in range(4):
        g = gradient_families(2, seed=step)["random"]
        balancer.directions(losses, losses, g)
        expected += 0.2 * 0.8 ** (3 - step) * g
    torch.testing.assert_close(balancer.averages, expected, atol=1e-6, rtol=1e-6)
