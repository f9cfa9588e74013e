"""The network in the page answers as torch does, at every preference; unsuitable networks are left out."""

from __future__ import annotations

import shutil
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import Page, expect
from safetensors.torch import load_file, save_file

from mobench.records.networks import load
from mobench.records.store import Store
from mobench.reports.page.live_networks import live

pytestmark = pytest.mark.slow

Open = Callable[..., Page]
Prefer = Callable[[Page, float], None]
SOLVERS = ["chunked-phn-ls", "cosmos", "cpmtl-ls", "phn-ls"]


def answers(page: Page, prefer: Prefer, preference: float) -> dict[str, np.ndarray]:
    """Probabilities [pictures, classes] of each task that the page shows at a preference."""
    prefer(page, preference)
    value = float(page.input_value("#preference-0"))
    page.wait_for_selector(f'#live-status[data-preference^="{value:.3g},"]')
    heads = page.locator(".head").evaluate_all("heads => heads.map((h) => [h.dataset.head, h.dataset.probabilities])")
    return {
        head: np.array([[float(p) for p in text.split(",")] for name, text in heads if name == head])
        for head in ("left", "right")
    }


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_page_answers_as_torch_does_and_the_answer_moves(
    opened: Open, prefer: Prefer, pages: Path, solver: str
) -> None:
    page = opened(pages / "report.html")
    store = Store(pages)
    (record,) = [r for r in store.contents().records if r.job.solver.name == solver]
    trained = load(record, store.weights(record.job))
    page.select_option("#live-network", record.id)
    expect(page.locator("#live-status")).to_contain_text("answered at")
    samples = page.evaluate("DATA.live.samples.multimnist")
    images = torch.from_numpy(np.frombuffer(b64decode(samples["images"]), "<f4").reshape(samples["shape"]).copy())
    answers_by_preference = []
    for preference in (0.15, 0.5, 0.85):
        shown_answers = answers(page, prefer, preference)
        with torch.no_grad():
            outputs = trained.network(images, torch.tensor([[preference, 1 - preference]]))[0]
        for head, probabilities in shown_answers.items():
            assert probabilities.shape == (12, 10)
            np.testing.assert_allclose(probabilities, outputs[head].softmax(1).numpy(), atol=2e-3)
        answers_by_preference.append(shown_answers)
    for head in ("left", "right"):
        assert np.abs(answers_by_preference[0][head] - answers_by_preference[2][head]).max() > 1e-4, (
            f"the preference changes the answer of {head}"
        )


def test_the_pictures_are_of_the_test_split_with_their_labels(opened: Open, pages: Path) -> None:
    page = opened(pages / "report.html")
    samples = page.evaluate("DATA.live.samples.multimnist")
    record = next(r for r in Store(pages).contents().records if r.job.solver.name == "phn-ls")
    trained = load(record, Store(pages).weights(record.job))
    test = trained.problem.prepare(trained.problem.dataset.load("test"))
    images = np.frombuffer(b64decode(samples["images"]), "<f4").reshape(samples["shape"])
    np.testing.assert_array_equal(images[:4], test.inputs[:4].numpy())
    for i, picture in enumerate(images):
        (place,) = [j for j in range(len(test)) if np.array_equal(test.inputs[j].numpy(), picture)]
        for head in ("left", "right"):
            assert samples["targets"][head][i] == int(test.targets[head][place])


def test_what_does_not_fit_is_named_with_its_reason(trained_folder: Path) -> None:
    store = Store(trained_folder)
    three_records = [r for r in store.contents().records if r.job.solver.name in ("cosmos", "ls", "phn-ls")]
    live_networks = live(store, three_records, max_bytes=1_000_000)
    reasons = {omitted["name"]: omitted["reason"] for omitted in live_networks.left_out}
    assert "keeps a net for each of 5 preferences" in reasons["ls"]
    assert "would exceed" in reasons["phn-ls"]
    assert {n["name"] for n in live_networks.networks} == {"cosmos"}


def test_weights_of_another_record_are_not_shown_as_this_ones(trained_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "swapped"
    shutil.copytree(trained_folder, folder)
    store = Store(folder)
    record = next(r for r in store.contents().records if r.job.solver.name == "cosmos")
    path = store.weights(record.job)
    save_file({name: t + 0.05 for name, t in load_file(path).items()}, path)
    (reason,) = [omitted["reason"] for omitted in live(store, [record]).left_out]
    assert "they are not this record's" in reason


def test_a_folder_without_weights_gives_a_page_that_says_how_to_keep_them(
    opened: Open, prefer: Prefer, trained_folder: Path, tmp_path: Path
) -> None:
    from mobench.reports.page import build

    shutil.copytree(trained_folder / "records", tmp_path / "bare" / "records")
    build.write(Store(tmp_path / "bare"), tmp_path / "bare.html")
    assert (tmp_path / "bare.html").stat().st_size < 500_000
    page = opened(tmp_path / "bare.html")
    expect(page.locator("#live-body")).to_contain_text("--keep-weights")
    prefer(page, 0.8)
    expect(page.locator("#preference-said")).to_have_text("left 0.80, right 0.20")
