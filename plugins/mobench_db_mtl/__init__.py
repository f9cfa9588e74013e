"""DB-MTL: averaged gradients of log losses, brought to the same length."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "arXiv 2308.12029"


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "db-mtl",
            "mobench_db_mtl.db_mtl:DBMTL",
            "averaged gradients of log losses, brought to the same length",
            _SOURCE,
            version="1",
        ),
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair(
            "db-mtl",
            "stack",
            "db-mtl",
            "dual balancing of losses and gradients: one Pareto point",
            _SOURCE,
            version="1",
        ),
    ]
