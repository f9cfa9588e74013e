"""GLS and SI: the geometric mean of the losses, and the sum of their logarithms."""

from mobench.plugins import Pair, Spec, hookimpl


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "geometric-mean",
            "mobench_log_losses.geometric:GeometricMean",
            "the gradient of the geometric mean of the losses",
            "arXiv 1904.08492",
            version="1",
        ),
        Spec(
            "sum-of-logs",
            "mobench_log_losses.geometric:SumOfLogs",
            "weights 1/L, the gradient of the sum of log losses",
            "a baseline of arXiv 2202.01017",
            version="1",
        ),
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair(
            "gls",
            "stack",
            "geometric-mean",
            "geometric loss strategy: one point, no preference",
            "arXiv 1904.08492",
            version="1",
        ),
        Pair(
            "si",
            "stack",
            "sum-of-logs",
            "scale-invariant scalarisation: one point, no preference",
            "a baseline of arXiv 2202.01017",
            version="1",
        ),
    ]
