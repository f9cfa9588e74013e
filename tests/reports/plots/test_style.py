"""Colours by models of vision: contrast on white, lightness in grey, distance for colour-blind readers."""

from __future__ import annotations

from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from mobench.reports.plots.style import BAND, COLOURS, MARKERS, REST, SEQUENTIAL, look, shown, theme

# Machado, Oliveira & Fernandes 2009, severity 1.0, on linear RGB
DEFICIENCIES = {
    "none": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def linear(colour: object) -> NDArray[np.float64]:
    rgb = np.asarray(to_rgb(colour))  # type: ignore[arg-type]
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def luminance(colour: object) -> float:
    return float(TO_XYZ[1] @ linear(colour))


def contrast(a: object, b: object) -> float:
    """WCAG 2: 1 is none, 21 black on white."""
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def lab(colour: object, eyes: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIE 1976 L*a*b* of what these eyes see, D65."""
    xyz = TO_XYZ @ np.clip(eyes @ linear(colour), 0, 1) / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_the_measures_are_right() -> None:
    assert contrast("black", "white") == pytest.approx(21)
    assert lab("white", np.eye(3)) == pytest.approx([100, 0, 0], abs=0.02)
    assert lab("red", np.eye(3)) == pytest.approx([53.24, 80.09, 67.2], abs=0.1)
    for eyes in DEFICIENCIES.values():
        assert eyes.sum(axis=1) == pytest.approx([1, 1, 1], abs=1e-4), "grey stays grey"
    red, green = (lab(c, DEFICIENCIES["deuteranopia"]) for c in ("#d62728", "#7f6a00"))
    assert np.linalg.norm(red - green) < np.linalg.norm(lab("#d62728", np.eye(3)) - lab("#7f6a00", np.eye(3))) / 2


@pytest.mark.parametrize("colour", [*COLOURS, REST])
def test_lines_are_readable_on_white(colour: str) -> None:
    """WCAG 2.1, 1.4.11: graphics need 3 to 1."""
    assert contrast(colour, "white") >= 3


@pytest.mark.parametrize("eyes", DEFICIENCIES)
def test_colours_stay_apart_for_all_eyes(eyes: str) -> None:
    """A difference of about 2 can just be seen; lines need far more."""
    distances = [np.linalg.norm(lab(a, DEFICIENCIES[eyes]) - lab(b, DEFICIENCIES[eyes])) for a, b in
                 combinations((*COLOURS, REST), 2)]  # fmt: skip
    assert min(distances) > 30


def test_colours_stay_apart_in_grey() -> None:
    lightness = sorted(lab(colour, np.eye(3))[0] for colour in COLOURS)
    assert min(np.diff(lightness)) > 10


def test_the_rest_is_less_prominent_than_every_colour() -> None:
    chroma = [float(np.hypot(*lab(c, np.eye(3))[1:])) for c in COLOURS]
    assert np.hypot(*lab(REST, np.eye(3))[1:]) < min(chroma) / 3


def test_a_band_leaves_lines_readable_on_it() -> None:
    for band, line in combinations(COLOURS, 2):
        behind = BAND * np.array(to_rgb(band)) + (1 - BAND) * np.ones(3)
        assert contrast(line, behind) > 2


def test_the_scale_of_values_darkens_steadily() -> None:
    lightness = [lab(SEQUENTIAL(x)[:3], np.eye(3))[0] for x in np.linspace(0, 1, 21)]
    assert (np.diff(lightness) > 0.5).all()


def test_looks_differ_without_colour() -> None:
    """Up to two rounds of markers no two of a panel agree in marker and filling."""
    looks = [look(i) for i in range(2 * len(MARKERS))]
    assert len({(k.marker, k.filled) for k in looks}) == len(looks)
    neighbours = [(a.dashes, b.dashes) for a, b in combinations(looks[: len(COLOURS)], 2)]
    assert all(a != b for a, b in neighbours)
    assert [k.prominent for k in looks].count(True) == len(COLOURS)


def test_the_theme_leaves_no_setting_behind_and_does_not_depend_on_the_readers() -> None:
    before = dict(mpl.rcParams)
    with theme():
        settings = {k: v for k, v in mpl.rcParams.items() if "backend" not in k}
    assert dict(mpl.rcParams) == before
    readers = {"font.size": 31, "axes.facecolor": "red", "text.usetex": False, "svg.fonttype": "path"}
    with mpl.rc_context(readers), theme():
        assert {k: v for k, v in mpl.rcParams.items() if "backend" not in k} == settings


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plain", "plain"),
        ("two\nlines\tand\x00nul", "two lines and nul"),
        ("$x^2$ & <b> \\frac{1}{2} %_#", "$x^2$ & <b> \\frac{1}{2} %_#"),
        ("a" * 60 + "=1", "a" * 16 + "…" + "a" * 14 + "=1"),
    ],
)
def test_names_are_shown_in_one_line_of_bounded_length(name: str, text: str) -> None:
    assert shown(name) == text
