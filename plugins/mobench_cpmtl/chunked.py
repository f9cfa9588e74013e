"""Generator `cpmtl`: the chunked hypernetwork of controllable Pareto multi-task learning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

import torch
from annotated_types import Gt, Len
from torch import Tensor, nn

from mobench.interfaces import Generator, ParetoNetwork, Problem, WeightNetwork, check_preferences, inner_products
from mobench.options import option

Variant = Literal["embedding", "report"]


@dataclass(frozen=True)
class Chunked(Generator):
    """Preference ⊕ chunk embedding c_j → small MLP → a_j ∈ R^d; chunk_j = W_j a_j (arXiv 2010.06313, section 4).

    Each chunk has a tensor W_j ∈ R^{rows × cols × d}, so there are about d times as many parameters as
    in the target. A chunk is one filter of a convolution, or one matrix: all filters of a
    convolution, the weights of a dense layer, or a bias. `variant="report"` is the student report's
    variant: the chunk's number j/J instead of a learned embedding, and a linear layer (with a bias)
    for each chunk instead of W_j.
    """

    starts_pretrained: ClassVar[bool] = True

    rank: Annotated[int, Gt(0)] = option(4, "d, the length of a; the parameters are about d times the target's")
    embedding: Annotated[int, Gt(0)] = option(8, "length of a chunk's embedding")
    hidden: Annotated[tuple[Annotated[int, Gt(0)], ...], Len(1)] = option((64, 64), "widths of the small network")
    chunk: Literal["filter", "matrix"] = option("filter", "a chunk of a convolution: one filter, or all of them")
    variant: Variant = option("embedding", "learned embeddings, or the report's chunk numbers and linear layers")

    def build(self, problem: Problem, rays: Tensor) -> ParetoNetwork:
        network = ChunkedHypernetwork(problem, self)
        return network.to(device=problem.device, dtype=problem.dtype)


class ChunkedHypernetwork(WeightNetwork):
    """Hypernetwork with a tensor [chunks, rows × cols, d] per target tensor and one small network for all chunks.

    Around pretrained weights, which are added, the tensors start at zero.
    """

    numbers: Tensor

    def __init__(self, problem: Problem, options: Chunked) -> None:
        super().__init__(problem)
        self._shapes = problem.shapes
        self._counts = [_chunks_of(shape, options.chunk) for shape in self._shapes.values()]
        n_chunks = sum(self._counts)
        learned = options.variant == "embedding"
        if learned:
            self.embeddings = nn.Parameter(torch.randn(n_chunks, options.embedding))
        else:
            self.register_buffer("numbers", torch.arange(n_chunks)[:, None] / max(1, n_chunks - 1), persistent=False)
        widths = (problem.n_objectives + (options.embedding if learned else 1), *options.hidden)
        layers: list[nn.Module] = []
        for a, b in pairwise(widths):
            layers += [nn.Linear(a, b), nn.ReLU()]
        self.small = nn.Sequential(*layers, nn.Linear(widths[-1], options.rank))
        self._learned = learned
        self._calibrate()
        self._make_chunks(options.rank)
        self.pretrained = problem.pretrained_weights()
        if problem.model.pretrained:
            for chunk in self.chunks:
                nn.init.zeros_(chunk)

    @property
    def parameter_ratio(self) -> float:
        """Number of parameters of the hypernetwork per parameter of the target."""
        return self.n_stored_parameters / self.problem.n_target_parameters

    def coefficients(self, preferences: Tensor) -> Tensor:
        """Return the coefficients a [K, J, d] of every chunk for K preferences."""
        names = self.embeddings if self._learned else self.numbers.to(preferences.dtype)
        k, j = len(preferences), len(names)
        joined = torch.cat([preferences[:, None].expand(k, j, -1), names.expand(k, j, -1)], dim=2)
        coefficients: Tensor = self.small(joined)
        return coefficients

    def weights(self, preferences: Tensor) -> dict[str, Tensor]:
        check_preferences(preferences, self.problem.n_objectives)
        pieces = torch.split(self.coefficients(preferences), self._counts, dim=1)
        weights = {}
        for i, (name, shape) in enumerate(self._shapes.items()):
            chunks = torch.einsum("jsd,kjd->kjs", self.chunks[i], pieces[i])
            if not self._learned:
                chunks = chunks + self.biases[i]
            weights[name] = chunks.reshape(len(preferences), *shape)
        return self.pretrained.plus(weights)

    def gram(self, preferences: Tensor, weights: Mapping[str, Tensor], cotangents: Mapping[str, Tensor]) -> Tensor:
        """Return the exact Gram matrices without storing m × |φ| numbers.

        With g_ij the gradient of loss i with respect to chunk j, ∂L_i/∂W_j = g_ij ⊗ a_j. The tensors
        therefore contribute Σ_j (g_ij · g_i'j)(a_j · a_j); with biases the last factor is a_j · a_j + 1.
        The contribution of the small network and the embeddings is computed by backpropagating W_jᵀ g_ij.
        """
        coefficients = self.coefficients(preferences)
        pieces = torch.split(coefficients.detach(), self._counts, dim=1)
        total, pulled = torch.zeros((), dtype=torch.float64, device=coefficients.device), []
        for i, name in enumerate(self._shapes):
            tensor = self.chunks[i].detach()
            g = cotangents[name].reshape(*cotangents[name].shape[:2], *tensor.shape[:2])
            lengths = (pieces[i].double().square().sum(2) + (0 if self._learned else 1)).sqrt()
            total = total + inner_products((g * lengths[:, None, :, None]).flatten(2))
            pulled.append(torch.einsum("kijs,jsd->kijd", g, tensor))
        at_coefficients = torch.cat(pulled, dim=2)
        parameters = [*self.small.parameters(), *([self.embeddings] if self._learned else [])]
        small = []
        for k in range(len(preferences)):
            rows = torch.autograd.grad(
                coefficients[k], parameters, at_coefficients[k], is_grads_batched=True, retain_graph=True
            )
            small.append(inner_products(torch.cat([row.flatten(1) for row in rows], dim=1)))
        gram: Tensor = total + torch.stack(small)
        return gram

    def _calibrate(self) -> None:
        """Scale the last layer so that a has length 1 on average at the middle preference."""
        m = self.problem.n_objectives
        last = self.small[-1]
        assert isinstance(last, nn.Linear)
        with torch.no_grad():
            size = self.coefficients(torch.full((1, m), 1 / m)).square().sum(2).mean().sqrt()
            last.weight.div_(size)
            last.bias.div_(size)

    def _make_chunks(self, rank: int) -> None:
        """Draw normal tensors, so that generated weights start with the spread of the target's initialisation."""
        fresh = self.problem.new_weights()
        self.chunks, self.biases = nn.ParameterList(), nn.ParameterList()
        for (name, shape), count in zip(self._shapes.items(), self._counts, strict=True):
            spread = fresh[name].square().mean().sqrt()
            size = shape.numel() // count
            tensor = torch.randn(count, size, rank) * spread.cpu().float()
            self.chunks.append(nn.Parameter(tensor))
            if not self._learned:
                self.biases.append(nn.Parameter(torch.zeros(count, size)))


def _chunks_of(shape: torch.Size, chunk: str) -> int:
    """Return the number of chunks of a target tensor; the filters of a convolution are its first axis."""
    return shape[0] if len(shape) > 2 and chunk == "filter" else 1
