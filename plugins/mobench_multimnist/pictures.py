"""Readers of images and labels: idx files, the embedded digits, and the papers' pickles."""

from __future__ import annotations

import gzip
import io
import pickle
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mobench import files
from mobench.datafiles import require
from mobench.errors import DataError
from mobench.interfaces import Split
from mobench_multimnist.compose import Pairs, Pictures

PicturePart = Literal["train", "test"]
FOLDERS = {"mnist": "MNIST/raw", "fashion-mnist": "FashionMNIST/raw"}
MOST_AXES = 3
MAX_BYTES = 2**28
"""Of an idx file: five times the largest of MNIST."""
N_EMBEDDED_TEST = 100
"""Number of embedded digits per class that are reserved for testing."""


def full(name: str, part: PicturePart) -> Pictures:
    """Return all images of MNIST or Fashion-MNIST: 60,000 for training, 10,000 for testing."""
    paths = require(name)
    stem = f"{FOLDERS[name]}/{'train' if part == 'train' else 't10k'}"
    return Pictures(read_idx(paths[f"{stem}-images-idx3-ubyte"]), read_idx(paths[f"{stem}-labels-idx1-ubyte"]))


def of_split(name: str, split: Split, source: str, validation: float, seed: int) -> Pictures:
    """Return the images of a split; no image is in two splits.

    source:     "full", or "embedded" for the digits that come with the package.
    validation: share of the training images that is set aside for validation, drawn with `seed`.

    Raises: DataError if the source does not have these images.
    """
    part: PicturePart = "test" if split == "test" else "train"
    if source == "full":
        images = full(name, part)
    elif source == "embedded" and name == "mnist":
        images = embedded(part)
    elif source == "embedded":
        raise DataError("only digits are embedded, and this dataset needs Fashion-MNIST: use source=full")
    else:
        raise DataError(f"source {source[:200]!r} is unknown: full and embedded are accepted")
    if split == "test":
        return images
    order = np.random.default_rng(seed).permutation(len(images.labels))
    cut = round(len(order) * (1 - validation))
    return images.take(order[:cut] if split == "train" else order[cut:])


def embedded(part: PicturePart) -> Pictures:
    """Return the digits that come with the package: 4,000 for training, the other 1,000 for testing."""
    with resources.files("mobench_multimnist").joinpath("digits.npz").open("rb") as file:
        archive = np.load(io.BytesIO(file.read()), allow_pickle=False)
        images, labels = archive["images"], archive["labels"]
    testing = np.concatenate([np.flatnonzero(labels == c)[-N_EMBEDDED_TEST:] for c in range(10)])
    mask = np.zeros(len(labels), bool)
    mask[testing] = True
    return Pictures(images, labels).take(np.flatnonzero(mask if part == "test" else ~mask))


def embed(csv: Path, target: Path) -> None:
    """Write the embedded digits from a gzip CSV file whose lines have 784 pixels, then the label."""
    with gzip.open(csv, "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.float64).astype(np.uint8)
    images, labels = table[:, :-1].reshape(-1, 28, 28), table[:, -1]
    np.savez_compressed(target, images=images, labels=labels)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the array of bytes in an idx file (the format is described on MNIST's page).

    Raises: DataError for other formats, and for a file whose length differs from its header.
    """
    try:
        data = files.read(path, MAX_BYTES)
    except OSError as error:
        raise DataError(f"{path.name} cannot be read ({error.strerror}): fetch it again") from error
    if len(data) < 4 or data[:3] != b"\x00\x00\x08" or len(data) < 4 + 4 * data[3]:
        raise DataError(f"{path.name} is not an idx file of bytes: fetch it again with `mobench data fetch`")
    n_axes = data[3]
    if n_axes > MOST_AXES:
        raise DataError(f"{path.name} states {n_axes} axes, pictures have {MOST_AXES}: fetch it again")
    shape = np.frombuffer(data, ">u4", n_axes, 4).astype(int)
    body = np.frombuffer(data, np.uint8, offset=4 + 4 * n_axes)
    if body.size != int(np.prod(shape, dtype=object)):
        raise DataError(f"{path.name} holds {body.size} bytes, its header says {shape.tolist()}: fetch it again")
    return body.reshape(shape)


def papers_pickle(path: Path, part: PicturePart) -> Pairs:
    """Return pairs from a pickle in the format of the Pareto MTL repository: (trainX, trainLabel, testX, testLabel).

    Only arrays are ever constructed from the file.

    Raises: DataError if the file is missing, or contains other objects or other shapes.
    """
    try:
        # a pipe or a device may never end
        if not files.is_file(path):
            raise ValueError("it does not exist, or is not a regular file")
        with path.open("rb") as file:
            content = _ArraysOnly(file, encoding="latin1").load()
        images, labels = (np.asarray(a) for a in (content[0:2] if part == "train" else content[2:4]))
    except Exception as error:  # a damaged pickle can raise almost any exception
        raise DataError(f"{path.name} is not a pickle of four arrays ({' '.join(str(error).split())[:120]})") from error
    if images.ndim < 2 or np.prod(images.shape[1:]) != 36 * 36 or labels.shape != (len(images), 2):
        raise DataError(f"{path.name} has images {images.shape} and labels {labels.shape}: 36×36 and two are expected")
    if images.dtype != np.uint8:  # some copies contain floats in [0, 1]
        images = np.round(images * (255 if images.max(initial=0) <= 1 else 1)).astype(np.uint8)
    labels = labels.astype(np.uint8)
    return Pairs(images.reshape(-1, 1, 36, 36), labels[:, 0], labels[:, 1])


_ARRAY_NAMES = {
    (module, name)
    for module, names in {
        "numpy": ("ndarray", "dtype"),
        "numpy.core.multiarray": ("_reconstruct", "scalar"),
        "numpy._core.multiarray": ("_reconstruct", "scalar"),
        "numpy._core.numeric": ("_frombuffer",),
        "numpy.core.numeric": ("_frombuffer",),
        "_codecs": ("encode",),
    }.items()
    for name in names
}


class _ArraysOnly(pickle.Unpickler):
    """Unpickler that constructs numpy arrays and rejects every other name."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ARRAY_NAMES:
            raise pickle.UnpicklingError(f"it refers to {module}.{name}, which is not part of an array")
        return super().find_class(module, name)
