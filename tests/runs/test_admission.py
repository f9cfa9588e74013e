"""Losses and metrics that are not means over samples are refused; pooled metrics are given prepared samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mobench import Dataset, Metric, Model, Objective, Protocol, Samples, Spec, hookimpl
from mobench.errors import IncompatibleError
from mobench.interfaces import Outputs, Problem, SummedMeasure, seeded
from mobench.interfaces.objective import Measure
from mobench.jobs import resolve
from mobench.jobs.job import Budget
from mobench.learning.preferences import finite_rays
from mobench.metrics.evaluation import evaluate
from mobench.plugins import Plugin, Registry
from mobench.records import provenance
from mobench.runs import execution
from mobench.runs.additivity import check_means
from mobench.runs.execution import execute
from mobench_analytic.point import Point
from mobench_analytic.problems import VLMOP2
from mobench_linear.stack import Stack

MISSING = -999.0


def squared(outputs: Outputs, batch: Samples) -> Tensor:
    return (outputs["y"][:, 0] - batch.targets["y"]).square().mean()


def absolute(outputs: Outputs, batch: Samples) -> Tensor:
    return (outputs["y"][:, 0] - batch.targets["y"]).abs().mean()


def parity(outputs: Outputs, batch: Samples) -> Tensor:
    """Difference of two groups' mean outputs."""
    group = batch.targets["group"]
    return (outputs["y"][group == 0].mean() - outputs["y"][group == 1].mean()).abs()


def root(outputs: Outputs, batch: Samples) -> Tensor:
    return squared(outputs, batch).sqrt()


def masked(outputs: Outputs, batch: Samples) -> Tensor:
    """The mean over the samples of a group, of which batches hold different numbers."""
    inside = batch.targets["group"].to(outputs["y"])
    return ((outputs["y"][:, 0] - batch.targets["y"]).square() * inside).sum() / inside.sum()


def rare(outputs: Outputs, batch: Samples) -> Tensor:
    """The mean over a group that neither the first nor the last samples of a split belong to; 0 without any of it."""
    inside = batch.targets["rare"].to(outputs["y"])
    return ((outputs["y"][:, 0] - batch.targets["y"]).square() * inside).sum() / inside.sum().clamp_min(1)


def weighted(outputs: Outputs, batch: Samples) -> Tensor:
    """Weights that are stored with the samples: a mean over samples."""
    return ((outputs["y"][:, 0] - batch.targets["y"]).square() * batch.targets["group"]).mean()


def known_mean_error(outputs: Outputs, batch: Samples) -> Tensor:
    is_measured = ~batch.targets["gaps"].isnan()
    return (outputs["y"][is_measured, 0] - batch.targets["gaps"][is_measured]).abs().mean()


KINDS: dict[str, tuple[Measure, tuple[Metric, ...]]] = {
    "mean": (squared, (Metric("absolute", absolute), Metric("root", root, pooled=True))),
    "weighted": (weighted, ()),
    "parity": (parity, ()),
    "root": (root, ()),
    "masked": (masked, ()),
    "rare": (rare, ()),
    "root as metric": (squared, (Metric("root", root),)),
    "known": (squared, (Metric("error", known_mean_error, False, pooled=True),)),
}


@dataclass(frozen=True)
class Rows(Dataset):
    """Numbers, their sum, and groups; some sums are missing and marked by a number until they are prepared."""

    kind: str = "mean"

    heads = {"y": 1}  # noqa: RUF012
    input_shape = (3,)
    protocol = Protocol("rows-1", (9.0, 9.0), (0.0, 0.0), (1.0, 1.0))

    @property
    def objectives(self) -> tuple[Objective, ...]:
        loss, metrics = KINDS[self.kind]
        return (Objective("sum", squared), Objective("other", loss, metrics))

    def load(self, split: Any) -> Samples:
        draw = seeded(len(split))
        rows, group = torch.randn(600, 3, generator=draw), torch.rand(600, generator=draw) < 0.4
        gaps = rows.sum(1).masked_fill(torch.rand(600, generator=draw) < 0.3, MISSING)
        rare = (torch.arange(600) % 31 == 5) & (torch.arange(600) > 100) & (torch.arange(600) < 500)
        return Samples(rows, {"y": rows.sum(1), "group": group.long(), "gaps": gaps, "rare": rare.long()})

    def prepare(self, batch: Samples) -> Samples:
        gaps = batch.targets["gaps"]
        targets = {**batch.targets, "gaps": gaps.masked_fill(gaps == MISSING, float("nan"))}
        return Samples(batch.inputs / 2, targets)


class Line(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(3, 1)

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        return {"y": self.line(inputs)}


@dataclass(frozen=True)
class Straight(Model):
    """A line."""

    def build(self, dataset: Dataset) -> nn.Module:
        return Line()


@pytest.fixture
def _guests(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    guest = ModuleType("guest")
    guest.mobench_models = hookimpl(lambda: [Spec("straight", f"{__name__}:Straight", version="1")])  # type: ignore[attr-defined]
    guest.mobench_datasets = hookimpl(lambda: [Spec("rows", f"{__name__}:Rows", version="1")])  # type: ignore[attr-defined]
    guest_registry = Registry.discover()
    guest_registry.add(Plugin("guest", "guest", "1.0"), guest)
    for module in (resolve, provenance):
        monkeypatch.setattr(module, "registry", lambda: guest_registry)
    provenance._packages.cache_clear()
    yield
    provenance._packages.cache_clear()


@pytest.mark.parametrize("kind", ["mean", "weighted", "known"])
def test_means_over_samples_are_accepted(kind: str) -> None:
    problem = Problem(Rows(kind), Straight())
    check_means(problem, problem.dataset.load("val"), "val")


@pytest.mark.parametrize("kind", ["parity", "root", "masked"])
def test_a_loss_that_is_no_mean_is_named_with_what_it_is_on_the_parts(kind: str) -> None:
    problem = Problem(Rows(kind), Straight())
    with pytest.raises(
        IncompatibleError, match="loss of objective 'other' is not a mean over samples: on 32 samples of"
    ):
        check_means(problem, problem.dataset.load("val"), "val")


def test_a_loss_over_a_rare_group_is_no_mean() -> None:
    problem = Problem(Rows("rare"), Straight())
    with pytest.raises(
        IncompatibleError, match="loss of objective 'other' is not a mean over samples: on 600 samples of"
    ):
        check_means(problem, problem.dataset.load("val"), "val")


def test_a_metric_that_is_no_mean_is_to_be_pooled() -> None:
    problem = Problem(Rows("root as metric"), Straight())
    with pytest.raises(
        IncompatibleError, match=r"metric 'other/root' is not a mean over samples.*give the Metric pooled"
    ):
        check_means(problem, problem.dataset.load("val"), "val")


def test_what_does_not_depend_on_samples_is_accepted() -> None:
    """The output of an analytic problem is a point of any length."""
    for n_variables in (2, 16, 32):
        problem = Problem(VLMOP2(n_variables), Point())
        check_means(problem, Samples(torch.zeros(32, 0)), "val")


@pytest.mark.usefixtures("_guests")
def test_a_run_is_refused_before_training_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "train", lambda *a, **k: pytest.fail("trained"))
    record = execute(resolve.resolve("rows", "straight", "ls", {"dataset.kind": "parity"}, Budget(steps=3)))
    assert record.status != "completed"
    assert record.failure is not None
    assert record.failure.kind == "IncompatibleError"
    assert "not a mean over samples" in record.failure.message
    assert "\n" not in record.failure.message


@pytest.mark.usefixtures("_guests")
def test_a_run_with_means_completes() -> None:
    job = resolve.resolve("rows", "straight", "ls", {"dataset.kind": "mean"}, Budget(steps=3))
    assert execute(job).status == "completed"


@pytest.mark.parametrize("batch_size", [7, 250, 600])
def test_pooled_metrics_are_given_the_whole_split_prepared(batch_size: int) -> None:
    """Compare with the metric of one batch that holds the split; without preparation missing values count as −999."""
    problem = Problem(Rows("known"), Straight())
    network, samples = Stack().build(problem, finite_rays(2, 3)), problem.dataset.load("test")
    front = evaluate(network, problem, samples, finite_rays(2, 3), batch_size=batch_size)
    batch = problem.prepare(samples)
    with torch.no_grad():
        expected = [float(known_mean_error(o, batch)) for o in network(batch.inputs, finite_rays(2, 3))]
    assert front.metrics["other/error"] == pytest.approx(expected, rel=1e-5)
    assert max(expected) < 5


def test_pooled_metrics_are_given_prepared_inputs() -> None:
    inputs_of_batches = []

    def remember(outputs: Outputs, batch: Samples) -> Tensor:
        inputs_of_batches.append(batch.inputs)
        return torch.zeros(())

    KINDS["remember"] = (squared, (Metric("inputs", remember, pooled=True),))
    problem = Problem(Rows("remember"), Straight())
    samples = problem.dataset.load("test")
    evaluate(Stack().build(problem, finite_rays(2, 3)), problem, samples, finite_rays(2, 3), batch_size=100)
    assert torch.equal(inputs_of_batches[0], samples.inputs / 2)


def means_as_statistics(outputs: Outputs, batch: Samples) -> dict[str, Tensor]:
    errors = (outputs["y"][:, 0] - batch.targets["y"]).square()
    inside = batch.targets["group"].to(errors)
    return {"sum": (errors * inside).sum(), "share": inside.mean()}


def growing(outputs: Outputs, batch: Samples) -> dict[str, Tensor]:
    return {"errors": (outputs["y"][:, 0] - batch.targets["y"]).square()}


def true_sums(outputs: Outputs, batch: Samples) -> dict[str, Tensor]:
    errors = (outputs["y"][:, 0] - batch.targets["y"]).square()
    inside = batch.targets["group"].to(errors)
    return {"sum": (errors * inside).sum(), "count": inside.sum()}


SUMMED = {
    "sums": SummedMeasure(true_sums, lambda sums: sums["sum"] / sums["count"].clamp_min(1)),
    "means": SummedMeasure(means_as_statistics, lambda sums: sums["sum"] / sums["share"].clamp_min(1e-6)),
    "growing": SummedMeasure(growing, lambda sums: sums["errors"].mean()),
    "vector": SummedMeasure(true_sums, lambda sums: torch.stack([sums["sum"], sums["count"]])),
}


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("means", r"'other' has statistics that do not add up: on 32 samples .* 'share' is .*return sums over samples"),
        ("growing", r"statistics of shapes \{'errors': \(32,\)\}.*return the same names and shapes for every batch"),
        ("vector", r"finishes with shape \(2,\): return a scalar from finish"),
    ],
)
def test_declared_statistics_must_add_up(kind: str, message: str) -> None:
    KINDS[kind] = (SUMMED[kind], ())
    problem = Problem(Rows(kind), Straight())
    with pytest.raises(IncompatibleError, match=message):
        check_means(problem, problem.dataset.load("val"), "val")


def test_a_loss_with_statistics_that_add_up_is_accepted_as_loss_and_as_metric() -> None:
    KINDS["sums"] = (SUMMED["sums"], (Metric("of a group", SUMMED["sums"], False),))
    problem = Problem(Rows("sums"), Straight())
    check_means(problem, problem.dataset.load("val"), "val")


@pytest.mark.usefixtures("_guests")
@pytest.mark.parametrize("solver", ["ls", "epo", "stack+upgrad"])
def test_a_summed_loss_trains_and_is_judged_as_on_the_whole_split(solver: str) -> None:
    KINDS["sums"] = (SUMMED["sums"], (Metric("of a group", SUMMED["sums"], False),))
    job = resolve.resolve("rows", "straight", solver, {"dataset.kind": "sums", "lr": 0.05}, Budget(steps=60))
    record = execute(job)
    assert record.status == "completed", record.failure
    front = record.fronts["test"]
    assert front.metrics["other/of a group"] == pytest.approx([losses[1] for losses in front.losses])
    assert min(losses[1] for losses in front.losses) < 0.2
