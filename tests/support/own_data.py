"""A small table with a class, a group and a price, a small module, and arguments of a short fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from torch import nn

SMALL: dict[str, Any] = {"steps": 20, "progress": False, "strategy": "stacking=separate", "n_rays": 5, "looks": 2}


def table(n: int = 120) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return a frame with numbers and a category, and an income class, a group and a price."""
    random = np.random.default_rng(0)
    x = pd.DataFrame(
        {
            "age": random.normal(40, 10, n),
            "hours": random.normal(35, 5, n),
            "work": random.choice(["office", "shop", "farm"], n),
        }
    )
    signal = (x["age"] - 40) / 10 + (x["work"] == "shop")
    targets = {
        "income": np.where(signal + random.normal(0, 0.3, n) > 0.3, "high", "low"),
        "sex": random.integers(0, 2, n),
        "price": 100 + 20 * signal + random.normal(0, 2, n),
    }
    return x, targets


def small_module() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 2))
