"""Generator `static`: a hypernetwork that generates convolution kernels from layer embeddings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from annotated_types import Gt
from torch import Tensor, nn

from mobench.errors import IncompatibleError
from mobench.interfaces import Dataset, Generator, ParetoNetwork, Problem, WeightNetwork, check_preferences
from mobench.options import option


@dataclass(frozen=True)
class StaticKernels(Generator):
    """Layer embedding z → a_i = W_i z + b_i → kernel slice W_out a_i + b_out (arXiv 1609.09106, equation 2).

    Every convolution kernel of kernel × kernel whose channels are whole multiples of the basic ones
    is tiled from basic kernels. Each basic kernel is generated from its own embedding, and one
    network generates all of them. All other parameters of the target are trained directly. The
    method does not use preferences, so it supports only problems with one objective.
    """

    finite: ClassVar[bool] = True
    starts_pretrained: ClassVar[bool] = True

    kernel: Annotated[int, Gt(0)] = option(7, "side of the kernels that are generated")
    basic: tuple[Annotated[int, Gt(0)], Annotated[int, Gt(0)]] = option(
        (16, 16), "channels in and out of a basic kernel"
    )
    embedding: Annotated[int, Gt(0)] = option(4, "length of z")
    hidden: Annotated[int, Gt(0)] = option(4, "length of a_i")

    def check(self, dataset: Dataset) -> None:
        if len(dataset.objectives) != 1:
            raise IncompatibleError(
                f"static generates one set of weights for all preferences, and this dataset has "
                f"{len(dataset.objectives)} objectives: use a dataset with one, or a generator that reads preferences"
            )

    def check_problem(self, problem: Problem) -> None:
        if not any(self.tiling(shape) for shape in problem.shapes.values()):
            n_in, n_out = self.basic
            raise IncompatibleError(
                f"the target network has no {self.kernel}×{self.kernel} convolution with channels in multiples of "
                f"{n_in} and {n_out}: set generator.kernel and generator.basic to what it has"
            )

    def build(self, problem: Problem, rays: Tensor) -> ParetoNetwork:
        self.check(problem.dataset)
        self.check_problem(problem)
        return StaticKernelNetwork(problem, rays, self).to(device=problem.device, dtype=problem.dtype)

    def tiling(self, shape: torch.Size) -> tuple[int, int] | None:
        """Return the number of basic kernels along the axes (out, in), or None if the tensor is not generated."""
        n_in, n_out = self.basic
        if len(shape) != 4 or tuple(shape[2:]) != (self.kernel, self.kernel) or shape[0] % n_out or shape[1] % n_in:
            return None
        return shape[0] // n_out, shape[1] // n_in


class StaticKernelNetwork(WeightNetwork):
    """One hypernetwork for the kernels of all layers; the target's other tensors are ordinary parameters.

    Parameters of the hypernetwork, without embeddings: d (Nz + 1) N_in + f² N_out (d + 1). Around pretrained kernels,
    which are added, the output layer starts at zero.
    """

    def __init__(self, problem: Problem, rays: Tensor, options: StaticKernels) -> None:
        super().__init__(problem)
        self._rays = rays
        self._kernel = options.kernel
        n_in, n_out = self._basic = options.basic
        nz, d = options.embedding, options.hidden
        self._tiles = {name: tiles for name, shape in problem.shapes.items() if (tiles := options.tiling(shape))}
        # the scales below give generated kernels the variance of He et al. for their fan-in
        self.into = nn.Parameter(torch.randn(n_in, d, nz) / math.sqrt(nz))
        self.into_bias = nn.Parameter(torch.zeros(n_in, d))
        scale = math.sqrt(2 / (n_in * self._kernel**2 * d))
        self.out = nn.Parameter(scale * torch.randn(self._kernel * n_out * self._kernel, d))
        self.out_bias = nn.Parameter(torch.zeros(self._kernel * n_out * self._kernel))
        self.embeddings = nn.Parameter(
            torch.cat([torch.randn(o * i, nz) / math.sqrt(i) for o, i in self._tiles.values()])
        )
        fresh = problem.new_weights()
        self._plain = [name for name in problem.shapes if name not in self._tiles]
        self.pretrained = problem.pretrained_weights(list(self._tiles))
        if problem.model.pretrained:
            nn.init.zeros_(self.out)
        self.plain = nn.ParameterList(nn.Parameter(fresh[name].clone()) for name in self._plain)

    @property
    def rays(self) -> Tensor:
        return self._rays

    @property
    def n_generated_layers(self) -> int:
        return len(self._tiles)

    @property
    def n_hypernetwork_parameters(self) -> int:
        """Number of parameters of the network that generates kernels, without the layer embeddings."""
        return sum(p.numel() for p in (self.into, self.into_bias, self.out, self.out_bias))

    def basic_kernels(self) -> Tensor:
        """Return one kernel for each of n embeddings, [n, N_out, N_in, f, f]."""
        n_in, n_out = self._basic
        f = self._kernel
        a = torch.einsum("idz,nz->nid", self.into, self.embeddings) + self.into_bias
        slices = a @ self.out.T + self.out_bias
        return slices.reshape(len(a), n_in, f, n_out, f).permute(0, 3, 1, 2, 4)

    def weights(self, preferences: Tensor) -> dict[str, Tensor]:
        check_preferences(preferences, self.problem.n_objectives)
        n_in, n_out = self._basic
        f, k = self._kernel, len(preferences)
        pieces = torch.split(self.basic_kernels(), [o * i for o, i in self._tiles.values()])
        weights: dict[str, Tensor] = dict(zip(self._plain, self.plain, strict=True))
        for (name, (o, i)), piece in zip(self._tiles.items(), pieces, strict=True):
            grid = piece.reshape(o, i, n_out, n_in, f, f).transpose(1, 2)
            weights[name] = grid.reshape(o * n_out, i * n_in, f, f)
        weights = self.pretrained.plus(weights)
        return {name: weights[name].expand(k, *weights[name].shape) for name in self.problem.shapes}
