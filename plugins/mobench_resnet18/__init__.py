"""ResNet-18 with one head per task."""

from mobench.plugins import Spec, hookimpl


@hookimpl
def mobench_models() -> list[Spec]:
    return [
        Spec(
            "resnet18",
            "mobench_resnet18.resnet18:ResNet18",
            summary="torchvision's ResNet-18 with one linear head per task",
            source="arXiv 1512.03385; with two heads: arXiv 2010.04104, appendix",
            version="1",
        )
    ]
