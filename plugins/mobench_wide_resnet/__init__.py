"""Wide residual networks."""

from mobench.plugins import Spec, hookimpl


@hookimpl
def mobench_models() -> list[Spec]:
    return [
        Spec(
            "wrn-40-2",
            "mobench_wide_resnet.wide_resnet:WideResNet",
            "wide residual network of 40 layers, twice as wide",
            "arXiv 1605.07146",
            version="1",
            small={"depth": 10},
        )
    ]
