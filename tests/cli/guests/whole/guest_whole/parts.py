"""The parts of the guest plugin; they use public names of mobench only."""

import math
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import nn

from mobench import (
    Balancer,
    Dataset,
    Generator,
    Model,
    Objective,
    Protocol,
    Samples,
    Solver,
    WeightNetwork,
    option,
)
from mobench.errors import IncompatibleError
from mobench.interfaces import check_preferences, seeded


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
    """A linear map for each head; of the same input every time, its value is a point."""

    def check(self, dataset):
        if not math.prod(dataset.input_shape):
            raise IncompatibleError("model place maps inputs, and this dataset has none: use model point")

    def build(self, dataset):
        self.check(dataset)
        return Linear(math.prod(dataset.input_shape), dataset.heads)


class Linear(nn.Module):
    """Inputs [B, ...] to a dict of outputs [B, width]."""

    def __init__(self, n_inputs, heads):
        super().__init__()
        self.heads = nn.ModuleDict({name: nn.Linear(n_inputs, width) for name, width in heads.items()})

    def forward(self, inputs):
        return {name: head(inputs.flatten(1)) for name, head in self.heads.items()}


@dataclass(frozen=True)
class Between(Generator):
    """θ(r) = Σ_i r_i θ_i."""

    def build(self, problem, rays):
        return Mixed(problem).to(device=problem.device, dtype=problem.dtype)


class Mixed(WeightNetwork):
    """A net for each objective; weights for preferences [K, m] are the mixture of theirs."""

    def __init__(self, problem):
        super().__init__(problem)
        nets = [problem.new_weights() for _ in range(problem.n_objectives)]
        self.names = list(nets[0])
        self.ends = nn.ParameterList(
            nn.Parameter(torch.stack([net[name].detach() for net in nets])) for name in self.names
        )

    def weights(self, preferences):
        check_preferences(preferences, self.problem.n_objectives)
        mixed = (torch.tensordot(preferences, ends, 1) for ends in self.ends)
        return dict(zip(self.names, mixed, strict=True))


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
        self.random = seeded(setting.seeds.solver)

    def step(self, batch):
        losses = []
        for k, ray in enumerate(self.rays):
            with torch.no_grad():
                candidate = {n: w + self.size * self.normal(w) for n, w in self.nets[k].items()}
                old, new = (
                    self.problem.losses([self.problem.outputs(w, batch.inputs)], batch)[0]
                    for w in (self.nets[k], candidate)
                )
            if (ray * new).sum() < (ray * old).sum():
                self.nets[k] = candidate
            losses.append(torch.minimum(old, new))
        return torch.stack(losses)

    def normal(self, like):
        return torch.randn(like.shape, generator=self.random).to(like)

    @property
    def pareto_set(self):
        return Walked(self.problem, self.rays, self.nets)

    def state_dict(self):
        return {"nets": self.nets, "random": self.random.get_state()}

    def load_state_dict(self, state):
        self.nets = state["nets"]
        self.random.set_state(state["random"])


class Walked:
    """The nets of a walk, one for each ray."""

    def __init__(self, problem, rays, nets):
        self.problem, self.rays, self.nets = problem, rays, nets
        self.n_stored_parameters = len(nets) * problem.n_target_parameters

    def serve(self, preference):
        k = int((self.rays - preference).abs().amax(1).argmin())
        return lambda inputs: self.problem.outputs(self.nets[k], inputs)
