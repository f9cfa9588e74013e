"""Characters of 160 typefaces: which character, which weight, italic or upright, sans serif, serif or monospaced."""

from mobench.plugins import DataFile, Spec, hookimpl


@hookimpl
def mobench_datasets() -> list[Spec]:
    return [
        Spec(
            "glyphs",
            "mobench_glyphs.dataset:Glyphs",
            "characters of typefaces of 32×32: character, weight, italic, kind; families held out",
            "27 families of Debian's font packages",
            version="1",
            small={"limit": 90},
        )
    ]


_FILES = (
    ("glyphs-images-idx3-ubyte", "5b96ee67ee93d6a6e29b018df8e31a34f2af4c230751f576bb08e4599138b427", 10_158_096),
    ("glyphs-labels.csv", "96f5eb60b83dc4e966872e739aaf815f99209a50d50ebce9ace975f052eb224d", 337_628),
)
_LICENCE = "of the fonts: OFL-1.1, Apache-2.0, GPL-2 and AGPL-3 with font exceptions, Bitstream Vera"


@hookimpl
def mobench_data_files() -> list[DataFile]:
    return [
        DataFile(
            "glyphs",
            f"glyphs/{file}",
            sha256,
            fetch=("mobench_glyphs.sources:glyphs_from_packages",),
            n_bytes=n_bytes,
            licence=_LICENCE,
        )
        for file, sha256, n_bytes in _FILES
    ]
