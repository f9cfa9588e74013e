"""Download source: eleven font packages of Debian 12, drawn with Pillow 13.0.0."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

from mobench.downloads import run
from mobench_glyphs.debian import DebianPackage, extract

PILLOW = "13.0.0"
"""The pixels depend on the version of Pillow, whose wheels contain FreeType."""
FONTS = "usr/share/fonts/"
MAX_FILE_BYTES = 2**26
PACKAGES = (
    DebianPackage(
        "fonts-dejavu-core",
        "f/fonts-dejavu/fonts-dejavu-core_2.37-6_all.deb",
        "8892669e51aab4dc56682c8e39d8ddb7d70fad83c369344e1e240bf3ca22bb76",
        1_067_728,
    ),
    DebianPackage(
        "fonts-dejavu-extra",
        "f/fonts-dejavu/fonts-dejavu-extra_2.37-6_all.deb",
        "6cb7ed32de6df209c065e9e5cc5154a2f36d4c334d9a0af534fabb67d38ab75b",
        1_985_032,
    ),
    DebianPackage(
        "fonts-ebgaramond",
        "f/fonts-ebgaramond/fonts-ebgaramond_0.016+git20210310.42d4f9f2-1_all.deb",
        "2780e32df19b909823425b3e21c2f2f2a1717bbdd96f33fc59a252a308903fa2",
        451_680,
    ),
    DebianPackage(
        "fonts-firacode",
        "f/fonts-firacode/fonts-firacode_6.2-2_all.deb",
        "a69952a1556e7635d029b35dbc903593a3b78cbd39d3899bf0c4fdfbc8d55245",
        1_485_644,
    ),
    DebianPackage(
        "fonts-inter",
        "f/fonts-inter/fonts-inter_4.0~beta7+ds-1_all.deb",
        "6afd9014550e04b58bccf64b94f92ae1dbfd8018489b92de835408970234c24c",
        2_940_304,
    ),
    DebianPackage(
        "fonts-lato",
        "f/fonts-lato/fonts-lato_2.0-2.1_all.deb",
        "86f50af146a7df9eca4e69f0262e73e708908435ebfa833df797adfa08843bc5",
        2_695_828,
    ),
    DebianPackage(
        "fonts-liberation",
        "f/fonts-liberation/fonts-liberation_1.07.4-11_all.deb",
        "efd381517f958b01969343634ffcbdd60056be7779af84c6f53a005090430204",
        827_812,
    ),
    DebianPackage(
        "fonts-linuxlibertine",
        "f/fonts-linuxlibertine/fonts-linuxlibertine_5.3.0-6_all.deb",
        "5c77471e910189b3e4e2eda2b1c5f549ddcaf4de8f9640b97773643970d29087",
        1_652_948,
    ),
    DebianPackage(
        "fonts-open-sans",
        "f/fonts-open-sans/fonts-open-sans_1.11-2_all.deb",
        "ed8c4258af6c23e5105fa18940544f060f3c9664fbe881f25130fe0c65bc1485",
        574_184,
    ),
    DebianPackage(
        "fonts-roboto-unhinted",
        "f/fonts-roboto/fonts-roboto-unhinted_0~20170802-3_all.deb",
        "f89cf7d8a589489daecf750031ec50456ab3e648d49ff544f0f08753268fbd91",
        2_379_948,
    ),
    DebianPackage(
        "fonts-urw-base35",
        "f/fonts-urw-base35/fonts-urw-base35_20200910-7_all.deb",
        "93e4997c99c4c31ea88c5d37e2259af0a0c826b9358931d5a69f794f7f0c73ac",
        10_803_036,
    ),
)


def glyphs_from_packages(folder: Path) -> None:
    """Write the images and labels of the characters: download the fonts, and draw them with Pillow 13.0.0."""
    for package in PACKAGES:
        extract(package.fetch(folder), FONTS, folder / "fonts")
    drawing = [sys.executable, "-P", "-m", "mobench_glyphs.drawing", "fonts", "glyphs"]
    run([*drawing, *pillow(folder)], folder, MAX_FILE_BYTES)


def pillow(folder: Path) -> list[str]:
    """Return the name of a folder below `folder` with Pillow 13.0.0; nothing if it is the installed version."""
    if version("pillow") == PILLOW:
        return []
    pip = [sys.executable, "-P", "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:"]
    run([*pip, "--target", "pillow", f"pillow=={PILLOW}"], folder, MAX_FILE_BYTES)
    return ["pillow"]
