"""GradDrop against TorchJD, and its properties by hand."""

from __future__ import annotations

import pytest
import torch
from torchjd.aggregation import GradDrop as TheirGradDrop

from mobench.testing import properties
from mobench.testing.families import gradient_families
from mobench_graddrop.graddrop import GradDrop, sign_dropout


@pytest.mark.parametrize("leak", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("m", [1, 2, 3, 8])
def test_directions_are_those_of_torchjd(m: int, leak: float) -> None:
    """Both draw one uniform number for each coordinate, from the same seed."""
    for name, gradients in gradient_families(m, n_cases=5, seed=m).items():
        for row in gradients:
            balancer = properties.started(GradDrop(leak=leak), m, n_cases=1, seed=3)
            directions = balancer.directions(torch.ones(1, m), torch.full((1, m), 1 / m), row[None])  # type: ignore[attr-defined]
            torch.manual_seed(3)
            expected = TheirGradDrop(leak=torch.full((m,), leak, dtype=row.dtype))(row)
            scale = float(row.abs().max()) + 1e-300
            torch.testing.assert_close(directions[0] / scale, expected / scale, atol=1e-12, rtol=0, msg=name)


@pytest.mark.parametrize("m", [1, 2, 3, 5])
def test_properties(m: int) -> None:
    properties.assert_well_behaved(GradDrop(), m)


def test_a_coordinate_keeps_one_sign_by_hand() -> None:
    """Gradients 3 and −1: P = ¾, so the sum is 3 below it and −1 above it."""
    gradients = torch.tensor([[[3.0, 3.0, 2.0, 0.0], [-1.0, -1.0, 1.0, 0.0]]])
    uniform = torch.tensor([[0.7, 0.8, 0.99, 0.5]])
    assert sign_dropout(gradients, uniform).tolist() == [[3.0, -1.0, 3.0, 0.0]]
    assert sign_dropout(gradients, uniform, leak=1.0).tolist() == [[2.0, 2.0, 3.0, 0.0]]


def test_the_mean_over_many_draws() -> None:
    """E[d] = P · Σ positive + (1 − P) · Σ negative."""
    gradients = torch.tensor([3.0, -1.0]).view(1, 2, 1).expand(1, 2, 200_000)
    uniform = torch.rand(1, 200_000, generator=torch.Generator().manual_seed(0))
    assert float(sign_dropout(gradients, uniform).mean()) == pytest.approx(0.75 * 3 - 0.25, abs=0.02)
