"""The static site of a board: bytes, links, states, hostile names, and pages in a real browser."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pandas as pd
import pytest
from typer.testing import CliRunner

import mobench
from mobench.board import layout
from mobench.board.layout import State, Submission, Verification
from mobench.board.signatures import read_key, write_new_key
from mobench.board.site import site_build
from mobench.board.site.addresses import slug
from mobench.board.site.board_feed import utc
from mobench.cli.main import app
from mobench.errors import StoreError
from mobench.jobs.job import Job
from mobench.records.record import Record
from mobench.records.store import Store

COMMITTED = Path(__file__).parents[2] / "results" / "engineering" / "records"
HOSTILE = '<script>alert(1)</script>"=cmd'


def changed(record: Record, hypervolume: float = 1.0, **changes: Any) -> Record:
    """Return a record with changes of its job, "role.field" or "field" -> value, and a scaled hypervolume."""
    data = record.model_dump(mode="json", by_alias=True)
    for name, value in changes.items():
        *parents, last = name.split("__")
        place = data["job"]
        for parent in parents:
            place = place[parent]
        place[last] = value
    data["id"] = Job.model_validate(data["job"]).id
    data["indicators"]["test"]["hypervolume"] *= hypervolume
    return Record.model_validate(data)


def written(folder: Path, records: list[Record]) -> None:
    store = Store(folder)
    store.records_folder.mkdir(parents=True)
    for record in records:
        store.path(record.job).write_text(record.to_json())


def submitted(board: Path, id_: str, records: list[Record]) -> Path:
    folder = board / "submissions" / id_
    written(folder, records)
    hashes = {
        f"records/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((folder / "records").iterdir())
    }
    submission = Submission(
        id=id_, store="season-1/small", contact=f"{HOSTILE} <me@example.org>", licence="MIT", hardware=["h"],
        mobench=["0.1.0"], files=hashes,
    )  # fmt: skip
    layout.write(submission, folder)
    return folder


def verified(folder: Path, key: Path, state: State, reason: str = "") -> None:
    submission, signer = layout.read_submission(folder), read_key(key)
    outcome = Verification(
        submission=submission.digest, state=state, reason=reason, verifier="me", mobench="0.1.0", hardware="h",
        isolation="bubblewrap", finished="2026-12-01T00:00:00+00:00", core_seconds=1.0,
        reruns=[{"record": "r", "title": "rerun of a job", "agrees": True, "identical": True, "largest": 0.0}],
        selection=signer.select(submission),
    )  # fmt: skip
    layout.write(signer.sign(outcome), folder)


@pytest.fixture(scope="module")
def committed() -> dict[str, list[Record]]:
    """Two seeds of three methods on two tasks, by method."""
    names = ("ls", "mgda", "phn-ls")
    records = [
        Record.model_validate_json(path.read_bytes())
        for task in ("re21", "re22")
        for name in names
        for seed in (0, 1)
        for path in COMMITTED.glob(f"{task}-{name}-s{seed}-*.json")
    ]
    by_method = {name: [r for r in records if r.job.solver.name == name] for name in names}
    assert {len(group) for group in by_method.values()} == {4}
    return by_method


@pytest.fixture(scope="module")
def site_board(committed: dict[str, list[Record]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A board with a submission in every state."""
    board = tmp_path_factory.mktemp("boards") / "board"
    versions = [changed(r, 0.9, solver__version="0") for r in committed["mgda"]]
    written(board / "season-1" / "small", [*committed["ls"], *committed["mgda"], *versions])
    write_new_key(board.parent / "key.pem")
    public = read_key(board.parent / "key.pem").public
    (board / "board.toml").write_text(
        f'title = "A & B"\nstores = ["season-1/small"]\n[verifiers]\nme = "{public}"\n', encoding="utf-8"
    )
    verified(submitted(board, "good", committed["phn-ls"]), board.parent / "key.pem", State.VERIFIED)
    submitted(board, "new", [changed(r, solver__name=HOSTILE) for r in committed["ls"]])
    bad = submitted(board, "bad", [changed(r, 2.0, solver__name="too-good") for r in committed["ls"]])
    verified(bad, board.parent / "key.pem", State.REJECTED, f"it differs by a lot {HOSTILE}")
    longer = [changed(r, solver__name="longer", budget__steps=9999) for r in committed["ls"] * 1]
    submitted(board, "other-budget", longer)
    return board


