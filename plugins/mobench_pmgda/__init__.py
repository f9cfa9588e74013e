"""Preference-based multiple gradient descent: correct the direction of the losses, then descend along the ray."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "Zhang, Lin & Zhang, PMGDA (arXiv 2402.09492)"


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "pmgda",
            "mobench_pmgda.pmgda:PMGDA",
            "corrects the losses towards the ray, then descends without leaving it",
            _SOURCE,
            version="1",
        )
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair("pmgda", "stack", "pmgda", "predict and correct towards exact rays: one net per ray", _SOURCE, version="1")
    ]
