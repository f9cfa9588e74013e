"""Objectives by name: values, reference points and metrics against definitions and scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from own_data import SMALL
from sklearn import metrics
from torch import Tensor, nn

import mobench
from mobench.errors import IncompatibleError, MobenchError, OptionError
from mobench.fronts.module_model import EPSILON, ModuleModel, multiply_adds

N = 60
RANDOM = np.random.default_rng(2)
X = RANDOM.normal(size=(N, 4))
TARGETS: dict[str, Any] = {
    "income": RANDOM.integers(0, 2, N),
    "job": RANDOM.choice(["a", "b", "c"], N),
    "sex": RANDOM.integers(0, 2, N),
    "price": RANDOM.gamma(2.0, 30.0, N),
    "tags": RANDOM.integers(0, 2, (N, 3)),
    "size": RANDOM.normal(size=(N, 2)) * [1, 100],
}


def data_of(*objectives: Any, **arguments: Any) -> Any:
    return mobench.dataset(X, TARGETS, objectives, **arguments)


def parts(data: Any, split: Any = "train") -> tuple[Any, np.ndarray]:
    """Return samples and their rows in the arrays of this file."""
    order = torch.randperm(N, generator=torch.Generator().manual_seed(0)).numpy()
    rows = {"train": order[:42], "val": order[42:51], "test": order[51:]}
    return data.load(split), rows[split]


def metric(objective: mobench.Objective, name: str, outputs: Any, samples: Any) -> float:
    (measure,) = [m.measure for m in objective.metrics if m.name == name]
    return float(measure(outputs, samples))


def test_cross_entropy_against_scikit_learn() -> None:
    data = data_of(mobench.cross_entropy("job"))
    samples, rows = parts(data)
    logits = torch.randn(42, 3)
    (objective,) = data.objectives
    expected = metrics.log_loss(TARGETS["job"][rows], logits.softmax(1).numpy(), labels=["a", "b", "c"])
    assert float(objective.loss({"job": logits}, samples)) == pytest.approx(expected, rel=1e-5)
    labels = np.array(["a", "b", "c"])[logits.argmax(1).numpy()]
    accuracy = metric(objective, "accuracy", {"job": logits}, samples)
    assert accuracy == pytest.approx(metrics.accuracy_score(TARGETS["job"][rows], labels))
    shares = np.unique(TARGETS["job"][rows], return_counts=True)[1] / 42
    assert data.protocol.reference == pytest.approx((-1.1 * (shares * np.log(shares)).sum(),))
    assert data.protocol.ideal == (0.0,)


def test_binary_cross_entropy_of_one_and_of_several_labels() -> None:
    data = data_of(mobench.binary_cross_entropy("income"), mobench.binary_cross_entropy("tags"))
    samples, rows = parts(data)
    outputs = {"income": torch.randn(42, 1), "tags": torch.randn(42, 3)}
    assert data.heads == {"income": 1, "tags": 3}
    single, several = data.objectives
    expected = metrics.log_loss(TARGETS["income"][rows], outputs["income"][:, 0].sigmoid().numpy())
    assert float(single.loss(outputs, samples)) == pytest.approx(expected, rel=1e-5)
    columns = [metrics.log_loss(TARGETS["tags"][rows, j], outputs["tags"][:, j].sigmoid().numpy()) for j in range(3)]
    assert float(several.loss(outputs, samples)) == pytest.approx(np.mean(columns), rel=1e-5)
    share = TARGETS["income"][rows].mean()
    entropy = -share * np.log(share) - (1 - share) * np.log(1 - share)
    assert data.protocol.reference[0] == pytest.approx(1.1 * entropy)


def test_regression_losses_and_metrics_in_original_units() -> None:
    data = data_of(
        mobench.mse("price"), mobench.mae("price", name="absolute"), mobench.huber("price", delta=0.5, name="robust"),
        mobench.mse("size"),
    )  # fmt: skip
    samples, rows = parts(data)
    assert data.heads == {"price": 1, "size": 2}
    outputs = {"price": torch.randn(42, 1), "size": torch.randn(42, 2)}
    price = TARGETS["price"][rows]
    mean, deviation = price.mean(), price.std()
    error = outputs["price"][:, 0].numpy() - (price - mean) / deviation
    huber = np.where(abs(error) < 0.5, error**2 / 2, 0.5 * (abs(error) - 0.25))
    values = [float(o.loss(outputs, samples)) for o in data.objectives[:3]]
    assert values == pytest.approx([(error**2).mean(), abs(error).mean(), huber.mean()], rel=1e-5)
    predicted = outputs["price"][:, 0].numpy() * deviation + mean
    mse = data.objectives[0]
    assert metric(mse, "RMSE", outputs, samples) == pytest.approx(metrics.root_mean_squared_error(price, predicted))
    assert metric(mse, "R2", outputs, samples) == pytest.approx(metrics.r2_score(price, predicted), rel=1e-4)
    absolute = metric(data.objectives[1], "MAE", outputs, samples)
    assert absolute == pytest.approx(metrics.mean_absolute_error(price, predicted), rel=1e-5)
    sizes = outputs["size"].numpy() * TARGETS["size"][rows].std(0) + TARGETS["size"][rows].mean(0)
    rmse = metric(data.objectives[3], "RMSE", outputs, samples)
    assert rmse == pytest.approx(np.sqrt(((sizes - TARGETS["size"][rows]) ** 2).mean()), rel=1e-5)
    scaled = (price - mean) / deviation
    constants = np.linspace(scaled.min(), scaled.max(), 20_001)[:, None]
    huber_of = np.where(
        abs(constants - scaled) < 0.5, (constants - scaled) ** 2 / 2, 0.5 * (abs(constants - scaled) - 0.25)
    )
    best = [1.0, abs(scaled - np.median(scaled)).mean(), huber_of.mean(1).min(), 1.0]
    assert data.protocol.reference == pytest.approx([1.1 * v for v in best], rel=1e-3)


def test_gaps_between_groups_against_their_definitions() -> None:
    data = data_of(
        mobench.cross_entropy("income"),
        mobench.demographic_parity("sex", head="income"),
        mobench.equalised_odds("sex", head="income"),
    )
    assert [o.name for o in data.objectives] == ["income", "sex_parity", "sex_odds"]
    assert data.protocol.reference[1:] == (1.0, 1.0)
    samples, rows = parts(data)
    logits = torch.randn(42, 2)
    probability = logits.softmax(1)[:, 1].numpy()
    sex, income = TARGETS["sex"][rows], TARGETS["income"][rows]

    def gap(values: Any, among: Any) -> float:
        return abs(values[among & (sex == 0)].mean() - values[among & (sex == 1)].mean())

    everyone = np.ones(42, bool)
    for values, of in ((probability, "loss"), (probability > 0.5, "metric")):
        parity, odds = (
            float(o.loss({"income": logits}, samples)) if of == "loss"
            else metric(o, "gap of decisions", {"income": logits}, samples)
            for o in data.objectives[1:]
        )  # fmt: skip
        assert parity == pytest.approx(gap(values, everyone), rel=1e-5)
        assert odds == pytest.approx(max(gap(values, income == 0), gap(values, income == 1)), rel=1e-5)


def module() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 1))


def test_sizes_of_weights_against_their_definitions() -> None:
    """1 for an untrained network; the values of a trained one follow from its weights."""
    data = data_of(mobench.mse("price"), mobench.l1(), mobench.l2(), mobench.flops())
    with pytest.raises(MobenchError, match="the reference of objective 'l1' is the loss of an untrained network"):
        _ = data.protocol
    front = mobench.fit(
        "ls", data, module(), **{**SMALL, "steps": 30}, rays=[[0.7, 0.1, 0.1, 0.1], [0.1, 0.3, 0.3, 0.3]]
    )
    assert front.record.protocol["reference"][1:] == pytest.approx([1.1] * 3)

    def sizes(network: nn.Module) -> list[float]:
        first, last = network[0], network[2]  # type: ignore[index]
        values = [p.detach().double() for p in network.parameters()]
        lasso = (4 * first.weight.norm(dim=1).sum() + 6 * last.weight.norm(dim=1).sum()).detach()
        return [float(sum(v.abs().sum() for v in values)), float(sum(v.square().sum() for v in values)), float(lasso)]

    untrained = module()
    torch.manual_seed(0)  # as the scales are measured
    start = sizes(ModuleModel(untrained).new_module())
    for row in (0, 1):
        trained = sizes(front.network(row).module)
        ratios = [a / b for a, b in zip(trained, start, strict=True)]
        assert front.table.loc[row, ["l1", "l2", "flops"]].tolist() == pytest.approx(ratios, rel=1e-4)
    assert (front.table.loc[1, ["l1", "l2", "flops"]] < front.table.loc[0, ["l1", "l2", "flops"]]).all()


@pytest.mark.parametrize("solver", ["phn-ls", "cosmos", "soup", "mgda", "palora"])
def test_sizes_of_weights_are_trained_by_every_kind_of_network(solver: str) -> None:
    data = data_of(mobench.mse("price"), mobench.l2())
    front = mobench.fit(solver, data, settings={"model.widths": [6]}, **SMALL)
    assert front.table["l2"].gt(0).all()
    assert front.network(0)(X).shape == (N, 1), "the size is no output of the network"


def test_multiply_adds_are_those_of_the_definition() -> None:
    network = nn.Sequential(nn.Conv2d(3, 5, 3), nn.Flatten(), nn.Linear(5 * 6 * 4, 2))
    assert multiply_adds(network, torch.zeros(1, 3, 8, 6)) == {"0": 27 * 24, "2": 120}
    assert EPSILON < 1e-9
    with pytest.raises(IncompatibleError, match=r"flops\(\) found no linear layer and no convolution"):
        multiply_adds(nn.Flatten(), torch.zeros(1, 3))


def spread(outputs: Any, batch: Any) -> Tensor:
    result: Tensor = (outputs["price"][:, 0] - batch.targets["sex"]).square().mean()
    return result


def test_functions_and_objectives_are_accepted() -> None:
    data = data_of(mobench.mse("price"), spread, lambda outputs, batch: outputs["price"].abs().mean(),
                   mobench.Objective("own", spread))  # fmt: skip
    assert [o.name for o in data.objectives] == ["price", "spread", "objective_3", "own"]
    front = mobench.fit("ls", data, module(), **SMALL)
    reference = front.record.protocol["reference"]
    assert reference[1] == reference[3]
    assert front.record.fronts["val"].losses[0][1] == front.record.fronts["val"].losses[0][3]


def test_functions_alone_take_their_heads_from_the_module() -> None:
    def size(outputs: Any, batch: Any) -> Tensor:
        result: Tensor = outputs["output"].square().mean()
        return result

    data = mobench.dataset(X, TARGETS, [size, lambda o, b: (o["output"][:, 0] - 1).abs().mean()])
    front = mobench.fit("ls", data, module(), **SMALL)
    assert front.network(0).predict(X).shape == (N, 1)
    with pytest.raises(OptionError, match="no objective states an output of the network"):
        mobench.fit("ls", data, **SMALL)


@pytest.mark.parametrize(
    ("objectives", "message"),
    [
        ([mobench.mse("y")], "objective 'y' reads target 'y': the targets are"),
        ([mobench.mse("price"), mobench.mse("price")], "two objectives are called 'price'"),
        (
            [mobench.mse("income"), mobench.cross_entropy("income", name="b")],
            "needs target 'income' as classes|numbers",
        ),
        ([mobench.cross_entropy("job"), mobench.demographic_parity("sex", head="job")], "target 'job' has 3 classes"),
        ([mobench.mse("price"), mobench.demographic_parity("sex", head="price")], "give the head of a cross_entropy"),
        ([mobench.cross_entropy("job", head="h"), mobench.mse("price", head="h")], "head 'h' needs"),
        ([], "there is no objective"),
        (["mse"], "objective 1 is str: pass an objective such as"),
    ],
)
def test_objectives_that_cannot_be_are_declined(objectives: list[Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        data_of(*objectives)


def test_points_of_the_protocol_can_be_stated() -> None:
    data = data_of(mobench.mse("price"), mobench.cross_entropy("job"), reference={"price": 3.0}, ideal={"price": -1.0})
    assert data.protocol.reference[0] == 3.0
    assert data.protocol.ideal == (-1.0, 0.0)
    with pytest.raises(OptionError, match="reference names 'prize': the objectives are 'price'"):
        data_of(mobench.mse("price"), reference={"prize": 3.0})
    with pytest.raises(OptionError, match="pass a reference above the ideal"):
        data_of(mobench.mse("price"), reference={"price": 0.0})
    negative = data_of(mobench.mse("price"), lambda o, b: -o["price"].square().mean() - 1)
    with pytest.raises(MobenchError, match=r"objective 'objective_2': the loss of an untrained network times 1\.1"):
        mobench.fit("ls", negative, module(), **SMALL)
    with pytest.raises(OptionError, match="huber was given delta=0"):
        mobench.huber("price", delta=0)
