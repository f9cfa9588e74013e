"""Data of users: every accepted form gives the same samples, and others are declined with what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from own_data import table
from sklearn.datasets import load_diabetes, load_wine

import mobench
from mobench.errors import DataError, OptionError, ShapeError
from mobench.fronts.in_memory import InMemoryDataset
from mobench.fronts.input_encoding import InputEncoding
from mobench.fronts.target_encoding import encoded, means_and_deviations

N = 40
X = np.random.default_rng(1).normal(size=(N, 3)) * [1.0, 10.0, 0.1] + 5
Y, C = X[:, 0] ** 2, np.arange(N) % 3
OBJECTIVES = (mobench.mse("y"), mobench.cross_entropy("c"))


class Rows(torch.utils.data.Dataset[Any]):
    def __init__(self, named: bool) -> None:
        self.named = named

    def __len__(self) -> int:
        return N

    def __getitem__(self, i: int) -> Any:
        x, y, c = torch.from_numpy(X[i]), torch.tensor(Y[i]), torch.tensor(C[i])
        return (x, {"y": y, "c": c}) if self.named else (x, y, c)


def made(x: Any, targets: Any, **arguments: Any) -> InMemoryDataset:
    return mobench.dataset(x, targets, OBJECTIVES, **arguments)


@pytest.mark.parametrize(
    ("x", "targets"),
    [
        (torch.from_numpy(X), {"y": torch.from_numpy(Y), "c": torch.from_numpy(C)}),
        (X.tolist(), {"y": Y.tolist(), "c": C.tolist()}),
        (X, pd.DataFrame({"y": Y, "c": C})),
        (X, {"y": pd.Series(Y, index=range(7, N + 7)), "c": C[:, None]}),
        (Rows(named=True), None),
        (Rows(named=False), ["y", "c"]),
    ],
    ids=["tensors", "lists", "frame of targets", "series", "torch rows with names", "torch rows"],
)
def test_every_form_gives_the_same_samples_and_identity(x: Any, targets: Any) -> None:
    expected, data = made(X, {"y": Y, "c": C}), made(x, targets)
    for split in ("train", "val", "test"):
        samples, other = data.load(split), expected.load(split)  # type: ignore[arg-type]
        assert torch.equal(samples.inputs, other.inputs)
        assert all(torch.equal(samples.targets[name], other.targets[name]) for name in ("y", "c"))
    assert data.part == expected.part
    assert data.protocol == expected.protocol


def test_scikit_learn_data_is_accepted_as_it_comes() -> None:
    x, y = load_diabetes(return_X_y=True, as_frame=True)
    data = mobench.dataset(x, y, [mobench.mse("target"), mobench.l1()])
    assert isinstance(data.input_encoding, InputEncoding)
    assert data.input_encoding.columns == tuple(x.columns)
    x, y = load_wine(return_X_y=True)
    data = mobench.dataset(x, y)
    assert [o.name for o in data.objectives] == ["y"]
    assert data.heads == {"y": 3}


def test_tables_are_standardised_on_the_training_part() -> None:
    data = made(X, {"y": Y, "c": C})
    train = data.load("train")
    torch.testing.assert_close(train.inputs.mean(0), torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(train.inputs.std(0, unbiased=False), torch.ones(3))
    torch.testing.assert_close(train.targets["y"].mean(), torch.tensor(0.0), atol=1e-6, rtol=0)
    raw = made(X, {"y": Y, "c": C}, standardise=False)
    assert sorted(raw.load("train").inputs[:, 0].tolist())[0] in X[:, 0].astype(np.float32)
    assert data.part.version != raw.part.version


def test_identity_is_that_of_the_contents() -> None:
    data = made(X, {"y": Y, "c": C})
    changed = X.copy()
    changed[3, 1] += 1e-3
    versions = {
        made(x, {"y": Y, "c": c}, **arguments).part.version
        for x, c, arguments in [
            (X, C, {}), (changed, C, {}), (X, C[::-1], {}), (X, C, {"split_seed": 1}),
            (X, C, {"reference": {"y": 9.0}}),
        ]
    }  # fmt: skip
    assert len(versions) == 5
    assert data.part.version in versions


@settings(deadline=None, max_examples=30)
@given(st.integers(4, 60), st.integers(0, 3), st.tuples(*[st.floats(0.05, 1)] * 3))
def test_splits_by_fraction_use_every_sample_once(n: int, seed: int, weights: tuple[float, float, float]) -> None:
    from mobench.fronts.user_data import positions_of

    fractions = [w / sum(weights) for w in weights]
    try:
        positions = positions_of(fractions, n, seed)
    except OptionError:
        n_others = sum(max(1, round(f * n)) for f in fractions[1:])
        assert n - n_others < 2
        return
    assert sorted(torch.cat(list(positions.values())).tolist()) == list(range(n))
    assert all(len(chosen) for chosen in positions.values())
    again = positions_of(fractions, n, seed)
    assert all(torch.equal(positions[name], again[name]) for name in positions)


def test_splits_by_positions_and_by_separate_data_agree() -> None:
    rows = {"train": np.arange(20), "val": np.arange(20, 30), "test": np.arange(N) >= 30}
    by_rows = made(X, {"y": Y, "c": C}, split=rows)
    parts = {"train": slice(0, 20), "val": slice(20, 30), "test": slice(30, N)}
    separate = made(
        {name: X[part] for name, part in parts.items()}, {name: {"y": Y[p], "c": C[p]} for name, p in parts.items()}
    )
    assert by_rows.part == separate.part
    assert len(by_rows.load("test")) == 10


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ((0.5, 0.5), "pass three fractions above 0 that sum to 1"),
        ((0.7, 0.2, 0.2), "pass three fractions above 0 that sum to 1"),
        ({"train": [0, 1], "val": [2]}, "pass positions for each of train, val, test"),
        ({"train": [0, 1], "val": [1], "test": [2]}, "sample 1 is in two splits"),
        ({"train": [0, 1], "val": [2], "test": [N]}, "there are 40 samples, from 0"),
        ({"train": [0, 1], "val": [2], "test": []}, "split 'test' has"),
        ({"train": [0.5, 1], "val": [2], "test": [3]}, "has no positions: pass whole numbers"),
    ],
)
def test_other_splits_are_declined(split: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        made(X, {"y": Y, "c": C}, split=split)


def test_missing_labels_are_not_counted() -> None:
    """Losses and metrics equal those of the samples that have the label."""
    y, c = Y.copy(), C.astype(float)
    y[::2], c[::4] = np.nan, -1
    rows = {"train": range(20), "val": range(20, 30), "test": range(30, N)}
    data = made(X, {"y": y, "c": c}, split=rows)
    train = data.load("train")
    outputs = {"y": torch.linspace(-1, 1, 20)[:, None], "c": torch.eye(3)[torch.arange(20) % 3] * 2}
    has_y, has_c = ~torch.tensor(np.isnan(y[:20])), torch.tensor(c[:20] != -1)
    mse, cross_entropy = (objective.loss(outputs, train) for objective in data.objectives)
    expected = (outputs["y"][:, 0] - train.targets["y"])[has_y].square().mean()
    torch.testing.assert_close(mse, expected)
    torch.testing.assert_close(
        cross_entropy, torch.nn.functional.cross_entropy(outputs["c"][has_c], torch.tensor(C[:20])[has_c])
    )
    accuracy = data.objectives[1].metrics[0].measure(outputs, train)
    assert float(accuracy) == 1.0


@pytest.mark.parametrize(
    ("values", "labels"),
    [(["b", "a", "b"], ("a", "b")), ([True, False, True], (False, True)), ([3, 1, 7], (1, 3, 7)),
     ([1.0, 0.0, np.nan], (0, 1)), ([-1, 1, -1], (-1, 1)), (["x", None, "y"], ("x", "y")), ([0, -1, 1], (0, 1))],
)  # fmt: skip
def test_labels_become_classes_in_sorted_order_and_back(values: list[Any], labels: tuple[Any, ...]) -> None:
    array = np.array(values, dtype=object if None in values else None)
    tensor, encoding = encoded(array, "classes", torch.arange(2), "c")
    assert encoding.labels == labels
    present = tensor >= 0
    decoded = encoding.decoded(torch.eye(len(labels))[tensor[present]])
    assert decoded.tolist() == [v for v, is_present in zip(values, present.tolist(), strict=True) if is_present]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=30))
def test_numbers_are_restored_in_their_units(values: list[float]) -> None:
    array = np.array(values)
    tensor, encoding = encoded(array, "numbers", torch.arange(len(values)), "y")
    scale = max(encoding.deviations[0], 1e-30)
    np.testing.assert_allclose(encoding.decoded(tensor[:, None]), array, atol=1e-5 * scale * len(values), rtol=1e-6)


def test_a_constant_column_has_deviation_one() -> None:
    means, deviations = means_and_deviations(np.array([[2.0, 1.0], [2.0, 3.0], [2.0, np.nan]]))
    assert means == (2.0, 2.0)
    assert deviations == (1.0, 1.0)


@pytest.mark.parametrize(
    ("x", "targets", "error", "message"),
    [
        (X, {"y": Y[:3], "c": C}, ShapeError, "target 'y' has 3 rows, the inputs have 40"),
        (X, {"y": Y}, OptionError, "objective 'c' reads target 'c': the targets are 'y'"),
        (np.array([["a"]] * N), {"y": Y, "c": C}, DataError, "pass numbers, or a pandas frame"),
        (X * np.inf, {"y": Y, "c": C}, DataError, "the inputs have infinite or missing numbers"),
        (X, {"y": ["a"] * N, "c": C}, DataError, "target 'y' has values that are no numbers"),
        (X, {"y": Y, "c": np.zeros(N)}, DataError, "target 'c' has 1 different values: 2 to 10000 classes"),
        (X, {"y": Y, "c": np.zeros((N, 2))}, ShapeError, r"target 'c' has shape \[40, 2\]: pass \[N\]"),
        (X, {"y": np.ones(N), "c": C}, DataError, "objective 'y': the loss of a constant prediction times 1.1 is 0"),
        (
            pd.DataFrame({"t": pd.date_range("2020", periods=N)}),
            {"y": Y, "c": C},
            DataError,
            "column 't' has type date",
        ),
        (3, {"y": Y, "c": C}, DataError, "int has no rows"),
    ],
)
def test_other_data_is_declined(x: Any, targets: Any, error: type[Exception], message: str) -> None:
    with np.errstate(all="ignore"), pytest.raises(error, match=message):
        made(x, targets)


def test_named_inputs_and_token_ids_stay_as_they_are() -> None:
    tokens, mask = torch.randint(0, 9, (N, 4)), torch.rand(N, 4)
    data = made({"tokens": tokens, "mask": mask}, {"y": Y, "c": C})
    assert data.input_shape == {"tokens": (4,), "mask": (4,)}
    assert data.load("train").inputs["tokens"].dtype == torch.int64
    assert torch.equal(data.encode({"tokens": tokens, "mask": mask}).inputs["mask"], mask)
    ids = made(tokens, {"y": Y, "c": C}, standardise=False)
    assert ids.load("train").inputs.dtype == torch.int64


def test_a_frame_has_an_entry_for_each_category() -> None:
    x, targets = table()
    x = x.assign(flag=x["age"] > 40, kind=pd.Categorical(x["work"]))
    data = mobench.dataset(x, targets)
    encoding: Any = data.input_encoding
    assert encoding.entry_names == (
        "age", "hours", "work=farm", "work=office", "work=shop", "flag", "kind=farm", "kind=office", "kind=shop",
    )  # fmt: skip
    assert data.input_shape == (9,)
    assert [o.name for o in data.objectives] == ["income", "sex", "price"], "classes, classes, numbers"
    assert {type(o.likelihood) for o in data.objectives} == {str}
