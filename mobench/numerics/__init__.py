"""Batched exact solvers in float64 for small convex programs: min-norm point, least squares, linear programs.

Gradient balancers use them. Functions with the suffix `_arrays` take NumPy arrays.
"""

from mobench.numerics.min_norm_point import min_norm, min_norm_arrays
from mobench.numerics.simplex_programs import TINY, Array, nnls, nnls_arrays, simplex_lp, simplex_lp_arrays

__all__ = ["TINY", "Array", "min_norm", "min_norm_arrays", "nnls", "nnls_arrays", "simplex_lp", "simplex_lp_arrays"]
