"""The training loop: budgets, batches, resumption, divergence, trace."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mobench.errors import IncompatibleError, MobenchError
from mobench.events import TrainingProgress
from mobench.interfaces import Problem, Samples, Seeds, Setting, Solver
from mobench.learning import loop
from mobench.learning.batches import Batches
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.loop import Limit, Training, train
from mobench.learning.preferences import finite_rays
from mobench.options import values
from mobench_analytic.point import Point
from mobench_analytic.problems import VLMOP2
from mobench_linear.linear import Linear
from mobench_linear.stack import Stack
from mobench_multimnist.dataset import MultiMnist
from mobench_networks.mtl_cnn import MtlCnn
from mobench_phn.phn import PHN


def vlmop2() -> Problem:
    return Problem(VLMOP2(), Point())


def phn_ls(**options: Any) -> GradientSolver:
    return GradientSolver(PHN(hidden=(8,), features=8), Linear(), GradientOptions(**options))


def run(solver: Solver, problem: Problem, limit: Limit, **more: Any) -> Training:
    samples = problem.dataset.load("train")
    settings: dict[str, Any] = {"batch_size": 16, "seeds": Seeds(), "rays": finite_rays(2)} | more
    return train(solver, problem, samples, limit=limit, **settings)


@pytest.mark.parametrize(
    ("limit", "steps"), [(Limit(epochs=2), 14), (Limit(epochs=0.5), 4), (Limit(steps=5), 5), (Limit(epochs=0.01), 1)]
)
def test_budget_of_epochs_and_steps(limit: Limit, steps: int) -> None:
    problem = Problem(MultiMnist(source="embedded", pairs=133, test_pairs=10), MtlCnn(filters=(2, 2, 2), width=4))
    training = run(phn_ls(), problem, limit)
    # 133 pairs, a tenth for validation: 120 for training, 7 batches of 16 and 8 left over
    assert training.steps == steps
    assert training.epochs == pytest.approx(steps / 7)
    assert training.gradient_evaluations == 2 * steps


def test_budget_of_seconds_counts_training_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock on which each step takes a quarter of a second, and validation checks take no time."""
    ticks = iter(range(10_000))
    monkeypatch.setattr(loop.time, "perf_counter", lambda: next(ticks) / 4)
    problem = vlmop2()
    training = run(phn_ls(), problem, Limit(seconds=5), validation=problem.dataset.load("val"))
    assert training.steps == 20
    assert training.seconds == pytest.approx(5)
    assert [look.seconds for look in training.trace] == pytest.approx([0.5 * (i + 1) for i in range(10)])


