"""Placement of names beside points, without covering other names or points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from mobench.reports.plots.appearance import is_named
from mobench.reports.plots.appearance import points as text_points

ANGLES = (20, 340, 160, 200, 60, 300, 120, 240, 90, 270, 0, 180)
DISTANCES = (7.0, 11.0, 16.0, 23.0, 32.0, 44.0, 58.0, 76.0)
"""Candidate distances, in points (1/72 inch), from a mark to the nearest edge of its name."""


def label_points(
    axes: Axes, points: Sequence[tuple[float, float]], names: Sequence[str], important: Sequence[bool]
) -> list[Annotation]:
    """Add names beside points, with a thin line to names that are further away, and return the annotations.

    Call it after the scales and the layout are final, because positions are measured on the canvas. Important names
    are bold and placed first. A name without free space overlaps others, and none is left out, unless a legend has the
    names (`is_named`): then a name that is not important, or has no free space, is left out.
    """
    renderer: Any = FigureCanvasAgg(axes.figure).get_renderer()  # type: ignore[arg-type, no-untyped-call]
    marks = [(float(x), float(y)) for x, y in (axes.transData.transform(p) for p in points)]
    size = axes.figure.dpi / 72
    boxes = [Bbox.from_bounds(x - 3.5 * size, y - 3.5 * size, 7 * size, 7 * size) for x, y in marks]
    room = axes.get_window_extent(renderer)
    annotations: dict[int, Annotation] = {}
    for i in sorted(range(len(points)), key=lambda k: (not important[k], -marks[k][1], k)):
        if is_named() and not important[i]:
            continue
        text = axes.annotate(
            names[i], points[i], xytext=(0, 0), textcoords="offset points", fontsize=text_points(7),
            ha="center", va="center", fontweight="bold" if important[i] else "normal",
            color="#111111" if important[i] else "#555555", zorder=5,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.4},
            arrowprops={"arrowstyle": "-", "color": "#999999", "linewidth": 0.5, "shrinkA": 0, "shrinkB": 2},
        )  # fmt: skip
        box = text.get_window_extent(renderer)
        width, height = box.width / size, box.height / size
        others = boxes[:i] + boxes[i + 1 :]
        offset, is_free = _free(marks[i], width, height, size, others, room)
        if is_named() and not is_free:
            text.remove()
            continue
        text.set_position(offset)
        x, y = marks[i][0] + offset[0] * size, marks[i][1] + offset[1] * size
        boxes.append(Bbox.from_bounds(x - width * size / 2, y - height * size / 2, width * size, height * size))
        if math.hypot(offset[0], offset[1]) < width / 2 + 12 and text.arrow_patch is not None:
            text.arrow_patch.set_visible(False)
        annotations[i] = text
    return [annotations[i] for i in sorted(annotations)]


def _free(
    mark: tuple[float, float], width: float, height: float, size: float, boxes: Sequence[Bbox], room: Bbox
) -> tuple[tuple[float, float], bool]:
    """Return the offset in points from a mark to its name, the nearest free or least covered one, and if it is free."""
    best, least = (0.0, 0.0), math.inf
    for distance, angle in product(DISTANCES, ANGLES):
        across, up = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        offset = (across * (distance + width / 2), up * (distance + height / 2))
        x, y = mark[0] + offset[0] * size, mark[1] + offset[1] * size
        w, h = width * size, height * size
        box = Bbox.from_bounds(x - w / 2, y - h / 2, w, h)
        if not (room.x0 <= box.x0 and box.x1 <= room.x1 and room.y0 <= box.y0 and box.y1 <= room.y1):
            continue
        covered = sum(_shared(box, other) for other in boxes)
        if covered == 0:
            return offset, True
        if covered < least:
            best, least = offset, covered
    return best, False


def _shared(a: Bbox, b: Bbox) -> float:
    """Return the area of the intersection of two boxes."""
    across = min(a.x1, b.x1) - max(a.x0, b.x0)
    up = min(a.y1, b.y1) - max(a.y0, b.y0)
    return max(0.0, float(across)) * max(0.0, float(up))
