"""Markup against prose: the rule by marked examples, windows and losses, the language model, and its training."""

from __future__ import annotations

import html
import math
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import layer_norm

from mobench import datafiles
from mobench.datafiles import collection
from mobench.errors import DataError, IncompatibleError
from mobench.interfaces import Problem
from mobench.jobs.job import Budget
from mobench.jobs.resolve import resolve
from mobench.jobs.suite import load
from mobench.metrics.evaluation import evaluate
from mobench.runs.execution import execute
from mobench_glyphs.dataset import Glyphs
from mobench_linear.stack import Stack
from mobench_markup_prose import pages, pretraining
from mobench_markup_prose.dataset import HEAD, MarkupProse
from mobench_markup_prose.network import (
    DECAYS,
    LONGEST,
    N_ROWS,
    WEIGHTS,
    ByteNetwork,
    WikiBytes,
    averaging_matrices,
    hashed_ngrams,
)
from mobench_markup_prose.pages import divided, markup_bytes, pages_of, wikitexts

SPLITS = ("train", "val", "test")
MARKED = (
    "Plain text, ‹[[›a link‹]]› and ‹[[Ärger|›another‹]]›.",
    "‹{{Infobox\n|a={{b|c}}\n|d=[[e]]\n}}›After it.‹{{cite|}}›",
    "‹'''›Bold‹'''› and ‹''›italic‹''›, it's‹&nbsp;›plain [sic].",
    "‹==›Heading‹==›\n‹* ›".replace("‹* ›", "‹*›") + " item\n‹:::›deep",
    "‹{| class=x\n| {{y}} || z\n|}›Text‹<ref name=\"a\">by ''A''</ref>›‹<ref name=b />› goes on.",
    "‹<!-- hidden\n -->›‹<math>x < y</math>›seen‹<br/>›a < b",
    "‹[[File:a.jpg|thumb|A [[caption]] here]]›‹[[Category:B]]›é‹[http://x.org ›shown‹]›",
    "‹{{never closed›\nnext line ‹{{closed}}›\n‹----›\n",
)
TITLES = tuple("abcdefghijklmnop")


def unmarked(marked: str) -> tuple[str, list[bool]]:
    """The text without ‹ and ›, and for each of its bytes whether it was between them."""
    text, flags, inside = "", [], False
    for character in marked:
        if character in "‹›":
            inside = character == "‹"
        else:
            text += character
            flags += [inside] * len(character.encode())
    return text, flags


