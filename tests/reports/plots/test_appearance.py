"""Figures of a given width: size, text, colours by name, nothing clipped, no labels over each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

import numpy as np
import pytest
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from mobench.errors import NothingToDrawError, OptionError
from mobench.records.record import Record
from mobench.reports.plots.appearance import Appearance, appearance, appearing
from mobench.reports.plots.contenders import groups_of
from mobench.reports.plots.kinds import KINDS, DrawnRows, _subjects, selected
from mobench.reports.plots.solver_looks import MOST_HIGHLIGHTED, SOLVER_COLOURS, look_of, looks_of
from mobench.reports.plots.style import REST, theme
from tests.reports.plots.test_style import DEFICIENCIES, contrast, lab

Make = Callable[..., Record]
APPEARANCES = {
    "default": Appearance(),
    "column": appearance("paper", "column"),
    "slides": appearance("slides"),
}


def board(make: Make) -> list[Record]:
    """Five solvers with long names, two seeds, a data set of two losses and one of four."""
    names = ["ls", "a-solver-with-a-long-name", "nets", "third", "one-more-solver-with-a-name"]
    records = []
    for i, name in enumerate(names):
        for seed in (0, 1):
            cost = {"n_models": 3, "stored_parameters": 300} if i == 2 else {"stored_parameters": 150 + 400 * i}
            cost |= {"training_seconds": 10 + i, "peak_bytes": 1e6 * (i + 1)}
            x = 0.02 * i + 0.01 * seed
            losses = [[0.1 + x, 0.9], [0.5 + x, 0.5], [0.9, 0.1 + x]]
            trace = [(1, 1.0 + i, 0.1), (2, 2.0 + i, 0.2 + x)]
            records.append(
                make(name, seed, losses, dataset="a-data-set", objectives=("left", "right"), trace=trace, cost=cost)
            )
            four = [[0.1 + x, 0.2, 0.3, 0.9], [0.8, 0.2 + x, 0.5, 0.1]]
            objectives = ("age", "gender", "smile", "hair")
            records.append(make(name, seed, four, dataset="four", objectives=objectives, trace=trace, cost=cost))
    return records


def figures(records: list[Record], kind: str) -> Iterator[tuple[str, Figure]]:
    groups = groups_of(records)
    module = KINDS[kind].load()
    for name, subject in _subjects(KINDS[kind], records, groups):
        try:
            yield name, module.draw(subject)
        except NothingToDrawError:
            continue


def boxes(figure: Figure) -> list[tuple[str, Bbox, Text]]:
    """The visible texts of a figure with their boxes on the canvas."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    ticks = {
        id(label): (axis.axes, axis.axis_name)  # type: ignore[attr-defined]
        for axis in figure.findobj(Axis)
        for label in axis.get_majorticklabels()
    }
    shown = []
    for text in figure.findobj(Text):
        if not text.get_visible() or not text.get_text().strip():
            continue
        box = Text.get_window_extent(text, renderer)  # of an annotation: without its arrow
        if id(text) in ticks:
            axes, direction = ticks[id(text)]
            centre = (box.x0 + box.x1) / 2 if direction == "x" else (box.y0 + box.y1) / 2
            panel = axes.bbox
            low, high = (panel.x0, panel.x1) if direction == "x" else (panel.y0, panel.y1)
            if not low - 2 <= centre <= high + 2:
                continue  # matplotlib keeps labels of ticks beyond the limits, which it does not draw
        shown.append((text.get_text(), box, text))
    return shown


@pytest.mark.parametrize("width", APPEARANCES)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_clipped_and_labels_do_not_overlap(make: Make, kind: str, width: str) -> None:
    records, n = board(make), 0
    with appearing(APPEARANCES[width]), theme():
        for name, figure in figures(records, kind):
            n += 1
            texts = boxes(figure)
            assert texts
            for text, box, artist in texts:
                where = f"{kind}{name}: {text!r} at {box} of {figure.bbox}"
                assert min(box.x0, box.y0) >= -0.5, where
                assert box.x1 <= figure.bbox.x1 + 0.5, where
                assert box.y1 <= figure.bbox.y1 + 0.5, where
                if (size := APPEARANCES[width].text) is not None:
                    assert artist.get_fontsize() == size, where
            for (a, box, _), (b, other, _) in combinations(texts, 2):
                across = min(box.x1, other.x1) - max(box.x0, other.x0)
                up = min(box.y1, other.y1) - max(box.y0, other.y0)
                assert min(across, up) <= 2.0, f"{kind}{name}: {a!r} and {b!r} overlap"
            if (inches := APPEARANCES[width].inches) is not None:
                assert figure.get_figwidth() == inches
    assert n, "no figure of this kind was drawn"


def test_a_solver_keeps_its_look_whoever_else_is_shown(make: Make) -> None:
    records = board(make)
    with appearing(appearance("paper")):
        everybody = {c.name: c.look for g in groups_of(records) for c in g.contenders}
        two_solvers = selected(records, DrawnRows(["four"], ["third", "ls"]))
        (group,) = groups_of(two_solvers)
        assert {c.name for c in group.contenders} == {"third", "ls"}
        assert all(c.look == everybody[c.name] for c in group.contenders)
    (group,) = groups_of(two_solvers)
    assert [c.look.colour for c in group.contenders] != [everybody[c.name].colour for c in group.contenders]


def test_at_most_eight_solvers_are_highlighted() -> None:
    names = [f"solver-{i}" for i in range(11)]
    looks = looks_of(names)
    assert [k.colour for k in looks[:MOST_HIGHLIGHTED]] == [look_of(name).colour for name in names[:MOST_HIGHLIGHTED]]
    assert {k.colour for k in looks[MOST_HIGHLIGHTED:]} == {REST}
    assert [k.marker for k in looks] == [look_of(name).marker for name in names]


@pytest.mark.parametrize("eyes", DEFICIENCIES)
def test_colours_of_solvers_stay_apart_for_all_eyes(eyes: str) -> None:
    seen = [lab(colour, DEFICIENCIES[eyes]) for colour in (*SOLVER_COLOURS, REST)]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 29
    assert min(contrast(colour, "white") for colour in SOLVER_COLOURS) >= 3


def test_no_heading_is_drawn_without_a_title(make: Make) -> None:
    records = board(make)
    for chosen, kind in (
        (appearance(title=False), "critical-difference"),
        (appearance("paper", title=False), "memory"),
    ):
        with appearing(chosen), theme():
            assert all(not figure.get_suptitle() for _, figure in figures(records, kind))
        with appearing(Appearance(chosen.inches, chosen.text)), theme():
            assert all(figure.get_suptitle() for _, figure in figures(records, kind))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("poster",), "accepted: paper, slides"),
        (("paper", "wide"), "accepted: column, page, or 2.5 to 40 inches"),
        (("paper", "1"), "accepted: column, page, or 2.5 to 40 inches"),
        (("paper", "nan"), "accepted: column, page, or 2.5 to 40 inches"),
    ],
)
def test_other_styles_and_widths_are_refused(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        appearance(*arguments)


def test_a_width_in_inches_implies_paper() -> None:
    assert appearance(width="4.5") == Appearance(4.5, 8.0)
    assert appearance(width=4.5) == Appearance(4.5, 8.0)
    assert appearance() == Appearance()


@pytest.mark.parametrize("selection", [DrawnRows(["dat"]), DrawnRows([], ["first"])])
def test_a_data_set_or_solver_without_records_is_refused(make: Make, selection: DrawnRows) -> None:
    with pytest.raises(OptionError, match=r"dat|first"):
        selected(board(make), selection)
