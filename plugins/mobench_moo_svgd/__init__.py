"""MOO-SVGD: several networks that descend all losses and repel each other on the front, without preferences."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "Liu, Tong & Liu, Multi-Objective Stein Variational Gradient Descent, NeurIPS 2021"


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "moo-svgd",
            "mobench_moo_svgd.moo_svgd:MOOSVGD",
            "common descent of several points that repel each other in the space of losses",
            _SOURCE,
            version="1",
        )
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [Pair("moo-svgd", "stack", "moo-svgd", "points along the front without preferences", _SOURCE, version="1")]
