"""Shuffled training batches, in the same order for every solver."""

from __future__ import annotations

import torch

from mobench.interfaces import Samples, TaskSamples, seeded

AUGMENTATION = 1 << 40
"""Offset of the seeds of augmentation, so that its random numbers differ from those of the batch order."""

BETWEEN_TASKS = 1_000_000_007
"""Difference between the seeds of two tasks' orders."""


class Batches:
    """An endless stream of shuffled batches; the same seed gives every solver the same order.

    For `TaskSamples`, each task has its own order, and every batch has samples of all tasks. An epoch has as many
    batches as the longest task; the others start again in between, in a new order.

    The order of an epoch depends only on the seed and the epoch number, so a resumed run gets the same
    batches as an uninterrupted run. A last, smaller batch is dropped, unless it is the only one.
    """

    def __init__(self, samples: Samples, batch_size: int, seed: int) -> None:
        self.samples = samples
        self.batch_size = min(batch_size, len(samples))
        self.seed = seed
        self.tasks: dict[str, Batches] = {}
        if isinstance(samples, TaskSamples):
            tasks = enumerate(samples.tasks.items())
            self.tasks = {name: Batches(part, batch_size, seed + i * BETWEEN_TASKS) for i, (name, part) in tasks}
        self.per_epoch: int = max(
            [batches.per_epoch for batches in self.tasks.values()] or [1, len(samples) // self.batch_size]
        )
        self._epoch = -1
        self._order = torch.empty(0, dtype=torch.long)

    def at(self, step: int) -> Samples:
        """Return the batch of a step (0, 1, 2, …)."""
        if self.tasks:
            return TaskSamples({name: batches.at(step) for name, batches in self.tasks.items()})
        if len(self.samples) == 1:
            return self.samples
        epoch, position = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            # a large odd factor gives different (seed, epoch) pairs different seeds
            generator = seeded(self.seed * 1_000_003 + epoch)
            self._order = torch.randperm(len(self.samples), generator=generator)
            self._epoch = epoch
        start = position * self.batch_size
        return self.samples.take(self._order[start : start + self.batch_size])

    def random(self, step: int) -> torch.Generator:
        """Return the random generator for the augmentation of a step's batch; it depends only on seed and step."""
        return seeded(self.seed * 1_000_003 + AUGMENTATION + step)