@pytest.fixture(scope="module")
def site_folder(site_board: Path) -> Path:
    return mobench.site(site_board, out=site_board.parent / "site").parent


def text(site: Path, page: str) -> str:
    return (site / page).read_text(encoding="utf-8")


def rows_of(site: Path) -> dict[str, dict[str, Any]]:
    rows = json.loads(text(site, "data/season-1_small/leaderboard.json"))
    return {row["solver"]: row for row in rows if row["dataset"] == "re21"}


def test_the_same_board_gives_the_same_bytes_wherever_it_is(
    site_board: Path, site_folder: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(site_board, tmp_path / "elsewhere" / "copy")
    site_build.write(copy, tmp_path / "out")
    names = sorted(str(p.relative_to(site_folder)) for p in site_folder.rglob("*") if p.is_file())
    assert names == sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file())
    assert names == text(site_folder, "data/files.txt").splitlines()
    assert [n for n in names if (site_folder / n).read_bytes() != (tmp_path / "out" / n).read_bytes()] == []
    assert not any(str(site_board.parent) in p.read_text() for p in site_folder.rglob("*.html"))


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]


def test_every_link_is_relative_and_leads_to_a_file_or_a_place(site_folder: Path) -> None:
    pages = list(site_folder.rglob("*.html"))
    assert len(pages) >= 15
    for page in pages:
        parser = Links()
        parser.feed(page.read_text(encoding="utf-8"))
        for link in parser.links:
            path, _, place = link.partition("#")
            assert "://" not in link
            assert not link.startswith("/")
            target = (page.parent / unquote(path)).resolve() if path else page
            assert target.is_file(), (page, link)
            assert not place or f'id="{place}"' in target.read_text(encoding="utf-8")
        assert parser.tags.count("h1") == parser.tags.count("main") == 1
        assert parser.tags.count("script") <= 1


def test_rows_have_the_state_of_their_submission(site_folder: Path) -> None:
    rows = rows_of(site_folder)
    assert {solver: (row["state"], row["submissions"]) for solver, row in rows.items()} == {
        "ls": ("reported", ""),
        "phn-ls": ("verified", "good"),
        HOSTILE: ("reported", "new"),
        "mgda (solver version=0)": ("reported", ""),
        "mgda (solver version=1)": ("reported", ""),
    }
    table = pd.read_csv(site_folder / "data/season-1_small/leaderboard.csv")
    assert len(table) == 10
    assert len(pd.read_parquet(site_folder / "data/season-1_small/records.parquet")) == 20


def test_rejected_results_are_listed_with_their_reason_and_are_in_no_table(site_folder: Path) -> None:
    assert "too-good" not in rows_of(site_folder)
    for page in ("index.html", "stores/season-1_small.html", "tasks/season-1_small/re21.html", "submissions.html"):
        assert "it differs by a lot" in text(site_folder, page), page
    shown = text(site_folder, "submissions/bad.html")
    assert "too-good" in shown
    assert '<span class="state rejected">' in shown
    board = json.loads(text(site_folder, "data/board.json"))
    assert {item["id"]: item["state"] for item in board["submissions"]} == {
        "bad": "rejected", "good": "verified", "new": "reported", "other-budget": "reported",
    }  # fmt: skip


def test_a_submission_does_not_change_what_the_board_compares(site_folder: Path) -> None:
    """Its records of another budget are left out with the reason, and the owners' rows stay."""
    assert "longer" not in rows_of(site_folder)
    shown = text(site_folder, "stores/season-1_small.html")
    assert "other-budget: re21 · longer · seed 0" in shown
    assert "9999" in shown


def test_an_outcome_of_another_submission_does_not_count(site_board: Path, tmp_path: Path) -> None:
    board = shutil.copytree(site_board, tmp_path / "board")
    shutil.copy(board / "submissions/good/verification.json", board / "submissions/new/verification.json")
    site_build.write(board, tmp_path / "site")
    assert rows_of(tmp_path / "site")[HOSTILE]["state"] == "reported"
    assert "does not count" in text(tmp_path / "site", "submissions/new.html")


