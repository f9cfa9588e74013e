"""Train the network of `wiki-bytes`: `python -m mobench_markup_prose.pretraining OUT [STEPS]`.

OUT:   safetensors file to write; its tensors are rounded to float16.
STEPS: number of training steps.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import cross_entropy

from mobench_markup_prose.network import ByteNetwork
from mobench_markup_prose.pages import pages_of

STEPS, WINDOWS, LENGTH = 4000, 32, 100
LEARNING_RATE, LARGEST_NORM = 4e-3, 1.0
SEED = 0
REPORT_STEPS = 100


def pretrained(data: NDArray[np.uint8], n_steps: int) -> ByteNetwork:
    """Return a network that was trained on windows of a text; the learning rate falls to 0 along a cosine.

    data: the bytes of the text, longer than a window.
    """
    torch.manual_seed(SEED)
    network = ByteNetwork(LENGTH)
    draw = np.random.default_rng(SEED)
    optimiser = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, n_steps)
    total = 0.0
    for step in range(1, n_steps + 1):
        starts = draw.integers(0, len(data) - LENGTH, WINDOWS)
        windows = torch.from_numpy(data[starts[:, None] + np.arange(LENGTH + 1)].astype(np.int64))
        logits = network(windows[:, :-1])["byte"]
        loss = cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), LARGEST_NORM)
        optimiser.step()
        schedule.step()
        total += loss.item()
        if step % REPORT_STEPS == 0:
            print(f"step {step}: {total / REPORT_STEPS / math.log(2):.3f} bits per byte", flush=True)
            total = 0.0
    return network


def write(network: nn.Module, path: Path) -> None:
    """Write the parameters, rounded to float16."""
    save_file({name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}, path)


if __name__ == "__main__":
    text = np.frombuffer("".join(pages_of(None)).encode(), np.uint8)
    write(pretrained(text, int(sys.argv[2]) if len(sys.argv) > 2 else STEPS), Path(sys.argv[1]))
