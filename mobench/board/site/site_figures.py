"""Small SVG figures of the site: marks at values on a common scale, and fronts of two objectives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mobench.arrays import FloatArray
from mobench.metrics.indicators import non_dominated

MAX_MARKS = 20
MAX_FRONTS = 5
STEP = 24
LEFT, RIGHT, TOP = 170, 20, 8
WIDTH = 720
FRONT_HEIGHT = 380


@dataclass(frozen=True)
class FigureMark:
    """A line of a figure of marks: a value, and the others that it summarises. y, x, others: positions."""

    label: str
    value: str
    y: float
    x: float
    others: tuple[float, ...]


@dataclass(frozen=True)
class Tick:
    position: float
    label: str


@dataclass(frozen=True)
class MarkFigure:
    marks: tuple[FigureMark, ...]
    ticks: tuple[Tick, ...]
    height: float
    axis: str
    n_more: int


@dataclass(frozen=True)
class FrontFigure:
    """Fronts of two objectives. fronts: label and points of each; ticks of both axes."""

    fronts: tuple[tuple[str, tuple[tuple[float, float], ...]], ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    x_axis: str
    y_axis: str


def marks(items: Sequence[tuple[str, float, Sequence[float]]], axis: str, decimals: int = 3) -> MarkFigure | None:
    """Return a figure of label, value and other values of each item, in their order; None if no value is finite."""
    finite = [(label, value, [o for o in others if math.isfinite(o)]) for label, value, others in items
              if math.isfinite(value)]  # fmt: skip
    shown = finite[:MAX_MARKS]
    if not shown:
        return None
    numbers = [number for _, value, others in shown for number in (value, *others)]
    values = scale_ticks(min(numbers), max(numbers))
    low, high = min(values[0], *numbers), max(values[-1], *numbers)

    def x(value: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * ((value - low) / (high - low) if high > low else 0.5), 1)

    return MarkFigure(
        tuple(
            FigureMark(shortened_label(label), f"{value:.{decimals}f}", TOP + STEP * (i + 0.5), x(value),
                       tuple(sorted({x(other) for other in others})))
            for i, (label, value, others) in enumerate(shown)
        ),
        tuple(Tick(x(value), f"{value:g}") for value in values),
        TOP + STEP * len(shown), axis, len(finite) - len(shown),
    )  # fmt: skip


def fronts(items: Sequence[tuple[str, FloatArray]], objectives: Sequence[str]) -> FrontFigure | None:
    """Return a figure of the non-dominated points [R, 2] of each item; None if there are none."""
    shown = [(label, points[non_dominated(points)]) for label, points in items[:MAX_FRONTS] if len(points)]
    if not shown:
        return None
    every = np.concatenate([points for _, points in shown])
    ticks, spans = [], []
    for axis in range(2):
        values = scale_ticks(float(every[:, axis].min()), float(every[:, axis].max()))
        ticks.append(values)
        spans.append((min(values[0], every[:, axis].min()), max(values[-1], every[:, axis].max())))

    def place(value: float, axis: int) -> float:
        low, high = spans[axis]
        share = (value - low) / (high - low) if high > low else 0.5
        return round(70 + share * (WIDTH - 90) if axis == 0 else FRONT_HEIGHT - 40 - share * (FRONT_HEIGHT - 60), 1)

    return FrontFigure(
        tuple(
            (label, tuple(sorted((place(float(a), 0), place(float(b), 1)) for a, b in points)))
            for label, points in shown
        ),
        tuple(Tick(place(value, 0), f"{value:g}") for value in ticks[0]),
        tuple(Tick(place(value, 1), f"{value:g}") for value in ticks[1]),
        f"{objectives[0]} loss", f"{objectives[1]} loss",
    )  # fmt: skip


def scale_ticks(low: float, high: float) -> list[float]:
    """Return about five round numbers from `low` or below to `high` or above."""
    span = high - low
    if not (span > 0 and math.isfinite(span)):
        return [low]
    step = 10.0 ** math.floor(math.log10(span / 4))
    step *= next((factor for factor in (1, 2, 5) if span / (step * factor) <= 5), 10)
    first = math.floor(low / step)
    return [round(i * step, 12) for i in range(first, math.ceil(high / step) + 1)]


def shortened_label(label: str, most: int = 24) -> str:
    return label if len(label) <= most else f"{label[: most - 1]}…"
