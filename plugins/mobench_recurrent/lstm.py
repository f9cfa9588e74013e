"""Model `char-lstm`: an LSTM with layer normalisation, and helpers shared with `hyper-lstm`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor, nn
from torch.nn.functional import embedding, layer_norm

from mobench.errors import IncompatibleError
from mobench.interfaces import Dataset, Model
from mobench.options import option

N_GATES = 4
FORGET_BIAS = 1.0


@dataclass(frozen=True)
class CharLstm(Model):
    """Bytes → one LSTM layer, each gate layer-normalised → logits of the next byte (arXiv 1607.06450, eq. 20–22)."""

    hidden: Annotated[int, Gt(0)] = option(256, "units of the layer")

    def check(self, dataset: Dataset) -> None:
        check_sequence(dataset, "char-lstm")

    def build(self, dataset: Dataset) -> nn.Module:
        self.check(dataset)
        return _CharLstm(self.hidden, dataset)


def check_sequence(dataset: Dataset, model: str) -> None:
    """Raise IncompatibleError unless the dataset's samples are sequences of bytes."""
    if len(dataset.input_shape) != 1 or dict(dataset.heads) != {"byte": 256}:
        raise IncompatibleError(
            f"{model} reads sequences of bytes and predicts the next, this dataset has inputs of shape "
            f"{list(dataset.input_shape)} and heads {dict(dataset.heads)}: use dataset text"
        )


class Gates(nn.Module):
    """Layer normalisation of the four gates, each with its own gain and bias, and the update of the cell."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(N_GATES, hidden))
        bias = torch.zeros(N_GATES, hidden)
        bias[1] = FORGET_BIAS
        self.bias = nn.Parameter(bias)
        self.cell_gain = nn.Parameter(torch.ones(hidden))
        self.cell_bias = nn.Parameter(torch.zeros(hidden))

    def forward(self, sums: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """Return the next state and cell [B, H] for the gates' sums [B, 4, H] in the order i, f, g, o."""
        hidden = cell.shape[1:]
        gates = layer_norm(sums, hidden) * self.gain + self.bias
        i, f, o = gates[:, 0].sigmoid(), gates[:, 1].sigmoid(), gates[:, 3].sigmoid()
        cell = f * cell + i * gates[:, 2].tanh()
        return o * layer_norm(cell, hidden, self.cell_gain, self.cell_bias).tanh(), cell


class _CharLstm(nn.Module):
    def __init__(self, hidden: int, dataset: Dataset) -> None:
        super().__init__()
        (n_bytes,) = dataset.heads.values()
        # a byte selects a row of the input weights
        self.input = nn.Parameter(uniform(n_bytes, N_GATES * hidden, fan_in=hidden))
        self.recurrent = nn.Parameter(orthogonal(hidden))
        self.gates = Gates(hidden)
        self.output = nn.Linear(hidden, n_bytes)

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        from_bytes = by_gate(embedding(inputs, self.input)).unbind(1)
        state = cell = self.output.weight.new_zeros(len(inputs), self.recurrent.shape[0])
        states = []
        for now in from_bytes:
            state, cell = self.gates(now + by_gate(state @ self.recurrent), cell)
            states.append(state)
        return {"byte": self.output(torch.stack(states, dim=1))}


def by_gate(sums: Tensor) -> Tensor:
    """Return sums [..., 4 H] reshaped to [..., 4, H]."""
    return sums.reshape(*sums.shape[:-1], N_GATES, -1)


def uniform(*shape: int, fan_in: int) -> Tensor:
    """Return values drawn uniformly from ±1/√fan_in, torch's initialisation of recurrent layers."""
    bound = 1 / math.sqrt(fan_in)
    return torch.empty(shape).uniform_(-bound, bound)


def orthogonal(hidden: int) -> Tensor:
    """Return recurrent weights [H, 4 H] with an orthogonal matrix for each gate."""
    return torch.cat([nn.init.orthogonal_(torch.empty(hidden, hidden)) for _ in range(N_GATES)], dim=1)
