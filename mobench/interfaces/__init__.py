"""Public interfaces for plugins: datasets, models, objectives, generators, balancers, samplers, solvers, loggers."""

from mobench.interfaces.balancer import (
    SCOPE_HELP,
    Balancer,
    BalancerContext,
    DirectionBalancer,
    Scope,
    TaskGradient,
    seeded,
)
from mobench.interfaces.dataset import Dataset, Protocol, Split, head_shape
from mobench.interfaces.generator import (
    Generator,
    ParetoNetwork,
    ParetoSet,
    PointSet,
    Predictor,
    WeightNetwork,
    check_generator,
    check_preferences,
    check_start,
    inner_products,
    own_gram,
)
from mobench.interfaces.logger import LoggedJob, LoggedRun, Logger
from mobench.interfaces.model import Model, check_model, image_channels
from mobench.interfaces.objective import Likelihood, Metric, Objective, SummedMeasure
from mobench.interfaces.problem import Problem, Weights
from mobench.interfaces.sampler import Dirichlet, Sampler, SamplerContext, dirichlet, positive_preferences
from mobench.interfaces.samples import Inputs, Outputs, Samples, TaskInputs, TaskSamples, map_inputs, tensors_of
from mobench.interfaces.solver import Seeds, Setting, Solver
from mobench.interfaces.stored_samples import MapStyleDataset, StoredSamples
from mobench.interfaces.target_state import PretrainedWeights, Statistics, TargetState
from mobench.kernels.strategy import Layout, Stacking, Strategy

__all__ = [
    "SCOPE_HELP",
    "Balancer",
    "BalancerContext",
    "Dataset",
    "DirectionBalancer",
    "Dirichlet",
    "Generator",
    "Inputs",
    "Layout",
    "Likelihood",
    "LoggedJob",
    "LoggedRun",
    "Logger",
    "MapStyleDataset",
    "Metric",
    "Model",
    "Objective",
    "Outputs",
    "ParetoNetwork",
    "ParetoSet",
    "PointSet",
    "Predictor",
    "PretrainedWeights",
    "Problem",
    "Protocol",
    "Sampler",
    "SamplerContext",
    "Samples",
    "Scope",
    "Seeds",
    "Setting",
    "Solver",
    "Split",
    "Stacking",
    "Statistics",
    "StoredSamples",
    "Strategy",
    "SummedMeasure",
    "TargetState",
    "TaskGradient",
    "TaskInputs",
    "TaskSamples",
    "WeightNetwork",
    "Weights",
    "check_generator",
    "check_model",
    "check_preferences",
    "check_start",
    "dirichlet",
    "head_shape",
    "image_channels",
    "inner_products",
    "map_inputs",
    "own_gram",
    "positive_preferences",
    "seeded",
    "tensors_of",
]
