"""Evolutionary algorithms of pymoo as solvers: NSGA-II, NSGA-III, MOEA/D and SMS-EMOA."""

from mobench.plugins import Spec, hookimpl

_ALGORITHMS = {
    "nsga2": ("NSGA2", "non-dominated sorting and crowding distance", "Deb, Pratap, Agarwal & Meyarivan 2002"),
    "nsga3": ("NSGA3", "non-dominated sorting and reference directions", "Deb & Jain 2014"),
    "moead": ("MOEAD", "one scalarised problem per reference direction", "Zhang & Li 2007"),
    "sms-emoa": ("SMSEMOA", "least contribution to the hypervolume is removed", "Beume, Naujoks & Emmerich 2007"),
}


@hookimpl
def mobench_solvers() -> list[Spec]:
    return [
        Spec(
            name,
            f"mobench_evolutionary.algorithms:{cls}",
            f"evolution without gradients: {summary}",
            source,
            version="1",
        )
        for name, (cls, summary, source) in _ALGORITHMS.items()
    ]
