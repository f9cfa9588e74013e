"""A plugin as a user would write it: a dataset, a model, a generator, a balancer, a pair and a whole solver."""

from mobench import Pair, Spec, hookimpl

SOURCE = "this package"


@hookimpl
def mobench_datasets():
    return [Spec("circles", "guest_whole.parts:Circles", summary="distance to two points of the plane", source=SOURCE)]


@hookimpl
def mobench_models():
    return [Spec("place", "guest_whole.parts:Place", summary="a point of the plane", source=SOURCE)]


@hookimpl
def mobench_generators():
    return [Spec("between", "guest_whole.parts:Between", summary="weights between those of m nets", source=SOURCE)]


@hookimpl
def mobench_balancers():
    return [Spec("worst", "guest_whole.parts:Worst", summary="all weight on the worst objective", source=SOURCE)]


@hookimpl
def mobench_solvers():
    return [
        Pair("guest-worst", generator="phn", balancer="worst", summary="a pair", source="this file"),
        Spec("walk", "guest_whole.parts:Walk", summary="a random walk for each ray", source=SOURCE),
    ]
