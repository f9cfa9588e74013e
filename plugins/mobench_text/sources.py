"""Download source of the Wikipedia text: a test file of a published package."""

from __future__ import annotations

import bz2
import sys
import zipfile
from pathlib import Path

from mobench.downloads import copy, run
from mobench.errors import DataError

PACKAGE = "gensim==4.4.0"
PACKAGE_BYTES = 2**27
N_BYTES = 6_089_746
MEMBER = "gensim/test/test_data/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"


def wiki_from_packages(folder: Path) -> None:
    """Extract 206 pages of the English Wikipedia as XML, 6,089,746 bytes, from the Python package gensim 4.4.0."""
    # request the wheel of a fixed platform, so that every machine gets the same file
    platform = ["--implementation", "cp", "--python-version", "3.11", "--abi", "cp311"]
    platform += ["--platform", "manylinux_2_24_x86_64"]
    pip = [sys.executable, "-P", "-m", "pip"]
    command = [*pip, "download", "--quiet", "--no-deps", "--dest", str(folder), *platform, PACKAGE]
    run(command, folder, PACKAGE_BYTES)
    wheels = list(folder.glob("gensim-*.whl"))
    if not wheels:
        raise DataError(f"pip download {PACKAGE} left no wheel")
    place = folder / "wiki" / "enwiki-6M.xml"
    place.parent.mkdir(parents=True, exist_ok=True)
    with (
        zipfile.ZipFile(wheels[0]) as wheel,
        wheel.open(MEMBER) as member,
        bz2.open(member) as content,
        place.open("wb") as target,
    ):
        copy(content, target, N_BYTES)
