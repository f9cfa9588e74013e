"""A multi-layer perceptron for tables."""

from mobench.plugins import Spec, hookimpl


@hookimpl
def mobench_models() -> list[Spec]:
    return [
        Spec(
            "mlp",
            "mobench_mlp.mlp:Mlp",
            summary="dense layers with ReLU for inputs that are vectors, one linear layer per head",
            source="a standard network",
            version="1",
            small={"widths": [16]},
            default_for=("table",),
        )
    ]
