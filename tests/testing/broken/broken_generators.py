"""A generator that conforms, and one that fails each check."""

from dataclasses import dataclass, field

import torch
from torch import nn

from mobench import Generator, WeightNetwork
from mobench.errors import IncompatibleError


class Lines(WeightNetwork):
    """Weights linear in the preference."""

    def __init__(self, problem):
        super().__init__(problem)
        self.names = list(problem.shapes)
        shapes, m = problem.shapes.values(), problem.n_objectives
        self.slopes = nn.ParameterList(nn.Parameter(torch.randn(m, *shape)) for shape in shapes)

    def weights(self, preferences):
        pairs = zip(self.names, self.slopes, strict=True)
        return {name: torch.einsum("km,m...->k...", preferences.to(slope.dtype), slope) for name, slope in pairs}


@dataclass(frozen=True)
class Sound(Generator):
    """Weights linear in the preference."""

    def network(self, problem):
        return Lines(problem)

    def build(self, problem, rays):
        return self.network(problem).to(device=problem.device, dtype=problem.dtype)


def using(name, network):
    """A generator of another network."""
    generator_class = type(
        name, (Sound,), {"__doc__": "Has one defect.", "network": lambda self, problem: network(problem)}
    )
    globals()[name] = dataclass(frozen=True)(generator_class)


class OtherWhenServed(Lines):
    def serve(self, preference):
        return super().serve(preference.flip(0))


class Deaf(Lines):
    def weights(self, preferences):
        return super().weights(torch.full_like(preferences, 0.5))


class Unregistered(Lines):
    def __init__(self, problem):
        super().__init__(problem)
        like = {"device": problem.device, "dtype": problem.dtype}
        self.offsets = [0.1 * torch.randn(s.shape[1:], **like) for s in self.slopes]

    def weights(self, preferences):
        pairs = zip(super().weights(preferences).items(), self.offsets, strict=True)
        return {name: w + offset for (name, w), offset in pairs}


class Undercounts(Lines):
    @property
    def n_stored_parameters(self):
        return 1


class Idle(Lines):
    def __init__(self, problem):
        super().__init__(problem)
        self.idle = nn.Parameter(torch.randn(3))


class WrongGram(Lines):
    def gram(self, preferences, weights, cotangents):
        return 2 * super().gram(preferences, weights, cotangents)


class SingleGram(Lines):
    def gram(self, preferences, weights, cotangents):
        gram = super().gram(preferences, weights, cotangents)
        return gram if next(iter(cotangents.values())).dtype == torch.float64 else gram.float()


class StaysHere(Lines):
    def weights(self, preferences):
        return {name: w + torch.zeros(w.shape, dtype=w.dtype) for name, w in super().weights(preferences).items()}


class Mixes(Lines):
    """Adds to a tensor in float32 or float64, which autocast does not convert."""

    def weights(self, preferences):
        rows = torch.arange(len(preferences), device=preferences.device)
        weights = super().weights(preferences)
        return {n: w.new_zeros(w.shape, dtype=preferences.dtype).index_add_(0, rows, w) for n, w in weights.items()}


for network_class in (
    OtherWhenServed, Deaf, Unregistered, Undercounts, Idle, WrongGram, SingleGram, StaysHere, Mixes,
):  # fmt: skip
    using(network_class.__name__ + "Generator", network_class)


@dataclass(frozen=True)
class OneSeed(Sound):
    """Seeds the random state again."""

    def build(self, problem, rays):
        torch.manual_seed(0)
        return super().build(problem, rays)


@dataclass(frozen=True)
class Entropy(Sound):
    """Initial values that no seed determines."""

    def build(self, problem, rays):
        torch.seed()
        return super().build(problem, rays)


@dataclass(frozen=True)
class SingleOnly(Sound):
    """Forgets the problem's precision."""

    def build(self, problem, rays):
        return self.network(problem).to(problem.device)


@dataclass(frozen=True)
class Peeks(Sound):
    """Loads the test split."""

    def build(self, problem, rays):
        problem.dataset.load("test")
        return super().build(problem, rays)


@dataclass(frozen=True)
class OwnField(Sound):
    """An option that does not come back from a record."""

    widths: tuple = field(default=(1, 2), metadata={"help": "nothing"})

    def __post_init__(self):
        object.__setattr__(self, "widths", (*self.widths, 3))


@dataclass(frozen=True)
class Warns(Sound):
    """Silences all warnings globally."""

    def build(self, problem, rays):
        import warnings

        warnings.filterwarnings("ignore")
        return super().build(problem, rays)


class StartsFrozen(Lines):
    def __init__(self, problem):
        super().__init__(problem)
        parameters = dict(problem.target.named_parameters())
        self.names = list(parameters)
        self.slopes = nn.ParameterList(
            nn.Parameter(torch.randn(problem.n_objectives, *p.shape)) for p in parameters.values()
        )


using("GeneratesFrozen", StartsFrozen)


@dataclass(frozen=True)
class StartsElsewhere(Sound):
    """Declares a start that it does not make."""

    starts_pretrained = True


@dataclass(frozen=True)
class DeclinesLate(Sound):
    """Declines images when it builds its network."""

    def build(self, problem, rays):
        if len(problem.dataset.input_shape) == 3:
            raise IncompatibleError("this generator serves no images: choose a dataset without them")
        return super().build(problem, rays)


@dataclass(frozen=True)
class LoadsToDecline(Sound):
    """Reads samples to find whether it serves a dataset."""

    def check_problem(self, problem):
        if len(problem.dataset.load("train")) == 0:
            raise IncompatibleError("this generator needs samples: choose a dataset with some")