@pytest.fixture
def texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Wikitexts of equal length in bytes, in an XML file of the real format with redirects."""
    examples = "".join(unmarked(marked)[0] for marked in MARKED[:-1])
    texts = [f"Page {title} '''is''' [[{title}]].\n{examples}" for title in TITLES]
    xml = "".join(
        f"  <page>\n    <title>{title}</title>\n    <redirect />\n"
        f'      <text xml:space="preserve">{html.escape(text)}</text>\n  </page>\n'
        for title, text in zip(("x", *TITLES), ("#REDIRECT [[a]]", *texts), strict=True)
    )
    path = tmp_path / "wiki.xml"
    path.write_text(xml, encoding="utf-8")
    monkeypatch.setattr(pages, "require", lambda name: {f"{name}/wiki.xml": path})
    return texts


@pytest.mark.parametrize("marked", MARKED)
def test_markup_is_what_the_rule_states(marked: str) -> None:
    text, expected = unmarked(marked)
    shown = "".join(chr(b) if m else "·" for b, m in zip(text.encode(), markup_bytes(text), strict=True))
    assert markup_bytes(text).tolist() == expected, shown


def test_pages_are_divided_in_order(texts: list[str]) -> None:
    """16 pages of one length: 11 are the first 70 % of the bytes, the other five are in turn for the splits."""
    assert pages_of(None) == texts[:11]
    assert [pages_of(split) for split in SPLITS] == [texts[11:14], [texts[14]], [texts[15]]]  # type: ignore[arg-type]
    parts = divided(("a" * 7, "é", "b"))
    assert parts == {None: ["a" * 7], "train": ["é", "b"], "val": [], "test": []}


def test_windows_are_bytes_of_the_pages_of_their_split(texts: list[str]) -> None:
    for split in SPLITS:
        samples = MarkupProse(length=7, held_out_windows=10**6).load(split)  # type: ignore[arg-type]
        content = "".join(pages_of(split)).encode()  # type: ignore[arg-type]
        is_markup = np.concatenate([markup_bytes(text) for text in pages_of(split)])  # type: ignore[arg-type]
        n = len(samples) * 7
        assert n == (len(content) - 1) // 7 * 7
        assert bytes(samples.inputs.flatten().tolist()) == content[:n]
        assert bytes(samples.targets[HEAD].flatten().tolist()) == content[1 : n + 1]
        assert samples.targets["markup"].flatten().tolist() == is_markup[1 : n + 1].tolist()
        assert torch.equal(samples.targets["prose"], ~samples.targets["markup"])
    few = MarkupProse(length=7, held_out_windows=3, limit=4)
    assert [len(few.load(split)) for split in SPLITS] == [4, 3, 3]  # type: ignore[arg-type]
    with pytest.raises(DataError, match="smaller length"):
        MarkupProse(length=1000).load("test")


def test_losses_are_bits_per_byte_of_each_kind(texts: list[str]) -> None:
    data = MarkupProse(length=9, limit=20)
    batch = data.prepare(data.load("train"))
    logits = torch.randn(20, 9, 256, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    probabilities = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(-1, keepdims=True)
    labels, is_markup = batch.targets[HEAD].numpy(), batch.targets["markup"].numpy()
    bits = -np.log2(np.take_along_axis(probabilities, labels[..., None], -1)[..., 0])
    losses = [float(objective.loss({HEAD: logits}, batch)) for objective in data.objectives]
    assert losses == pytest.approx([bits[is_markup].mean(), bits[~is_markup].mean()], rel=1e-9)


def test_a_file_without_pages_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wiki.xml"
    path.write_text("<mediawiki></mediawiki>")
    with pytest.raises(DataError, match="fetch it again"):
        wikitexts(path)


def test_ngrams_are_hashed_from_the_last_bytes_alone() -> None:
    windows = torch.randint(0, 256, (1, 12), generator=torch.Generator().manual_seed(0))
    rows = hashed_ngrams(windows)
    symbols = [0] * LONGEST + [byte + 1 for byte in windows[0].tolist()]
    for n in range(2, LONGEST + 1):
        for t in range(12):
            key = symbols[LONGEST + t]
            for i in range(1, n):
                key = (key * 1_000_003 + symbols[LONGEST + t - i]) % 2**31
            assert rows[n - 1][0, t] == (key * 2_654_435_761 >> 16) % N_ROWS
    assert torch.equal(rows[0], windows)
    assert [len(row[0]) for row in hashed_ngrams(windows[:, :2])] == [2] * LONGEST


def test_the_network_is_that_of_its_description() -> None:
    """One position, with averages as sums over the positions before it; later bytes have no effect."""
    torch.manual_seed(0)
    network = ByteNetwork(9).double()
    windows = torch.randint(0, 256, (2, 9))
    with torch.no_grad():
        outputs = network(windows)["byte"]
        rows = hashed_ngrams(windows)
        embedded = torch.cat([table[row] for table, row in zip(network.embeddings, rows, strict=True)], dim=-1)
        features = (embedded @ network.first.weight.T + network.first.bias).clamp_min(0)
        averaged = features @ network.averaged.weight.T + network.averaged.bias
        t = 6
        context = [features[:, t]]
        for decay in DECAYS:
            weights = [decay ** (t - s) for s in range(t + 1)]
            context.append(sum(w * averaged[:, s] for s, w in enumerate(weights)) / sum(weights))
        x = features[:, t] + network.second(torch.cat(context, dim=-1)).clamp_min(0)
        x = x + network.third(layer_norm(x, x.shape[-1:], network.norm.weight, network.norm.bias)).clamp_min(0)
        torch.testing.assert_close(outputs[:, t], network.output(x), rtol=1e-5, atol=1e-6)
        other = windows.clone()
        other[:, t + 1 :] = 7
        torch.testing.assert_close(network(other)["byte"][:, : t + 1], outputs[:, : t + 1])
    assert torch.equal(averaging_matrices(9), averaging_matrices(20)[:, :9, :9])


def test_the_published_weights_are_small_and_predict_english() -> None:
    with resources.as_file(resources.files("mobench_markup_prose").joinpath(WEIGHTS)) as path:
        assert path.stat().st_size <= 5_000_000
        tensors = load_file(path)
    assert sum(tensor.numel() for tensor in tensors.values()) == 1_248_496
    assert all(tensor.dtype == torch.float16 and bool(tensor.isfinite().all()) for tensor in tensors.values())
    problem = Problem(MarkupProse(length=60), WikiBytes())
    assert problem.n_target_parameters == 191_728
    text = b"The president of the United States was born in the north of the country, where his father was a farmer."
    inputs, following = torch.tensor(list(text))[None, :-1], torch.tensor(list(text))[1:]
    network = WikiBytes().build(MarkupProse(length=len(text) - 1))
    logs = network(inputs)[HEAD][0].log_softmax(-1)
    bits = -logs.gather(1, following[:, None]).mean() / math.log(2)
    assert bits < 2.5
    first, second = (problem.new_weights() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_images_are_declined() -> None:
    with pytest.raises(IncompatibleError, match="sequences of bytes"):
        WikiBytes().build(Glyphs())


def test_pretraining_is_reproducible_and_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretraining, "WINDOWS", 2)
    data = np.frombuffer(b"abcdefgh" * 40, np.uint8)
    networks = [pretraining.pretrained(data, 4) for _ in range(2)]
    windows = torch.from_numpy(data[:101].astype(np.int64))[None]
    for network in networks:
        pretraining.write(network, tmp_path / "weights.safetensors")
    written = load_file(tmp_path / "weights.safetensors")
    assert written.keys() == networks[0].state_dict().keys()
    for name, tensor in networks[0].state_dict().items():
        assert torch.equal(tensor.half(), written[name])
    logs = networks[0](windows[:, :-1])[HEAD][0].log_softmax(-1)
    assert -logs.gather(1, windows[0, 1:, None]).mean() < 0.9 * math.log(256)


def test_jobs_of_the_suite_run_on_generated_files(texts: list[str]) -> None:
    entry = load("fine-tuning").entries[1]
    assert (entry.datasets, entry.models) == (["markup-prose"], ["wiki-bytes"])
    assert len(entry.solvers) >= 10
    chosen = {**entry.set, "length": 8, "limit": 16, "held_out_windows": 8}
    job = resolve("markup-prose", "wiki-bytes", "pamal", chosen, Budget(steps=2, batch_size=4), n_rays=4)
    record = execute(job, threads=1)
    assert record.failure is None, record.failure
    assert record.objectives == ["markup", "prose"]


@pytest.mark.slow
def test_the_file_has_the_pages_that_are_stated_or_its_absence_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bits per byte of the published network on the test windows are those of the README."""
    (file,) = collection("wiki")
    if datafiles.locate(file):
        sizes = [(len(texts), len("".join(texts).encode())) for texts in map(pages_of, (None, *SPLITS))]  # type: ignore[arg-type]
        assert sizes == [(79, 4_005_493), (18, 990_202), (5, 511_592), (5, 240_026)]
        problem = Problem(MarkupProse(), WikiBytes())
        rays = torch.tensor([[0.5, 0.5]])
        front = evaluate(Stack().build(problem, rays), problem, problem.dataset.load("test"), rays)
        stated = "{:.2f} bits per byte of markup and {:.2f} of prose".format(*front.losses[0])
        assert stated in resources.files("mobench_markup_prose").joinpath("README.md").read_text()
    else:
        monkeypatch.setattr(datafiles, "_sources", lambda file, share: [])
        with pytest.raises(DataError, match=file.path):
            MarkupProse().load("train")
