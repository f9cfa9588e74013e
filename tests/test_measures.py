"""Measures that are functions of sums: against exact values, over batches of any size, as losses, in bounded memory."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pytest
import sklearn.metrics
import torch
from scipy.stats import rankdata
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from mobench import Dataset, Metric, Model, Objective, Protocol, Samples
from mobench.errors import OptionError, ShapeError
from mobench.interfaces import Outputs, Problem, SummedMeasure, seeded
from mobench.learning.preferences import finite_rays
from mobench.measures import (
    binned_auc,
    demographic_parity_gap,
    equalised_odds_gap,
    masked_mean,
    mean_iou,
    r_squared,
    root_mean_squared_error,
    unexplained_variance,
)
from mobench.metrics.evaluation import evaluate
from mobench.metrics.totals import Totals
from mobench_linear.stack import Stack

N, N_CLASSES = 203, 4


def table(n: int = N, seed: int = 0) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return outputs and targets: regression with gaps, binary labels with a group, and label images."""
    draw = seeded(seed)
    y = torch.randn(n, 1, generator=draw, dtype=torch.float64)
    targets = {
        "y": (0.5 * y[:, 0] + torch.randn(n, generator=draw)).double() + 3,
        "label": (torch.rand(n, generator=draw) < 0.4).long(),
        "group": (torch.rand(n, generator=draw) < 0.3).long() + (torch.rand(n, generator=draw) < 0.1).long(),
        "class": torch.randint(-1, N_CLASSES, (n,), generator=draw),
        "image": torch.randint(-1, N_CLASSES, (n, 3, 2), generator=draw),
    }
    targets["scale"] = torch.full((n,), 2.5)
    targets["gaps"] = targets["y"].masked_fill(torch.rand(n, generator=draw) < 0.4, math.nan)
    outputs = {
        "y": y,
        "logit": torch.randn(n, 1, generator=draw, dtype=torch.float64) + targets["label"][:, None],
        "scores": torch.randn(n, N_CLASSES, generator=draw, dtype=torch.float64),
        "image": torch.randn(n, N_CLASSES, 3, 2, generator=draw, dtype=torch.float64),
    }
    return outputs, targets


def sigmoid(logits: Tensor) -> np.ndarray[Any, Any]:
    return 1 / (1 + np.exp(-logits[:, 0].numpy()))


def exact_masked(o: Outputs, t: dict[str, Tensor]) -> float:
    pairs = [(a, b) for a, b in zip(o["y"][:, 0].tolist(), t["gaps"].tolist(), strict=True) if b == b]
    return sum((a - b) ** 2 for a, b in pairs) / len(pairs)


def exact_classes(o: Outputs, t: dict[str, Tensor]) -> float:
    is_labelled = t["class"] >= 0
    return float(cross_entropy(o["scores"][is_labelled], t["class"][is_labelled]))


def exact_r_squared(o: Outputs, t: dict[str, Tensor]) -> float:
    return float(sklearn.metrics.r2_score(t["y"].numpy(), o["y"][:, 0].numpy()))


def exact_rmse(o: Outputs, t: dict[str, Tensor]) -> float:
    """In the units of labels that were divided by 2.5; by scikit-learn."""
    is_labelled = ~t["gaps"].isnan()
    return float(sklearn.metrics.root_mean_squared_error(2.5 * t["gaps"][is_labelled], 2.5 * o["y"][is_labelled, 0]))


def exact_iou(o: Outputs, t: dict[str, Tensor]) -> float:
    """Sets of pixels."""
    predicted, labels = o["image"].argmax(1).flatten().tolist(), t["image"].flatten().tolist()
    values = []
    for c in range(N_CLASSES):
        predicted_indices = {i for i, p in enumerate(predicted) if p == c and labels[i] != -1}
        labelled_indices = {i for i, label in enumerate(labels) if label == c}
        if predicted_indices | labelled_indices:
            values.append(len(predicted_indices & labelled_indices) / len(predicted_indices | labelled_indices))
    return sum(values) / len(values)


