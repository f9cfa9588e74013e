"""Appearance of the page: contrast, narrow and wide screens, touch, and the state before the network is loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.slow

Open = Callable[..., Page]

CONTRAST = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || [0, 0, 0, 0]).map(Number);
  const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = (c) => {
    const [r, g, b] = c.map((v) => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (let n = node; n; n = n.parentElement) {
      const c = parse(getComputedStyle(n).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    const style = getComputedStyle(node);
    if (!own || ["SCRIPT", "NOSCRIPT", "OPTION"].includes(node.tagName) || !node.getClientRects().length) continue;
    if (style.visibility === "hidden") continue;
    const ink = parse(node.namespaceURI.endsWith("svg") ? style.fill : style.color).slice(0, 3);
    const [a, b] = [light(ink), light(behind(node))].sort((x, y) => y - x);
    found.push([(a + 0.05) / (b + 0.05), node.textContent.slice(0, 40)]);
  }
  const paper = parse(getComputedStyle(document.body).backgroundColor).slice(0, 3);
  const marks = [...document.querySelectorAll(".chart g > path")].map((p) => {
    const [a, b] = [light(parse(getComputedStyle(p).fill).slice(0, 3)), light(paper)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05); });
  return { texts: found, marks };
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_a_contrast_of_four_and_a_half_and_markers_of_three(opened: Open, pages: Path, scheme: Any) -> None:
    page = opened(pages / "report.html", color_scheme=scheme)
    page.wait_for_selector("#live-status[data-preference]")
    page.check("#group-cost")
    contrasts = page.evaluate(CONTRAST)
    assert len(contrasts["texts"]) > 300
    poor = [entry for entry in contrasts["texts"] if entry[0] < 4.5]
    assert poor == []
    assert len(contrasts["marks"]) > 20
    assert min(contrasts["marks"]) >= 3
    page.locator("#board-table tbody button").first.click()
    assert [entry for entry in page.evaluate(CONTRAST)["texts"] if entry[0] < 4.5] == []


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_is_wider_than_the_screen(opened: Open, pages: Path, width: int) -> None:
    page = opened(pages / "report.html", width=width, height=844, has_touch=width < 500)
    page.wait_for_selector("#live-status[data-preference]")
    page.check("#group-cost")
    page.check("#group-metric")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    out = page.evaluate(
        "width => [...document.querySelectorAll('body *')].filter((n) => !n.closest('.scroll, .tip, .skip, pre')"
        " && n.getClientRects().length && n.getBoundingClientRect().right > width + 1).map((n) => n.outerHTML)",
        width,
    )
    assert out == []
    small = page.evaluate(
        "[...document.querySelectorAll('main button.plain, .legend button, main select, "
        "main input:not([type=checkbox])')]"
        ".filter((n) => n.getClientRects().length && n.getBoundingClientRect().height < 32).map((n) => n.outerHTML)"
    )
    assert small == [], "what is touched is large enough"
    page.locator("#board-table tbody button").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("document.querySelector('dialog').scrollWidth <= document.querySelector('dialog').clientWidth")


def test_a_touch_tells_of_the_nearest_point(opened: Open, pages: Path) -> None:
    page = opened(pages / "report.html", width=390, height=844, has_touch=True)
    page.locator("#front-chart").scroll_into_view_if_needed()
    box = page.locator("#front-chart path").last.bounding_box()
    assert box is not None
    page.touchscreen.tap(box["x"] + 4, box["y"] + 4)
    expect(page.locator("#front-chart .tip")).to_be_visible()


HELD = """window.held = []; window.setTimeout = (later) => window.held.push(later);"""


def test_the_page_is_there_before_its_network_is_opened(browser: Browser, pages: Path) -> None:
    page = browser.new_page()
    page.add_init_script(HELD)
    page.goto((pages / "report.html").as_uri())
    expect(page.locator("#live-status")).to_have_text("starting …")
    assert page.evaluate("live.runtime") is None
    assert page.locator("#board-table tbody tr").count() == 6
    assert page.locator("#front-chart path").count() > 20
    page.evaluate("held.splice(0).forEach((later) => later())")
    expect(page.locator("#live-status")).to_contain_text("answered at")
    page.close()
