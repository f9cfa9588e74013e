"""The parts of the guest, on mobench's public names alone."""

from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import nn

from mobench import Balancer, Dataset, Model, Objective, Protocol, Samples, Solver, option


@dataclass(frozen=True)
class Circles(Dataset):
    """Squared distances to (0, 0) and (1, 1)."""

    noise: float = option(0.0, "added to the first target")

    objectives = (
        Objective("near", lambda outputs, batch: outputs["x"].square().sum(1).mean()),
        Objective("far", lambda outputs, batch: (outputs["x"] - 1).square().sum(1).mean()),
    )
    heads = MappingProxyType({"x": 2})
    input_shape = (2,)
    protocol = Protocol("circles-1", reference=(2.0, 2.0), ideal=(0.0, 0.0), nadir=(2.0, 2.0))

    def load(self, split):
        return Samples(torch.ones(4, 2))


@dataclass(frozen=True)
class Place(Model):
    """A linear map of the same input every time: its value is the point."""

    def build(self, dataset):
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Linear(2, 2)

            def forward(self, inputs):
                return {"x": self.layer(inputs)}

        return Net()


@dataclass(eq=False)
class Worst(Balancer):
    """All weight on the objective with the largest r_i L_i."""

    def __call__(self, losses, preferences, gram):
        worst = (preferences * losses).argmax(dim=1, keepdim=True)
        return torch.zeros_like(preferences).scatter_(1, worst, 1.0)


@dataclass(eq=False)
class Walk(Solver):
    """Keeps a random change of a ray's weights where it lowers the weighted sum."""

    size: float = option(0.1, "length of a change")

    def start(self, problem, setting):
        self.problem, self.rays = problem, setting.rays
        self.nets = [dict(problem.new_target().state_dict()) for _ in self.rays]

    def step(self, batch):
        losses = []
        for k, ray in enumerate(self.rays):
            with torch.no_grad():
                tried = {n: w + self.size * torch.randn_like(w) for n, w in self.nets[k].items()}
                old, new = (
                    self.problem.losses([self.problem.outputs(w, batch.inputs)], batch)[0]
                    for w in (self.nets[k], tried)
                )
            if (ray * new).sum() < (ray * old).sum():
                self.nets[k] = tried
            losses.append(torch.minimum(old, new))
        return torch.stack(losses)

    @property
    def pareto_set(self):
        return Walked(self.problem, self.rays, self.nets)

    def state_dict(self):
        return {"nets": self.nets}

    def load_state_dict(self, state):
        self.nets = state["nets"]


class Walked:
    """The nets of a walk, one for each ray."""

    def __init__(self, problem, rays, nets):
        self.problem, self.rays, self.nets = problem, rays, nets
        self.n_stored_parameters = len(nets) * problem.n_target_parameters

    def serve(self, preference):
        k = int((self.rays - preference).abs().amax(1).argmin())
        return lambda inputs: self.problem.outputs(self.nets[k], inputs)
