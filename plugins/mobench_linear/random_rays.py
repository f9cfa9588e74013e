"""Solver `random-rays`: linear scalarisation at random preferences."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mobench.interfaces import Problem, Setting, dirichlet, seeded
from mobench_linear.stack_solver import StackSolver


@dataclass(eq=False)
class RandomRays(StackSolver):
    """Random search on preferences: as many networks as `ls` trains, with weights uniform on the simplex.

    The preferences are drawn once, from the seed of the preferences. The options are those of solvers that combine a
    generator and a balancer.
    """

    def initial_rays(self, problem: Problem, setting: Setting) -> Tensor:
        uniform = torch.ones(len(setting.rays), problem.n_objectives)
        return dirichlet(uniform, seeded(setting.seeds.preferences))
