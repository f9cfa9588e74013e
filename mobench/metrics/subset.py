"""Parts of a split, for evaluations in which not all samples are needed."""

from __future__ import annotations

from functools import partial

import torch

from mobench.interfaces import Protocol, Samples, StoredSamples, seeded

SEED = 0
"""Seed of random subsets. It is constant, because all jobs on a dataset are evaluated on the same samples."""


def subset_of(samples: Samples, n_samples: int, protocol: Protocol) -> Samples:
    """Return at most `n_samples` samples, of each task if tasks have samples of their own.

    `protocol.subset` states which. Positions of a random subset increase, so that files are read in order. Stored
    samples are not read.
    """
    return samples.by_task(partial(_subset, n_samples=n_samples, chosen=protocol.subset))


def _subset(samples: Samples, n_samples: int, chosen: str | None) -> Samples:
    chosen = chosen or ("random" if isinstance(samples, StoredSamples) else "first")
    if chosen == "first" or n_samples >= len(samples):
        return samples.subset(slice(0, n_samples))
    return samples.subset(torch.randperm(len(samples), generator=seeded(SEED))[:n_samples].sort().values)
