"""Members of a population as a set of points without preferences, and their choice."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mobench.interfaces import Predictor, Problem
from mobench.metrics.indicators import non_dominated

RealArray = NDArray[np.float64]


def named_weights(flat: Tensor, shapes: Mapping[str, torch.Size]) -> dict[str, Tensor]:
    """Return K flattened weight vectors [K, n] as named weights: name -> [K, *shape]."""
    parts = torch.split(flat, [shape.numel() for shape in shapes.values()], dim=1)
    return {name: part.reshape(-1, *shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}


class PopulationPoints(nn.Module):
    """A `PointSet` of weight vectors [P, n] of a target network."""

    flat: Tensor

    def __init__(self, problem: Problem, flat: Tensor) -> None:
        super().__init__()
        self.problem = problem
        self.register_buffer("flat", flat)

    @property
    def n_points(self) -> int:
        return len(self.flat)

    @property
    def n_stored_parameters(self) -> int:
        return self.flat.numel() + self.problem.state.n_constants

    def predictor(self, index: int) -> Predictor:
        weights = {name: w[0] for name, w in named_weights(self.flat[index : index + 1], self.problem.shapes).items()}
        return lambda inputs: self.problem.outputs(weights, inputs)


def spread_subset(losses: RealArray, n_points: int) -> NDArray[np.intp]:
    """Return the positions of at most `n_points` non-dominated points, spread over the front.

    losses: [P, m]. Of equal points, the first one is kept. Points with losses that are not finite are left out, unless
        all are such points: then the first ones are returned.

    The first m positions are the best points of the objectives. Each further one is the point that is farthest from
    those chosen before, with losses scaled to [0, 1] over the non-dominated points.
    """
    finite = np.flatnonzero(np.isfinite(losses).all(1))
    if not len(finite):
        return np.arange(min(n_points, len(losses)))
    _, first = np.unique(losses[finite], axis=0, return_index=True)
    distinct = finite[np.sort(first)]
    front = distinct[non_dominated(losses[distinct])]
    if len(front) <= n_points:
        return front
    values = losses[front]
    extent = np.ptp(values, axis=0)
    scaled = (values - values.min(axis=0)) / np.where(extent > 0, extent, 1.0)
    chosen = list(dict.fromkeys(int(i) for i in scaled.argmin(axis=0)))[:n_points]
    nearest = np.min([np.linalg.norm(scaled - scaled[i], axis=1) for i in chosen], axis=0)
    while len(chosen) < n_points:
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, np.linalg.norm(scaled - scaled[chosen[-1]], axis=1))
    return front[chosen]
