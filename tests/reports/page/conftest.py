"""A real browser, pages of real records, and a check for errors in the console of a page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from shared_folders import shared_folder

from mobench.records.record import Provenance
from mobench.records.store import Store
from mobench.reports.page import build
from mobench.runs.execution import failure_record

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
]  # fmt: skip
PROVENANCE = Provenance(
    started="2026-01-01T00:00:00+00:00", finished="2026-01-01T00:00:01+00:00", mobench="0.1.0", python="3.11",
    packages={"torch": "2.9"}, platform="Linux x86_64", processor="a processor", threads=1, device="cpu",
    git="0123456789ab", command=["mobench", "run", "quick"],
)  # fmt: skip

LOCAL = ("file:", "blob:", "data:")

Open = Callable[..., Page]
Prefer = Callable[[Page, float], None]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium. Without one these tests are skipped, loudly; where CI is set they fail."""
    browser_paths = [path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))]
    if not browser_paths:
        reason = "NO BROWSER: the page of a report goes untested; install chromium (Debian: apt-get install chromium)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser_paths[0], args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def pages(trained_folder: Path, picture_job: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of trained networks and of one failed job."""

    def write(parent: Path) -> None:
        folder = parent / "pictures"
        shutil.copytree(trained_folder, folder)
        failure = failure_record(
            picture_job("pcgrad"), "ValueError", "no luck today", "Traceback …\n  in train", PROVENANCE
        )
        Store(folder).write(failure)
        build.write(Store(folder), folder / "report.html")

    return shared_folder(tmp_path_factory, "pages", write) / "pictures"


@pytest.fixture(scope="session")
def provenance() -> Provenance:
    """The provenance of records that no run wrote."""
    return PROVENANCE


@pytest.fixture
def opened(browser: Browser) -> Iterator[Open]:
    """Opens a file without network; at the end nothing may have been asked of a network or complained of."""
    contexts, complaints = [], []

    def open_(path: Path, width: int = 1440, height: int = 900, **more: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, offline=True, **more)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda entry: complaints.append(entry.text) if entry.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith(LOCAL) else complaints.append(r.url))
        page.goto(path.as_uri())
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def prefer() -> Prefer:
    """Puts the slider somewhere, as dragging it does."""
    move = "(input, value) => { input.value = value; input.dispatchEvent(new Event('input', { bubbles: true })); }"
    return lambda page, value: page.eval_on_selector("#preference-0", move, value)