def test_names_are_escaped_in_every_file(site_folder: Path) -> None:
    for page in site_folder.rglob("*.html"):
        assert "<script>alert" not in page.read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)" in text(site_folder, "index.html")
    titles = [entry.findtext("{*}title") for entry in ET.parse(site_folder / "feed.xml").getroot().findall("{*}entry")]
    assert f"{HOSTILE} in season-1/small" in titles
    assert slug("a/../b") != slug("a-b")
    assert "/" not in slug("a/../b")
    assert slug("Name").lower() == slug("Name") != slug("name")


def test_a_method_page_has_readme_provenance_and_the_change_of_version(site_folder: Path, committed: Any) -> None:
    page = text(site_folder, "methods/mgda.html")
    assert "1810.04650" in page
    assert "README of" in page
    assert committed["mgda"][0].provenance.git in page
    assert "solver 0, " in page
    before, after = (
        sum(r.indicators["test"]["hypervolume"] for r in committed["mgda"] if r.job.dataset.name == "re21") / 2 * factor
        for factor in (0.9, 1.0)
    )
    assert f"{after - before:+.3f}" in page


def test_the_feed_has_the_times_of_the_records_and_of_the_verification(site_folder: Path, committed: Any) -> None:
    items = json.loads(text(site_folder, "feed.json"))["items"]
    assert [item["date_published"] for item in items] == sorted((i["date_published"] for i in items), reverse=True)
    assert {i["date_published"] for i in items if i["title"] == "Submission good: verified"} == {"2026-12-01T00:00:00Z"}
    last = max(record.finished for record in committed["ls"])
    assert {i["date_published"] for i in items if i["title"] == "ls in season-1/small"} == {utc(last)}
    assert utc("2026-01-01T01:00:00+01:00") == "2026-01-01T00:00:00Z"
    assert utc("<b>") == "1970-01-01T00:00:00Z"


def test_times_of_different_hardware_are_not_added_up(committed: Any, tmp_path: Path) -> None:
    def on(record: Record, processor: str) -> Record:
        return record.model_copy(update={"provenance": record.provenance.model_copy(update={"processor": processor})})

    ls, mgda = committed["ls"], committed["mgda"]
    written(tmp_path / "s", [*ls[:2], *(on(r, "another") for r in ls[2:]), *mgda])
    (tmp_path / "board.toml").write_text('title = "t"\nstores = ["s"]\n')
    page = text(mobench.site(tmp_path, out=tmp_path / "site").parent, "index.html")
    row = next(line for line in page.splitlines() if line.startswith("<tr data-state") and ">ls</a>" in line)
    total = sum(r.cost.training_core_seconds for r in mgda) / 2  # medians of two seeds
    assert row.split('<td class="n">')[3] == "–"
    other = next(line for line in page.splitlines() if line.startswith("<tr data-state") and ">mgda</a>" in line)
    assert float(other.split('<td class="n">')[3]) == pytest.approx(total, abs=0.06)


