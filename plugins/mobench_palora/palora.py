"""Generator `palora`: a main network and, for each objective, an update of low rank for every weight matrix."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from annotated_types import Gt
from torch import Tensor, nn

from mobench.interfaces import (
    Generator,
    ParetoNetwork,
    Problem,
    WeightNetwork,
    check_preferences,
    inner_products,
    own_gram,
)
from mobench.options import option


@dataclass(frozen=True)
class PaLoRA(Generator):
    """Weights W(r) = W + `scale` / `rank` · Σ_i r_i B_i A_i of every weight matrix (arXiv 2407.08056, equation 2).

    The main network W, its biases and other vectors are shared by all preferences. B_i [rows, rank] starts at zero and
    A_i [rank, columns] as a linear layer of torch does, so that training starts at the main network. A convolution
    [out, in, k, k] is a matrix of k · out rows and k · in columns, with the rank multiplied by k, as in LoRA and in the
    authors' code.
    """

    starts_pretrained: ClassVar[bool] = True

    rank: Annotated[int, Gt(0)] = option(1, "rank of an update of a matrix; k times as much for a k×k convolution")
    scale: Annotated[float, Gt(0)] = option(1.0, "α: the sum of the updates is multiplied by α / rank")
    adapter_lr: Literal["objectives", "main"] = option(
        "objectives", "learning rate of the updates under Adam: that of the main network times m, or the same"
    )

    def build(self, problem: Problem, rays: Tensor) -> ParetoNetwork:
        factor = problem.n_objectives if self.adapter_lr == "objectives" else 1
        return LowRankNetwork(problem, self.rank, self.scale / self.rank, factor)


class LowRankNetwork(WeightNetwork):
    """A main network and m low-rank updates of its matrices, as stacked factors [m, rows, rank] and [m, rank, columns].

    kernel_rank: whether the rank of a k × k convolution is k times the rank of a dense layer.
    factor: the stored factors are those of the updates divided by it. A step of Adam has the same length for every
        parameter, so the learning rate of the updates is `factor` times that of the main network.

    A target network without matrices, such as the point of an analytic problem, has its vectors treated as matrices
    with one column.
    """

    def __init__(
        self, problem: Problem, rank: int, scale: float, factor: float = 1, *, kernel_rank: bool = True
    ) -> None:
        super().__init__(problem)
        main = problem.new_weights()
        self._names = list(problem.shapes)
        matrices = [name for name in self._names if len(problem.shapes[name]) > 1]
        self.adapted = matrices or self._names
        self.main = nn.ParameterList(nn.Parameter(main[name].clone()) for name in self._names)
        self.left, self.right = nn.ParameterList(), nn.ParameterList()
        self.scale = scale * factor**2
        for name in self.adapted:
            rows, columns, n_columns = matrix_form(problem.shapes[name], rank, kernel_rank)
            bound = 1 / math.sqrt(columns)  # of a linear layer of torch
            left = main[name].new_zeros(problem.n_objectives, rows, n_columns)
            right = torch.empty(problem.n_objectives, n_columns, columns).uniform_(-bound, bound) / factor
            self.left.append(nn.Parameter(left))
            self.right.append(nn.Parameter(right.to(left)))

    def updates(self, preferences: Tensor) -> dict[str, Tensor]:
        """Return the sum of the updates of each adapted tensor: name -> [K, *shape]."""
        updates = {}
        for name, left, right in zip(self.adapted, self.left, self.right, strict=True):
            weighted = torch.einsum("km,mor->komr", self.scale * preferences, left)
            update = weighted.flatten(2) @ right.flatten(0, 1)
            updates[name] = update.reshape(len(preferences), *self.problem.shapes[name])
        return updates

    def weights(self, preferences: Tensor) -> dict[str, Tensor]:
        check_preferences(preferences, self.problem.n_objectives)
        updates = self.updates(preferences)
        n_sets = len(preferences)
        return {
            name: main + updates[name] if name in updates else main.expand(n_sets, *main.shape)
            for name, main in zip(self._names, self.main, strict=True)
        }

    def gram(self, preferences: Tensor, weights: Mapping[str, Tensor], cotangents: Mapping[str, Tensor]) -> Tensor:
        """Return the exact Gram matrices without gradients of the factors of one preference after the other.

        With G the gradient of a loss with respect to the weights, as a matrix, ∂L/∂W = G, ∂L/∂B_i = s r_i G A_iᵀ and
        ∂L/∂A_i = s r_i B_iᵀ G.
        """
        total = self.main_gram(cotangents)
        factors = (self.scale * preferences).double().square()
        for name, left, right in zip(self.adapted, self.left, self.right, strict=True):
            gradient = cotangents[name].reshape(*cotangents[name].shape[:2], left.shape[1], right.shape[2])
            at_left = torch.einsum("kloi,mri->kmlor", gradient, right.detach())
            at_right = torch.einsum("kloi,mor->kmlri", gradient, left.detach())
            by_objective = inner_products(at_left.flatten(3)) + inner_products(at_right.flatten(3))
            total = total + torch.einsum("km,kmlj->klj", factors, by_objective)
        return total

    def main_gram(self, cotangents: Mapping[str, Tensor]) -> Tensor:
        """Return the Gram matrices with respect to the main network."""
        return own_gram(cotangents)


def matrix_form(shape: torch.Size, rank: int, kernel_rank: bool = True) -> tuple[int, int, int]:
    """Return rows, columns and rank of the update of a tensor of this shape.

    A convolution [out, in, k₀, k₁, …] has k₀ · out rows and in · k₁ · … columns; one with a single spatial dimension
    has out rows. Its rank is `rank` · k₀ with `kernel_rank`, else `rank`. The rank is at most the number of rows and of
    columns.
    """
    kernel = shape[2] if len(shape) > 3 else 1
    rows = shape[0] * kernel
    columns = shape.numel() // rows
    return rows, columns, min(rank * kernel if kernel_rank else rank, rows, columns)
