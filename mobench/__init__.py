"""mobench: a plugin-based benchmark of multi-objective deep learning.

`mobench.run("quick")` runs a suite and `mobench.leaderboard("results/quick")` reads its records. The package also
exports everything that a plugin needs: `from mobench import Balancer, Spec, hookimpl, option`.
Names are imported on first use, so `import mobench` is fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mobench.api import (
        compare,
        export,
        leaderboard,
        plot,
        report,
        run,
        site,
        submit,
        tune,
        verify,
        verify_submission,
    )
    from mobench.fronts import (
        Front,
        binary_cross_entropy,
        cross_entropy,
        dataset,
        demographic_parity,
        equalised_odds,
        fit,
        flops,
        huber,
        l1,
        l2,
        load,
        mae,
        mse,
    )
    from mobench.hookspecs import DataFile, Pair, Spec, SuiteFile, UserFolder, hookimpl
    from mobench.interfaces import (
        Balancer,
        BalancerContext,
        Dataset,
        DirectionBalancer,
        Generator,
        LoggedJob,
        LoggedRun,
        Logger,
        Metric,
        Model,
        Objective,
        ParetoNetwork,
        ParetoSet,
        PointSet,
        Problem,
        Protocol,
        Sampler,
        SamplerContext,
        Samples,
        Seeds,
        Setting,
        Solver,
        StoredSamples,
        SummedMeasure,
        TaskSamples,
        WeightNetwork,
    )
    from mobench.options import option
    from mobench.records.submittable import check_submittable
    from mobench.registration import register, unregister

_HOME = {
    "mobench.api": (
        "compare", "export", "leaderboard", "plot", "report", "run", "site", "submit", "tune", "verify",
        "verify_submission",
    ),
    "mobench.fronts": (
        "Front", "binary_cross_entropy", "cross_entropy", "dataset", "demographic_parity", "equalised_odds", "fit",
        "flops", "huber", "l1", "l2", "load", "mae", "mse",
    ),
    "mobench.hookspecs": ("DataFile", "Pair", "Spec", "SuiteFile", "UserFolder", "hookimpl"),
    "mobench.options": ("option",),
    "mobench.records.submittable": ("check_submittable",),
    "mobench.registration": ("register", "unregister"),
    "mobench.interfaces": (
        "Balancer", "BalancerContext", "Dataset", "DirectionBalancer", "Generator", "LoggedJob", "LoggedRun", "Logger",
        "Metric", "Model", "Objective", "ParetoNetwork", "ParetoSet", "PointSet", "Problem", "Protocol", "Sampler",
        "SamplerContext", "Samples", "Seeds", "Setting", "Solver", "StoredSamples", "SummedMeasure", "TaskSamples",
        "WeightNetwork",
    ),
}  # fmt: skip
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "Balancer", "BalancerContext", "DataFile", "Dataset", "DirectionBalancer", "Front", "Generator", "LoggedJob",
    "LoggedRun", "Logger", "Metric", "Model", "Objective", "Pair", "ParetoNetwork", "ParetoSet", "PointSet",
    "Problem", "Protocol", "Sampler", "SamplerContext", "Samples", "Seeds", "Setting", "Solver", "Spec",
    "StoredSamples", "SuiteFile", "SummedMeasure", "TaskSamples", "UserFolder", "WeightNetwork",
    "binary_cross_entropy", "check_submittable", "compare", "cross_entropy", "dataset", "demographic_parity",
    "equalised_odds", "export", "fit", "flops", "hookimpl", "huber", "l1", "l2", "leaderboard", "load", "mae",
    "mse", "option", "plot", "register", "report", "run", "site", "submit", "tune", "unregister", "verify",
    "verify_submission",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("mobench")
    if name in _MODULE_OF:
        return getattr(importlib.import_module(_MODULE_OF[name]), name)
    raise AttributeError(f"module 'mobench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULE_OF, "__version__"])
