"""The networks of a finite generator as a set of points without preferences."""

from __future__ import annotations

from torch import nn

from mobench.interfaces import ParetoNetwork, Predictor


class TrainedPoints(nn.Module):
    """A `PointSet` of the networks that a finite generator trained. Its rays only number the networks."""

    def __init__(self, network: ParetoNetwork) -> None:
        super().__init__()
        self.network = network

    @property
    def n_points(self) -> int:
        assert self.network.rays is not None
        return len(self.network.rays)

    @property
    def n_stored_parameters(self) -> int:
        return self.network.n_stored_parameters

    def predictor(self, index: int) -> Predictor:
        assert self.network.rays is not None
        return self.network.serve(self.network.rays[index])