def exact_auc(p: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> float:
    """The Mann-Whitney statistic."""
    positive, negative = int(labels.sum()), int((1 - labels).sum())
    ranks = rankdata(p)
    return float((ranks[labels == 1].sum() - positive * (positive + 1) / 2) / (positive * negative))


def exact_parity(o: Outputs, t: dict[str, Tensor], threshold: float | None = None) -> float:
    p = sigmoid(o["logit"]) if threshold is None else (sigmoid(o["logit"]) > threshold).astype(float)
    means = [p[t["group"].numpy() == g].mean() for g in range(3)]
    return float(max(means) - min(means))


def exact_odds(o: Outputs, t: dict[str, Tensor], threshold: float | None = None) -> float:
    p = sigmoid(o["logit"]) if threshold is None else (sigmoid(o["logit"]) > threshold).astype(float)
    group, label = t["group"].numpy(), t["label"].numpy()
    gaps = []
    for y in (0, 1):
        means = [p[(group == g) & (label == y)].mean() for g in range(3)]
        gaps.append(max(means) - min(means))
    return float(max(gaps))


squares = masked_mean(lambda y, t: (y[:, 0] - t).square(), "y", "gaps")
classes = masked_mean(partial(cross_entropy, reduction="none"), "scores", "class", missing=-1)
MEASURES: dict[str, tuple[SummedMeasure, Callable[[Outputs, dict[str, Tensor]], float]]] = {
    "masked mean": (squares, exact_masked),
    "masked classes": (classes, exact_classes),
    "R²": (r_squared("y"), exact_r_squared),
    "1 − R²": (unexplained_variance("y"), lambda o, t: 1 - exact_r_squared(o, t)),
    "RMSE": (root_mean_squared_error("y", "gaps", scale="scale"), exact_rmse),
    "mean IoU": (mean_iou("image", N_CLASSES), exact_iou),
    "parity": (demographic_parity_gap("logit", "group", n_groups=3), exact_parity),
    "parity of labels": (
        demographic_parity_gap("logit", "group", n_groups=3, threshold=0.5),
        partial(exact_parity, threshold=0.5),
    ),
    "odds": (equalised_odds_gap("logit", "group", "label", n_groups=3), exact_odds),
    "odds of labels": (
        equalised_odds_gap("logit", "group", "label", n_groups=3, threshold=0.5),
        partial(exact_odds, threshold=0.5),
    ),
}


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("batch_size", [1, 10, N])
def test_values_of_a_split_are_exact_for_batches_of_any_size(name: str, batch_size: int) -> None:
    measure, exact = MEASURES[name]
    outputs, targets = table()
    samples = Samples(torch.zeros(N, 1), targets)
    totals = Totals([Objective("a", lambda o, b: o["y"].mean(), (Metric("m", measure),)), Objective("b", measure)])
    for start in range(0, N, batch_size):
        indices = slice(start, start + batch_size)
        batch = samples.take(indices)
        batch_outputs = {head: output[indices] for head, output in outputs.items()}
        totals.add(batch_outputs, batch, batch_outputs["y"].mean()[None])
    mean, as_loss, as_metric = totals.values(None).tolist()
    assert mean == pytest.approx(float(outputs["y"].mean()))
    assert as_loss == as_metric == pytest.approx(exact(outputs, targets), rel=1e-9)


def test_the_value_of_one_batch_is_finish_of_its_statistics_in_the_dtype_of_the_outputs() -> None:
    outputs, targets = table()
    single = {head: output.float() for head, output in outputs.items()}
    batch = Samples(torch.zeros(N, 1), targets)
    for name, (measure, exact) in MEASURES.items():
        value = measure(outputs, batch)
        assert (value.dtype, value.ndim) == (torch.float64, 0)
        assert float(value) == pytest.approx(exact(outputs, targets), rel=1e-9), name
        assert measure(single, batch).dtype == torch.float32


@pytest.mark.parametrize("n_bins", [10, 100, 1000])
def test_auc_by_bins_is_within_the_share_of_pairs_in_one_bin(n_bins: int) -> None:
    outputs, targets = table(2000)
    p, labels = sigmoid(outputs["logit"]), targets["label"].numpy()
    value = float(binned_auc("logit", "label", n_bins=n_bins)(outputs, Samples(torch.zeros(2000, 1), targets)))
    bins = (p * n_bins).astype(int)
    same = sum(int(((bins == b) & (labels == 1)).sum() * ((bins == b) & (labels == 0)).sum()) for b in set(bins))
    share = same / (labels.sum() * (1 - labels).sum())
    assert abs(value - exact_auc(p, labels)) <= share / 2 + 1e-12
    assert value == pytest.approx(exact_auc(bins, labels), abs=1e-12)  # binned values have ties, which count one half


def test_auc_with_one_probability_per_bin_is_exact_and_a_half_without_a_class() -> None:
    p = torch.tensor([0.05, 0.25, 0.25, 0.45, 0.65, 0.85], dtype=torch.float64)
    labels = torch.tensor([0, 0, 1, 0, 1, -1])
    outputs = {"y": (p / (1 - p)).log()}
    batch = Samples(torch.zeros(6, 1), {"y": labels})
    # pairs: 0.25 beats 0.05, ties with 0.25, loses to 0.45; 0.65 beats all three
    assert float(binned_auc("y", n_bins=5)(outputs, batch)) == pytest.approx(4.5 / 6)
    one_class = Samples(torch.zeros(6, 1), {"y": torch.ones(6, dtype=torch.long)})
    assert float(binned_auc("y", n_bins=5)(outputs, one_class)) == 0.5


def test_a_perfect_fit_and_constant_labels_have_their_r_squared() -> None:
    y = torch.randn(30, 2, generator=seeded(0), dtype=torch.float64)
    batch = Samples(torch.zeros(30, 1), {"y": y})
    assert float(r_squared("y")({"y": y}, batch)) == pytest.approx(1)
    assert float(r_squared("y")({"y": y.mean(0).expand(30, 2)}, batch)) == pytest.approx(0)
    constant = Samples(torch.zeros(30, 1), {"y": torch.full((30, 2), 0.1, dtype=torch.float64)})
    assert float(r_squared("y")({"y": y}, constant)) == 0
    assert float(r_squared("y")({"y": constant.targets["y"]}, constant)) == 1


def test_the_rmse_of_several_outputs_is_of_all_labels_and_0_without_any() -> None:
    y, labels = torch.randn(2, 30, 2, generator=seeded(0), dtype=torch.float64)
    batch = Samples(torch.zeros(30, 1), {"y": labels, "unit": torch.tensor([[2.0, 3.0]]).expand(30, 2)})
    expected = sklearn.metrics.mean_squared_error(labels.flatten(), y.flatten()) ** 0.5
    assert float(root_mean_squared_error("y")({"y": y}, batch)) == pytest.approx(expected)
    scaled = sklearn.metrics.mean_squared_error(labels * torch.tensor([2, 3]), y * torch.tensor([2, 3])) ** 0.5
    assert float(root_mean_squared_error("y", scale="unit")({"y": y}, batch)) == pytest.approx(scaled)
    absent = Samples(batch.inputs, {"y": torch.full_like(labels, math.nan)})
    assert float(root_mean_squared_error("y")({"y": y}, absent)) == 0


LOSSES = ["masked mean", "masked classes", "1 − R²", "parity", "odds"]


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_differentiable(name: str) -> None:
    measure, _ = MEASURES[name]
    outputs, targets = table(40)
    batch = Samples(torch.zeros(40, 1), targets)
    head = {"masked classes": "scores", "parity": "logit", "odds": "logit"}.get(name, "y")
    leaf = outputs[head].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda values: measure({**outputs, head: values}, batch), (leaf,))
    (gradient,) = torch.autograd.grad(measure({**outputs, head: leaf}, batch), [leaf])
    assert gradient.any()