def test_a_site_replaces_itself_and_nothing_else(site_board: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is not a site that mobench made"):
        mobench.site(site_board, out=site_board)
    board = shutil.copytree(site_board, tmp_path / "board")
    site_build.write(board, tmp_path / "site")
    shutil.rmtree(board / "submissions" / "new")
    (tmp_path / "site" / "mine.txt").write_text("kept")
    site_build.write(board, tmp_path / "site")
    assert not (tmp_path / "site" / "submissions" / "new.html").exists()
    assert (tmp_path / "site" / "mine.txt").exists()


def test_a_folder_that_is_no_board_and_one_without_records_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"board\.toml"):
        mobench.site(tmp_path, out=tmp_path / "site")
    (tmp_path / "board.toml").write_text('title = "t"\nstores = ["s"]\n')
    with pytest.raises(StoreError, match="has no records"):
        mobench.site(tmp_path, out=tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_a_new_board_has_a_site_once_it_has_records(committed: Any, tmp_path: Path) -> None:
    runner = CliRunner()
    done = runner.invoke(app, ["new", "board", "my-board", "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    board = tmp_path / "my-board"
    assert {"README.md", "CONTRIBUTING.md", "board.toml", ".github", ".gitignore"} == set(os.listdir(board))
    workflow = (board / ".github/workflows/verify.yml").read_text()
    assert "mobench board verify" in workflow
    assert "$" + "{{ github.event.pull_request.base.sha }}" in workflow
    written(board / "quick", committed["ls"])
    done = runner.invoke(app, ["site", str(board), "-o", str(tmp_path / "site")])
    assert done.exit_code == 0, done.output
    assert "ls" in {row["solver"] for row in json.loads(text(tmp_path / "site", "data/quick/leaderboard.json"))}
    assert runner.invoke(app, ["new", "board", "my-board", "--out", str(tmp_path)]).exit_code != 0


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    path = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)
    if path is None:
        reason = "NO BROWSER: the site of a board goes untested; install chromium (Debian: apt-get install chromium)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.mark.slow
def test_filters_hide_rows_and_no_page_is_wider_than_the_screen(browser: Any, site_folder: Path) -> None:
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": 390, "height": 800}, offline=True)
    page = context.new_page()
    page.on("console", lambda entry: complaints.append(entry.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto((site_folder / "index.html").as_uri())
    assert page.locator("section[data-all] tbody tr:visible").count() == 5
    page.select_option("#state", "verified")
    assert page.locator("section[data-all] tbody tr:visible").count() == 1
    assert page.inner_text("#count") == "1 rows"
    page.select_option("#state", "")
    page.fill("#memory", "1")
    assert page.locator("tbody tr:visible").count() == 0
    for name in ("index.html", "tasks/season-1_small/re21.html", "methods/mgda.html", "submissions/bad.html"):
        page.goto((site_folder / name).as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == 390, name
    context.close()
    assert complaints == []
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site_folder / "index.html").as_uri())
    assert page.locator("#filters:visible").count() == 0
    assert page.locator("section[data-all] tbody tr:visible").count() == 5
    context.close()


ACCESSIBLE = """() => {
  const faults = [];
  for (const node of document.querySelectorAll("select, input"))
    if (!node.closest("label")) faults.push(node.outerHTML);
  for (const node of document.querySelectorAll("svg")) if (!node.getAttribute("aria-label")) faults.push("svg");
  for (const node of document.querySelectorAll("table"))
    if (!node.caption || !node.querySelector("th[scope=col]")) faults.push("table");
  for (const node of document.querySelectorAll(".scroll"))
    if (node.tabIndex !== 0 || !node.getAttribute("aria-label")) faults.push("scroll");
  let level = 0;
  for (const node of document.querySelectorAll("h1, h2, h3")) {
    const next = Number(node.tagName[1]); if (next > level + 1) faults.push(node.textContent); level = next; }
  for (const name of ["main", "header", "nav", "footer"]) if (!document.querySelector(name)) faults.push(name);
  const light = (text) => { const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (node) => { for (let n = node; n; n = n.parentElement) {
    const c = getComputedStyle(n).backgroundColor;
    if (c !== "rgba(0, 0, 0, 0)") return c; } return "rgb(255, 255, 255)"; };
  for (const node of document.querySelectorAll("body *")) {
    if (![...node.childNodes].some((c) => c.nodeType === 3 && c.textContent.trim())) continue;
    if (!node.getClientRects().length) continue;
    if (["SCRIPT", "STYLE", "OPTION", "title"].includes(node.tagName)) continue;
    const style = getComputedStyle(node), ink = node.namespaceURI.endsWith("svg") ? style.fill : style.color;
    const [a, b] = [light(ink), light(behind(node))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) faults.push(`${node.tagName} ${node.textContent.slice(0, 30)}`); }
  return [document.documentElement.lang, document.title, faults];
}"""


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_have_labels_headings_landmarks_and_contrast(browser: Any, site_folder: Path, scheme: str) -> None:
    context = browser.new_context(color_scheme=scheme, offline=True)
    page = context.new_page()
    for name in ("index.html", "tasks/season-1_small/re21.html", "methods/mgda.html", "submissions/good.html"):
        page.goto((site_folder / name).as_uri())
        language, title, faults = page.evaluate(ACCESSIBLE)
        assert language == "en"
        assert title.endswith("A & B")
        assert faults == [], name
    context.close()
