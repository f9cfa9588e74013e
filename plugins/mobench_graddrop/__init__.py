"""GradDrop: gradient sign dropout, which keeps gradients of one sign in every coordinate."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "arXiv 2010.06808"


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "graddrop",
            "mobench_graddrop.graddrop:GradDrop",
            "keeps the gradients of one random sign in every coordinate",
            _SOURCE,
            version="1",
            declines={"weighs_preferences_apart": "the signs are random, drawn for all preferences in turn"},
        )
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [Pair("graddrop", "stack", "graddrop", "gradient sign dropout: one Pareto point", _SOURCE, version="1")]
