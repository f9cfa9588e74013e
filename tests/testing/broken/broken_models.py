"""A model that conforms, and one that fails each check."""

import math
from dataclasses import dataclass

import torch
from torch import nn

from mobench import Model
from mobench.interfaces import image_channels


class Net(nn.Module):
    def __init__(self, dataset):
        super().__init__()
        n = math.prod(dataset.input_shape)
        self.heads = nn.ModuleDict({name: nn.Linear(n, width) for name, width in dataset.heads.items()})

    def forward(self, inputs):
        return {name: head(inputs.flatten(1)) for name, head in self.heads.items()}


@dataclass(frozen=True)
class Sound(Model):
    """One linear layer for each head."""

    def check(self, dataset):
        image_channels(dataset, 1, "sound")

    def network(self, dataset):
        return Net(dataset)

    def build(self, dataset):
        self.check(dataset)
        return self.network(dataset)


class OtherHeads(Net):
    def forward(self, inputs):
        return {f"{name}!": output for name, output in super().forward(inputs).items()}


class Idle(Net):
    def __init__(self, dataset):
        super().__init__(dataset)
        self.idle = nn.Parameter(torch.randn(3))


class Keeps(Net):
    """Holds weights that are not parameters."""

    def __init__(self, dataset):
        super().__init__(dataset)
        self.register_buffer("offset", torch.randn(1))

    def forward(self, inputs):
        return {name: output + self.offset for name, output in super().forward(inputs).items()}


class Tracks(Net):
    """A buffer that training changes."""

    def __init__(self, dataset):
        super().__init__(dataset)
        self.register_buffer("n_seen", torch.zeros(1))

    def forward(self, inputs):
        if self.training:
            self.n_seen = self.n_seen + 1
        return {name: output + self.n_seen for name, output in super().forward(inputs).items()}


class Remembers(Net):
    """An attribute that training changes."""

    n_seen = 0.0

    def forward(self, inputs):
        self.n_seen += 1.0 * self.training
        return {name: output + self.n_seen for name, output in super().forward(inputs).items()}


class Odd:
    def __eq__(self, other):
        return isinstance(other, Odd)

    __hash__ = None


class Unreadable(Net):
    def get_extra_state(self):
        return Odd()

    def set_extra_state(self, state):
        assert isinstance(state, Odd)


class SingleOnly(Net):
    def forward(self, inputs):
        return {name: output.float() for name, output in super().forward(inputs).items()}


class StaysHere(Net):
    def forward(self, inputs):
        return {n: out + torch.zeros(out.shape, dtype=out.dtype) for n, out in super().forward(inputs).items()}


class Mixes(Net):
    """Adds to a tensor of the inputs' dtype, which autocast does not convert."""

    def forward(self, inputs):
        outputs = super().forward(inputs)
        rows = torch.arange(len(inputs), device=inputs.device)
        return {n: out.new_zeros(out.shape, dtype=inputs.dtype).index_add_(0, rows, out) for n, out in outputs.items()}


for network_class in (OtherHeads, Idle, Keeps, Tracks, Remembers, Unreadable, SingleOnly, StaysHere, Mixes):
    model_class = type(
        network_class.__name__ + "Model",
        (Sound,),
        {"__doc__": "Has one defect.", "network": lambda self, dataset, build=network_class: build(dataset)},
    )
    globals()[model_class.__name__] = dataclass(frozen=True)(model_class)


@dataclass(frozen=True)
class OneSeed(Sound):
    """Seeds the random state again."""

    def build(self, dataset):
        torch.manual_seed(0)
        return super().build(dataset)


@dataclass(frozen=True)
class Peeks(Sound):
    """Loads the test split."""

    def build(self, dataset):
        dataset.load("test")
        return super().build(dataset)


@dataclass(frozen=True)
class Moves(Sound):
    """Changes the working folder."""

    def build(self, dataset):
        import os

        os.chdir("/")
        return super().build(dataset)


@dataclass(frozen=True)
class AcceptsAll(Sound):
    """Serves one or two heads, and does not decline more."""

    def network(self, dataset):
        assert len(dataset.heads) < 3
        return Net(dataset)


@dataclass(frozen=True)
class OtherParameters(Sound):
    """Declares a task-specific parameter that its network does not have."""

    def task_parameters(self, dataset):
        return {"head.weight": dataset.objectives[0].name}
