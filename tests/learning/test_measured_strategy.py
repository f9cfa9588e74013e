"""The measured strategy of nets without convolutions: the number of threads is that of the faster training step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from mobench import Dataset, Model, Objective, Protocol, Samples, Spec, hookimpl
from mobench.interfaces import Problem, Split, Strategy
from mobench.jobs import resolve
from mobench.jobs.job import Budget, Job
from mobench.learning import measured_strategy
from mobench.learning.measured_strategy import TINY, convolves, measured
from mobench.plugins import Plugin, Registry
from mobench.records import provenance
from mobench.runs import strategy_cache
from mobench.runs.execution import execute
from mobench.runs.run_options import RunOptions
from mobench_analytic.point import Point
from mobench_analytic.problems import VLMOP2
from mobench_networks.lenet import LeNet


def squared_error(name: str) -> Callable[[dict[str, Tensor], Samples], Tensor]:
    return lambda outputs, batch: (outputs[name] - batch.targets[name]).square().mean()


@dataclass(frozen=True)
class Targets(Dataset):
    """Three real-valued functions of eight numbers."""

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return tuple(Objective(name, squared_error(name)) for name in "abc")

    @property
    def heads(self) -> dict[str, int]:
        return dict.fromkeys("abc", 1)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (8,)

    @property
    def protocol(self) -> Protocol:
        return Protocol("targets-1", reference=(2.0,) * 3, ideal=(0.0,) * 3, nadir=(1.0,) * 3)

    def load(self, split: Split) -> Samples:
        seed = ("train", "val", "test").index(split)
        x = torch.randn(2000, 8, generator=torch.Generator().manual_seed(seed))
        functions = {"a": x[:, :4].sum(1).sin(), "b": x[:, 2:].prod(1).tanh(), "c": x.square().mean(1) - 1}
        return Samples(x, {name: value[:, None] for name, value in functions.items()})


class Heads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.heads = nn.ModuleDict({name: nn.Linear(64, 1) for name in "abc"})

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        features = self.trunk(inputs)
        return {name: head(features) for name, head in self.heads.items()}


@dataclass(frozen=True)
class MLP(Model):
    """Two hidden layers."""

    def build(self, dataset: Dataset) -> nn.Module:
        return Heads()

    def check(self, dataset: Dataset) -> None:
        """Accept every dataset of this file."""


@pytest.fixture
def guest_plugin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    guest = ModuleType("guest")
    guest.mobench_datasets = hookimpl(lambda: [Spec("guest-targets", f"{__name__}:Targets", version="1")])  # type: ignore[attr-defined]
    guest.mobench_models = hookimpl(lambda: [Spec("guest-mlp", f"{__name__}:MLP", version="1")])  # type: ignore[attr-defined]
    registry = Registry.discover()
    registry.add(Plugin("guest", "guest", "1.0"), guest)
    for module in (resolve, provenance):
        monkeypatch.setattr(module, "registry", lambda: registry)
    monkeypatch.setattr(strategy_cache, "folder", lambda: tmp_path)
    provenance._packages.cache_clear()
    yield
    provenance._packages.cache_clear()


@pytest.fixture
def problem() -> Problem:
    problem = Problem(Targets(), MLP())
    assert TINY < problem.n_target_parameters < 10_000
    return problem


def sleeping(milliseconds: dict[int, float]) -> Callable[[], Callable[[], object]]:
    """A step that takes so long with so many threads."""
    return lambda: lambda: time.sleep(milliseconds[torch.get_num_threads()] / 1000)


@pytest.mark.parametrize(
    ("ms_two_threads", "ms_one_thread", "threads"),
    [(40, 2, 1), (10, 10, 1), (9, 10, 1), (4, 10, 2)],
    ids=["waiting for other work", "as fast", "a little faster", "much faster"],
)
def test_several_threads_are_used_where_they_make_a_step_much_faster(
    problem: Problem, ms_two_threads: float, ms_one_thread: float, threads: int
) -> None:
    before = torch.get_num_threads()
    batch = problem.dataset.load("train").take(slice(0, 64))
    choice = measured(problem, batch, 5, threads=2, start_step=sleeping({2: ms_two_threads, 1: ms_one_thread}))
    assert choice.strategy == Strategy(stacking="grouped", evaluation="grouped", threads=threads)
    assert torch.get_num_threads() == before


def test_analytic_problems_use_one_thread_and_nothing_is_timed() -> None:
    problem = Problem(VLMOP2(), Point())

    def never() -> Callable[[], object]:
        raise AssertionError("a solver was started")

    choice = measured(problem, problem.dataset.load("train"), 5, threads=2, start_step=never)
    assert (choice.strategy.threads, choice.strategy.stacking, choice.remark) == (1, "grouped", "")


def test_a_short_training_is_not_preceded_by_trial_steps(problem: Problem) -> None:
    batch = problem.dataset.load("train").take(slice(0, 64))
    choice = measured(problem, batch, 5, threads=2, steps=20, start_step=sleeping({}))
    assert choice.strategy.threads == 1
    assert choice.remark == ""


def test_long_steps_use_all_threads_without_more_trials(problem: Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured_strategy, "AT_MOST_SECONDS", 0.01)
    batch = problem.dataset.load("train").take(slice(0, 64))
    assert measured(problem, batch, 5, threads=2, start_step=sleeping({1: 5})).strategy.threads == 2


def test_a_solver_that_fails_in_a_trial_step_uses_one_thread_and_the_remark_says_so(problem: Problem) -> None:
    def fails() -> Callable[[], object]:
        raise RuntimeError("no second start")

    choice = measured(problem, problem.dataset.load("train").take(slice(0, 64)), 5, threads=2, start_step=fails)
    assert choice.strategy.threads == 1
    assert choice.remark == "one thread: RuntimeError in a trial step of the solver"


@pytest.mark.slow
def test_larger_nets_without_convolutions_are_measured_with_a_step_of_the_solver(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measured_strategy, "SMALL", 0)
    batch = problem.dataset.load("train").take(slice(0, 64))
    for ms_two_threads, threads in ((40, 1), (4, 2)):
        choice = measured(problem, batch, 5, threads=2, start_step=sleeping({2: ms_two_threads, 1: 10}))
        assert choice.strategy.threads == threads


def job(solver: str, steps: int = 100) -> Job:
    return resolve.resolve(
        "guest-targets", "guest-mlp", solver, {}, Budget(steps=steps, batch_size=64), n_rays=6, n_finite=6
    )


@pytest.mark.slow
@pytest.mark.usefixtures("guest_plugin")
@pytest.mark.parametrize("solver", ["ls", "phn-ls"])
def test_a_measured_choice_does_not_change_the_result_and_is_reproduced_when_it_is_given(solver: str) -> None:
    """The trial solver takes nothing from the random streams of the job's own solver."""
    free = execute(job(solver), RunOptions(), threads=2)
    assert free.status == "completed"
    assert free.provenance.strategy is not None
    chosen = Strategy.from_dict({k: v for k, v in free.provenance.strategy.items() if k != "remark"})
    assert chosen.threads in (1, 2)
    assert execute(job(solver), RunOptions(strategy=chosen), threads=2).digest == free.digest


@pytest.mark.usefixtures("guest_plugin")
def test_choices_of_nets_without_convolutions_are_kept_for_each_solver() -> None:
    def keys(depends_on_solver: bool) -> set[str]:
        return {
            strategy_cache._key(job(solver), 1, "cpu", 2, depends_on_solver) for solver in ("ls", "phn-ls", "phn-epo")
        }

    assert (len(keys(True)), len(keys(False))) == (3, 1)


def test_only_networks_with_convolutions_share_their_choice_between_solvers(problem: Problem) -> None:
    from mobench_multimnist.dataset import MultiMnist

    assert not convolves(problem)
    assert convolves(Problem(MultiMnist(source="embedded", pairs=20, test_pairs=5), LeNet()))
