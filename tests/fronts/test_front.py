"""A trained front: its table, plot, networks and the choice of a preference."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import torch
from own_data import SMALL, table
from torch import nn

import mobench
from mobench.errors import DataError, IncompatibleError, OptionError, PreferenceError, ShapeError

mpl.use("Agg")


def test_the_table_has_preferences_losses_and_metrics_on_validation(front: mobench.Front, data: Any) -> None:
    recorded = front.record.fronts["val"]
    assert list(front.table) == [
        "preference income", "preference sex_parity", "income", "sex_parity", "income/accuracy",
        "sex_parity/gap of decisions",
    ]  # fmt: skip
    np.testing.assert_array_equal(front.table[["income", "sex_parity"]], recorded.losses)
    np.testing.assert_array_equal(front.table[["preference income", "preference sex_parity"]], recorded.preferences)
    assert len(front.table_of("test")) == 5
    assert recorded.n_samples == len(data.load("val"))
    with pytest.raises(OptionError, match="split 'valid' was given: 'train', 'val', 'test' are accepted"):
        front.table_of("valid")  # type: ignore[arg-type]


def test_the_table_agrees_with_predictions_of_the_networks(front: mobench.Front) -> None:
    """An oracle from raw inputs: accuracy by hand on the validation rows, at every preference."""
    x, targets = table()
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    rows = order[len(x) - 36 : len(x) - 18].numpy()
    for i, accuracy in enumerate(front.table["income/accuracy"]):
        predicted = front.network(i).predict(x.iloc[rows])
        assert np.mean(predicted == targets["income"][rows]) == pytest.approx(accuracy)


def test_the_plot_shows_every_preference(front: mobench.Front) -> None:
    import matplotlib.pyplot as plt

    ax = front.plot()
    np.testing.assert_array_equal(np.transpose(ax.lines[0].get_data()), front.table[["income", "sex_parity"]])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("income", "sex_parity")
    assert front.plot(ax, "test") is ax
    plt.close("all")


def test_more_than_two_losses_are_parallel_coordinates() -> None:
    from matplotlib.figure import Figure

    from mobench.fronts.front_plot import draw

    ax = draw(Figure().subplots(), np.array([[0.0, 2.0, 5.0], [1.0, 1.0, 5.0]]), ["a", "b", "c"], "val", True)
    assert [line.get_ydata().tolist() for line in ax.lines] == [[0, 1, 0], [1, 0, 0]]  # type: ignore[union-attr]
    assert ax.get_xticklabels()[1].get_text() == "b\n1 … 2"


def test_a_network_takes_raw_inputs_and_returns_outputs_of_the_module(front: mobench.Front) -> None:
    x, _ = table()
    net = front.network([0.3, 0.7])
    assert isinstance(net, nn.Module)
    outputs = net(x)
    assert isinstance(outputs, torch.Tensor)
    assert outputs.shape == (len(x), 2)
    assert set(net.predict(x)) <= {"high", "low"}
    assert not torch.equal(outputs, front.network([0.9, 0.1])(x))
    # by hand: standardise on the training rows, then the user's module with its weights
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[:84].numpy()
    numbers = x[["age", "hours"]].to_numpy()
    scaled = (numbers - numbers[order].mean(0)) / numbers[order].std(0)
    one_hot = np.stack([x["work"] == work for work in ("farm", "office", "shop")], axis=1)
    module = net.module
    assert [type(layer) for layer in module.children()] == [nn.Linear, nn.ReLU, nn.Linear]
    by_hand = module(torch.tensor(np.hstack([scaled, one_hot]), dtype=torch.float32))
    torch.testing.assert_close(by_hand, outputs)
    assert all(p.requires_grad for p in module.parameters())


def test_inputs_of_another_form_are_declined(front: mobench.Front) -> None:
    x, _ = table()
    net = front.network([0.5, 0.5])
    with pytest.raises(DataError, match="the frame has no column 'hours': pass the columns age, hours, work"):
        net(x.drop(columns="hours"))
    with pytest.raises(DataError, match="column 'work' has the value 'sea': the training data had 'farm', 'office'"):
        net(x.replace({"work": {"shop": "sea"}}))
    with pytest.raises(DataError, match="the inputs are ndarray: pass a pandas frame"):
        net(np.zeros((3, 5)))
    assert torch.equal(net(x[["work", "hours", "age"]]), net(x)), "columns are found by name"
    assert bool(net(x.assign(age=np.nan, work=None)).isfinite().all()), "missing values are the mean, and no category"


def test_a_preference_outside_the_simplex_or_the_set_is_declined(front: mobench.Front, stack: mobench.Front) -> None:
    for preference, message in (([0.3, 0.3], "not on the simplex"), ([1.0], r"pass 2 values that sum to 1"),
                                (7, "the table has rows 0 to 4")):  # fmt: skip
        with pytest.raises(PreferenceError, match=message):
            front.network(preference)
    with pytest.raises(PreferenceError, match=r"ls trained one network for each of 5 preferences, and none for"):
        stack.network([0.3, 0.7])
    x, _ = table()
    row = stack.table[["preference income", "preference sex_parity"]].to_numpy()[1]
    assert torch.equal(stack.network(row)(x), stack.network(1)(x))


def test_points_without_preferences_are_reached_by_their_row(data: mobench.Dataset) -> None:
    front = mobench.fit("moo-svgd", data, nn.Linear(5, 2), **SMALL)
    assert list(front.table)[:2] == ["income", "sex_parity"]
    x, _ = table()
    assert front.network(0)(x).shape == (120, 2)
    assert front.choose(income=front.table["income"].min()) == front.table["income"].argmin()
    with pytest.raises(PreferenceError, match="belong to no preference: pass a row of the table"):
        front.network([0.5, 0.5])
    with pytest.raises(mobench.errors.MobenchError, match="a file cannot hold its networks"):  # type: ignore[attr-defined]
        front.save("front.safetensors")


def test_a_solver_that_conditions_the_module_has_no_copy_of_it(data: mobench.Dataset) -> None:
    front = mobench.fit("cosmos", data, **SMALL, settings={"model.widths": [8]})
    with pytest.raises(IncompatibleError, match="cosmos does not predict with a copy of the module"):
        _ = front.network([0.5, 0.5]).module


@pytest.fixture
def handmade(front: mobench.Front) -> mobench.Front:
    """A front with losses that are chosen by hand."""
    losses = [[0.2, 0.8], [0.3, 0.5], [0.4, 0.45], [0.5, 0.2], [0.6, 0.6]]
    recorded = front.record.fronts["val"].model_copy(update={"losses": losses})
    record = front.record.model_copy(update={"fronts": {**front.record.fronts, "val": recorded}})
    return mobench.Front(record, front._problem, front._pareto_set)


@pytest.mark.parametrize(
    ("bounds", "row"),
    [({"income": 0.35}, 1), ({"income": 0.45}, 2), ({"income": 9}, 3), ({"sex_parity": 0.5}, 1),
     ({"income": 0.55, "sex_parity": 0.6}, 3), ({"income": 0.2}, 0)],
)  # fmt: skip
def test_the_choice_is_closest_under_the_bound(handmade: mobench.Front, bounds: dict[str, float], row: int) -> None:
    expected = handmade.record.fronts["val"].preferences[row]
    np.testing.assert_array_equal(handmade.choose(**bounds), expected)
    np.testing.assert_array_equal(handmade.choose(bounds), expected)


def test_a_bound_that_no_preference_attains_is_an_error_with_the_range(handmade: mobench.Front) -> None:
    with pytest.raises(OptionError, match=r"no preference has income ≤ 0.1 .* attains income from 0.2 to 0.6"):
        handmade.choose(income=0.1)
    with pytest.raises(OptionError, match=r"income ≤ 0.2, sex_parity ≤ 0.2 at the same time"):
        handmade.choose(income=0.2, sex_parity=0.2)
    with pytest.raises(OptionError, match="a bound of 'age' was given: pass bounds of losses by name, of income"):
        handmade.choose(age=3)
    with pytest.raises(OptionError, match="no bound was given"):
        handmade.choose()


def test_registered_data_is_passed_as_the_dataset_returns_it() -> None:
    front = mobench.fit("phn-ls", "vlmop2", "point", **SMALL)
    net = front.network([0.5, 0.5])
    assert net(torch.zeros(1, 0)).numel() == front._problem.n_target_parameters
    with pytest.raises(IncompatibleError, match="dataset 'vlmop2' does not state what its outputs mean"):
        net.predict(torch.zeros(1, 0))


def test_arrays_of_another_width_are_declined() -> None:
    data = mobench.dataset(
        np.random.default_rng(0).normal(size=(40, 3)), np.arange(40.0), [mobench.mse("y"), mobench.l2()]
    )
    front = mobench.fit("ls", data, nn.Linear(3, 1), **SMALL)
    with pytest.raises(ShapeError, match=r"the inputs have shape \[2, 4\]: pass \['N', 3\]"):
        front.network(0)(np.zeros((2, 4)))
