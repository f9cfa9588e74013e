"""Many binary tasks: counts, splits, hashed n-grams, missing labels, metrics, and generated files of the formats."""

from __future__ import annotations

import csv
import gzip
import io
import math
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics as reference

from mobench import datafiles, options
from mobench.datafiles import collection
from mobench.errors import DataError, OptionError
from mobench.interfaces import Problem, Samples, SummedMeasure
from mobench.jobs.job import Budget
from mobench.jobs.resolve import resolve
from mobench.jobs.suite import load
from mobench.runs.execution import execute
from mobench_mlp.mlp import Mlp
from mobench_multilabel import dataset, genes, molecules
from mobench_multilabel.dataset import MISSING, BinaryTasks
from mobench_multilabel.genes import Yeast
from mobench_multilabel.molecules import Tox21
from mobench_multilabel.ngrams import hashed_counts

SPLITS = ("train", "val", "test")
FRAGMENTS = ("C", "c1ccccc1", "Cl", "Br", "[Na+]", "O", "N(C)C", "=O", "S", "[C@H](F)")
N_ROWS = 200


def yeast_file(folder: Path) -> Path:
    draw, path = np.random.default_rng(0), folder / "yeast.csv"
    header = [f"Att{i}" for i in range(1, 104)] + [f"Class{i}" for i in range(1, 15)]
    rows = [[*draw.normal(size=103).round(6), *(draw.random(14) < 0.4).astype(int)] for _ in range(N_ROWS)]
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    return path


def tox21_file(folder: Path) -> Path:
    draw, path = np.random.default_rng(0), folder / "tox21.csv.gz"
    rows = []
    for i in range(N_ROWS):
        smiles = "".join(draw.choice(FRAGMENTS, 6))
        labels = [draw.choice(["0", "1", ""], p=[0.6, 0.2, 0.2]) for _ in molecules.TASK_SHARES]
        rows.append([*labels, f"TOX{i}", smiles])
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([[*molecules.TASK_SHARES, "mol_id", "smiles"], *rows])
    path.write_bytes(gzip.compress(text.getvalue().encode()))
    return path


@pytest.fixture
def generated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    paths = {"yeast": yeast_file(tmp_path), "tox21": tox21_file(tmp_path)}
    monkeypatch.setattr(dataset, "require", lambda name: {name: paths[name]})
    return paths


@pytest.mark.parametrize("tasks", [Yeast(), Tox21(hash_columns=64)], ids=lambda tasks: type(tasks).__name__)
def test_splits_have_their_shares_and_every_row_once(tasks: BinaryTasks, generated: dict[str, Path]) -> None:
    table = tasks.read(generated[tasks.collection])
    parts = {split: tasks.load(split) for split in SPLITS}  # type: ignore[arg-type]
    assert sum(len(part) for part in parts.values()) == N_ROWS
    assert len(parts["val"]) == pytest.approx(0.2 * N_ROWS, abs=5)
    assert len(parts["test"]) == pytest.approx(0.2 * N_ROWS, abs=5)
    for j, name in enumerate(tasks.shares):
        counts = np.unique(np.concatenate([part.targets[name].numpy() for part in parts.values()]), return_counts=True)
        expected = np.unique(table.labels[:, j], return_counts=True)
        assert [part.tolist() for part in counts] == [part.tolist() for part in expected]