@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_without_labels_or_groups_has_a_finite_loss_and_gradient(name: str) -> None:
    measure, _ = MEASURES[name]
    outputs, targets = table(3)
    empty = {"gaps": math.nan, "y": math.nan, "class": -1, "group": 7, "label": 5}
    targets = {key: torch.full_like(value, empty.get(key, 0)) for key, value in targets.items()}
    batch = Samples(torch.zeros(3, 1), targets)
    leaves = {head: output.clone().requires_grad_() for head, output in outputs.items()}
    value = measure(leaves, batch)
    assert math.isfinite(value.item())
    gradients = torch.autograd.grad(value, list(leaves.values()), materialize_grads=True)
    assert all(bool(torch.isfinite(gradient).all()) for gradient in gradients)


def test_losses_of_stacked_nets_equal_those_of_separate_nets() -> None:
    _, targets = table(20)
    batch = Samples(torch.zeros(20, 1), targets)
    several = [table(20, seed)[0] for seed in range(3)]
    stacked = {head: torch.stack([outputs[head] for outputs in several]) for head in several[0]}
    for name in LOSSES:
        measure, _ = MEASURES[name]
        heads = list(stacked)
        together = torch.vmap(lambda *values: measure(dict(zip(heads, values, strict=True)), batch))(*stacked.values())  # noqa: B023
        torch.testing.assert_close(together, torch.stack([measure(outputs, batch) for outputs in several]))


def test_a_mask_marks_labels_as_a_nan_does() -> None:
    outputs, targets = table()
    targets["exists"] = ~targets["gaps"].isnan()
    masked = masked_mean(lambda y, t: (y[:, 0] - t).square(), "y", "gaps", mask="exists")
    batch = Samples(torch.zeros(N, 1), targets)
    assert float(masked(outputs, batch)) == float(squares(outputs, batch))


def test_shapes_that_do_not_fit_are_named() -> None:
    outputs, targets = table()
    batch = Samples(torch.zeros(N, 1), targets)
    with pytest.raises(ShapeError, match=r"shape \(\) for labels of shape \(203,\): return one value per label"):
        masked_mean(lambda y, t: mse_loss(y[:, 0], t), "y", "gaps")(outputs, batch)
    with pytest.raises(ShapeError, match="give one output per label"):
        r_squared("scores", "y")(outputs, batch)
    with pytest.raises(ShapeError, match="one logit"):
        demographic_parity_gap("scores", "group")(outputs, batch)


