"""One job in this process: every behaviour of a plugin results in a record that describes it."""

from __future__ import annotations

import os
import pickle
import random
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from mobench import Balancer, Metric, Objective, Samples, Spec, hookimpl
from mobench.interfaces import Outputs
from mobench.jobs import resolve
from mobench.jobs.job import Budget, Job
from mobench.learning.loop import train
from mobench.plugins import Plugin, Registry
from mobench.records import provenance
from mobench.records.record import Record, parse
from mobench.runs import execution
from mobench.runs.execution import execute
from mobench.runs.judging import _union, job_rays
from mobench.runs.run_options import RunOptions
from mobench_analytic.problems import VLMOP2


@dataclass(eq=False)
class Does(Balancer):
    """Linear scalarisation that calls `action` at its third step."""

    action: ClassVar[Callable[[], Any]] = staticmethod(lambda: None)

    def start(self, context: Any) -> None:
        self.n_steps = 0

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        self.n_steps += 1
        factor = type(self).action() if self.n_steps == 3 else None
        return preferences if factor is None else factor * preferences


@dataclass(frozen=True)
class Odd(VLMOP2):
    """A dataset whose first objective is NaN on the test split."""

    def load(self, split: Any) -> Samples:
        return Samples(torch.zeros(1, 1 if split == "test" else 0))

    def _function(self, i: int) -> Any:
        of = super()._function(i)
        return lambda outputs, batch: of(outputs, batch) * (float("nan") if batch.inputs.shape[1] else 1.0)


@dataclass(frozen=True)
class Unscored(VLMOP2):
    """Has metrics without finite values: "part" where the first test loss is above 0.5, "none" everywhere."""

    def load(self, split: Any) -> Samples:
        return Samples(torch.zeros(1, 1 if split == "test" else 0))

    @property
    def objectives(self) -> tuple[Objective, ...]:
        first, second = super().objectives

        def part(outputs: Outputs, batch: Samples) -> Tensor:
            loss = first.loss(outputs, batch)
            return (loss - 0.5).clamp_max(0).log() if batch.inputs.shape[1] and loss > 0.5 else loss

        none = Metric("none", lambda outputs, batch: torch.tensor(float("nan")))
        pooled = Metric("whole", lambda outputs, batch: outputs["x"].sum() / 0, pooled=True)
        return replace(first, metrics=(Metric("part", part), none)), replace(second, metrics=(pooled,))


@pytest.fixture(autouse=True)
def guest_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """The registry with the parts above in it."""
    guest = ModuleType("guest")
    guest.mobench_balancers = hookimpl(lambda: [Spec("does", f"{__name__}:Does", version="1")])  # type: ignore[attr-defined]
    datasets = [Spec("odd", f"{__name__}:Odd", version="1"), Spec("unscored", f"{__name__}:Unscored", version="1")]
    guest.mobench_datasets = hookimpl(lambda: datasets)  # type: ignore[attr-defined]
    registry = Registry.discover()
    registry.add(Plugin("guest", "guest", "1.0"), guest)
    for module in (resolve, provenance):
        monkeypatch.setattr(module, "registry", lambda: registry)
    provenance._packages.cache_clear()
    yield registry
    provenance._packages.cache_clear()


def job(solver: str = "phn-ls", dataset: str = "vlmop2", steps: int = 6, **settings: Any) -> Job:
    return resolve.resolve(dataset, "point", solver, settings, Budget(steps=steps))


@pytest.fixture
def does(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], Job]:
    """A job whose third step calls a given function."""

    def make(action: Callable[[], Any]) -> Job:
        monkeypatch.setattr(Does, "action", staticmethod(action))
        return job("stack+does")

    return make


def raising(error: BaseException) -> Callable[[], Any]:
    def act() -> Any:
        raise error

    return act


def failed(record: Record) -> tuple[str, str]:
    """Kind and message of a failure; the record must survive being written and read."""
    assert record.status == "failed"
    assert (record.fronts, record.indicators, record.cost) == ({}, {}, None)
    parsed_record = parse(record.to_json(), "x")
    assert parsed_record == record
    assert parsed_record.failure is not None
    return parsed_record.failure.kind, parsed_record.failure.message


class PanicException(BaseException):
    """Like the panics of Rust extensions, it does not derive from Exception."""


class Unspeakable(Exception):
    """Raises when its message is read."""

    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no"), SystemExit("enough"), MemoryError(), RecursionError("deep"), StopIteration("x"),
        PanicException("index out of bounds"), GeneratorExit("x"),
    ],
)  # fmt: skip
def test_whatever_a_plugin_raises_is_in_the_record(does: Any, error: BaseException) -> None:
    kind, message = failed(execute(does(raising(error))))
    assert kind == type(error).__name__
    assert message == f"{error} (in step 2, on a batch of 1)".strip()


