"""The RE problems of Tanabe and Ishibuchi: sixteen engineering design problems with two to nine objectives."""

from mobench.plugins import Spec, hookimpl

_SOURCE = "Tanabe & Ishibuchi 2020, arXiv 2009.12867"
_PROBLEMS = {
    "two_objectives": {
        "RE21": "four-bar truss: volume, displacement",
        "RE22": "reinforced concrete beam: cost, violation; steel areas from a list",
        "RE23": "pressure vessel: cost, violation; two whole numbers",
        "RE24": "hatch cover: weight, violation",
        "RE25": "coil spring: volume, violation; whole coils, standard wires",
    },
    "three_objectives": {
        "RE31": "two-bar truss: volume, stress, violation",
        "RE32": "welded beam: cost, deflection, violation",
        "RE33": "disc brake: mass, stopping time, violation",
        "RE34": "vehicle crashworthiness: mass, acceleration, intrusion",
        "RE35": "speed reducer: weight, stress, violation; a whole number of teeth",
        "RE36": "gear train: error of the ratio, teeth, violation; four whole numbers",
        "RE37": "rocket injector: two temperatures, combustion length",
    },
    "many_objectives": {
        "RE41": "car side impact: weight, force, velocity, violation",
        "RE42": "bulk carrier: cost, weight, negative cargo, violation",
        "RE61": "storm drainage: five costs, violation",
        "RE91": "car cab: weight, eight responses to a side impact",
    },
}


@hookimpl
def mobench_datasets() -> list[Spec]:
    return [
        Spec(name.lower(), f"mobench_engineering.{module}:{name}", summary, _SOURCE, version="1")
        for module, problems in _PROBLEMS.items()
        for name, summary in problems.items()
    ]
