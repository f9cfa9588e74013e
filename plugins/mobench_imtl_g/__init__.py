"""IMTL-G: a direction with equal projections on all gradients."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "Liu et al., Towards Impartial Multi-Task Learning, ICLR 2021"


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "imtl-g",
            "mobench_imtl_g.imtl:IMTLG",
            "equal projections on every gradient's direction",
            _SOURCE,
            version="3",
        ),
        Spec(
            "imtl-l",
            "mobench_imtl_g.imtl_l:IMTLL",
            "scales that bring all losses to the same size",
            _SOURCE,
            version="1",
        ),
        Spec(
            "imtl",
            "mobench_imtl_g.imtl_l:IMTL",
            "equal projections on the gradients of scaled losses",
            _SOURCE,
            version="1",
        ),
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair(
            "imtl-g",
            "stack",
            "imtl-g",
            "impartial multi-task learning by gradients: one Pareto point",
            _SOURCE,
            version="1",
        ),
        Pair(
            "imtl-l",
            "stack",
            "imtl-l",
            "impartial multi-task learning by losses: one point, no preference",
            _SOURCE,
            version="1",
        ),
        Pair(
            "imtl",
            "stack",
            "imtl",
            "impartial multi-task learning by losses and gradients: one Pareto point",
            _SOURCE,
            version="1",
        ),
    ]
