"""A dataset that conforms, and one that fails each check."""

from dataclasses import dataclass

import torch

from mobench import Dataset, Metric, Objective, Protocol, Samples, StoredSamples, SummedMeasure
from mobench.interfaces import seeded


def near(outputs, batch):
    return (outputs["y"][:, 0] - batch.targets["a"].to(outputs["y"])).square().mean()


def far(outputs, batch):
    return (outputs["y"][:, 0] - batch.targets["a"].to(outputs["y"]) - 1).square().mean()


@dataclass(frozen=True)
class Sound(Dataset):
    """Noise whose target is its mean, and the same plus one."""

    objectives = (Objective("near", near), Objective("far", far))
    heads = {"y": 1}  # noqa: RUF012
    input_shape = (1, 28, 28)
    protocol = Protocol("sound-1", (2.0, 2.0), (0.0, 0.0), (1.0, 1.0))

    def load(self, split):
        inputs = torch.rand(12, 1, 28, 28, generator=seeded(len(split)))
        return Samples(inputs, {"a": inputs.mean((1, 2, 3))})


def root(outputs, batch):
    return near(outputs, batch).sqrt()


@dataclass(frozen=True)
class RootOfMean(Sound):
    """A loss that is not a mean over samples."""

    objectives = (Objective("near", near), Objective("root", root))


@dataclass(frozen=True)
class RootAsMetric(Sound):
    """A metric that is not a mean over samples."""

    objectives = (Objective("near", near, (Metric("root", root),)), Objective("far", far))


@dataclass(frozen=True)
class ShortProtocol(Sound):
    """A value too few."""

    protocol = Protocol("short-1", (2.0,), (0.0, 0.0), (1.0, 1.0))


@dataclass(frozen=True)
class UpsideDown(Sound):
    """Ideal and nadir point are exchanged."""

    protocol = Protocol("upside-1", (2.0, 2.0), (1.0, 1.0), (0.0, 0.0))


@dataclass(frozen=True)
class UnknownSubset(Sound):
    """A choice of samples that does not exist."""

    protocol = Protocol("subset-1", (2.0, 2.0), (0.0, 0.0), (1.0, 1.0), subset="last")


@dataclass(frozen=True)
class FrontBeyond(Sound):
    """A front worse than the reference point."""

    def known_front(self, n_points):
        return torch.full((n_points, 2), 3.0)


@dataclass(frozen=True)
class Entropy(Sound):
    """Other samples each time."""

    def load(self, split):
        random = torch.Generator()
        random.seed()
        inputs = torch.rand(12, 1, 28, 28, generator=random)
        return Samples(inputs, {"a": inputs.mean((1, 2, 3))})


@dataclass(frozen=True)
class Draws(Sound):
    """Takes a number from torch's global random state."""

    def load(self, split):
        torch.rand(1)
        return super().load(split)


@dataclass(frozen=True)
class AugmentsAnyhow(Sound):
    """Augments with its own random generator."""

    def augment(self, batch, random):
        generator = torch.Generator()
        generator.seed()
        return Samples(batch.inputs + torch.rand(1, generator=generator), batch.targets)


@dataclass(frozen=True)
class AugmentsInPlace(Sound):
    """Changes what is stored."""

    def augment(self, batch, random):
        return Samples(batch.inputs.add_(torch.rand(1, generator=random)), batch.targets)


@dataclass(frozen=True)
class NotFinite(Sound):
    """A loss that is infinite."""

    objectives = (Objective("near", near), Objective("far", lambda o, b: far(o, b) / 0.0))


@dataclass(frozen=True)
class NoGradient(Sound):
    """Losses without a graph."""

    objectives = tuple(Objective(n, lambda o, b, f=f: f(o, b).detach()) for n, f in (("near", near), ("far", far)))


@dataclass(frozen=True)
class SingleOnly(Sound):
    """Losses in float32."""

    objectives = (Objective("near", lambda o, b: near(o, b).float()), Objective("far", lambda o, b: far(o, b).float()))


@dataclass(frozen=True)
class StaysHere(Sound):
    """A constant on the processor."""

    objectives = (
        Objective("near", near),
        Objective("far", lambda o, b: (o["y"] + torch.ones(len(b), 1, dtype=o["y"].dtype)).square().mean()),
    )


def batch_means(outputs, batch):
    return {"mean": near(outputs, batch)}


@dataclass(frozen=True)
class MeanStatistics(Sound):
    """Statistics that are means, which do not add up."""

    objectives = (Objective("near", near), Objective("far", SummedMeasure(batch_means, lambda sums: sums["mean"])))


class SortedRows:
    """Reads a batch in the order of the file, as HDF5 asks for."""

    def __init__(self, samples):
        self.samples = samples

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, position):
        return self.samples.inputs[position], {"a": self.samples.targets["a"][position]}

    def __getitems__(self, positions):
        return [self[position] for position in sorted(positions)]


@dataclass(frozen=True)
class SortsRows(Sound):
    """Stored samples in another order than that of the positions."""

    rows = SortedRows

    def load(self, split):
        return StoredSamples(self.rows(super().load(split)))


class DoubleRows(SortedRows):
    """Reads batches in double precision."""

    def __getitems__(self, positions):
        return [(inputs, {"a": targets["a"].double()}) for inputs, targets in map(self.__getitem__, positions)]


@dataclass(frozen=True)
class OtherDtypeInBatches(SortsRows):
    """Stored samples whose dtype differs between rows and batches."""

    rows = DoubleRows
