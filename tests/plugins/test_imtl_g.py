from __future__ import annotations

import pytest
import torch

from mobench.testing import properties
from mobench_imtl_g.imtl import IMTLG, imtl_weights

MS = [2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("m", MS)
def test_properties(m: int) -> None:
    properties.assert_well_behaved(IMTLG(), m)
    properties.assert_indifferent_to_scale(IMTLG(), m)


@pytest.mark.parametrize("m", MS)
def test_order_does_not_matter_where_gradients_are_independent(m: int) -> None:
    (case, *_) = properties.cases(m)
    order = torch.randperm(m)
    torch.testing.assert_close(
        case.permuted(order).weights(IMTLG()), case.weights(IMTLG())[:, order], atol=1e-7, rtol=1e-7
    )


@pytest.mark.parametrize("m", MS)
def test_projections_on_unit_gradients_are_equal(m: int) -> None:
    """The paper's definition, on every family of independent gradients: 200 problems a size."""
    for case in properties.cases(m, n_cases=30, seed=m):
        if not case.name.startswith(("random", "tiny grad", "large", "one_huge grad", "equal losses", "one")):
            continue
        alpha = imtl_weights(case.gram)
        torch.testing.assert_close(alpha.sum(1), torch.ones(30, dtype=torch.float64))
        d = properties.direction(case, alpha)
        unit = case.gradients / case.gradients.norm(dim=2, keepdim=True)
        projections = torch.einsum("kmn,kn->km", unit, d)
        size = (alpha.abs() * case.gradients.norm(dim=2)).sum(1, keepdim=True)
        spread = (projections - projections.mean(1, keepdim=True)) / size
        assert float(spread.abs().max()) < 1e-7, case.name


@pytest.mark.parametrize("m", MS)
def test_degenerate_gradients(m: int) -> None:
    """Equal gradients share alike, all-zero ones too, and a vanishing one gets nothing."""
    by_name = {case.name: imtl_weights(case.gram) for case in properties.cases(m)}
    for name in ("equal gradients", "all_zero gradients"):
        torch.testing.assert_close(by_name[name], torch.full((20, m), 1 / m, dtype=torch.float64))
    assert not bool(by_name["zero gradients"][:, 0].any())


def test_two_objectives_by_hand() -> None:
    """g = (2, 0) and (0, 1): equal projections need 2 α₁ = α₂."""
    alpha = imtl_weights(torch.tensor([[[4.0, 0.0], [0.0, 1.0]]]))
    torch.testing.assert_close(alpha, torch.tensor([[1 / 3, 2 / 3]], dtype=torch.float64))
