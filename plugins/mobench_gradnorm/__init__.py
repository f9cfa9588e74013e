"""GradNorm: weights that make gradients similarly long and losses fall at similar rates."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "arXiv 1711.02257"


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "gradnorm",
            "mobench_gradnorm.gradnorm:GradNorm",
            "weights that make gradients similarly long and losses fall at similar rates",
            _SOURCE,
            version="1",
        ),
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair("gradnorm", "stack", "gradnorm", "gradient normalisation: one point, no preference", _SOURCE, version="1"),
    ]
