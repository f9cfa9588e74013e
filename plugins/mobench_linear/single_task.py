"""Solver `stl`: one network per objective, trained on that objective alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mobench.interfaces import Problem, Setting
from mobench_linear.stack_solver import StackSolver


@dataclass(eq=False)
class SingleTask(StackSolver):
    """Single-task learning: network i minimises loss i alone; its rays are the m unit vectors.

    It is the baseline of Δm. The options are those of solvers that combine a generator and a balancer.
    """

    def initial_rays(self, problem: Problem, setting: Setting) -> Tensor:
        return torch.eye(problem.n_objectives)
