"""Generator `chunked-phn`: the chunked Pareto hypernetwork."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from mobench.errors import IncompatibleError
from mobench.interfaces import Generator, ParetoNetwork, Problem, WeightNetwork, check_preferences, inner_products
from mobench.options import option

SIZES = {"11M": (105, 11), "5M": (230, 5), "2M": (577, 2), "1M": (1150, 1)}
"""Size name -> number of chunks and number of matrices."""
CONSTANT_SPREAD = 0.02
"""Spread of weights that the target initialises as a constant, such as those of normalisation layers."""


@dataclass(frozen=True)
class ChunkedPHN(Generator):
    """Preference embedding (32) ⊕ chunk embedding (64) → MLP (100, 100, 100) → matrices of 10,000 × 100.

    Each of n chunks generates 10,000 weights with each of M matrices, so n × M × 10,000 weights at
    most (arXiv 2010.04104, appendix). For ResNet-18 the sizes "11M", "5M", "2M", "1M" have
    11,036,684, 5,044,684, 2,066,892 and 1,103,564 parameters. "fit" has one matrix and as many chunks
    as the target needs.

    Parameters: 32 m + 64 n + 97·100 + 2·101·100 + 10⁶ M, with the default widths.
    """

    starts_pretrained: ClassVar[bool] = True

    size: Literal["11M", "5M", "2M", "1M", "fit"] = option(
        "1M", "chunks and matrices: the paper's sizes, or one matrix"
    )
    preference_embedding: Annotated[int, Gt(0)] = option(32, "length of the preference's embedding")
    chunk_embedding: Annotated[int, Gt(0)] = option(64, "length of a chunk's embedding")
    hidden: Annotated[int, Gt(0)] = option(100, "width of the three layers")
    chunk: Annotated[int, Ge(1)] = option(10_000, "weights in a chunk")

    def check_problem(self, problem: Problem) -> None:
        n_weights = problem.n_target_parameters
        n_chunks, n_matrices = self._sizes(problem)
        if n_chunks * n_matrices * self.chunk < n_weights:
            raise IncompatibleError(
                f"chunked-phn of size {self.size!r} makes {n_chunks * n_matrices * self.chunk:,} weights, "
                f"the target has {n_weights:,}: set generator.size=fit"
            )

    def build(self, problem: Problem, rays: Tensor) -> ParetoNetwork:
        self.check_problem(problem)
        n_chunks, n_matrices = self._sizes(problem)
        network = ChunkedParetoHypernetwork(problem, self, n_chunks, n_matrices)
        return network.to(device=problem.device, dtype=problem.dtype)

    def _sizes(self, problem: Problem) -> tuple[int, int]:
        """Return the numbers of chunks and matrices."""
        return SIZES.get(self.size, (-(-problem.n_target_parameters // self.chunk), 1))


class ChunkedParetoHypernetwork(WeightNetwork):
    """Embeddings, trunk and matrices of the chunked hypernetwork.

    Generated weights are multiplied by a fixed factor for each tensor of the target, so that they
    start with the spread of the target's own initialisation. For a tensor that the target
    initialises as a constant, this constant is added. The paper does not specify the scale. Without
    this, ResNet-18 starts with normalisation weights around 0 and does not learn. Around pretrained weights, which are
    added, the matrices start at zero.
    """

    offsets: Tensor
    spreads: Tensor

    def __init__(self, problem: Problem, options: ChunkedPHN, n_chunks: int, n_matrices: int) -> None:
        super().__init__(problem)
        width = options.hidden
        self.preference_embedding = nn.Parameter(torch.randn(problem.n_objectives, options.preference_embedding))
        self.chunk_embeddings = nn.Parameter(torch.randn(n_chunks, options.chunk_embedding))
        self.trunk = nn.Sequential(
            nn.Linear(options.preference_embedding + options.chunk_embedding, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, width),
        )
        self.matrices = nn.Parameter(torch.randn(n_matrices, options.chunk, width))
        self._shapes = problem.shapes
        self._sizes = [shape.numel() for shape in self._shapes.values()]
        self._scale()
        self.pretrained = problem.pretrained_weights()
        if problem.model.pretrained:
            nn.init.zeros_(self.matrices)
            nn.init.zeros_(self.offsets)

    def features(self, preferences: Tensor) -> Tensor:
        """Return h [K, n, width] of every chunk for K preferences."""
        k, n = len(preferences), len(self.chunk_embeddings)
        embedded = (preferences @ self.preference_embedding)[:, None].expand(k, n, -1)
        joined = torch.cat([embedded, self.chunk_embeddings.expand(k, n, -1)], dim=2)
        h: Tensor = self.trunk(joined)
        return h

    def weights(self, preferences: Tensor) -> dict[str, Tensor]:
        check_preferences(preferences, self.problem.n_objectives)
        return self.pretrained.plus(self._split(self._stretches(self.features(preferences))))

    def gram(self, preferences: Tensor, weights: Mapping[str, Tensor], cotangents: Mapping[str, Tensor]) -> Tensor:
        """Return the exact Gram matrices without storing m × |φ| numbers.

        The gradients with respect to the matrices, Σ_j g_ij ⊗ h_j, have the inner products
        Σ_jl (g_ij · g_i'l)(h_j · h_l).
        """
        h = self.features(preferences)
        at_stretches = self._at_stretches(cotangents)  # [K, m, n, M, chunk]
        k, m, n = at_stretches.shape[:3]
        matrices, detached = self.matrices.detach(), h.detach()
        at_features = torch.einsum("kinMc,Mch->kinh", at_stretches, matrices)
        parameters = [self.preference_embedding, self.chunk_embeddings, *self.trunk.parameters()]
        grams = []
        for i in range(k):
            g = at_stretches[i].flatten(2).double()
            products = inner_products(detached[i])  # h_j · h_l
            of_matrices = torch.stack([(g * (products @ row)).sum((1, 2)) for row in g])
            rows = torch.autograd.grad(
                h[i], parameters, at_features[i].reshape(m, n, -1), is_grads_batched=True, retain_graph=True
            )
            grams.append(of_matrices + inner_products(torch.cat([row.flatten(1) for row in rows], dim=1)))
        return torch.stack(grams)

    def _stretches(self, h: Tensor) -> Tensor:
        """Return the flat generated weights [K, n × M × chunk] for features [K, n, width]."""
        return torch.einsum("knh,Mch->knMc", h, self.matrices).flatten(1)

    def _split(self, flat: Tensor) -> dict[str, Tensor]:
        pieces = torch.split(flat[:, : sum(self._sizes)], self._sizes, dim=1)
        return {
            name: (self.offsets[i] + self.spreads[i] * piece).reshape(len(flat), *shape)
            for i, ((name, shape), piece) in enumerate(zip(self._shapes.items(), pieces, strict=True))
        }

    def _at_stretches(self, cotangents: Mapping[str, Tensor]) -> Tensor:
        """Return the gradients with respect to the chunks' outputs, [K, m, n, M, chunk], from those of the weights."""
        flat = torch.cat([cotangents[name].flatten(2) * self.spreads[i] for i, name in enumerate(self._shapes)], dim=2)
        n, (n_matrices, chunk, _) = len(self.chunk_embeddings), self.matrices.shape
        padded = torch.nn.functional.pad(flat, (0, n * n_matrices * chunk - flat.shape[2]))
        return padded.reshape(*flat.shape[:2], n, n_matrices, chunk)

    def _scale(self) -> None:
        m = self.problem.n_objectives
        with torch.no_grad():
            size = self.features(torch.full((1, m), 1 / m)).square().sum(2).mean().sqrt()
            self.matrices.div_(size)  # the generated values then have a spread of 1
        fresh = [p.float().cpu() for p in self.problem.new_weights().values()]
        constant = [bool((p == p.flatten()[0]).all()) for p in fresh]
        offsets = [float(p.flatten()[0]) if c else 0.0 for p, c in zip(fresh, constant, strict=True)]
        spreads = [
            CONSTANT_SPREAD if c else float(p.square().mean().sqrt()) for p, c in zip(fresh, constant, strict=True)
        ]
        self.register_buffer("offsets", torch.tensor(offsets))
        self.register_buffer("spreads", torch.tensor(spreads))
