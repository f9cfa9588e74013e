"""Numerical helpers of methods: gradients of each loss, and exact solvers in float64 for small convex programs.

`jacobian`, `objective_gradients`, `task_specific` and `split_vectors` take gradients of K × m losses. The programs
(min-norm point, least squares, linear programs) are batched over K; functions with the suffix `_arrays` take NumPy
arrays. `Adam`, `SGD` and `RMSprop` update as torch's do, without importing its compiler; `learning_rate_factor` is the
schedule of their learning rate.
"""

from mobench.numerics.jacobians import jacobian, objective_gradients, split_vectors, task_specific
from mobench.numerics.min_norm_point import min_norm, min_norm_arrays
from mobench.numerics.optimisers import SGD, Adam, Optimiser, RMSprop
from mobench.numerics.schedules import Decay, check_schedule, learning_rate_factor
from mobench.numerics.simplex_method import Array
from mobench.numerics.simplex_programs import TINY, nnls, nnls_arrays, simplex_lp, simplex_lp_arrays

__all__ = [
    "SGD", "TINY", "Adam", "Array", "Decay", "Optimiser", "RMSprop", "check_schedule", "jacobian",
    "learning_rate_factor", "min_norm", "min_norm_arrays", "nnls", "nnls_arrays", "objective_gradients", "simplex_lp",
    "simplex_lp_arrays", "split_vectors", "task_specific",
]  # fmt: skip
