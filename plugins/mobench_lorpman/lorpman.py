"""Generator `lorpman`: low-rank Pareto manifold learning with orthogonal regularisation and a frozen main network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge, Gt, Interval
from torch import Tensor

from mobench.errors import IncompatibleError
from mobench.interfaces import Generator, ParetoNetwork, Problem, seeded
from mobench.options import option
from mobench_palora.palora import LowRankNetwork

N_COMPARED = 3
"""Objectives whose matrices are compared in one step, as in the paper."""
SHORTEST = 1e-12
"""Matrices up to this Frobenius norm have no direction."""


@dataclass(frozen=True)
class Lorpman(Generator):
    """Weights W(r) = W + s · Σ_i r_i B_i A_i of every weight matrix (Chen & Kwok 2024, section 3).

    Training has two phases. Until the fraction `freeze` of the budget, the main network W and the low-rank matrices
    learn; then W is frozen and the matrices alone learn. `orthogonal` times the squared cosines between the matrices
    B_i A_i of different objectives, summed over layers, is added to the loss.
    """

    starts_pretrained: ClassVar[bool] = True

    rank: Annotated[int, Gt(0)] = option(8, "rank of the matrices")
    scale: Annotated[float, Gt(0)] = option(1.0, "s: factor of the low-rank matrices")
    orthogonal: Annotated[float, Ge(0)] = option(0.1, "factor of the orthogonal regularisation")
    freeze: Annotated[float, Interval(gt=0, le=1)] = option(
        0.8, "fraction of the budget after which the main network is frozen; 1 never freezes it"
    )

    def build(self, problem: Problem, rays: Tensor) -> ParetoNetwork:
        return LorpmanNetwork(problem, self)


class LorpmanNetwork(LowRankNetwork):
    """A LowRankNetwork that adds the gradient of the regularisation and freezes its main network."""

    is_frozen: Tensor

    def __init__(self, problem: Problem, options: Lorpman) -> None:
        super().__init__(problem, options.rank, options.scale, kernel_rank=False)
        self.options = options
        self.register_buffer("is_frozen", torch.tensor(False, device=problem.device))
        # a copy on the host, so that a step does not wait for the device
        self._skips_main = False
        self.register_load_state_dict_post_hook(lambda network, keys: network._read_phase())  # type: ignore[no-untyped-call]

    def _read_phase(self) -> None:
        self._skips_main = bool(self.is_frozen)

    def after_backward(self, step: int, total_steps: int | None) -> None:
        if self.options.freeze < 1 and total_steps is None:
            raise IncompatibleError(
                "LORPMAN freezes its main network after a fraction of the training, and the budget is in seconds: give "
                "epochs or steps, or set generator.freeze to 1"
            )
        if self.options.orthogonal and self.problem.n_objectives > 1:
            (self.options.orthogonal * self.penalty(step)).backward()  # type: ignore[no-untyped-call]
        if self._skips_main:
            for parameter in self.main:
                parameter.grad = None
        if total_steps is not None and self.options.freeze < 1:
            self._skips_main = step + 1 >= self.options.freeze * total_steps
            self.is_frozen.fill_(self._skips_main)

    def penalty(self, step: int) -> Tensor:
        """Return Σ_l ‖W_lᵀ W_l − I‖², where the columns of W_l are the matrices B_i A_i of layer l, of length 1.

        Of more than three objectives, three that are drawn for this step are compared. Matrices of length zero, as at
        the start, are orthogonal to all others.
        """
        m = self.problem.n_objectives
        chosen = torch.randperm(m, generator=seeded(step))[:N_COMPARED]
        total: Tensor = self.main[0].new_zeros(())
        for left, right in zip(self.left, self.right, strict=True):
            # ⟨B_i A_i, B_j A_j⟩ = Σ (B_iᵀ B_j) ∘ (A_i A_jᵀ)
            lefts = torch.einsum("ior,jos->ijrs", left[chosen], left[chosen])
            rights = torch.einsum("irc,jsc->ijrs", right[chosen], right[chosen])
            products = (lefts * rights).sum((2, 3))
            lengths = products.diagonal().clamp_min(SHORTEST**2).sqrt()
            cosines = products / lengths[:, None] / lengths[None]
            total = total + (cosines - cosines.diagonal().diag()).square().sum()
        return total

    def main_gram(self, cotangents: Mapping[str, Tensor]) -> Tensor:
        gram = super().main_gram(cotangents)
        return torch.zeros_like(gram) if self._skips_main else gram