def test_genes_are_standardised_on_the_training_split(generated: dict[str, Path]) -> None:
    train = Yeast().load("train").inputs.double()
    np.testing.assert_allclose(train.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(train.square().mean(0), 1, atol=1e-5)


def test_molecules_are_hashed_sequences_of_symbols(generated: dict[str, Path]) -> None:
    assert molecules.symbols("C[C@H](Cl)Br%12=O") == ["C", "[C@H]", "(", "Cl", ")", "Br", "%12", "=", "O"]
    counts = hashed_counts([["C", "C", "O"]], 2, 1000)
    expected = np.zeros(1000)
    for gram, count in {"C": 2, "O": 1, "C\x1fC": 1, "C\x1fO": 1}.items():
        expected[zlib.crc32(gram.encode()) % 1000] += count
    np.testing.assert_array_equal(counts[0], expected)
    assert hashed_counts([[]], 3, 16).tolist() == [[0.0] * 16]
    table = Tox21(hash_columns=64).read(generated["tox21"])
    rows = molecules.read_rows(generated["tox21"])
    lengths = np.array([len(molecules.symbols(row["smiles"])) for row in rows])
    # a text of n symbols has n sequences of one, n − 1 of two and n − 2 of three
    np.testing.assert_allclose(np.expm1(table.inputs).sum(1), 3 * lengths - 3, rtol=1e-5)
    assert (table.labels == MISSING).sum() == sum(row[task] == "" for row in rows for task in molecules.TASK_SHARES)


def test_molecules_that_differ_in_arrangement_or_salts_are_in_one_group() -> None:
    smiles = ["C[C@H](F)O", "C[C@@H](F)O", "C[C@H](F)O.[Na+]", "F/C=C/F", "F/C=C\\F", "CCO"]
    assert molecules.groups_of(smiles).tolist() == [0, 0, 0, 1, 1, 2]


def present(samples: Samples, name: str) -> np.ndarray:
    labels: np.ndarray = samples.targets[name].numpy()
    return labels != MISSING


def test_losses_and_metrics_are_those_of_scikit_learn_on_the_labels_that_exist(generated: dict[str, Path]) -> None:
    tasks = Tox21(hash_columns=64)
    samples = tasks.load("train")
    draw = torch.Generator().manual_seed(0)
    # probabilities in the middle of the bins of the AUC, so that its value is exact
    outputs = {
        name: ((torch.randint(0, 1000, (len(samples), 1), generator=draw) + 0.5) / 1000).double().logit()
        for name in tasks.heads
    }
    for objective in tasks.objectives:
        rows = present(samples, objective.name)
        assert 0 < rows.sum() < len(samples)
        labels = samples.targets[objective.name].numpy()[rows]
        probabilities = outputs[objective.name].sigmoid()[:, 0].numpy()[rows]
        share = tasks.shares[objective.name]
        entropy = reference.log_loss([0, 1], [share] * 2, sample_weight=[1 - share, share])
        expected = reference.log_loss(labels, probabilities) / entropy
        assert float(objective.loss(outputs, samples)) == pytest.approx(expected, rel=1e-6)
        auc, accuracy = (float(metric.measure(outputs, samples)) for metric in objective.metrics)
        assert auc == pytest.approx(reference.roc_auc_score(labels, probabilities), rel=1e-9)
        assert accuracy == pytest.approx(reference.accuracy_score(labels, probabilities > 0.5))


def test_missing_labels_have_no_gradient_and_a_batch_without_labels_no_loss(generated: dict[str, Path]) -> None:
    tasks = Tox21(tasks=("SR-p53",), hash_columns=64)
    samples = tasks.load("train")
    output = torch.zeros(len(samples), 1, requires_grad=True)
    (objective,) = tasks.objectives
    loss = objective.loss({"SR-p53": output}, samples)
    loss.backward()
    assert output.grad is not None
    np.testing.assert_array_equal((output.grad[:, 0] != 0).numpy(), present(samples, "SR-p53"))
    without = samples.take(torch.from_numpy(np.flatnonzero(~present(samples, "SR-p53"))))
    assert float(objective.loss({"SR-p53": output[: len(without)].detach()}, without)) == 0


@pytest.mark.parametrize("tasks", [Yeast(), Tox21()], ids=lambda tasks: type(tasks).__name__)
def test_the_constant_prediction_of_the_share_has_loss_1(tasks: BinaryTasks) -> None:
    """On labels with this share of 1 among 10,000."""
    for objective in tasks.objectives:
        share = tasks.shares[objective.name]
        labels = torch.arange(10_000) < round(10_000 * share)
        outputs = {objective.name: torch.full((10_000, 1), math.log(share / (1 - share)), dtype=torch.float64)}
        batch = Samples(torch.zeros(10_000, 1), {objective.name: labels.long()})
        assert isinstance(objective.loss, SummedMeasure)
        assert float(objective.loss(outputs, batch)) == pytest.approx(1, abs=1e-6)
    m = len(tasks.objectives)
    assert (tasks.protocol.ideal, tasks.protocol.nadir) == ((0.0,) * m, (1.0,) * m)
    assert tasks.protocol.reference == (2.0,) * m


def test_tasks_choose_objectives(generated: dict[str, Path]) -> None:
    few = options.build(Tox21, {"tasks": ["SR-MMP", "NR-AR"], "hash_columns": 64})
    assert [objective.name for objective in few.objectives] == ["SR-MMP", "NR-AR"]
    assert set(few.load("test").targets) == {"SR-MMP", "NR-AR"}
    assert torch.equal(few.load("test").inputs, Tox21(hash_columns=64).load("test").inputs)
    for bad, message in ((["SR-MMX"], "SR-MMP"), (["SR-MMP", "SR-MMP"], "name each once")):
        with pytest.raises(OptionError, match=message):
            options.build(Tox21, {"tasks": bad})


def test_another_file_is_read_again(generated: dict[str, Path], tmp_path: Path) -> None:
    before = Yeast().load("train").inputs
    lines = generated["yeast"].read_text().splitlines()
    generated["yeast"].write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    assert not torch.equal(before, Yeast().load("train").inputs)


def test_damaged_files_are_refused(generated: dict[str, Path]) -> None:
    content = generated["tox21"].read_bytes()
    for bad in (b"", b"not compressed", content[:-20], gzip.compress(b"a,b\n1,2\n"), gzip.compress(b"\xff")):
        generated["tox21"].write_bytes(bad)
        with pytest.raises(DataError, match="mobench data fetch tox21"):
            Tox21(split_seed=len(bad)).load("train")
    generated["yeast"].write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="103 and 14 are expected"):
        Yeast(split_seed=9).load("train")


