"""Steps whose losses the host reads later: the same training, and the same messages."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from mobench.interfaces import Balancer, Problem, Samples, Seeds
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.loop import Limit, Training, train
from mobench.learning.pending_steps import STEPS_BETWEEN_CHECKS, PendingSteps
from mobench.learning.preferences import finite_rays
from mobench_analytic.point import Point
from mobench_analytic.problems import VLMOP2
from mobench_famo.famo import FAMO
from mobench_linear.linear import Linear
from mobench_linear.stack import Stack
from mobench_mgda.min_norm import MinNorm
from mobench_multimnist.dataset import MultiMnist
from mobench_networks.mtl_cnn import MtlCnn
from mobench_phn.phn import PHN


def trained(solver: GradientSolver, check_every: int, problem: Problem | None = None, **more: Any) -> Training:
    problem = problem or Problem(VLMOP2(), Point())
    settings: dict[str, Any] = {"limit": Limit(steps=40), "batch_size": 16, "seeds": Seeds(), "rays": finite_rays(2)}
    samples = problem.dataset.load("train")
    return train(solver, problem, samples, check_every=check_every, **{**settings, **more})


def images() -> Problem:
    torch.manual_seed(0)
    return Problem(MultiMnist(source="embedded", pairs=160, test_pairs=10), MtlCnn(filters=(2, 2, 2), width=4))


def comparable(training: Training) -> Any:
    """The content of a training without times."""
    trace = [(look.step, look.epoch, look.train_losses, look.hypervolume) for look in training.trace]
    counts = training.status, training.message, training.steps, training.epochs, training.gradient_evaluations
    return counts, training.recent_losses, trace


def weights_of(solver: GradientSolver) -> Tensor:
    return torch.cat([p.detach().flatten() for p in solver.network.parameters()])


@pytest.mark.parametrize("balancer", [Linear, FAMO])
@pytest.mark.parametrize("n_pending", [3, 50])
def test_a_training_does_not_depend_on_when_the_host_reads(n_pending: int, balancer: type[Balancer]) -> None:
    """To the bit, with dropout, momentum and validation checks in between."""

    def result(check_every: int) -> tuple[Any, Tensor]:
        problem = images()
        generator = PHN(hidden=(8,), features=8) if balancer.needs_preference else Stack()
        solver = GradientSolver(generator, balancer(), GradientOptions(optimiser="sgd", lr=0.01, momentum=0.9))
        training = trained(
            solver, check_every, problem, limit=Limit(steps=12), validation=problem.dataset.load("val"), n_looks=2
        )
        return comparable(training), weights_of(solver)

    (content, weights), (deferred_content, deferred_weights) = result(1), result(n_pending)
    assert deferred_content == content
    assert torch.equal(deferred_weights, weights)


class Explodes(GradientSolver):
    """Its first parameter is NaN in step 11."""

    def step(self, batch: Samples) -> Tensor:  # type: ignore[override]
        if self.n_steps == 11:
            with torch.no_grad():
                next(self.network.parameters()).fill_(math.nan)
        return super().step(batch)


@dataclass(eq=False)
class NanOnce(Linear):
    """Gives weights that are not finite in its 6th call."""

    n_calls: int = 0

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        self.n_calls += 1
        return preferences * (math.nan if self.n_calls == 6 else 1.0)

    def state_dict(self) -> dict[str, Any]:
        return {"n_calls": self.n_calls}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.n_calls = state["n_calls"]


@dataclass(eq=False)
class Root(Linear):
    """Raises an error of its own for losses that are not finite."""

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        if not torch.isfinite(losses).all():
            raise ArithmeticError("no root")
        return preferences


DIVERGING: dict[str, tuple[Callable[[], GradientSolver], str]] = {
    "losses": (lambda: Explodes(Stack(), Linear(), GradientOptions()), "step 11: the loss of objective 'f1' is nan"),
    "weights of the balancer": (
        lambda: GradientSolver(Stack(), NanOnce(), GradientOptions()),
        "step 5: the balancer's weights are",
    ),
    "a program on the host": (
        lambda: Explodes(Stack(), MinNorm(), GradientOptions()),
        "step 11: the loss of objective 'f1' is nan",
    ),
    "an error of the balancer": (
        lambda: Explodes(Stack(), Root(), GradientOptions()),
        "step 11: the loss of objective 'f1' is nan",
    ),
    "the learning rate": (
        lambda: GradientSolver(Stack(), Linear(), GradientOptions(lr=1e20, optimiser="sgd")),
        "step 1: the loss of objective 'left' is inf",
    ),
}


@pytest.mark.parametrize("name", DIVERGING)
@pytest.mark.parametrize("n_pending", [4, 50])
def test_a_divergence_is_told_as_if_every_step_were_checked(name: str, n_pending: int) -> None:
    """The same step, cause, counts and weights."""
    make, message = DIVERGING[name]
    at_once, deferred = make(), make()
    problems = [images() if name == "the learning rate" else None for _ in range(2)]
    training, training_deferred = trained(at_once, 1, problems[0]), trained(deferred, n_pending, problems[1])
    assert training.status == "diverged"
    assert training.message.startswith(message)
    if name == "a program on the host":  # deferred, weights of Gram matrices are not rounded
        training_deferred.recent_losses = pytest.approx(training_deferred.recent_losses, rel=1e-6)
        for look, deferred_look in zip(training.trace, training_deferred.trace, strict=True):
            deferred_look.train_losses = pytest.approx(look.train_losses, rel=1e-6)
    assert comparable(training_deferred) == comparable(training)
    torch.testing.assert_close(weights_of(deferred), weights_of(at_once), rtol=1e-5, atol=1e-7, equal_nan=True)


def test_an_error_that_is_no_divergence_passes_through() -> None:
    class Raises(GradientSolver):
        def step(self, batch: Samples) -> Tensor:  # type: ignore[override]
            if self.n_steps == 5:
                raise KeyError("mine")
            return super().step(batch)

    with pytest.raises(KeyError, match="mine") as raised:
        trained(Raises(Stack(), Linear(), GradientOptions()), 50)
    assert raised.value.__notes__ == ["in step 5, on a batch of 1"]


def test_accelerators_are_read_every_few_steps_and_the_cpu_after_each() -> None:
    solver, problem = GradientSolver(Stack(), Linear(), GradientOptions()), Problem(VLMOP2(), Point())
    assert PendingSteps(solver, problem).every == 1
    problem.device = torch.device("cuda")
    assert PendingSteps(solver, problem).every == STEPS_BETWEEN_CHECKS


def test_a_checkpoint_within_a_window_resumes_exactly(tmp_path: Any) -> None:
    def result(limits: list[int], check_every: int) -> tuple[Any, Tensor]:
        path = tmp_path / f"{len(limits)}-{check_every}.pt"
        for steps in limits:
            solver = GradientSolver(PHN(hidden=(8,), features=8), Linear(), GradientOptions())
            training = trained(
                solver, check_every, limit=Limit(steps=steps), checkpoint=path, checkpoint_seconds=0, n_looks=1
            )
        return training.recent_losses, weights_of(solver)

    uninterrupted, (losses, weights) = result([20], 1), result([9, 20], 7)
    assert losses == uninterrupted[0]
    assert torch.equal(weights, uninterrupted[1])
