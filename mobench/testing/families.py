"""Families of gradients, losses and preferences for tests of balancers, including degenerate inputs."""

from __future__ import annotations

import torch
from torch import Tensor

from mobench.interfaces import seeded


def gradient_families(n_objectives: int, n_cases: int = 20, seed: int = 0, n_weights: int = 12) -> dict[str, Tensor]:
    """Return a dict from family name to gradients [n_cases, m, n_weights] in float64, one row per objective.

    The families are random, conflicting (pairwise inner products mostly negative), zero (one gradient is zero),
    all_zero, parallel, opposite, equal, one_huge (1e6 times the others), rank_one, tiny and large
    (all scaled by 1e-8 and 1e8), and few_weights (fewer weights than objectives if m > 2).
    """
    draw = seeded(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    def base() -> Tensor:
        return normal(n_cases, n_objectives, n_weights)

    rank = torch.arange(n_objectives, dtype=torch.float64)[:, None]
    direction = normal(n_cases, 1, n_weights)
    first = torch.zeros(n_objectives, 1, dtype=torch.float64)
    first[0] = 1.0
    random = base()
    return {
        "random": random,
        "conflicting": base() - 1.1 * base().mean(1, keepdim=True) - 1.5 * direction * (-1.0) ** rank,
        "zero": base() * (1 - first),
        "all_zero": torch.zeros_like(random),
        "parallel": direction * (1 + rank),
        "opposite": direction * (-1.0) ** rank,
        "equal": direction.expand(-1, n_objectives, -1).clone(),
        "one_huge": base() * (1 + (1e6 - 1) * first),
        "rank_one": direction * normal(n_cases, n_objectives, 1),
        "tiny": base() * 1e-8,
        "large": base() * 1e8,
        "few_weights": normal(n_cases, n_objectives, max(1, min(n_weights, n_objectives - 1))),
    }


def preferences(n_objectives: int, n_cases: int = 20, seed: int = 0) -> Tensor:
    """Return preferences [n_cases, m] in float64, uniform on the simplex, with no entry below 0.01."""
    draw = -torch.rand(n_cases, n_objectives, generator=seeded(seed), dtype=torch.float64).clamp_min(1e-12).log()
    r = draw / draw.sum(1, keepdim=True)
    return 0.01 + (1 - 0.01 * n_objectives) * r


def loss_families(n_objectives: int, n_cases: int = 20, seed: int = 0) -> dict[str, Tensor]:
    """Return a dict from family name to losses [n_cases, m] in float64.

    The families are random, equal, one_huge and one_tiny.
    """
    draw = seeded(seed)

    def uniform() -> Tensor:
        return 0.05 + torch.rand(n_cases, n_objectives, generator=draw, dtype=torch.float64)

    huge, tiny, level = uniform(), uniform(), uniform()
    huge[:, 0] *= 1e4
    tiny[:, 0] *= 1e-6
    return {
        "random": uniform(),
        "equal": level[:, :1].expand(-1, n_objectives).clone(),
        "one_huge": huge,
        "one_tiny": tiny,
    }
