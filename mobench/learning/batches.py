"""Shuffled training batches, in the same order for every solver."""

from __future__ import annotations

from collections.abc import Generator
from itertools import count, islice

import torch
from torch import Tensor

from mobench.interfaces import Samples, TaskSamples, seeded

AUGMENTATION = 1 << 40
"""Offset of the seeds of augmentation, so that its random numbers differ from those of the batch order."""

BETWEEN_TASKS = 1_000_000_007
"""Difference between the seeds of two tasks' orders."""
FURTHER = 2_654_435_761
"""Offset of the seeds of each further batch of a step; torch's generator on the CPU uses the lower 32 bits only."""


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
        self._orders: dict[int, tuple[int, Tensor]] = {}

    def at(self, step: int, index: int = 0) -> Samples:
        """Return a batch of a step (0, 1, 2, …).

        index: which of the step's independent batches. Each index has its own order of the samples.
        """
        if self.tasks:
            return TaskSamples({name: batches.at(step, index) for name, batches in self.tasks.items()})
        return self.samples.take(self.positions(step, index))

    def steps(self, start: int, n_batches: int = 1) -> Generator[list[Samples], None, None]:
        """Yield the batches of the steps from `start` on, n_batches per step; stored samples may be read ahead."""
        if self.tasks:
            streams = {name: batches.steps(start, n_batches) for name, batches in self.tasks.items()}
            while True:
                by_task = {name: next(stream) for name, stream in streams.items()}
                yield [TaskSamples({name: by_task[name][k] for name in by_task}) for k in range(n_batches)]
        positions = (self.positions(step, index) for step in count(start) for index in range(n_batches))
        stream = self.samples.batches(positions)
        while True:
            yield list(islice(stream, n_batches))

    def positions(self, step: int, index: int = 0) -> Tensor | slice:
        """Return the positions of a batch in the samples; see `at`."""
        if len(self.samples) == 1:
            return slice(None)
        epoch, position = divmod(step, self.per_epoch)
        if self._orders.get(index, (-1, None))[0] != epoch:
            # a large odd factor gives different (seed, epoch) pairs different seeds
            generator = seeded(self.seed * 1_000_003 + epoch + index * FURTHER)
            self._orders[index] = epoch, torch.randperm(len(self.samples), generator=generator)
        start = position * self.batch_size
        return self._orders[index][1][start : start + self.batch_size]

    def random(self, step: int, index: int = 0) -> torch.Generator:
        """Return the random generator for the augmentation of a batch; it depends only on seed, step and index."""
        return seeded(self.seed * 1_000_003 + AUGMENTATION + step + index * FURTHER)
