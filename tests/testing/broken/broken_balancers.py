"""A balancer that conforms, and one that fails each check."""

import os
import random
import sys
import warnings
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import torch
from annotated_types import Gt

from mobench import Balancer, DirectionBalancer, option

TINY = 1e-9


@dataclass(eq=False)
class Sound(Balancer):
    """Weights equal to the preference."""

    scale: Annotated[float, Gt(0)] = option(1.0, "factor of the weights")

    def __call__(self, losses, preferences, gram):
        return self.scale * preferences


@dataclass(eq=False)
class NoDocstring(Sound):
    pass


@dataclass(eq=False)
class NoHelp(Sound):
    """An option without help."""

    other: float = 2.0


@dataclass(eq=False)
class NoBalancer:
    """Lacks the base class."""

    couples_preferences: ClassVar[bool] = False
    needs_preference: ClassVar[bool] = True
    needs_gram: ClassVar[bool] = False
    needs_second_batch: ClassVar[bool] = False
    needs_losses_after: ClassVar[bool] = False
    needs_gradients: ClassVar[bool] = False
    scope, task_gradients, after_step = "all", "weighted", Balancer.after_step
    start, state_dict, load_state_dict = Balancer.start, Balancer.state_dict, Balancer.load_state_dict
    __call__ = lambda self, losses, preferences, gram: 1.0 * preferences  # noqa: E731


@dataclass(eq=False)
class ChangesOption(Sound):
    """Doubles its option each time it is made."""

    def __post_init__(self):
        self.scale = 2 * self.scale


@dataclass(eq=False)
class ChangesAddedOption(Sound):
    """Replaces the default of an option that was added later, so that every earlier job has another id."""

    other: float | None = option(None, "a second factor", added=True)

    def __post_init__(self):
        if self.other is None:
            self.other = 1.0


class _Touches(Sound):
    touch: ClassVar = None

    def start(self, context):
        type(self).touch()


def touching(name, touch):
    """A balancer that changes one piece of global state."""
    balancer_class = type(name, (_Touches,), {"__doc__": "Changes what is not its own.", "touch": staticmethod(touch)})
    globals()[name] = dataclass(eq=False)(balancer_class)


touching("TouchesTorch", lambda: torch.rand(1))
touching("TouchesNumPy", lambda: np.random.rand())
touching("TouchesPython", lambda: random.random())
touching("TouchesDtype", lambda: torch.set_default_dtype(torch.float64))
touching("TouchesDevice", lambda: torch.set_default_device("cpu:0"))
touching("TouchesThreads", lambda: torch.set_num_threads(torch.get_num_threads() + 1))
touching("TouchesGradients", lambda: torch.set_grad_enabled(False))
touching("TouchesWarnings", lambda: warnings.simplefilter("ignore"))
touching("TouchesFolder", lambda: os.chdir("/"))
touching("TouchesEnvironment", lambda: os.environ.update(SURPRISE="1"))
touching("TouchesPath", lambda: sys.path.append("/nowhere"))


@dataclass(eq=False)
class InPlace(Sound):
    """Changes the preferences in place."""

    def __call__(self, losses, preferences, gram):
        return preferences.clamp_min_(0.02).clone()


@dataclass(eq=False)
class OtherDtype(Sound):
    """Returns weights in float32 for losses of any precision."""

    def __call__(self, losses, preferences, gram):
        return preferences.float()


@dataclass(eq=False)
class Entangled(Sound):
    """Divides by the mean over preferences, on which its rows must not depend."""

    def __call__(self, losses, preferences, gram):
        return preferences * losses / losses.mean(0, keepdim=True)


@dataclass(eq=False)
class UnknownScope(Sound):
    """Asks for gradients of what does not exist."""

    scope: ClassVar[str] = "heads"


@dataclass(eq=False)
class UnknownOwn(Sound):
    """An unknown treatment of task-specific parameters."""

    task_gradients: ClassVar[str] = "half"


