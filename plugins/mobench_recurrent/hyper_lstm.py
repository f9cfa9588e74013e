"""Model `hyper-lstm`: at every step a small LSTM scales the rows of the weights of a larger LSTM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor, nn
from torch.nn.functional import embedding

from mobench.interfaces import Dataset, Model
from mobench.options import option
from mobench_recurrent.lstm import N_GATES, Gates, by_gate, check_sequence, orthogonal, uniform

N_SCALED = 3
"""Number of outputs of the small cell for each gate: the scales of W_h and W_x, and the bias."""
FIRST_SCALE = 0.1


@dataclass(frozen=True)
class HyperLstm(Model):
    """LSTM with gates y = LN(d_h(z_h) ⊙ W_h h + d_x(z_x) ⊙ W_x x + b(z_b)) (arXiv 1609.09106, equations 10–13).

    z_h, z_x and z_b are linear in the state of a small LSTM that reads [h; x]. d is linear in z, and
    b(z) = W z + b_0 with b_0 trained. The weights therefore change at every step and depend on the
    previous inputs.
    """

    hidden: Annotated[int, Gt(0)] = option(192, "units of the layer")
    hyper: Annotated[int, Gt(0)] = option(48, "units of the small layer that makes its weights")
    embedding: Annotated[int, Gt(0)] = option(8, "length of each z")

    def check(self, dataset: Dataset) -> None:
        check_sequence(dataset, "hyper-lstm")

    def build(self, dataset: Dataset) -> nn.Module:
        self.check(dataset)
        return _HyperLstm(self.hidden, self.hyper, self.embedding, dataset)


class _HyperLstm(nn.Module):
    def __init__(self, hidden: int, hyper: int, nz: int, dataset: Dataset) -> None:
        super().__init__()
        (n_bytes,) = dataset.heads.values()
        self.nz = nz
        self.input = nn.Parameter(uniform(n_bytes, N_GATES * hidden, fan_in=hidden))
        self.recurrent = nn.Parameter(orthogonal(hidden))
        self.gates = Gates(hidden)
        # the small cell reads the byte, the large cell's state and its own state
        self.hyper_input = nn.Parameter(uniform(n_bytes, N_GATES * hyper, fan_in=hyper))
        self.hyper_from_state = nn.Parameter(uniform(hidden, N_GATES * hyper, fan_in=hidden))
        self.hyper_recurrent = nn.Parameter(orthogonal(hyper))
        self.hyper_gates = Gates(hyper)
        # z_h and z_x start as ones for every output of the small cell, so that every scale starts as FIRST_SCALE;
        # z_b has no bias
        self.to_z = nn.Parameter(torch.zeros(hyper, N_SCALED * N_GATES * nz))
        with torch.no_grad():
            self.to_z[:, 2 * N_GATES * nz :].normal_(0, 0.01)
        self.z_bias = nn.Parameter(torch.ones(2 * N_GATES * nz))
        self.scale = nn.Parameter(torch.full((2, N_GATES, nz, hidden), FIRST_SCALE / nz))
        self.bias = nn.Parameter(torch.zeros(N_GATES, nz, hidden).normal_(0, 0.01))
        # b_0, the part of the bias that does not depend on the small cell
        self.constant_bias = nn.Parameter(torch.zeros(N_GATES, hidden))
        self.output = nn.Linear(hidden, n_bytes)

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        from_bytes = by_gate(embedding(inputs, self.input)).unbind(1)
        hyper_from_bytes = embedding(inputs, self.hyper_input).unbind(1)
        n = len(inputs)
        state = cell = self.input.new_zeros(n, self.recurrent.shape[0])
        small = small_cell = self.input.new_zeros(n, self.hyper_recurrent.shape[0])
        hyper_weights = torch.cat([self.hyper_from_state, self.hyper_recurrent])
        z_bias = torch.cat([self.z_bias, self.z_bias.new_zeros(N_GATES * self.nz)])
        # one product for all twelve vectors: [12, Nz, H]
        maps = torch.cat([self.scale.flatten(0, 1), self.bias])
        states = []
        for now, hyper_now in zip(from_bytes, hyper_from_bytes, strict=True):
            sums = hyper_now + torch.cat([state, small], dim=1) @ hyper_weights
            small, small_cell = self.hyper_gates(by_gate(sums), small_cell)
            z = torch.addmm(z_bias, small, self.to_z).reshape(n, N_SCALED * N_GATES, self.nz)
            scales = torch.bmm(z.transpose(0, 1), maps).transpose(0, 1)
            d_h, d_x, bias = scales[:, :N_GATES], scales[:, N_GATES : 2 * N_GATES], scales[:, 2 * N_GATES :]
            recurrent = by_gate(state @ self.recurrent)
            state, cell = self.gates(d_h * recurrent + d_x * now + bias + self.constant_bias, cell)
            states.append(state)
        return {"byte": self.output(torch.stack(states, dim=1))}
