"""Linear scalarisation over a stack of independent networks, and single-task networks: the standard baselines."""

from mobench.plugins import Pair, Spec, hookimpl


@hookimpl
def mobench_generators() -> list[Spec]:
    return [
        Spec(
            "stack",
            "mobench_linear.stack:Stack",
            summary="K independent nets, one per ray",
            source="the K-network baseline of arXiv 2010.04104, section 5",
            version="1",
        )
    ]


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "linear",
            "mobench_linear.linear:Linear",
            summary="weights equal to the preference",
            source="weighted sum",
            version="1",
        )
    ]


@hookimpl
def mobench_solvers() -> list[Pair | Spec]:
    return [
        Pair(
            "ls",
            generator="stack",
            balancer="linear",
            summary="linear scalarisation: one net per ray, losses weighted by the preference",
            source="weighted sum; arXiv 1810.04650, section 2",
            version="1",
        ),
        Spec(
            "stl",
            "mobench_linear.single_task:SingleTask",
            summary="single-task learning: one net per objective, trained on that objective alone",
            source="the baseline of Δm: arXiv 1904.08918; LibMTL, arXiv 2203.14338",
            version="1",
        ),
        Spec(
            "random-rays",
            "mobench_linear.random_rays:RandomRays",
            summary="random search on preferences: one net per ray, rays uniform on the simplex",
            source="random search: Bergstra & Bengio 2012, JMLR 13",
            version="1",
        ),
    ]
