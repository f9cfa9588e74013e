"""`mobench help`: commands, registered names, columns and concepts; and the kinds of `mobench list`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mobench.cli.help import concept_pages
from mobench.cli.main import app
from mobench.errors import OptionError, UnknownNameError
from mobench.plugins import KINDS, registry

CONCEPTS = Path(__file__).parents[2] / "mobench" / "docs" / "concepts"
PAGES = sorted(path.stem for path in CONCEPTS.glob("*.md"))
Cli = Callable[..., Any]


def shown(*words: str) -> str:
    done = CliRunner().invoke(app, list(words))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def test_without_a_topic_all_topics_are_listed() -> None:
    text = shown("help")
    for name in (*PAGES, "run", "leaderboard", "data fetch", "columns"):
        assert f"\n  {name} " in text, name


@pytest.mark.parametrize("page", PAGES)
def test_a_concept_page_is_shown_as_text(page: str) -> None:
    text = shown("help", page)
    source = (CONCEPTS / f"{page}.md").read_text()
    assert source.partition("\n")[0].removeprefix("# ") in text
    assert "**" not in text
    assert max(map(len, text.splitlines())) <= 100
    words = re.sub(r"[*`]|^(\d+\.|-) ", "", source.partition("\n\n")[2], flags=re.MULTILINE).split()
    assert " ".join(words[:5]) in " ".join(text.split())


@pytest.mark.parametrize(
    ("word", "page"), [("rays", "preferences"), ("Reproduction", "records"), ("setting", "settings")]
)
def test_a_word_of_a_title_finds_its_page(word: str, page: str) -> None:
    assert shown("help", word) == shown("help", page)


def test_every_page_is_in_the_package_that_is_installed() -> None:
    assert [page.name for page in concept_pages()] == PAGES


def test_a_command_shows_its_help_and_a_name_what_show_prints() -> None:
    assert "--keep-weights" in shown("help", "run")
    assert "Fetch the missing files" in shown("help", "data", "fetch")
    assert shown("help", "phn-ls") == shown("show", "phn-ls")
    assert shown("help", "quick") == shown("show", "quick")


def test_columns_are_explained() -> None:
    assert "lower is better" in shown("help", "IGD+")
    assert "seconds of training" in shown("help", "training", "s")
    assert "hypervolume" in shown("help", "columns")


@pytest.mark.parametrize(
    ("topic", "near"), [("prefrences", "'preferences'"), ("leaderbord", "'leaderboard'"), ("phn-lss", "'phn-ls'"),
                        ("hypervolum", "'hypervolume'")]
)  # fmt: skip
def test_an_unknown_topic_suggests_near_ones(topic: str, near: str) -> None:
    with pytest.raises(UnknownNameError, match=f"there is no help on '{topic}'; did you mean .*{near}"):
        shown("help", topic)


def names(*words: str) -> dict[str, set[str]]:
    """Return kind -> the names that `mobench list` shows."""
    lines = [json.loads(line) for line in shown("list", *words, "--json").splitlines()]
    return {kind: {line["name"] for line in lines if line["kind"] == kind} for kind in {line["kind"] for line in lines}}


def test_solvers_are_listed_by_what_they_learn() -> None:
    by_kind = {
        kind: names("solvers", "--kind", kind)["solver"] for kind in ("per-preference", "all-preferences", "points")
    }
    assert {"ls", "pmtl", "ensemble"} <= by_kind["per-preference"]
    assert {"phn-ls", "cosmos", "palora"} <= by_kind["all-preferences"]
    assert {"nsga2", "moead"} <= by_kind["points"]
    assert set.union(*by_kind.values()) == set(registry().names("solver"))
    assert sum(map(len, by_kind.values())) == len(registry().names("solver")), "each solver is of one kind"
    assert (
        names("solvers", "--kind", "points,per-preference")["solver"] == by_kind["points"] | by_kind["per-preference"]
    )


@pytest.mark.slow
def test_datasets_are_listed_by_task_and_by_number_of_objectives() -> None:
    assert names("datasets", "--kind", "fairness")["dataset"] == {
        "adult",
        "compas",
        "credit",
        "crime",
        "german",
        "health",
    }
    assert {"enb", "qm9", "glyphs"} <= names("datasets", "--kind", "regression")["dataset"]
    assert {"glyphs", "multimnist"} <= names("datasets", "--kind", "pictures")["dataset"]
    assert "vlmop2" in names("datasets", "--kind", "functions")["dataset"]
    assert names("datasets", "--objectives", "3", "--kind", "functions")["dataset"] >= {"dtlz2", "re31"}
    assert names("--objectives", "9") == {"dataset": {"re91"}}


def test_without_filters_every_kind_is_listed() -> None:
    assert names().keys() == set(KINDS)
    assert shown("list", "solvers", "--kind", "points").startswith("solvers\n  gmooar-hv")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["datasets", "--kind", "fairnes"], "did you mean 'fairness'.*; accepted: .*pictures.*names of plugins"),
        (["solvers", "--kind", "finite"], "accepted: all-preferences, .*per-preference, points"),
        (["datasets", "--objectives", "5"], "--objectives was given 5; accepted: 1, 2, 3, 4, 6"),
        (["models", "--objectives", "2"], "only datasets have objectives"),
    ],
)
def test_unknown_values_list_what_is_accepted(words: list[str], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        shown("list", *words)