@dataclass(eq=False)
class NoDirections(Sound):
    """Asks for gradients, but returns weights."""

    needs_gradients: ClassVar[bool] = True

    def __call__(self, losses, preferences, gram):
        return preferences * (1 if gram is None else gram.sum())


@dataclass(eq=False)
class NoAfterStep(Sound):
    """Asks for the losses after the step and does not receive them."""

    needs_losses_after: ClassVar[bool] = True


@dataclass(eq=False)
class Wasteful(Sound):
    """Asks for Gram matrices and ignores them."""

    needs_gram: ClassVar[bool] = True


@dataclass(eq=False)
class WastesSecondBatch(Sound):
    """Asks for a second batch and ignores it."""

    needs_second_batch: ClassVar[bool] = True


@dataclass(eq=False)
class WastesLossesAfter(Sound):
    """Asks for the losses after the step and ignores them."""

    needs_losses_after: ClassVar[bool] = True

    def after_step(self, losses, preferences, losses_after):
        pass


@dataclass(eq=False)
class SoundDirections(DirectionBalancer):
    """The weighted sum of the gradients."""

    scale: float = option(2.0, "factor of the direction")

    def directions(self, losses, preferences, gradients):
        return self.scale * torch.einsum("km,kmn->kn", preferences, gradients)


@dataclass(eq=False)
class WastesGradients(SoundDirections):
    """Asks for gradients and ignores their values."""

    def directions(self, losses, preferences, gradients):
        return preferences[:, :1] * torch.ones_like(gradients[:, 0])


@dataclass(eq=False)
class Ascends(SoundDirections):
    """Directions that raise the losses that are preferred."""

    def directions(self, losses, preferences, gradients):
        return super().directions(losses, 1 - preferences, gradients)


@dataclass(eq=False)
class Deaf(Sound):
    """All weights are 1."""

    def __call__(self, losses, preferences, gram):
        return torch.ones_like(preferences)


@dataclass(eq=False)
class Pretends(Sound):
    """Declares that it ignores the preference."""

    needs_preference: ClassVar[bool] = False


@dataclass(eq=False)
class Entropy(Sound):
    """Random numbers that no seed determines."""

    def start(self, context):
        self.random = torch.Generator()
        self.random.seed()

    def __call__(self, losses, preferences, gram):
        noise = torch.rand(1, generator=self.random).to(preferences)
        return preferences * (1 + TINY * noise)

    def state_dict(self):
        return {"random": self.random.get_state()}

    def load_state_dict(self, state):
        self.random.set_state(state["random"])


@dataclass(eq=False)
class OneSeed(Entropy):
    """Draws the same random numbers for every seed."""

    def start(self, context):
        self.random = torch.Generator().manual_seed(3)


@dataclass(eq=False)
class Forgets(Sound):
    """Counts steps, and does not save the count."""

    def start(self, context):
        self.n_steps = 0

    def __call__(self, losses, preferences, gram):
        self.n_steps += 1
        return preferences * self.n_steps


@dataclass(eq=False)
class Unreadable(Sound):
    """A state that only Python can read back."""

    def state_dict(self):
        return {"made by": Sound()}


@dataclass(eq=False)
class DoubleOnly(Sound):
    """A product with float64, which float32 does not go with; reads a value first."""

    def __call__(self, losses, preferences, gram):
        assert float(losses.sum()) == float(losses.sum())
        return preferences @ torch.eye(preferences.shape[1], dtype=torch.float64)


@dataclass(eq=False)
class StaysHere(Sound):
    """A constant on the processor."""

    def __call__(self, losses, preferences, gram):
        return preferences + torch.zeros(preferences.shape[1], dtype=preferences.dtype)


@dataclass(eq=False)
class Inverted(Sound):
    """Weighs the objectives by each other's preferences."""

    def __call__(self, losses, preferences, gram):
        return self.scale * preferences.flip(1)