def test_an_exception_that_cannot_say_anything_is_in_the_record_by_its_name(does: Any) -> None:
    kind, message = failed(execute(does(raising(Unspeakable()))))
    assert kind == "Unspeakable"
    assert message.startswith("(its message cannot be read: RuntimeError in __str__)")


def test_a_message_that_is_no_text_is_still_a_record(does: Any) -> None:
    """File names that are not UTF-8 come as half a surrogate pair, which JSON cannot hold."""
    kind, message = failed(execute(does(raising(ValueError("file caf\udce9.npz")))))
    assert kind == "ValueError"
    assert "file caf" in message


def test_ctrl_c_passes_and_leaves_the_checkpoint(does: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "train", lambda *a, **k: train(*a, **{**k, "checkpoint_seconds": -1.0}))
    checkpoint = tmp_path / "c.pt"
    interrupted = does(raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        execute(interrupted, checkpoint=checkpoint)
    assert checkpoint.exists()
    does(lambda: None)
    resumed = execute(interrupted, checkpoint=checkpoint)
    assert resumed.cost is not None
    assert (resumed.status, resumed.cost.resumed, resumed.cost.steps) == ("completed", 1, 6)
    assert checkpoint.exists(), "until the record is in safety"
    assert resumed.digest == execute(interrupted).digest


def test_weights_that_are_no_numbers_end_training_as_diverged(does: Any) -> None:
    record = execute(does(lambda: float("nan")))
    assert record.status == "diverged"
    assert record.failure is not None
    assert record.failure.message.startswith("step 2: the balancer's weights are")
    assert record.fronts == {}
    assert len(record.trace) == 2, "it had come that far"
    assert parse(record.to_json(), "x").failure == record.failure


def test_the_record_of_a_run_is_the_one_that_is_read_again() -> None:
    record = execute(job("ls"))
    assert parse(record.to_json(), "x") == record


def test_a_front_that_is_not_finite_is_told_with_the_split_the_objective_and_the_preference() -> None:
    record = execute(job("ls", "odd"))
    assert record.status == "diverged"
    assert record.failure is not None
    assert record.failure.kind == "NonFiniteError"
    assert re.search(r"on the \w+ split the loss of objective 'f1' is nan at 5 of 5", record.failure.message)
    assert "\n" not in record.failure.message


@pytest.mark.slow
def test_a_metric_that_is_not_finite_is_missing_and_noted_and_the_run_is_completed() -> None:
    record, plain = (execute(job("phn-ls", name, steps=80, lr=0.01)) for name in ("unscored", "vlmop2"))
    assert record.status == "completed"
    assert record.indicators == plain.indicators, "of losses alone"
    test = record.fronts["test"]
    first = [losses[0] for losses in test.losses]
    assert 0 < sum(loss > 0.5 for loss in first) < 25, "some preferences of each kind, or the test shows nothing"
    assert test.metrics["f1/part"] == [None if loss > 0.5 else pytest.approx(loss) for loss in first]
    for front in record.fronts.values():
        assert set(front.metrics["f1/none"]) == set(front.metrics["f2/whole"]) == {None}
    assert None not in record.fronts["val"].metrics["f1/part"]
    note = record.notes["metrics_missing"]
    assert f"f1/part on test at {sum(loss > 0.5 for loss in first)} of 25 preferences" in str(note)
    assert "f1/none on train at 25 of 25 preferences" in str(note)
    assert "metrics_missing" not in plain.notes
    assert parse(record.to_json(), "x") == record


def test_a_protocol_of_another_version_is_not_run() -> None:
    old = Job.model_validate({**job().model_dump(), "protocol": "analytic-0"})
    kind, message = failed(execute(old))
    assert kind == "MobenchError"
    assert "'analytic-0'" in message
    assert "create the job again" in message


def test_a_plugin_that_is_gone_fails_the_job_by_name() -> None:
    data = job().model_dump()
    data["solver"]["balancer"]["name"] = "gone"
    assert failed(execute(Job.model_validate(data)))[0] == "UnknownNameError"


def test_a_device_that_is_not_there_fails_the_job() -> None:
    assert "warp" in failed(execute(job(), RunOptions("warp:1")))[1]


class Bomb:
    """Leaves a mark if it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.mark),)


def test_a_checkpoint_is_never_executed(tmp_path: Path) -> None:
    mark, checkpoint = tmp_path / "mark", tmp_path / "c.pt"
    torch.save({"solver": Bomb(mark)}, checkpoint)
    assert "delete it to restart training" in failed(execute(job(), checkpoint=checkpoint))[1]
    checkpoint.write_bytes(pickle.dumps(Bomb(mark)))
    assert "delete it to restart training" in failed(execute(job(), checkpoint=checkpoint))[1]
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"rubbish", b"PK\x03\x04 half an archive"])
def test_a_broken_checkpoint_is_told_and_the_next_run_is_free_of_it(tmp_path: Path, content: bytes) -> None:
    checkpoint = tmp_path / "c.pt"
    checkpoint.write_bytes(content)
    assert "checkpoint c.pt cannot be loaded" in failed(execute(job(), checkpoint=checkpoint))[1]
    assert execute(job(), checkpoint=checkpoint).status == "completed"


def test_numbers_depend_on_no_random_state_of_the_process() -> None:
    digests = set()
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
        digests.add(execute(job()).digest)
    assert len(digests) == 1


@pytest.mark.parametrize("seed", ["initialisation", "preferences"])
def test_each_seed_that_a_job_uses_moves_its_numbers(seed: str) -> None:
    data = job().model_dump()
    data["seeds"][seed] = 1
    assert execute(Job.model_validate(data)).digest != execute(job()).digest


def test_a_listener_hears_the_stages_in_order() -> None:
    phases: list[str] = []
    execute(job(), on_event=lambda event: phases.append(event.phase))
    stages = list(dict.fromkeys(phases))
    assert stages == ["data", "train", "evaluate"]
    assert phases.count("evaluate") == 3


def test_kept_weights_are_those_that_were_judged(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    path = tmp_path / "new" / "w.safetensors"
    record = execute(job("ls"), weights=path)
    assert record.cost is not None
    assert sum(t.numel() for t in load_file(path).values()) == record.cost.stored_parameters == 5 * 20


def test_notes_of_the_dataset_are_in_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VLMOP2, "notes", {"validation": "overlaps with training", "n": float("nan")})
    record = execute(job("ls"))
    assert record.notes == {"dataset: validation": "overlaps with training", "dataset: n": "nan"}


def test_a_solver_without_a_module_keeps_its_record_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mobench.learning.gradient_solver import GradientSolver

    class Bare:
        """The Pareto set itself, without being a module."""

        def __init__(self, network: Any) -> None:
            self.rays, self.n_stored_parameters, self.serve = network.rays, network.n_stored_parameters, network.serve

    monkeypatch.setattr(GradientSolver, "pareto_set", property(lambda solver: Bare(solver.network)))
    record = execute(job("ls"), weights=tmp_path / "w.safetensors")
    assert record.status == "completed"
    assert record.notes == {"weights": "not kept: GradientSolver keeps no torch module"}
    assert not (tmp_path / "w.safetensors").exists()


def test_weights_that_cannot_be_written_cost_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    record = execute(job("ls"), weights=tmp_path / "file" / "w.safetensors")
    assert record.status == "completed"
    assert record.digest == execute(job("ls")).digest
    assert record.notes["weights"] in ("not kept: Not a directory", "not kept: File exists")

    def full(state: Any, path: Path) -> None:
        path.write_bytes(b"half")
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    from safetensors import SafetensorError

    monkeypatch.setattr("safetensors.torch.save_file", full)
    path = tmp_path / "weights" / "w.safetensors"
    path.parent.mkdir()
    path.write_bytes(b"of an earlier run")
    record = execute(job("ls"), weights=path)
    assert record.status == "completed"
    assert "No space left on device" in str(record.notes["weights"])
    assert list(path.parent.iterdir()) == [], "neither half a file nor weights that are not this record's"
    assert parse(record.to_json(), "x") == record


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_kept_weights_have_the_mode_that_the_umask_gives(tmp_path: Path, umask: int, mode: int) -> None:
    previous_umask = os.umask(umask)
    try:
        execute(job("ls"), weights=tmp_path / "w.safetensors")
    finally:
        os.umask(previous_umask)
    assert stat.S_IMODE((tmp_path / "w.safetensors").stat().st_mode) == mode


def test_a_jobs_own_rays_are_both_what_is_trained_and_what_is_judged() -> None:
    job_preferences = [[0.2, 0.8], [0.6, 0.4]]
    rays = job_rays(Job.model_validate({**job().model_dump(), "rays": job_preferences}), 2)
    assert rays.finite.tolist() == rays.dense.tolist()
    torch.testing.assert_close(rays.dense, torch.tensor(job_preferences))


@pytest.mark.parametrize("m", [2, 3])
def test_numbers_of_rays_mean_rays_on_the_simplex(m: int) -> None:
    rays = job_rays(job(), m)
    for preferences in (rays.finite, rays.dense):
        assert bool((preferences >= 0).all())
        torch.testing.assert_close(preferences.sum(1), torch.ones(len(preferences)))
    assert len(rays.finite) < len(rays.dense)


def test_a_union_of_rays_has_each_once_and_the_first_ones_first() -> None:
    first_rays, second_rays = torch.tensor([[0.0, 1.0], [0.5, 0.5]]), torch.tensor([[0.5, 0.5 + 1e-8], [1.0, 0.0]])
    assert _union(first_rays, second_rays).tolist() == [[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]]
    assert _union(first_rays, first_rays).tolist() == first_rays.tolist()
