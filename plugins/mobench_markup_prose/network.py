"""Model `wiki-bytes`: a byte-level language model that was trained on Wikipedia."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import torch
from safetensors.torch import load as load_tensors
from torch import Tensor, nn
from torch.nn.functional import embedding, pad

from mobench.interfaces import Dataset, Model, seeded
from mobench.options import option
from mobench_recurrent.lstm import check_sequence

WEIGHTS = "wiki-bytes.safetensors"
N_BYTES = 256
LONGEST, N_ROWS, N_COLUMNS = 5, 8192, 32
"""Bytes of the longest n-gram, rows of each embedding of hashed n-grams, and its columns."""
WIDTH, N_AVERAGED = 192, 48
"""Units of the layers, and features of which averages are computed."""
DECAYS = (0.7, 0.9, 0.98)
"""Factors by which the weight of an earlier position falls per byte, one for each average."""


@dataclass(frozen=True)
class WikiBytes(Model):
    """Embeddings of the last one to five bytes, moving averages of features, and dense layers.

    It starts at weights that were trained on the first pages of the Wikipedia text. The embeddings are frozen; the
    dense layers (191,728 parameters) are trained.

    Sources: embeddings of hashed n-grams of bytes, arXiv 2412.09871, section 3.2.1; moving averages with exponentially
    falling weights, arXiv 2209.10655, section 3.1. Here the weights of the averages are constants.
    """

    pretrained: bool = option(True, "start at the weights trained on Wikipedia; false: at random weights")

    def check(self, dataset: Dataset) -> None:
        check_sequence(dataset, "wiki-bytes")

    def build(self, dataset: Dataset) -> nn.Module:
        self.check(dataset)
        network = ByteNetwork(dataset.input_shape[0])
        network.embeddings.requires_grad_(False)
        if self.pretrained:
            network.load_state_dict(_published())
        else:
            # frozen tables are the same in all networks
            draw = seeded(0)
            for table in network.embeddings:
                nn.init.normal_(table, std=0.1, generator=draw)
        return network


class ByteNetwork(nn.Module):
    """Logits of the next byte [B, T, 256] for windows [B, T] of bytes as integers; T is the given length."""

    averages: Tensor

    def __init__(self, length: int) -> None:
        super().__init__()
        rows = (N_BYTES, *(N_ROWS for _ in range(1, LONGEST)))
        self.embeddings = nn.ParameterList(nn.Parameter(0.1 * torch.randn(n, N_COLUMNS)) for n in rows)
        self.first = nn.Linear(LONGEST * N_COLUMNS, WIDTH)
        self.averaged = nn.Linear(WIDTH, N_AVERAGED)
        self.second = nn.Linear(WIDTH + len(DECAYS) * N_AVERAGED, WIDTH)
        self.norm = nn.LayerNorm(WIDTH)
        self.third = nn.Linear(WIDTH, WIDTH)
        self.output = nn.Linear(WIDTH, N_BYTES)
        self.register_buffer("averages", averaging_matrices(length), persistent=False)

    def forward(self, windows: Tensor) -> dict[str, Tensor]:
        rows = zip(hashed_ngrams(windows), self.embeddings, strict=True)
        features = self.first(torch.cat([embedding(row, table) for row, table in rows], dim=-1)).relu()
        averaged = self.averaged(features)
        context = torch.cat([features, *(matrix @ averaged for matrix in self.averages)], dim=-1)
        features = features + self.second(context).relu()
        features = features + self.third(self.norm(features)).relu()
        return {"byte": self.output(features)}


def averaging_matrices(length: int) -> Tensor:
    """Return matrices [decays, T, T]: row t has the weights of positions up to t, which sum to 1."""
    distance = torch.arange(length)[:, None] - torch.arange(length)
    weights = torch.stack([decay ** distance.clamp_min(0) * (distance >= 0) for decay in DECAYS])
    return weights / weights.sum(-1, keepdim=True)


def hashed_ngrams(windows: Tensor) -> list[Tensor]:
    """Return the row [B, T] of the embedding for the n-gram that ends at each byte, for n from 1 to LONGEST.

    Positions before the window count as a symbol of their own.
    """
    rows, keys = [windows], windows + 1
    for n in range(1, LONGEST):
        earlier = pad(windows[:, :-n] + 1, (n, 0)) if n < windows.shape[1] else torch.zeros_like(windows)
        keys = (keys * 1_000_003 + earlier) % 2**31
        rows.append((keys * 2_654_435_761 >> 16) % N_ROWS)
    return rows


@lru_cache(maxsize=1)
def _published() -> Mapping[str, Tensor]:
    content = resources.files("mobench_markup_prose").joinpath(WEIGHTS).read_bytes()
    return {name: tensor.float() for name, tensor in load_tensors(content).items()}
