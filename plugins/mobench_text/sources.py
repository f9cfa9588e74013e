"""Where the Wikipedia text comes from: a file among the tests of a published package."""

from __future__ import annotations

import bz2
import subprocess
import sys
import zipfile
from pathlib import Path

from mobench.errors import DataError

PACKAGE = "gensim==4.4.0"
MEMBER = "gensim/test/test_data/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"


def wiki_from_packages(folder: Path) -> None:
    """206 pages of the English Wikipedia as XML, 6,089,746 bytes, from the Python package gensim 4.4.0."""
    # the wheel of one platform is named, so that every machine gets the same file
    wanted = ["--implementation", "cp", "--python-version", "3.11", "--abi", "cp311"]
    wanted += ["--platform", "manylinux_2_24_x86_64"]
    done = subprocess.run(
        [
            sys.executable,
            "-P",
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--dest",
            str(folder),
            *wanted,
            PACKAGE,
        ],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    wheels = list(folder.glob("gensim-*.whl"))
    if done.returncode != 0 or not wheels:
        raise DataError(f"{PACKAGE} could not be downloaded: {' '.join(done.stderr.split())[-150:]}")
    place = folder / "wiki" / "enwiki-6M.xml"
    place.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheels[0]) as wheel:
        place.write_bytes(bz2.decompress(wheel.read(MEMBER)))
