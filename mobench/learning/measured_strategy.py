"""Which strategy is fastest here: a short measurement on the real problem, at the start of a job."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from mobench.interfaces import Outputs, Problem, Samples, Stacking, Strategy
from mobench.kernels import batch_last
from mobench.metrics.evaluation import RAYS_AT_ONCE
from mobench.text import message_of

ROUNDS = 3
HOPELESS = 1.5
"""A candidate this many times slower than the best in its first pass is not run again."""
WORTH = 0.97
"""Another strategy than the default one has to take less than this part of its time."""
AT_MOST_SECONDS = 5.0
REPAYS = 10.0
"""Training has to be expected to last as many times longer than the first, slow pass of every candidate."""
COMPILES = 5.0
"""Seconds that kernels take to be compiled where they were not yet, at most; once per machine."""
SMALL = 100_000
"""Numbers in all weight sets together below which a net without convolutions is bound by calls, not by sums."""


@dataclass(frozen=True)
class Choice:
    """A strategy, and why it was taken where that is not the measurement alone."""

    strategy: Strategy
    remark: str = ""


def measured(problem: Problem, samples: Samples, n_sets: int, threads: int, steps: int | None = None) -> Choice:
    """The fastest strategy for steps of `n_sets` weight sets on batches like `samples`.

    threads: how many torch may use. steps: of the training to come; None: many.

    Every stacked candidate is first compared with the separate nets; one that raises or disagrees is
    out, and the remark says so. The problem's strategy, torch's threads and random state are left as
    they were.
    """
    before, random = problem.strategy, torch.get_rng_state()
    n_threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        return _Search(problem, samples, n_sets, threads, steps).choice()
    finally:
        problem.strategy = before
        torch.set_num_threads(n_threads)
        torch.set_rng_state(random)


class _Search:
    def __init__(self, problem: Problem, samples: Samples, n_sets: int, threads: int, steps: int | None) -> None:
        self.problem, self.samples, self.threads, self.steps = problem, samples, threads, steps
        self.n_sets = n_sets
        self.remarks: list[str] = []
        self.first = 0.0
        layers = list(problem.target.modules())
        self.convolves = any(isinstance(layer, nn.modules.conv._ConvNd) for layer in layers)
        statistics = problem.state.layers
        if statistics:
            self.remarks.append(f"nets run one after the other: {statistics[0]} keeps running statistics")
        self.stackable = not statistics

    def choice(self) -> Choice:
        default = Strategy(threads=self.threads)
        if not self.convolves and self.n_sets * self.problem.n_target_parameters <= SMALL:
            stacking: Stacking = "grouped" if self._agrees("grouped", self.n_sets) else "separate"
            return self._told(replace(default, stacking=stacking, evaluation=stacking))
        train = self._training_pass(self.n_sets)
        self.first = _seconds(self._under(default, train))
        candidates = self._candidates(default, self.n_sets)
        if self.first > AT_MOST_SECONDS or not self._repaid(self.first * len(candidates)):
            return self._told(default)
        if self._side_by_side():
            # groups cost nothing there, so there is nothing to split
            beside = [replace(one, layout="batch_last") for one in candidates if one.layout == default.layout]
            candidates += [one for one in beside if one.stacking != "split"]
        best = self._fastest(default, candidates, train)
        if self.threads > 1:
            alone = replace(best, threads=1)
            best = self._fastest(best, [best, alone], train)
        judge = self._evaluation_pass(RAYS_AT_ONCE)
        judging = [replace(best, evaluation=how) for how in self._stackings(RAYS_AT_ONCE)]
        return self._told(self._fastest(judging[0], judging, judge))

    def _told(self, strategy: Strategy) -> Choice:
        return Choice(strategy, "; ".join(dict.fromkeys(self.remarks)))

    def _candidates(self, default: Strategy, n_sets: int) -> list[Strategy]:
        found = [replace(default, stacking=how) for how in self._stackings(n_sets)]
        if self.convolves and self.samples.inputs.ndim == 4:
            found += [replace(one, layout="contiguous") for one in found]
        return found

    def _repaid(self, seconds: float) -> bool:
        """Whether the training to come, of steps as long as the first pass, is long beside what is spent before it."""
        return self.steps is None or self.steps * self.first > REPAYS * seconds

    def _side_by_side(self) -> bool:
        """Whether images can lie side by side: convolutions have kernels for that here."""
        problem = self.problem
        if not (self.convolves and self.samples.inputs.ndim == 4 and problem.device.type == "cpu"):
            return False
        if problem.dtype != torch.float32 or not (batch_last.at_hand() or self._repaid(COMPILES)):
            return False
        reason = batch_last.why_not()
        if reason:
            self.remarks.append(f"images not laid side by side: {reason}")
        return not reason

    def _stackings(self, n_sets: int) -> list[Stacking]:
        found: list[Stacking] = ["separate"]
        if n_sets > 1 and self.stackable:
            some: tuple[Stacking, ...] = ("grouped", "split") if self.convolves else ("grouped",)
            found += [how for how in some if self._agrees(how, min(n_sets, 2))]
        return found

    def _agrees(self, stacking: Stacking, n_sets: int) -> bool:
        """Whether stacked nets give the losses that separate ones give, without dropout."""
        if n_sets < 2 or not self.stackable:
            return False
        batch = self.problem.prepare(self.samples.take(slice(0, 8)))
        training = self.problem.target.training
        self.problem.train(False)
        try:
            with torch.no_grad():
                weights = self._weights(n_sets)
                alone, together = (
                    self.problem.losses(self._outputs(weights, batch.inputs, how), batch)
                    for how in ("separate", stacking)
                )
        except Exception as error:  # whatever a strange layer raises under vmap; separate nets remain
            reason = (message_of(error).splitlines() or [""])[0]
            self.remarks.append(f"nets run one after the other: {type(error).__name__}: {reason}")
            return False
        finally:
            self.problem.train(training)
        if torch.allclose(alone, together, rtol=1e-3, atol=1e-5):
            return True
        self.remarks.append("nets run one after the other: stacked, their losses differ")
        return False

    def _weights(self, n_sets: int) -> dict[str, Tensor]:
        nets = [self.problem.new_weights() for _ in range(n_sets)]
        return {n: torch.stack([net[n] for net in nets]).requires_grad_() for n in self.problem.shapes}

    def _outputs(self, weights: dict[str, Tensor], inputs: Tensor, how: Stacking | None = None) -> Sequence[Outputs]:
        """Outputs under weight sets; their running statistics are copies that are thrown away."""
        n_sets = len(next(iter(weights.values())))
        own = {n: torch.stack([s] * n_sets) for n, s in self.problem.state.statistics.items()}
        return self.problem.outputs_of_sets({**weights, **own}, inputs, how)

    def _training_pass(self, n_sets: int) -> Callable[[], object]:
        weights = self._weights(n_sets)

        def run() -> object:
            batch = self.problem.prepare(self.samples)
            losses = self.problem.losses(self._outputs(weights, batch.inputs), batch)
            return torch.autograd.grad(losses.sum(), list(weights.values()), materialize_grads=True)

        return run

    def _evaluation_pass(self, n_sets: int) -> Callable[[], object]:
        weights = {name: w.detach() for name, w in self._weights(n_sets).items()}

        def run() -> object:
            batch = self.problem.prepare(self.samples)
            how = self.problem.strategy.evaluation
            with torch.no_grad():
                return self.problem.losses(self._outputs(weights, batch.inputs, how), batch)

        return run

    def _under(self, strategy: Strategy, work: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            self.problem.strategy = strategy
            torch.set_num_threads(strategy.threads or self.threads)
            work()
            if self.problem.device.type == "cuda":
                torch.cuda.synchronize(self.problem.device)

        return run

    def _fastest(self, default: Strategy, candidates: Iterable[Strategy], work: Callable[[], object]) -> Strategy:
        """By the shortest of a few passes, taken in turns so that a busy moment meets all alike."""
        passes = {one: self._under(one, work) for one in dict.fromkeys([default, *candidates])}
        if len(passes) == 1:
            return default
        began = time.perf_counter()
        best: dict[Strategy, float] = {}
        for one, run in passes.items():
            run()  # the first pass pays for memory and compiled kernels
            best[one] = _seconds(run)
        for _ in range(ROUNDS):
            bound = HOPELESS * min(best.values())
            for one in [one for one, seconds in best.items() if seconds <= bound]:
                best[one] = min(best[one], _seconds(passes[one]))
            if time.perf_counter() - began > AT_MOST_SECONDS:
                break
        winner = min(best, key=lambda one: best[one])
        return winner if best[winner] < WORTH * best[default] else default


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
