"""Fronts from Python: own data, own network, and a trained front to use."""

from mobench.fronts.fitting import fit
from mobench.fronts.front import Front
from mobench.fronts.front_network import FrontNetwork
from mobench.fronts.in_memory import InMemoryDataset, dataset
from mobench.fronts.loading import load
from mobench.fronts.objectives import (
    ObjectiveDescription,
    binary_cross_entropy,
    cross_entropy,
    demographic_parity,
    equalised_odds,
    flops,
    huber,
    l1,
    l2,
    mae,
    mse,
)

__all__ = [
    "Front", "FrontNetwork", "InMemoryDataset", "ObjectiveDescription", "binary_cross_entropy", "cross_entropy",
    "dataset", "demographic_parity", "equalised_odds", "fit", "flops", "huber", "l1", "l2", "load", "mae", "mse",
]  # fmt: skip
