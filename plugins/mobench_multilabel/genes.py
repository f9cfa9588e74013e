"""Dataset `yeast`: functional classes of genes from expression and phylogenetic profiles."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mobench_multilabel.dataset import BinaryTasks, LabelTable
from mobench_regression.sources import download_wheel, read_member
from mobench_regression.table import mean_and_deviation, number, read_csv

N_INPUTS = 103
SHARES = (
    0.3153, 0.4295, 0.4067, 0.3566, 0.2987, 0.2470, 0.1771, 0.1986, 0.0736, 0.1047, 0.1196, 0.7513, 0.7443, 0.0141,
)  # fmt: skip
RIVER = "river==0.26.1"
LINUX = ("--implementation=cp", "--python-version=3.11", "--abi=cp311", "--platform=manylinux_2_28_x86_64")
"""The wheel that is downloaded on every machine; only the table is read from it."""


@dataclass(frozen=True)
class Yeast(BinaryTasks):
    """14 functional classes of 2,417 genes of yeast, from 103 inputs; a gene has 4.2 classes on average."""

    shares = {f"class-{k}": share for k, share in enumerate(SHARES, start=1)}  # noqa: RUF012
    collection = "yeast"

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (N_INPUTS,)

    def read(self, path: Path) -> LabelTable:
        values = np.array([[number(field) for field in row.values()] for row in read_csv(path)])
        labels = values[:, N_INPUTS:].astype(np.int64)
        return LabelTable(values[:, :N_INPUTS].astype(np.float32), labels, np.arange(len(values)))

    def scaled(self, inputs: NDArray[np.float32], train: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the inputs standardised with mean and standard deviation of the training split."""
        columns = inputs.astype(np.float64)
        means, deviations = mean_and_deviation(columns[train])
        return ((columns - means) / deviations).astype(np.float32)


def yeast_from_packages(folder: Path) -> None:
    """Write the table from the Python package river 0.26.1."""
    wheel = download_wheel(RIVER, folder, *LINUX)
    path = folder / "yeast" / "yeast.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.decompress(read_member(wheel, "river/datasets/yeast.csv.gz")))
