"""A solver that conforms, and one that fails each check."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from mobench import Solver, option
from mobench.errors import IncompatibleError


class Nets:
    """A net for each ray."""

    def __init__(self, problem, rays, nets):
        self.problem, self.rays, self.nets = problem, rays, nets
        self.n_stored_parameters = len(nets) * problem.n_target_parameters

    def serve(self, preference):
        k = int((self.rays - preference).abs().amax(1).argmin())
        return lambda inputs: self.problem.outputs(self.nets[k], inputs)


@dataclass(eq=False)
class Sound(Solver):
    """Gradient descent with momentum on each ray's weighted sum."""

    lr: float = option(0.05, "step size")

    def start(self, problem, setting):
        self.problem, self.rays = problem, setting.rays.to(problem.device, problem.dtype)
        self.nets: list[dict[str, Any]] = [
            {n: p.detach() for n, p in problem.new_target().named_parameters()} for _ in self.rays
        ]
        self.moving = [{n: torch.zeros_like(w) for n, w in net.items()} for net in self.nets]

    def step(self, batch):
        losses = []
        for k, ray in enumerate(self.rays):
            leaves = {n: w.clone().requires_grad_() for n, w in self.nets[k].items()}
            ray_losses = self.problem.losses([self.problem.outputs(leaves, batch.inputs)], batch)[0]
            gradients = torch.autograd.grad((ray * ray_losses).sum(), list(leaves.values()), retain_graph=True)
            for name, gradient in zip(leaves, gradients, strict=True):
                self.moving[k][name] = 0.5 * self.moving[k][name] + gradient
            self.nets[k] = {n: w - self.lr * self.moving[k][n] for n, w in self.nets[k].items()}
            losses.append(ray_losses)
        return self.reported(torch.stack(losses))

    def reported(self, losses):
        return losses.detach()

    @property
    def pareto_set(self):
        return Nets(self.problem, self.rays, self.nets)

    def state_dict(self):
        return {"nets": self.nets, "moving": self.moving}

    def load_state_dict(self, state):
        self.nets, self.moving = state["nets"], state["moving"]


@dataclass(eq=False)
class Searches(Sound):
    """Random search without gradients: every tenth step keeps the best of the changes tried since."""

    steps_to_learn = 60

    def start(self, problem, setting):
        super().start(problem, setting)
        self.n_steps, self.best = 0, list(self.nets)

    def step(self, batch):
        with torch.no_grad():
            losses = [self.tried(k, ray, batch) for k, ray in enumerate(self.rays)]
        self.n_steps += 1
        if self.n_steps % 10 == 0:
            self.nets = list(self.best)
        return torch.stack(losses)

    def tried(self, k, ray, batch):
        net = {n: w + self.lr * torch.randn_like(w) for n, w in self.best[k].items()}
        old, new = (self.problem.losses([self.problem.outputs(w, batch.inputs)], batch)[0] for w in (self.best[k], net))
        if self.is_kept(float((ray * old).sum()), float((ray * new).sum())):
            self.best[k] = net
        return new

    def is_kept(self, old, new):
        return new < old

    def state_dict(self):
        return {"nets": self.nets, "best": self.best, "n_steps": self.n_steps}

    def load_state_dict(self, state):
        self.nets, self.best, self.n_steps = state["nets"], state["best"], state["n_steps"]


@dataclass(eq=False)
class SearchesSilently(Searches):
    """Does not state how many steps it needs."""

    steps_to_learn = None


@dataclass(eq=False)
class KeepsTheWorse(Searches):
    """Keeps the changes that raise the losses."""

    def is_kept(self, old, new):
        return new > old


class NetsAsPoints:
    """The nets without their preferences."""

    def __init__(self, problem, nets):
        self.problem, self.nets, self.n_points = problem, nets, len(nets)
        self.n_stored_parameters = len(nets) * problem.n_target_parameters

    def predictor(self, index):
        return lambda inputs: self.problem.outputs(self.nets[index], inputs)


@dataclass(eq=False)
class SoundPoints(Sound):
    """The same, as a set of points without preferences."""

    @property
    def pareto_set(self):
        return NetsAsPoints(self.problem, self.nets)


@dataclass(eq=False)
class SamePoints(SoundPoints):
    """Every point is the first one."""

    @property
    def pareto_set(self):
        return NetsAsPoints(self.problem, self.nets[:1] * len(self.nets))


@dataclass(eq=False)
class WithGraph(Sound):
    """Losses that still have their graph."""

    def reported(self, losses):
        return losses


@dataclass(eq=False)
class Frozen(Sound):
    """Serves the initial weights."""

    def start(self, problem, setting):
        super().start(problem, setting)
        self.first = list(self.nets)

    @property
    def pareto_set(self):
        return Nets(self.problem, self.rays, self.first)


@dataclass(eq=False)
class Deaf(Sound):
    """Serves the first net for every preference."""

    @property
    def pareto_set(self):
        return Nets(self.problem, self.rays, [self.nets[0]] * len(self.nets))


@dataclass(eq=False)
class OneSeed(Sound):
    """Seeds the random state again."""

    def start(self, problem, setting):
        torch.manual_seed(0)
        super().start(problem, setting)


@dataclass(eq=False)
class Entropy(Sound):
    """Losses with noise that no seed determines, a little."""

    def start(self, problem, setting):
        super().start(problem, setting)
        self.random = torch.Generator()
        self.random.seed()

    def reported(self, losses):
        return losses.detach() * (1 + 1e-3 * torch.rand(1, generator=self.random).to(losses))

    def state_dict(self):
        return {**super().state_dict(), "random": self.random.get_state()}

    def load_state_dict(self, state):
        super().load_state_dict(state)
        self.random.set_state(state["random"])


@dataclass(eq=False)
class Forgets(Sound):
    """Does not save the momentum."""

    def state_dict(self):
        return {"nets": self.nets}

    def load_state_dict(self, state):
        self.nets = state["nets"]


@dataclass(eq=False)
class SingleOnly(Sound):
    """Losses in float32."""

    def reported(self, losses):
        return losses.detach().float()


@dataclass(eq=False)
class StaysHere(Sound):
    """A constant on the processor."""

    def reported(self, losses):
        return losses.detach() + torch.zeros(losses.shape, dtype=losses.dtype)


@dataclass(eq=False)
class Peeks(Sound):
    """Loads the test split."""

    def step(self, batch):
        self.problem.dataset.load("test")
        return super().step(batch)


@dataclass(eq=False)
class IgnoresBatch(Sound):
    """Asks for a second batch and ignores it."""

    n_batches = 2

    def step(self, batch, second):
        return super().step(batch)


@dataclass(eq=False)
class DrawsElsewhere(Sound):
    """Takes numbers from NumPy, whose state no checkpoint keeps."""

    def step(self, batch):
        np.random.rand()
        return super().step(batch)


@dataclass(eq=False)
class LowLosses(Sound):
    """Reports losses that autocast has rounded."""

    def reported(self, losses):
        with self.problem.autocast():
            return losses.detach() @ torch.eye(losses.shape[1], dtype=losses.dtype, device=losses.device)


@dataclass(eq=False)
class DeclinesLate(Sound):
    """Declines images when it starts."""

    def start(self, problem, setting):
        if len(problem.dataset.input_shape) == 3:
            raise IncompatibleError("this solver serves no images: choose a dataset without them")
        super().start(problem, setting)
