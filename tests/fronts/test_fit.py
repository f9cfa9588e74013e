"""`fit` trains as `run` does: equal results, checkpoints, events, progress, early stopping."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from own_data import SMALL, small_module, table
from torch import nn

import mobench
from mobench.errors import IncompatibleError, NonFiniteError, OptionError, UnknownNameError
from mobench.events import JobEnded, JobStarted, TrainingProgress
from mobench.fronts import fitting
from mobench.jobs.job import Budget, SeedSet
from mobench.jobs.resolve import make_solver, resolve
from mobench.learning.early_stopping import is_stalled
from mobench.runs.execution import execute


@pytest.mark.parametrize("solver", ["phn-ls", "ls", "stack+linear"])
def test_a_registered_job_equals_that_of_a_run_to_the_bit(solver: str) -> None:
    front = mobench.fit(solver, "vlmop2", "point", steps=12, seed=3, settings={"lr": 0.01}, strategy="default")
    job = resolve("vlmop2", "point", solver, {"lr": 0.01}, Budget(steps=12), SeedSet.all(3))
    record = execute(job)
    assert front.record.job == job
    assert front.record.id == record.id
    assert front.record.digest == record.digest


def test_a_solver_object_gives_what_its_name_gives(data: mobench.Dataset) -> None:
    job = resolve("vlmop2", "point", "phn-ls", {}, Budget(steps=1))
    solver = make_solver(job.solver)
    by_object = mobench.fit(solver, data, small_module(), **SMALL)
    by_name = mobench.fit("phn-ls", data, small_module(), **SMALL)
    assert by_object.record.digest == by_name.record.digest
    assert by_object.record.id != by_name.record.id
    again = mobench.fit(solver, data, small_module(), **SMALL)
    assert again.record.digest == by_object.record.digest, "the object itself is not trained"


def test_a_pair_by_name_and_options(data: mobench.Dataset) -> None:
    front = mobench.fit("phn+tchebycheff", data, small_module(), settings={"lr": 0.02}, **SMALL)
    assert front.record.job.solver.options["lr"] == 0.02


def test_a_result_depends_on_the_seed_alone(data: mobench.Dataset, front: mobench.Front) -> None:
    torch.manual_seed(99)
    module = small_module()
    before = torch.get_rng_state()
    n_threads = torch.get_num_threads()
    again = mobench.fit("phn-ls", data, module, seed=0, **SMALL)
    assert torch.equal(torch.get_rng_state(), before), "torch's random state is not changed"
    assert torch.get_num_threads() == n_threads
    assert again.record.digest == front.record.digest
    assert again.record.id == front.record.id
    assert mobench.fit("phn-ls", data, small_module(), seed=1, **SMALL).record.digest != front.record.digest


def test_training_resumes_from_a_checkpoint(data: mobench.Dataset, tmp_path: Path) -> None:
    steps = {**SMALL, "steps": 40}
    complete = mobench.fit("phn-ls", data, small_module(), **steps)

    def stop(job: Any, event: Any) -> None:
        if isinstance(event, TrainingProgress) and event.step >= 20:
            raise KeyboardInterrupt

    from mobench.runs.run_options import RunOptions

    patched = pytest.MonkeyPatch()
    patched.setattr(fitting, "RunOptions", lambda **options: RunOptions(**options, checkpoint_seconds=0))
    with patched.context(), pytest.raises(KeyboardInterrupt):
        mobench.fit("phn-ls", data, small_module(), checkpoint=tmp_path, on_event=stop, **steps)
    patched.undo()
    assert [path.suffix for path in sorted(tmp_path.iterdir())] == [".pt", ".steps"]
    resumed = mobench.fit("phn-ls", data, small_module(), checkpoint=tmp_path, **steps)
    assert resumed.record.cost is not None
    assert resumed.record.cost.resumed == 1
    assert resumed.record.digest == complete.record.digest
    assert list(tmp_path.iterdir()) == [], "the state is removed after training"


def test_events_are_those_of_a_run(data: mobench.Dataset) -> None:
    events: list[Any] = []
    front = mobench.fit(
        "phn-ls", data, small_module(), on_event=lambda job, event: events.append((job, event)), **SMALL
    )
    assert {job.id for job, _ in events} == {front.record.id}
    phases = [event.phase for _, event in events]
    assert phases[:2] == ["start", "data"]
    assert phases[-4:] == ["evaluate", "evaluate", "evaluate", "end"]
    assert max(event.step for _, event in events if isinstance(event, TrainingProgress)) == 20
    ended = events[-1][1]
    assert isinstance(ended, JobEnded)
    assert (ended.status, ended.hypervolume) == ("completed", front.record.indicators["val"]["hypervolume"])


def test_progress_is_shown_on_request_and_not_into_files(
    data: mobench.Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = {**SMALL, "progress": True}
    mobench.fit("phn-ls", data, small_module(), **shown)
    written = capsys.readouterr()
    assert "own-data · phn-ls · seed 0" in written.err
    assert "100%" in written.err
    assert written.out == ""
    for progress in (None, False):
        mobench.fit("phn-ls", data, small_module(), **{**SMALL, "progress": progress})
        assert capsys.readouterr() == ("", "")


def test_early_stopping_ends_a_training_that_no_longer_improves(data: mobench.Dataset) -> None:
    arguments = {**SMALL, "steps": 400, "settings": {"lr": 1e-12}}
    stopped = mobench.fit("phn-ls", data, small_module(), patience=3, **{**arguments, "looks": 40})
    assert [look.step for look in stopped.record.trace] == [10, 20, 30, 40]
    assert stopped.record.cost is not None
    assert stopped.record.cost.steps == 40
    complete = mobench.fit("phn-ls", data, small_module(), **{**arguments, "steps": 40, "looks": 4})
    assert complete.record.job.patience is None
    assert stopped.record.id != complete.record.id
    assert stopped.record.fronts == complete.record.fronts, "until then it is the same training"


@pytest.mark.parametrize(
    ("values", "patience", "stalled"),
    [([1, 2, 3], 1, False), ([1, 2, 2], 1, True), ([3, 1, 2], 2, True), ([3, 1, 4], 2, False), ([3, 1], 2, False),
     ([None, None], 1, True), ([None, 1], 1, False), ([], 1, False)],
)  # fmt: skip
def test_a_stall_is_no_larger_value_for_a_number_of_checks(
    values: list[float | None], patience: int, stalled: bool
) -> None:
    assert is_stalled(values, patience) is stalled


def test_errors_are_raised_and_reported(data: mobench.Dataset) -> None:
    events: list[Any] = []

    def listen(job: Any, event: Any) -> None:
        events.append(event)

    with pytest.raises(NonFiniteError, match="step"):
        mobench.fit("phn-ls", data, small_module(), settings={"lr": 1e30}, on_event=listen, **SMALL)
    assert isinstance(events[0], JobStarted)
    assert (events[-1].phase, events[-1].status) == ("end", "diverged")
    with pytest.raises(UnknownNameError, match="did you mean 'phn-ls'"):
        mobench.fit("phn-l", data, **SMALL)
    with pytest.raises(OptionError, match="epochs and steps are set: pass one length of training"):
        mobench.fit("phn-ls", data, epochs=1, **SMALL)
    with pytest.raises(OptionError, match=r"data is ndarray: pass mobench.dataset"):
        mobench.fit("phn-ls", np.zeros(3), **SMALL)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="solver is its class; create an object"):
        mobench.fit(mobench.Solver, data, **SMALL)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="model is int: pass a torch module"):
        mobench.fit("phn-ls", data, 3, **SMALL)  # type: ignore[arg-type]


def test_the_default_model_is_that_of_the_inputs(data: mobench.Dataset) -> None:
    front = mobench.fit("phn-ls", data, settings={"widths": [8]}, **SMALL)
    assert front.record.job.model.options == {"widths": [8]}
    images = torch.randint(0, 256, (30, 1, 20, 20), dtype=torch.uint8)
    targets = {"a": torch.arange(30) % 2, "b": torch.arange(30) % 3}
    picture = mobench.dataset(images, targets)
    trained = mobench.fit("ls", picture, **{**SMALL, "steps": 1}, n_finite=2)
    assert trained.network(0).predict(images)["b"].shape == (30,)
    odd = mobench.dataset(torch.zeros(10, 2, 3, 4, 5), torch.arange(10.0))
    with pytest.raises(IncompatibleError, match=r"no default model for inputs of shape \[2, 3, 4, 5\]: pass a torch"):
        mobench.fit("ls", odd, steps=1)


def test_small_data_has_small_batches(data: mobench.Dataset, front: mobench.Front) -> None:
    assert len(data.load("train")) == 84
    assert front.record.job.budget.batch_size == 16
    other = mobench.fit("phn-ls", data, small_module(), batch_size=7, **SMALL)
    assert other.record.job.budget.batch_size == 7


def test_a_dataset_object_of_a_plugin_is_accepted() -> None:
    from mobench_analytic.problems import VLMOP2

    by_object = mobench.fit("phn-ls", VLMOP2(), "point", steps=3, strategy="default")
    by_name = mobench.fit("phn-ls", "vlmop2", "point", steps=3, strategy="default")
    assert by_object.record.digest == by_name.record.digest


def test_pretrained_networks_start_at_the_weights_of_the_module(data: mobench.Dataset) -> None:
    module = small_module()
    weights = deepcopy(module.state_dict())
    slow = {**SMALL, "steps": 1, "settings": {"lr": 1e-12}}
    net = mobench.fit("phn-ls", data, module, pretrained=True, **slow).network([0.2, 0.8]).module
    for name, tensor in net.state_dict().items():
        torch.testing.assert_close(tensor, weights[name], atol=1e-6, rtol=0)
    fresh = mobench.fit("ls", data, module, **slow).network(0).module
    assert not torch.equal(fresh[0].weight, weights["0.weight"])  # type: ignore[index]
    assert all(torch.equal(module.state_dict()[name], weights[name]) for name in weights), "the module is not changed"
    with pytest.raises(OptionError, match="pretrained=True is for a torch module"):
        mobench.fit("phn-ls", data, small_module, pretrained=True, **slow)


def test_batch_normalisation_is_trained_by_a_stack_and_declined_by_a_hypernetwork(data: mobench.Dataset) -> None:
    module = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))
    front = mobench.fit("ls", data, module, **SMALL)
    assert front.network(0).module[1].num_batches_tracked == 20  # type: ignore[index, union-attr]
    x, _ = table()
    assert torch.equal(front.network(0)(x)[:5], front.network(0)(x)[:5]), "evaluation mode"
    with pytest.raises(IncompatibleError, match="keeps running statistics"):
        mobench.fit("phn-ls", data, module, **SMALL)