def test_a_summed_metric_is_not_pooled_too() -> None:
    with pytest.raises(OptionError, match="leave out pooled"):
        Metric("R²", r_squared("y"), pooled=True)


@dataclass(frozen=True)
class Wide(Dataset):
    """Label images as inputs, and a net with 4 × 24 × 24 output scores."""

    pooled: bool = False
    n: int = 8000

    heads = {"image": 4 * 24 * 24}  # noqa: RUF012
    input_shape = (24, 24)
    protocol = Protocol("wide-1", (9.0, 9.0), (0.0, 0.0), (1.0, 1.0))

    @property
    def objectives(self) -> tuple[Objective, ...]:
        def scores(outputs: Outputs) -> dict[str, Tensor]:
            return {"image": outputs["image"].reshape(-1, 4, 24, 24)}

        inner = mean_iou("image", 4)
        statistics = lambda outputs, batch: inner.statistics(scores(outputs), batch)  # noqa: E731
        one_batch_metric = lambda outputs, batch: inner.finish(statistics(outputs, batch))  # noqa: E731
        metric = (
            Metric("IoU", one_batch_metric, pooled=True)
            if self.pooled
            else Metric("IoU", SummedMeasure(statistics, inner.finish))
        )
        mean = lambda outputs, batch: outputs["image"].square().mean()  # noqa: E731
        return (Objective("a", mean, (metric,)), Objective("b", mean))

    def load(self, split: Any) -> Samples:
        labels = torch.randint(0, 4, (self.n, 24, 24), generator=seeded(0), dtype=torch.uint8)
        return Samples(labels, {"image": labels})

    def prepare(self, batch: Samples) -> Samples:
        return Samples(batch.inputs.float(), batch.targets)


class Thin(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.rand(4, 1, 1))

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        return {"image": (inputs[:, None] * self.scale).flatten(1)}


@dataclass(frozen=True)
class ThinModel(Model):
    """Scores that are multiples of the inputs."""

    def build(self, dataset: Dataset) -> nn.Module:
        return Thin()


MEASURED = """
import sys
sys.path.insert(0, sys.argv[1])
import torch
from test_measures import Stack, ThinModel, Wide, evaluate, finite_rays
from mobench.interfaces import Problem

torch.manual_seed(0)
problem = Problem(Wide(pooled=sys.argv[2] == "pooled"), ThinModel())
samples = problem.dataset.load("test")
network = Stack().build(problem, finite_rays(2, 2))
evaluate(network, problem, samples.take(slice(0, 500)), finite_rays(2, 2))


def status(name):
    lines = open("/proc/self/status").read().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))


before = status("VmRSS")
front = evaluate(network, problem, samples, finite_rays(2, 2))
print(status("VmHWM") - before, front.metrics["a/IoU"])
"""


def measured(variant: str) -> tuple[int, str]:
    """Return by how many bytes the peak exceeds the memory before judging, and the metric."""
    from pathlib import Path

    words = [sys.executable, "-c", MEASURED, str(Path(__file__).parent), variant]
    done = subprocess.run(words, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    n_bytes, _, values = done.stdout.strip().partition(" ")
    return int(n_bytes), values


@pytest.mark.slow
def test_judging_a_large_split_takes_memory_of_one_batch() -> None:
    """The outputs of two rays have 2 × 8000 × 4 × 24 × 24 × 4 bytes = 147 MB; pooling keeps and joins them all."""
    if not sys.platform.startswith("linux"):
        pytest.skip("reads /proc")
    summed, value = measured("summed")
    pooled, same = measured("pooled")
    assert value == same
    assert summed < 40_000_000
    assert pooled > 147_000_000


def test_the_values_do_not_depend_on_the_order_of_batches() -> None:
    outputs, targets = table()
    for _, (measure, exact) in MEASURES.items():
        order = torch.randperm(N, generator=seeded(1))
        moved = {head: output[order] for head, output in outputs.items()}
        batch = Samples(torch.zeros(N, 1), targets).take(order)
        assert float(measure(moved, batch)) == pytest.approx(exact(outputs, targets), rel=1e-9)


def test_evaluation_of_a_network_sums_statistics_over_batches() -> None:
    """Compare with one batch that holds the split, for every ray."""
    problem = Problem(Wide(n=50), ThinModel())
    samples, rays = problem.dataset.load("test"), finite_rays(2, 3)
    network = Stack().build(problem, rays)
    values = [evaluate(network, problem, samples, rays, batch_size=size).metrics["a/IoU"] for size in (7, 50)]
    assert values[0] == values[1]
    assert len(set(itertools.chain(*values))) > 1
