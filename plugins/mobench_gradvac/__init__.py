"""GradVac: gradients whose cosines are raised to their average over steps."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "arXiv 2010.05874"


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "gradvac",
            "mobench_gradvac.gradvac:GradVac",
            "raises cosines between gradients to their average over steps",
            _SOURCE,
            version="1",
            declines={
                "weighs_preferences_apart": "the order of the gradients is random, drawn for all preferences in turn"
            },
        ),
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair("gradvac", "stack", "gradvac", "gradient vaccine: one Pareto point", _SOURCE, version="1"),
    ]
