"""Public interfaces for plugins: datasets, models, objectives, generators, balancers, samplers and solvers."""

from mobench.interfaces.balancer import Balancer, BalancerContext, seeded
from mobench.interfaces.dataset import Dataset, Protocol, Split
from mobench.interfaces.generator import (
    Generator,
    ParetoNetwork,
    ParetoSet,
    Predictor,
    WeightNetwork,
    check_preferences,
    inner_products,
    own_gram,
)
from mobench.interfaces.model import Model, image_channels
from mobench.interfaces.objective import Likelihood, Metric, Objective
from mobench.interfaces.problem import Problem, Weights
from mobench.interfaces.sampler import Dirichlet, Sampler, SamplerContext, dirichlet, positive_preferences
from mobench.interfaces.samples import Outputs, Samples
from mobench.interfaces.solver import Seeds, Setting, Solver
from mobench.interfaces.target_state import Statistics, TargetState
from mobench.kernels.strategy import Layout, Stacking, Strategy

__all__ = [
    "Balancer",
    "BalancerContext",
    "Dataset",
    "Dirichlet",
    "Generator",
    "Layout",
    "Likelihood",
    "Metric",
    "Model",
    "Objective",
    "Outputs",
    "ParetoNetwork",
    "ParetoSet",
    "Predictor",
    "Problem",
    "Protocol",
    "Sampler",
    "SamplerContext",
    "Samples",
    "Seeds",
    "Setting",
    "Solver",
    "Split",
    "Stacking",
    "Statistics",
    "Strategy",
    "TargetState",
    "WeightNetwork",
    "Weights",
    "check_preferences",
    "dirichlet",
    "image_channels",
    "inner_products",
    "own_gram",
    "positive_preferences",
    "seeded",
]
