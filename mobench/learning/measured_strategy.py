"""Selection of the fastest execution strategy by a short measurement on the problem, at the start of a job."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from mobench.interfaces import Inputs, Outputs, Problem, Samples, Stacking, Strategy, tensors_of
from mobench.kernels import batch_last
from mobench.kernels.precision import DEFAULT, Precision
from mobench.metrics.evaluation import RAYS_AT_ONCE
from mobench.text import message_of

ROUNDS = 3
HOPELESS = 1.5
"""A candidate that is this many times slower than the best in its first pass is not run again."""
WORTH = 0.97
"""A candidate replaces the default strategy only if it takes less than this fraction of the default's time."""
AT_MOST_SECONDS = 5.0
REPAYS = 10.0
"""Expected training time must exceed the measuring time (the first, slow pass of every candidate) by this factor."""
COMPILES = 5.0
"""Longest time in seconds to compile the kernels; needed once per machine."""
SMALL = 100_000
"""Total number of values in all weight sets below which call overhead dominates in nets without convolutions."""
TINY = 1000
"""Number of values of a target network up to which one thread is used without a measurement (analytic problems)."""
THREADS_WORTH = 0.8
"""Without convolutions, several threads are used only if a step takes less than this fraction of the time of one.

The threads of a short step wait for each other: when other work takes one of their cores, each operation waits for it,
and steps of a millisecond become 20 times as slow. One thread only loses its share of a core.
"""

TOLERANCES: dict[Precision, float] = {"fp32": 1e-3, "bf16": 0.05}
"""Largest relative difference between the losses of stacked and separate nets; bfloat16 has a precision of 0.008."""

StartStep = Callable[[], Callable[[], object]]
"""Starts a second solver like that of the job, and returns a function that takes one training step with it."""


@dataclass(frozen=True)
class Choice:
    """The chosen strategy, and remarks on candidates that were excluded for other reasons than the measurement."""

    strategy: Strategy
    remark: str = ""


def convolves(problem: Problem) -> bool:
    """Return whether the target network has convolutions; without them, the choice depends on the solver as well."""
    return any(isinstance(layer, nn.modules.conv._ConvNd) for layer in problem.target.modules())


def measured(
    problem: Problem,
    samples: Samples,
    n_sets: int,
    threads: int,
    steps: int | None = None,
    start_step: StartStep | None = None,
) -> Choice:
    """Return the fastest strategy for steps of `n_sets` weight sets on batches like `samples`.

    threads: number of threads that torch may use.
    steps:   number of training steps to follow; None: unknown, assumed to be large.
    start_step: a training step of the solver; the number of threads of nets without convolutions is measured with it,
        because generator and optimiser take most of the step there. None: it is measured with the target network, and
        small nets use one thread.

    Every stacked candidate is first compared with separate nets. A candidate that raises an exception or gives
    different losses is excluded, with a remark. The problem's strategy, torch's number of threads and its
    random state are restored.
    """
    before, random = problem.strategy, torch.get_rng_state()
    n_threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        return _Search(problem, samples, n_sets, threads, steps, start_step).choice()
    finally:
        problem.strategy = before
        torch.set_num_threads(n_threads)
        torch.set_rng_state(random)


