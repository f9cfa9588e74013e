"""The page on the data sets of other benchmarks agrees with the registry, and its arithmetic is right."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from readmes.pages import ROOT

from mobench.errors import DataError
from mobench.plugins import registry
from mobench.user_folders import fetchable, folders_by_name

PAGE = (ROOT / "mobench" / "docs" / "concepts" / "other-datasets.md").read_text()
SOURCES = ("LibMTL", "LibMOON", "COSMOS", "PHN", "PaMaL", "PaLoRA")


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Yield data set, users, state and remark of every row of the first table."""
    lines = PAGE.split("## Published")[0].splitlines()
    for line in [line for line in lines if line.startswith("| ")][2:]:
        name, users, state, remark = (cell.strip() for cell in line.strip("|").split("|"))
        yield name, users, state, remark


def names(remark: str) -> list[str]:
    return [name for name in re.findall(r"`([a-z0-9-]+)`", remark) if name not in ("source", "lists")]


def test_every_source_has_rows_and_every_row_a_known_state() -> None:
    table = list(rows())
    assert len(table) >= 20
    for source in SOURCES:
        assert any(source in users for _, users, _, _ in table), source
    for name, users, state, remark in table:
        assert state in ("here", "user's files", "missing"), name
        assert all(re.sub(r"[†]| \(.*\)", "", user) in SOURCES for user in users.split(", ")), users
        assert remark, name


def test_what_is_said_to_be_here_is_registered_and_the_rest_names_no_data_set() -> None:
    for name, _, state, remark in rows():
        assert bool(names(remark)) == (state != "missing"), name
        for dataset in names(remark):
            assert registry().get("dataset", dataset).spec.name == dataset


@pytest.mark.parametrize(
    "dataset", [name for *_, state, remark in rows() if state == "user's files" for name in names(remark)]
)
def test_files_of_the_user_are_not_fetched(dataset: str) -> None:
    assert dataset in folders_by_name()
    with pytest.raises(DataError, match=f"{dataset} is provided by the user"):
        fetchable(dataset)


def test_the_bounds_on_the_cross_entropy_follow_from_the_published_hypervolumes() -> None:
    section = PAGE.split("## Published")[1]
    tables = {line.split("|")[1].strip(): line for line in section.splitlines() if line.startswith("| ")}

    def numbers(first: str) -> list[float]:
        return [float(cell) for cell in tables[first].strip("|").split("|")[1:]]

    methods = ("EPO", "PHN-EPO", "PHN-LS", "COSMOS", "GMOOAR-HV")
    largest = [max(values) for values in zip(*(numbers(method) for method in methods), strict=True)]
    assert numbers("largest published hypervolume") == largest
    bounds = [2 - volume / 2 for volume in largest]
    assert numbers("hence a cross-entropy of at most") == pytest.approx(bounds, abs=5.1e-4)