def test_waiting_is_no_processor_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that works for an eighth of a second a step, of the quarter that passes."""
    passed, worked = iter(range(10_000)), iter(range(10_000))
    monkeypatch.setattr(loop.time, "perf_counter", lambda: next(passed) / 4)
    monkeypatch.setattr(loop.time, "process_time", lambda: next(worked) / 8)
    training = run(phn_ls(), vlmop2(), Limit(steps=20))
    assert (training.seconds, training.core_seconds) == (5, 2.5)
    assert [look.core_seconds for look in training.trace] == pytest.approx([0.25 * (i + 1) for i in range(10)])


def test_batches_show_every_sample_once_an_epoch_in_an_order_of_the_seed() -> None:
    samples = Samples(torch.arange(50))
    batches = Batches(samples, 10, seed=3)
    first = torch.cat([batches.at(i).inputs for i in range(5)])
    second = torch.cat([batches.at(i).inputs for i in range(5, 10)])
    assert torch.equal(first.sort().values, samples.inputs)
    assert torch.equal(second.sort().values, samples.inputs)
    assert not torch.equal(first, second)
    assert torch.equal(Batches(samples, 10, seed=3).at(7).inputs, batches.at(7).inputs)
    assert not torch.equal(Batches(samples, 10, seed=4).at(0).inputs, first[:10])


def test_a_short_last_batch_is_dropped_unless_it_is_the_only_one() -> None:
    assert Batches(Samples(torch.arange(25)), 10, 0).per_epoch == 2
    assert len(Batches(Samples(torch.arange(7)), 10, 0).at(3)) == 7


@pytest.mark.parametrize("optimiser", ["adam", "sgd", "rmsprop"])
def test_interrupted_and_resumed_equals_uninterrupted(tmp_path: Path, optimiser: str) -> None:
    """The weights are equal to the bit with dropout, momentum, drawn preferences and a schedule."""
    options = {"optimiser": optimiser, "lr": 0.01, "milestones": (0.5,), "momentum": 0.9, "n_preferences": 2}

    def problem() -> Problem:
        torch.manual_seed(0)
        return Problem(MultiMnist(source="embedded", pairs=160, test_pairs=10), MtlCnn(filters=(2, 2, 2), width=4))

    uninterrupted = phn_ls(**options)
    expected = run(
        uninterrupted, first_problem := problem(), Limit(steps=12), validation=first_problem.dataset.load("val")
    )

    class Interrupt(Exception):
        pass

    def at_step_7(event: TrainingProgress) -> None:
        if event.step == 7:
            raise Interrupt

    path = tmp_path / "checkpoint.pt"
    first, second_problem = phn_ls(**options), problem()
    options_of_run: dict[str, Any] = {
        "checkpoint": path,
        "checkpoint_seconds": 0.0,
        "validation": second_problem.dataset.load("val"),
    }
    with pytest.raises(Interrupt):
        run(first, second_problem, Limit(steps=12), on_progress=at_step_7, progress_seconds=0.0, **options_of_run)
    second = phn_ls(**options)
    training = run(second, problem(), Limit(steps=12), **options_of_run)

    assert training.resumed == 1
    assert training.steps == expected.steps
    for a, b in zip(uninterrupted.network.parameters(), second.network.parameters(), strict=True):
        assert torch.equal(a, b)
    assert [(t.step, t.hypervolume, t.train_losses) for t in training.trace] == [
        (t.step, t.hypervolume, t.train_losses) for t in expected.trace
    ]


def test_a_checkpoint_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(MobenchError, match="delete it to restart training"):
        run(phn_ls(), vlmop2(), Limit(steps=2), checkpoint=path)


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    path = tmp_path / "checkpoint.pt"
    torch.save({"solver": Evil()}, path)
    with pytest.raises(MobenchError):
        run(phn_ls(), vlmop2(), Limit(steps=2), checkpoint=path)
    assert not (tmp_path / "ran").exists()


def test_training_stops_at_the_first_loss_that_is_not_finite() -> None:
    """The weights stay those before the bad step."""
    problem = vlmop2()
    parameters: list[Tensor] = []

    class Explodes(GradientSolver):
        def step(self, batch: Samples) -> Tensor:
            parameters.append(next(self.network.parameters()).detach().clone())
            if self.n_steps == 3:
                with torch.no_grad():
                    next(self.network.parameters()).fill_(math.nan)
            return super().step(batch)

    solver = Explodes(Stack(), Linear(), GradientOptions())
    training = run(solver, problem, Limit(steps=10))
    assert training.status == "diverged"
    assert training.message.startswith("step 3: the loss of objective 'f1' is nan at 5 of 5 preferences and 'f2'")
    assert "lower the learning rate" in training.message
    assert training.steps == 3
    assert len(parameters) == 4


def test_a_balancer_that_gives_nan_is_named() -> None:
    class Broken(Linear):
        def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
            return preferences * math.nan

    solver = GradientSolver(Stack(), Broken(), GradientOptions())
    training = run(solver, vlmop2(), Limit(steps=10))
    assert training.status == "diverged"
    assert "the balancer's weights are" in training.message


def test_errors_of_a_solver_pass_through() -> None:
    class Raises(GradientSolver):
        def step(self, batch: Samples) -> Tensor:
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run(Raises(Stack(), Linear(), GradientOptions()), vlmop2(), Limit(steps=1))


def test_the_trace_has_ten_looks_and_rises_on_an_easy_problem() -> None:
    problem = vlmop2()
    training = run(phn_ls(lr=0.01, alpha=1.0), problem, Limit(steps=300), validation=problem.dataset.load("val"))
    steps = [look.step for look in training.trace]
    volumes = [look.hypervolume for look in training.trace]
    assert steps == [30 * (i + 1) for i in range(10)]
    assert all(v is not None for v in volumes)
    assert volumes[-1] > volumes[0]  # type: ignore[operator]


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    def weights(seeds: Seeds) -> Tensor:
        solver = phn_ls()
        run(solver, vlmop2(), Limit(steps=5), seeds=seeds)
        return torch.cat([p.detach().flatten() for p in solver.network.parameters()])

    base = weights(Seeds())
    assert torch.equal(base, weights(Seeds()))
    assert not torch.equal(base, weights(Seeds(initialisation=1)))
    assert not torch.equal(base, weights(Seeds(preferences=1)))


def test_looking_at_validation_changes_nothing() -> None:
    """Dropout draws from the global random state, which a validation check must not change."""

    def weights(with_look: bool) -> Tensor:
        torch.manual_seed(0)
        problem = Problem(MultiMnist(source="embedded", pairs=160, test_pairs=10), MtlCnn(filters=(2, 2, 2), width=4))
        solver = phn_ls()
        run(solver, problem, Limit(steps=6), validation=problem.dataset.load("val") if with_look else None)
        return torch.cat([p.detach().flatten() for p in solver.network.parameters()])

    assert torch.equal(weights(True), weights(False))


def learning_rates(options: GradientOptions, n_steps: int) -> list[float]:
    """Return the learning rate of each step of a run."""
    rates = []

    class Watched(GradientSolver):
        def step(self, batch: Samples) -> Tensor:
            losses = super().step(batch)
            rates.append(self.optimiser.param_groups[0]["lr"])
            return losses

    run(Watched(Stack(), Linear(), options), vlmop2(), Limit(steps=n_steps))
    return rates


def test_learning_rate_falls_at_milestones() -> None:
    rates = learning_rates(GradientOptions(lr=1.0, milestones=(0.5, 0.75), gamma=0.1, optimiser="sgd"), 8)
    assert rates == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01])


def test_learning_rate_falls_as_a_cosine_after_a_warmup() -> None:
    rates = learning_rates(GradientOptions(lr=1.0, lr_decay="cosine", warmup=0.25, optimiser="sgd"), 8)
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([parameter], lr=1.0)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=6)
    cosine = []
    for _ in range(6):
        cosine.append(reference.get_last_lr()[0])
        optimiser.step()
        reference.step()
    assert rates == pytest.approx([1 / 3, 2 / 3, *cosine])


@pytest.mark.parametrize("options", [{"lr_decay": "cosine"}, {"warmup": 0.1}])
def test_a_schedule_that_needs_steps_declines_a_budget_in_seconds(options: dict[str, Any]) -> None:
    with pytest.raises(IncompatibleError, match="a budget in seconds has none"):
        run(GradientSolver(Stack(), Linear(), GradientOptions(**options)), vlmop2(), Limit(seconds=0.1))


def test_a_schedule_at_its_defaults_is_not_part_of_a_job() -> None:
    assert not {"lr_decay", "warmup"} & values(GradientOptions()).keys()
    stated = values(GradientOptions(lr_decay="cosine", warmup=0.1))
    assert (stated["lr_decay"], stated["warmup"]) == ("cosine", 0.1)


def test_setting_tells_the_solver_what_is_ahead() -> None:
    settings: list[Setting] = []

    class Listens(GradientSolver):
        def start(self, problem: Problem, setting: Setting) -> None:
            settings.append(setting)
            super().start(problem, setting)

    run(Listens(Stack(), Linear(), GradientOptions()), vlmop2(), Limit(epochs=3), seeds=Seeds(solver=5))
    assert (settings[0].steps_per_epoch, settings[0].total_steps, settings[0].seeds.solver) == (1, 3, 5)
