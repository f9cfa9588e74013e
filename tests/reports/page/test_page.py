"""The page in a real browser: sorting, filtering, preferences, keyboard, and narrow screens."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from mobench.records.record import Record
from mobench.records.store import Store

pytestmark = pytest.mark.slow

Open = Callable[..., Page]
Prefer = Callable[[Page, float], None]


def records(folder: Path) -> dict[str, Record]:
    return {r.job.solver.name: r for r in Store(folder).contents().records}


def column(page: Page, name: str) -> list[str]:
    """The cells of a column of the leaderboard, top to bottom."""
    heads = page.locator("#board-table thead th button")
    index = [heads.nth(i).get_attribute("data-column") for i in range(heads.count())].index(name)
    return [row.locator("th, td").nth(index).inner_text() for row in page.locator("#board-table tbody tr").all()]


def numbers(cells: list[str]) -> list[float]:
    return [float(re.sub(r"[^0-9.e-].*", "", cell)) for cell in cells if cell != "–"]


def test_columns_sort_best_first_then_the_other_way_and_missing_values_stay_last(opened: Open, pages: Path) -> None:
    page = opened(pages / "report.html")
    for name, best_first in (("IGD+", False), ("hypervolume", True)):
        button = page.locator(f'#board-table thead button[data-column="{name}"]')
        button.click()
        first = column(page, name)
        assert numbers(first) == sorted(numbers(first), reverse=best_first)
        assert first[-1] == "–", "the failed job has none"
        button.click()
        assert numbers(column(page, name)) == sorted(numbers(first), reverse=not best_first)
        assert column(page, name)[-1] == "–"
    heading = page.locator('#board-table th[aria-sort="ascending"]')
    expect(heading).to_contain_text("hypervolume")


def test_ranks_sort_as_numbers(opened: Open, pages: Path) -> None:
    page = opened(pages / "report.html")
    rows = "['10–12', '2–4', '–', '1', '(3)'].map((r) => ({cells: {rank: [r]}}))"
    order = page.evaluate(f"sorted({rows}, 'rank', false).map((row) => row.cells.rank[0])")
    assert order == ["1", "2–4", "(3)", "10–12", "–"]


def test_the_filter_keeps_rows_that_hold_every_word(opened: Open, pages: Path) -> None:
    page = opened(pages / "report.html")
    everything = column(page, "solver")
    assert len(everything) == 6
    page.fill("#board-filter", "PHN")
    assert sorted(column(page, "solver")) == ["chunked-phn-ls", "phn-ls"]
    page.fill("#board-filter", "phn chunked")
    assert column(page, "solver") == ["chunked-phn-ls"]
    page.fill("#board-filter", "failed")
    assert column(page, "solver") == ["pcgrad"]
    expect(page.locator("#board-count")).to_contain_text("1 of 6 rows")
    page.fill("#board-filter", "no such thing")
    assert column(page, "solver") == []


def test_groups_of_columns_come_and_go(opened: Open, pages: Path) -> None:
    page = opened(pages / "report.html")
    cost = page.locator('#board-table button[data-column="stored parameters"]')
    expect(cost).to_have_count(0)
    page.check("#group-cost")
    expect(cost).to_be_visible()
    page.uncheck("#group-quality")
    expect(page.locator('#board-table button[data-column="hypervolume"]')).to_have_count(0)


@pytest.mark.parametrize("value", [0.1, 0.33, 0.5, 0.62, 0.9])
def test_the_slider_leads_to_the_measured_ray_that_is_nearest(
    opened: Open, prefer: Prefer, pages: Path, value: float
) -> None:
    page = opened(pages / "report.html")
    prefer(page, value)
    expect(page.locator("#preference-said")).to_have_text(f"left {value:.2f}, right {1 - value:.2f}")
    for name, record in records(pages).items():
        if record.status != "completed":
            continue
        front = record.fronts["test"]
        nearest = int(np.argmin([abs(ray[0] - value) for ray in front.preferences]))
        row = page.locator("#readout tbody tr", has=page.get_by_role("button", name=name, exact=True))
        cells = row.locator("td").all_inner_texts()
        assert cells[0] == " / ".join(f"{r:.2f}" for r in front.preferences[nearest])
        shown_values = [float(cell) for cell in cells[1:]]
        metrics = [values[nearest] for values in front.metrics.values()]
        np.testing.assert_allclose(shown_values, [*front.losses[nearest], *metrics], rtol=1e-3)


def test_the_ring_stands_on_the_marker_of_the_measured_ray(opened: Open, prefer: Prefer, pages: Path) -> None:
    page = opened(pages / "report.html")
    page.get_by_role("button", name="none", exact=True).click()
    page.locator('#front-legend button[data-solver="phn-ls"]').click()
    centres = []
    for value in (0.1, 0.9):
        prefer(page, value)
        ring = page.locator("#front-chart .ring")
        expect(ring).to_have_count(1)
        centres.append((float(ring.get_attribute("cx") or 0), float(ring.get_attribute("cy") or 0)))
    markers = page.locator("#front-chart path").evaluate_all("paths => paths.map((p) => p.getAttribute('transform'))")
    assert len(markers) == 5
    places = [tuple(map(float, re.findall(r"[\d.]+", text)[:2])) for text in markers]
    assert centres == [pytest.approx(places[-1]), pytest.approx(places[0])]


def test_solvers_are_toggled_in_chart_and_readout(opened: Open, pages: Path) -> None:
    page = opened(pages / "report.html")
    before = page.locator("#front-chart path").count()
    button = page.locator('#front-legend button[data-solver="ls"]')
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    assert page.locator("#front-chart path").count() == before - 5
    assert "ls" not in page.locator("#readout tbody th").all_inner_texts()
    button.click()
    assert page.locator("#front-chart path").count() == before


def test_hover_tells_preference_losses_and_metrics(opened: Open, pages: Path) -> None:
    page = opened(pages / "report.html")
    page.get_by_role("button", name="none", exact=True).click()
    page.locator('#front-legend button[data-solver="ls"]').click()
    box = page.locator("#front-chart path").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    tip = page.locator("#front-chart .tip")
    expect(tip).to_be_visible()
    front = records(pages)["ls"].fronts["test"]
    tip_text = tip.inner_text()
    assert re.search(r"preference \d\.\d\d / \d\.\d\d", tip_text)
    losses = [float(v) for v in re.findall(r"loss ([\d.]+)", tip_text)]
    assert any(np.allclose(losses, point, rtol=1e-3) for point in front.losses)
    assert "left/\u200baccuracy" in tip_text or "left/accuracy" in tip_text
    page.mouse.move(5, 5)
    expect(tip).to_be_hidden()


def test_every_number_leads_to_its_record(opened: Open, pages: Path) -> None:
    page = opened(pages / "report.html")
    page.locator("#board-table").get_by_role("button", name="cosmos", exact=True).click()
    dialog = page.locator("dialog#details")
    expect(dialog).to_be_visible()
    record = records(pages)["cosmos"]
    text = dialog.inner_text()
    for expected in (record.id, "data 0", record.provenance.processor, record.provenance.git or "", "torch", "20 steps",
                   "pairs = 300", "lr = ", record.provenance.started):  # fmt: skip
        assert expected in text, expected
    row = dialog.locator("tr", has=page.get_by_role("rowheader", name="hypervolume", exact=True))
    exact = row.locator("td").all_inner_texts()[-1]
    assert float(exact) == pytest.approx(record.indicators["test"]["hypervolume"], rel=1e-5)
    dialog.get_by_text("The complete record, as JSON").click()
    assert Record.model_validate_json(dialog.locator("pre").inner_text()) == record
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    focused = page.evaluate("document.activeElement.textContent")
    assert focused == "cosmos", "the focus goes back to where it came from"


def test_failed_jobs_stand_with_their_errors(opened: Open, pages: Path) -> None:
    page = opened(pages / "report.html")
    failures = page.locator("#failures")
    expect(failures).to_contain_text("multimnist · pcgrad · seed 0: failed")
    expect(failures).to_contain_text("ValueError: no luck today")
    failures.get_by_text("Traceback").first.click()
    expect(failures.locator("pre")).to_contain_text("in train")


def test_curves_and_costs_are_drawn_from_the_records(opened: Open, pages: Path) -> None:
    page = opened(pages / "report.html")
    record_by_name = records(pages)
    completed_names = [name for name in record_by_name if record_by_name[name].status == "completed"]
    assert page.locator("#curves-chart polyline").count() == len(completed_names)
    assert page.locator("#curves-chart path").count() == sum(
        len(record_by_name[name].trace) for name in completed_names
    )
    page.select_option("#curves-x", "step")
    expect(page.locator("#curves-chart .label").first).to_have_text("steps")
    assert page.locator("#costs-chart path").count() == len(completed_names)
    page.select_option("#costs-x", "stored parameters")
    expect(page.locator("#costs-chart .label").first).to_contain_text("parameters stored")


def test_a_click_on_a_point_opens_the_record_that_it_is_from(opened: Open, pages: Path) -> None:
    page = opened(pages / "report.html")
    page.get_by_role("button", name="none", exact=True).click()
    page.locator('#front-legend button[data-solver="ls"]').click()
    record_id = records(pages)["ls"].id
    for chart in ("front", "curves"):
        page.locator(f"#{chart}-chart path").first.click()
        expect(page.locator(f'dialog details[data-record="{record_id}"]')).to_have_attribute("open", "")
        page.keyboard.press("Escape")
    page.locator("#costs-chart").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator("dialog#details")).to_contain_text("Record ")


def test_everything_works_by_keyboard(opened: Open, pages: Path) -> None:
    page = opened(pages / "report.html")
    slider = page.locator("#preference-0")
    slider.focus()
    before = page.locator("#preference-said").inner_text()
    page.keyboard.press("ArrowRight")
    after = page.locator("#preference-said").inner_text()
    assert before == "left 0.50, right 0.50"
    assert after == "left 0.51, right 0.49"
    expect(slider).to_have_attribute("aria-valuetext", after)
    page.locator("#front-chart").focus()
    tip_texts = []
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
        tip_texts.append(page.locator("#front-chart .tip").inner_text())
    assert len(set(tip_texts)) == 3
    page.keyboard.press("Escape")
    expect(page.locator("#front-chart .tip")).to_be_hidden()
    page.locator('#board-table button[data-column="ε"]').focus()
    page.keyboard.press("Enter")
    assert numbers(column(page, "ε")) == sorted(numbers(column(page, "ε")))
    assert page.evaluate("document.activeElement.dataset.column") == "ε", "the focus stays"
    page.locator('#front-legend button[data-solver="ls"]').focus()
    page.keyboard.press("Space")
    expect(page.locator('#front-legend button[data-solver="ls"]')).to_have_attribute("aria-pressed", "false")
    assert page.evaluate("document.activeElement.dataset.solver") == "ls"
    page.locator("#board-table").get_by_role("button", name="phn-ls", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("dialog#details")).to_be_visible()


def test_tab_reaches_every_control_and_the_focus_is_seen(opened: Open, pages: Path) -> None:
    page = opened(pages / "report.html")
    reached: set[str] = set()
    for _ in range(150):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "[document.activeElement].map((e) => [e.id || e.textContent, getComputedStyle(e).outlineStyle])[0]"
        )
        if focused[0] in reached and focused[0].startswith("Skip"):
            break
        if focused[0]:
            assert focused[1] != "none" or page.evaluate("document.activeElement === document.body"), focused[0]
        reached.add(focused[0])
    controls = {
        "preference-0",
        "front-x",
        "front-chart",
        "live-network",
        "board-filter",
        "curves-x",
        "costs-y",
        "costs-chart",
    }
    assert controls <= reached
