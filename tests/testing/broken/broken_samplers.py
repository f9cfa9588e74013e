"""A sampler that conforms, and one for each way of not doing so."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from annotated_types import Gt

from mobench import Sampler, option
from mobench.interfaces import dirichlet, seeded


@dataclass(eq=False)
class Sound(Sampler):
    """Dirichlet preferences of one concentration."""

    concentration: Annotated[float, Gt(0)] = option(1.0, "concentration")

    def start(self, context):
        self.context, self.random = context, seeded(context.seed)

    def sample(self, step):
        shape = self.context.n_preferences, self.context.n_objectives
        return dirichlet(torch.full(shape, self.concentration, dtype=torch.float64), self.random)

    def state_dict(self):
        return {"random": self.random.get_state()}

    def load_state_dict(self, state):
        self.random.set_state(state["random"])


@dataclass(eq=False)
class OwnField(Sound):
    """Doubles its option."""

    def __post_init__(self):
        self.concentration = 2 * self.concentration


@dataclass(eq=False)
class TouchesTorch(Sound):
    """Advances the global random state."""

    def start(self, context):
        super().start(context)
        torch.rand(1)


@dataclass(eq=False)
class OneRow(Sound):
    """Draws one preference instead of K."""

    def sample(self, step):
        return super().sample(step)[:1]


@dataclass(eq=False)
class Unnormalised(Sound):
    """Preferences that sum to 2."""

    def sample(self, step):
        return 2 * super().sample(step)


@dataclass(eq=False)
class Vertices(Sound):
    """Entries of 0, of which balancers take the inverse."""

    def sample(self, step):
        preferences = super().sample(step)
        return torch.nn.functional.one_hot(preferences.argmax(1), preferences.shape[1]).double()


@dataclass(eq=False)
class Constant(Sampler):
    """Always the same preference, which favours the first objective."""

    def start(self, context):
        self.context = context

    def sample(self, step):
        m = self.context.n_objectives
        row = torch.full((m,), 0.5 / m, dtype=torch.float64) + 0.5 * torch.eye(m, dtype=torch.float64)[0]
        return row.expand(self.context.n_preferences, m).clone()


@dataclass(eq=False)
class NeedsSteps(Sound):
    """Uses the training progress and does not say so."""

    needs_total_steps: ClassVar[bool] = False

    def sample(self, step):
        return super().sample(step + int(self.context.progress(step)))


@dataclass(eq=False)
class OneSeed(Sound):
    """The same preferences for all seeds."""

    def start(self, context):
        super().start(context)
        self.random = seeded(0)


@dataclass(eq=False)
class Entropy(Sound):
    """Other preferences each time."""

    def start(self, context):
        super().start(context)
        self.random.seed()

    def state_dict(self):
        return {"random": self.random.get_state()}


@dataclass(eq=False)
class Forgets(Sound):
    """Omits the state of its generator."""

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass
