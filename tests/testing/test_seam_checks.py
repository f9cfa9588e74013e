"""Every optional part of the interfaces has a plugin that uses it wrongly, and a check that finds it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import seams
import torch
from torch import Tensor, nn

import mobench.plugins
from mobench import Dataset, Objective, Samples, StoredSamples, TaskSamples
from mobench.interfaces import Outputs
from mobench.plugins import Entry, Kind, Plugin, Registry, Spec
from mobench.testing.conformance import cases_of
from mobench.testing.outcomes import Result


@pytest.fixture(autouse=True)
def _guests(monkeypatch: pytest.MonkeyPatch) -> None:
    guest_registry = Registry.discover()
    guest_registry.add(Plugin("seams", "guest-seams", "1.0", module="seams"), seams)
    monkeypatch.setattr(mobench.plugins, "_of_process", [guest_registry])


def failures(kind: Kind, cls: type[Any], distribution: str = "broken") -> list[Result]:
    """Return the checks that a class of this module fails."""
    globals()[cls.__name__] = cls
    spec = Spec("broken", f"{__name__}:{cls.__name__}", "made for a test", "this file")
    entry = Entry(kind, spec, Plugin("broken", distribution, "1.0", module=__name__))
    return [result for case in cases_of(entry) if (result := case.run()).state == "failed"]


def squared(outputs: Outputs, batch: Samples) -> Tensor:
    return (outputs["value"][:, 0] - batch.targets["value"]).square()


@dataclasses.dataclass(frozen=True)
class FlatHeads(seams.SmallFcn):
    """Declares shapes, and returns vectors."""

    def build(self, dataset: Dataset) -> nn.Module:
        return _Flattened(super().build(dataset))


class _Flattened(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        return {name: output.flatten(1) for name, output in self.inner(inputs).items()}


@dataclasses.dataclass(frozen=True)
class OtherNames(seams.Phrases):
    """States a shape for inputs of other names."""

    input_shape = {"tokens": (7,), "masks": (7,)}  # noqa: RUF012


@dataclasses.dataclass(frozen=True)
class MasksInPlace(seams.BagOfWords):
    """Changes a named input in place."""

    def build(self, dataset: Dataset) -> nn.Module:
        return _Masking(super().build(dataset))


class _Masking(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, inputs: dict[str, Tensor]) -> Any:
        inputs["tokens"].mul_(inputs["mask"])
        return self.inner(inputs)


@dataclasses.dataclass(frozen=True)
class MeansOfBatches(seams.Gaps):
    """The mean over the labels of a batch, which is no mean over samples, and says so nowhere."""

    objectives = (Objective("value", lambda o, b: squared(o, b).nanmean()), seams.Gaps.objectives[1])


@dataclasses.dataclass(frozen=True)
class TakesNan(seams.Gaps):
    """The mean over all labels, missing ones too."""

    objectives = (Objective("value", lambda o, b: squared(o, b).mean()), seams.Gaps.objectives[1])


@dataclasses.dataclass(frozen=True)
class OtherTasks(seams.Offices):
    """Samples under names that are no objectives."""

    def load(self, split: Any) -> TaskSamples:
        return TaskSamples({f"{name}s": samples for name, samples in super().load(split).tasks.items()})


@dataclasses.dataclass(frozen=True)
class DrawsTask(seams.Offices):
    """Draws new labels at each load, in the last task only."""

    def load(self, split: Any) -> TaskSamples:
        tasks = dict(super().load(split).tasks)
        product_samples = tasks["product"]
        draw = torch.Generator()
        draw.seed()
        noise = torch.randint(0, 3, (len(product_samples),), generator=draw)
        return TaskSamples({**tasks, "product": Samples(product_samples.inputs, {"label": noise})})


class Draws(seams.Pages):
    """Other pixels each time that a row is read."""

    def __getitem__(self, position: int) -> tuple[Tensor, dict[str, Tensor]]:
        image, targets = super().__getitem__(position)
        draw = torch.Generator()
        draw.seed()
        return image + torch.randint(0, 9, image.shape, generator=draw, dtype=torch.uint8), targets


class OwnHandle(seams.Pages):
    """Stands for a handle that no other process can use."""

    def __getitem__(self, position: int) -> tuple[Tensor, dict[str, Tensor]]:
        if torch.utils.data.get_worker_info() is not None:
            raise OSError("Bad file descriptor")
        return super().__getitem__(position)


@dataclasses.dataclass(frozen=True)
class DrawsRows(seams.Album):
    """Rows that are augmented when they are read."""

    def load(self, split: Any) -> Samples:
        return StoredSamples(Draws(seams.stored(split)))


@dataclasses.dataclass(frozen=True)
class OneProcess(seams.Album):
    """Rows that one process only can read."""

    def load(self, split: Any) -> Samples:
        return StoredSamples(OwnHandle(seams.stored(split)))


BROKEN: list[tuple[Kind, type[Any], str, str]] = [
    ("model", FlatHeads, "serves_a_dataset", "its last axes are (3, 6, 6), as in dataset.heads"),
    ("dataset", OtherNames, "loads_the_same_samples_again", "input_shape is {'tokens': (7,), 'masks': (7,)}"),
    ("model", MasksInPlace, "is_a_function_of_its_weights", "inputs were changed in place: work on copies"),
    ("dataset", MeansOfBatches, "has_losses_that_are_means", "or give a mobench.SummedMeasure with statistics"),
    ("dataset", TakesNan, "has_a_model_and_finite_losses", "make them finite for a new network"),
    ("dataset", OtherTasks, "loads_the_same_samples_again", "give the samples of each objective under its name"),
    ("dataset", DrawsRows, "loads_the_same_samples_again", "draw from a generator of a fixed seed"),
    ("dataset", DrawsRows, "reads_rows_and_batches_alike", "differs from its rows"),
    ("dataset", OneProcess, "reads_rows_and_batches_alike", "open files in the methods that read"),
    ("dataset", DrawsTask, "loads_the_same_samples_again", "draw from a generator of a fixed seed"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "cls", "check", "advice"), BROKEN, ids=[f"{b[0]} {b[1].__name__}" for b in BROKEN])
def test_a_plugin_that_uses_a_seam_wrongly_fails_a_check_which_says_what_to_do(
    kind: Kind, cls: type[Any], check: str, advice: str
) -> None:
    message_by_check = {result.check: result.message for result in failures(kind, cls)}
    assert check in message_by_check, message_by_check
    assert advice in message_by_check[check]


@dataclasses.dataclass(frozen=True)
class IdleOnItsOwnData(seams.SmallDense):
    """Has an unused parameter, on a dataset of its own distribution only."""

    def build(self, dataset: Dataset) -> nn.Module:
        network = super().build(dataset)
        if type(dataset).__module__ == "seams":
            network.idle = nn.Parameter(torch.zeros(3))
        return network


@pytest.mark.slow
def test_a_model_is_tested_on_datasets_of_its_own_distribution_first() -> None:
    """A fault that only these show is found there, and not by a distribution without datasets."""
    checks = {result.check: result.message for result in failures("model", IdleOnItsOwnData, "guest-seams")}
    assert "no gradient reaches idle: use it in forward" in checks["serves_a_dataset"]
    assert failures("model", IdleOnItsOwnData) == []
