"""Plots of one front: two losses as points, more than two as parallel coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mobench.arrays import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WORDS = {"train": "training", "val": "validation", "test": "test"}


def draw(ax: Axes | None, losses: FloatArray, names: Sequence[str], split: str, is_ordered: bool) -> Axes:
    """Draw losses [R, m] on axes and return them.

    ax: None: new axes of pyplot. is_ordered: whether neighbouring rows are connected, as for preferences.
    """
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(layout="constrained")[1]
    title = f"losses on the {WORDS.get(split, split)} part"
    if len(names) == 1:
        names, losses = ["network", *names], np.column_stack([np.arange(len(losses)), losses])
    if len(names) == 2:
        line = np.argsort(losses[:, 0]) if not is_ordered else np.arange(len(losses))
        ax.plot(losses[line, 0], losses[line, 1], marker="o", linestyle="-" if is_ordered else "none", linewidth=0.8)
        ax.set(xlabel=names[0], ylabel=names[1], title=title)
        return ax
    lowest, highest = losses.min(0), losses.max(0)
    scaled = (losses - lowest) / np.where(highest > lowest, highest - lowest, 1.0)
    colours = _colours(scaled[:, 0])
    for row, colour in zip(scaled, colours, strict=True):
        ax.plot(range(len(names)), row, marker="o", markersize=3, linewidth=0.8, color=colour)
    labels = [f"{name}\n{low:.3g} … {high:.3g}" for name, low, high in zip(names, lowest, highest, strict=True)]
    ax.set_xticks(range(len(names)), labels)
    ax.set(ylabel="loss, from the lowest to the highest of the front", title=title)
    return ax


def _colours(shares: FloatArray) -> Any:
    import matplotlib as mpl

    return mpl.colormaps["viridis"](0.9 * shares)