@pytest.mark.parametrize(
    ("tasks", "n_rows", "n_missing", "sizes"),
    [(Yeast(), 2417, 0, (1450, 483, 484)), (Tox21(), 8014, 16595, (4808, 1603, 1603))],
    ids=["yeast", "tox21"],
)
def test_the_file_is_as_published_or_its_absence_is_told(
    tasks: BinaryTasks, n_rows: int, n_missing: int, sizes: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    (file,) = collection(tasks.collection)
    assert file.licence
    if datafiles.locate(file):
        table = tasks.read(datafiles.obtain(file))
        assert (len(table.labels), int((table.labels == MISSING).sum())) == (n_rows, n_missing)
        for column, share in zip(table.labels.T, tasks.shares.values(), strict=True):
            assert (column == 1).sum() / (column != MISSING).sum() == pytest.approx(share, abs=5e-5)
        assert tuple(len(tasks.load(split)) for split in SPLITS) == sizes  # type: ignore[arg-type]
    else:
        monkeypatch.setattr(datafiles, "_sources", lambda file, share: [])
        with pytest.raises(DataError, match=file.path):
            tasks.load("train")


def test_the_table_of_genes_is_written_from_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mobench_regression import sources

    commands: list[list[str]] = []

    def download(command: list[str], folder: Path, at_most: int) -> None:
        commands.append(command)
        with zipfile.ZipFile(folder / "river-0.26.1.whl", "w") as wheel:
            wheel.writestr("river/datasets/yeast.csv.gz", gzip.compress(b"a,b\n1,2\n"))

    monkeypatch.setattr(sources, "run", download)
    genes.yeast_from_packages(tmp_path)
    assert (tmp_path / "yeast" / "yeast.csv").read_bytes() == b"a,b\n1,2\n"
    assert commands[0][-1] == "river==0.26.1"
    assert "--platform=manylinux_2_28_x86_64" in commands[0]


def test_mlp_has_its_parameters() -> None:
    assert Problem(Tox21(), Mlp()).n_target_parameters == 64 * 513 + 64 * 65 + 12 * 65
    assert Problem(Yeast(), Mlp()).n_target_parameters == 64 * 104 + 64 * 65 + 14 * 65


@pytest.mark.slow
@pytest.mark.parametrize(("name", "small"), [("yeast", {}), ("tox21", {"hash_columns": 32})])
def test_jobs_of_the_suite_run_on_generated_files(name: str, small: dict[str, Any], generated: dict[str, Path]) -> None:
    suite = load("many-tasks")
    (entry,) = [entry for entry in suite.entries if entry.datasets == [name]]
    assert len(entry.solvers) >= 10
    assert len(suite.seeds) == 5
    for solver in ("phn-ls", "mgda"):
        assert solver in entry.solvers
        job = resolve(name, "mlp", solver, {**entry.set, **small, "model.widths": [8]}, Budget(steps=2, batch_size=16))
        record = execute(job, threads=1)
        assert record.failure is None, record.failure
        assert len(record.objectives) == {"yeast": 14, "tox21": 12}[name]
        test = record.fronts["test"]
        assert set(test.metrics) == {f"{o}/{metric}" for o in record.objectives for metric in ("AUC", "accuracy")}
        # before training, a label costs about ln 2, of at least the entropy of the rarest label
        assert all(0 < value < 12 for row in test.losses for value in row)
        assert test.n_samples == pytest.approx(N_ROWS / 5, abs=5)
