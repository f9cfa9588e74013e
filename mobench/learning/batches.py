"""The order in which training samples are seen, the same for every solver."""

from __future__ import annotations

import torch

from mobench.interfaces import Samples, seeded

AUGMENTATION = 1 << 40
"""Added to what seeds augmentation, so that it does not repeat the numbers that order the batches."""


class Batches:
    """An endless stream of shuffled batches; the same seed gives every solver the same order.

    The order of an epoch depends on the seed and the epoch's number alone, so a resumed run sees
    what the uninterrupted one would have seen. A last, smaller batch is dropped, unless it is the only one.
    """

    def __init__(self, samples: Samples, batch_size: int, seed: int) -> None:
        self.samples = samples
        self.batch_size = min(batch_size, len(samples))
        self.seed = seed
        self.per_epoch = max(1, len(samples) // self.batch_size)
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.long)

    def at(self, step: int) -> Samples:
        """The batch of step 0, 1, 2, …"""
        if len(self.samples) == 1:
            return self.samples
        epoch, position = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            # a large odd factor keeps (seed, epoch) pairs from meeting
            generator = seeded(self.seed * 1_000_003 + epoch)
            self._order = torch.randperm(len(self.samples), generator=generator)
            self._epoch = epoch
        start = position * self.batch_size
        return self.samples.take(self._order[start : start + self.batch_size])

    def random(self, step: int) -> torch.Generator:
        """Random numbers for the augmentation of a step's batch, the same whoever asks and whenever."""
        return seeded(self.seed * 1_000_003 + AUGMENTATION + step)
