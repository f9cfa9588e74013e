"""Rewarded soup: networks of single objectives, fine-tuned from one network and averaged by the preference."""

from mobench.plugins import Spec, hookimpl


@hookimpl
def mobench_solvers() -> list[Spec]:
    return [
        Spec(
            "soup",
            "mobench_soup.soup:RewardedSoup",
            "networks fine-tuned on single objectives from the middle ray, averaged by the preference",
            "Ramé et al. 2023, Rewarded soups, arXiv 2306.04488",
            version="1",
        )
    ]