class _Search:
    def __init__(
        self,
        problem: Problem,
        samples: Samples,
        n_sets: int,
        threads: int,
        steps: int | None,
        start_step: StartStep | None,
    ) -> None:
        self.start_step = start_step
        self.problem, self.samples, self.threads, self.steps = problem, samples, threads, steps
        self.n_sets = n_sets
        self.remarks: list[str] = []
        self.first = 0.0
        self.convolves = convolves(problem)
        statistics = problem.state.layers
        if statistics:
            self.remarks.append(f"nets run one after the other: {statistics[0]} keeps running statistics")
        self.stackable = not statistics

    def choice(self) -> Choice:
        default = Strategy(threads=self.threads)
        if not self.convolves and self.n_sets * self.problem.n_target_parameters <= SMALL:
            stacking: Stacking = "grouped" if self._agrees("grouped", self.n_sets) else "separate"
            small = replace(default, stacking=stacking, evaluation=stacking)
            return self._choice(replace(small, threads=self._threads(small, None)))
        train = self._training_pass(self.n_sets)
        self.first = _seconds(self._under(default, train))
        candidates = self._candidates(default, self.n_sets)
        if self.first > AT_MOST_SECONDS or not self._repaid(self.first * len(candidates)):
            return self._choice(default)
        if self._side_by_side():
            # grouped convolutions have no overhead in this layout, so "split" is not tried
            side_by_side = [
                replace(strategy, layout="batch_last") for strategy in candidates if strategy.layout == default.layout
            ]
            candidates += [strategy for strategy in side_by_side if strategy.stacking != "split"]
        best = self._fastest(default, candidates, train)
        if not self.convolves:
            best = replace(best, threads=self._threads(best, train))
        elif self.threads > 1:
            alone = replace(best, threads=1)
            best = self._fastest(best, [best, alone], train)
        judge = self._evaluation_pass(RAYS_AT_ONCE)
        judging = [replace(best, evaluation=how) for how in self._stackings(RAYS_AT_ONCE)]
        return self._choice(self._fastest(judging[0], judging, judge))

    def _threads(self, strategy: Strategy, train: Callable[[], object] | None) -> int:
        """Return the number of threads for a net without convolutions.

        train: a training pass of the target network, used if there is no step of the solver; None: one thread then.
        """
        if self.threads == 1 or self.problem.n_target_parameters <= TINY:
            return 1
        n_passes = 2 * (1 + ROUNDS)
        if self.steps is not None and self.steps < REPAYS * n_passes:
            return 1 if train is None else self.threads
        try:
            step = train if self.start_step is None else self.start_step()
            if step is None:
                return 1
            several, alone = (self._under(replace(strategy, threads=n), step) for n in (self.threads, 1))
            alone()  # the first pass includes memory allocation
            if _seconds(alone) * n_passes > AT_MOST_SECONDS:
                return self.threads  # the threads of long steps rarely wait
            several()
            times = [(_seconds(several), _seconds(alone)) for _ in range(ROUNDS)]
        except Exception as error:  # the job reports it, if it is raised there as well
            self.remarks.append(f"one thread: {type(error).__name__} in a trial step of the solver")
            return 1
        return self.threads if min(s for s, _ in times) < THREADS_WORTH * min(a for _, a in times) else 1

    def _choice(self, strategy: Strategy) -> Choice:
        return Choice(strategy, "; ".join(dict.fromkeys(self.remarks)))

    def _candidates(self, default: Strategy, n_sets: int) -> list[Strategy]:
        candidates = [replace(default, stacking=how) for how in self._stackings(n_sets)]
        if self.convolves and any(tensor.ndim == 4 for tensor in tensors_of(self.samples.inputs)):
            candidates += [replace(strategy, layout="contiguous") for strategy in candidates]
        return candidates

    def _repaid(self, seconds: float) -> bool:
        """Whether training is long enough to repay `seconds` of measuring, if steps are as slow as the first pass."""
        return self.steps is None or self.steps * self.first > REPAYS * seconds

    def _side_by_side(self) -> bool:
        """Whether the layout "batch_last" can be used: the problem fits and its kernels are available."""
        problem = self.problem
        has_images = any(tensor.ndim == 4 for tensor in tensors_of(self.samples.inputs))
        if not (self.convolves and has_images and problem.device.type == "cpu"):
            return False
        if problem.dtype != torch.float32 or problem.precision != DEFAULT:  # the kernels compute in float32
            return False
        if not (batch_last.at_hand() or self._repaid(COMPILES)):
            return False
        reason = batch_last.why_not()
        if reason:
            self.remarks.append(f"images not laid side by side: {reason}")
        return not reason

    def _stackings(self, n_sets: int) -> list[Stacking]:
        stackings: list[Stacking] = ["separate"]
        if n_sets > 1 and self.stackable:
            further: tuple[Stacking, ...] = ("grouped", "split") if self.convolves else ("grouped",)
            stackings += [how for how in further if self._agrees(how, min(n_sets, 2))]
        return stackings

    def _agrees(self, stacking: Stacking, n_sets: int) -> bool:
        """Whether stacked nets give the same losses as separate nets, in evaluation mode (without dropout)."""
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
        except Exception as error:  # unusual layers can raise anything under vmap; fall back to separate nets
            reason = (message_of(error).splitlines() or [""])[0]
            self.remarks.append(f"nets run one after the other: {type(error).__name__}: {reason}")
            return False
        finally:
            self.problem.train(training)
        tolerance = TOLERANCES[self.problem.precision]
        if torch.allclose(alone, together, rtol=tolerance, atol=tolerance / 100):
            return True
        self.remarks.append("nets run one after the other: stacked, their losses differ")
        return False

    def _weights(self, n_sets: int) -> dict[str, Tensor]:
        nets = [self.problem.new_weights() for _ in range(n_sets)]
        return {n: torch.stack([net[n] for net in nets]).requires_grad_() for n in self.problem.shapes}

    def _outputs(self, weights: dict[str, Tensor], inputs: Inputs, how: Stacking | None = None) -> Sequence[Outputs]:
        """Return outputs under weight sets; running statistics are temporary copies."""
        n_sets = len(next(iter(weights.values())))
        statistics = {n: torch.stack([s] * n_sets) for n, s in self.problem.state.statistics.items()}
        return self.problem.outputs_of_sets({**weights, **statistics}, inputs, how)

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
        """Return the fastest strategy by the shortest of a few passes.

        The passes of the candidates alternate, so that other load on the machine affects all of them equally.
        """
        passes = {strategy: self._under(strategy, work) for strategy in dict.fromkeys([default, *candidates])}
        if len(passes) == 1:
            return default
        began = time.perf_counter()
        best: dict[Strategy, float] = {}
        for strategy, run in passes.items():
            run()  # the first pass includes memory allocation and kernel compilation
            best[strategy] = _seconds(run)
        for _ in range(ROUNDS):
            bound = HOPELESS * min(best.values())
            for strategy in [strategy for strategy, seconds in best.items() if seconds <= bound]:
                best[strategy] = min(best[strategy], _seconds(passes[strategy]))
            if time.perf_counter() - began > AT_MOST_SECONDS:
                break
        winner = min(best, key=lambda strategy: best[strategy])
        return winner if best[winner] < WORTH * best[default] else default


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
