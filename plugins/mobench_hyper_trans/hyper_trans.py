"""Generator `hyper-trans`: a hypernetwork with a transformer block as its trunk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from annotated_types import Gt
from torch import Tensor, nn
from torch.nn import functional

from mobench.errors import OptionError
from mobench.interfaces import Generator, ParetoNetwork, Problem, check_preferences
from mobench.options import option
from mobench_phn.phn import ParetoHypernetwork


@dataclass(frozen=True)
class HyperTrans(Generator):
    """Preference → m tokens → self-attention → h → one linear map per target tensor (arXiv 2402.05955).

    Each entry of the preference is embedded by a layer of its own. The heads are those of the generator `phn`.
    """

    starts_pretrained: ClassVar[bool] = True

    features: Annotated[int, Gt(0)] = option(100, "width of a token and of h, what the heads read")
    n_heads: Annotated[int, Gt(0)] = option(1, "heads of the attention; the authors use 1 on images, 2 on formulas")

    def build(self, problem: Problem, rays: Tensor) -> ParetoNetwork:
        if self.features % self.n_heads:
            raise OptionError(
                f"generator.features is {self.features}, which {self.n_heads} heads do not divide: set it to a "
                "multiple of generator.n_heads"
            )
        trunk = AttentionTrunk(problem.n_objectives, self.features, self.n_heads)
        network = ParetoHypernetwork(problem, trunk, self.features)
        return network.to(device=problem.device, dtype=problem.dtype)


class AttentionTrunk(nn.Module):
    """Map preferences [K, m] to features [K, width] by one transformer block without normalisation.

    m tokens e_i(r_i) of width h; attention and a two-layer network, each with a residual connection; a linear layer
    with a ReLU; the mean over tokens.
    """

    def __init__(self, m: int, width: int, n_heads: int) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Linear(1, width) for _ in range(m))
        self.attention = nn.MultiheadAttention(width, n_heads, batch_first=True)
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)
        self.output = nn.Linear(width, width)

    def forward(self, preferences: Tensor) -> Tensor:
        check_preferences(preferences, len(self.embeddings))
        columns = torch.split(preferences, 1, dim=1)
        tokens = torch.stack([e(column) for e, column in zip(self.embeddings, columns, strict=True)], dim=1).relu()
        attended = tokens + self.attention(tokens, tokens, tokens)[0]
        mixed = attended + self.second(functional.relu(self.first(attended)))
        features: Tensor = functional.relu(self.output(mixed)).mean(1)
        return features
