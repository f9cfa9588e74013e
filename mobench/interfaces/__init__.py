"""Public interfaces for plugins: datasets, models, objectives, generators, balancers and solvers."""

from mobench.interfaces.balancer import (
    SCOPE_HELP,
    Balancer,
    BalancerContext,
    DirectionBalancer,
    Scope,
    TaskGradient,
    seeded,
)
from mobench.interfaces.dataset import Dataset, Protocol, Split
from mobench.interfaces.generator import (
    Generator,
    ParetoNetwork,
    ParetoSet,
    PointSet,
    Predictor,
    WeightNetwork,
    check_preferences,
    inner_products,
    own_gram,
)
from mobench.interfaces.model import Model, image_channels
from mobench.interfaces.objective import Likelihood, Metric, Objective
from mobench.interfaces.problem import Problem, Weights
from mobench.interfaces.samples import Outputs, Samples
from mobench.interfaces.solver import Seeds, Setting, Solver
from mobench.interfaces.target_state import Statistics, TargetState
from mobench.kernels.strategy import Layout, Stacking, Strategy

__all__ = [
    "SCOPE_HELP",
    "Balancer",
    "BalancerContext",
    "Dataset",
    "DirectionBalancer",
    "Generator",
    "Layout",
    "Likelihood",
    "Metric",
    "Model",
    "Objective",
    "Outputs",
    "ParetoNetwork",
    "ParetoSet",
    "PointSet",
    "Predictor",
    "Problem",
    "Protocol",
    "Samples",
    "Scope",
    "Seeds",
    "Setting",
    "Solver",
    "Split",
    "Stacking",
    "Statistics",
    "Strategy",
    "TargetState",
    "TaskGradient",
    "WeightNetwork",
    "Weights",
    "check_preferences",
    "image_channels",
    "inner_products",
    "own_gram",
    "seeded",
]
