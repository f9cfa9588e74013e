"""Speed of mobench relative to a straightforward implementation, as ratios measured in one process.

    python tests/benchmarks/run.py                  # everything, about ten minutes
    python tests/benchmarks/run.py step evaluation  # some groups
    python tests/benchmarks/run.py --out results/speed

The two sides of a pair are timed alternately (A, B, A, B, …); the median ratio is reported.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import straightforward as plain
import torch

from mobench.interfaces import BalancerContext, Problem, Seeds, Setting, Strategy
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.loop import Limit, train
from mobench.learning.measured_strategy import measured
from mobench.learning.preferences import dense_rays, finite_rays
from mobench.metrics.evaluation import evaluate
from mobench.numerics.min_norm_point import min_norm
from mobench.records.provenance import processor
from mobench_analytic.point import Point
from mobench_analytic.problems import VLMOP2
from mobench_epo.epo import EPO
from mobench_linear.linear import Linear
from mobench_linear.stack import Stack
from mobench_multimnist.dataset import MultiMnist
from mobench_networks.lenet import LeNet
from mobench_phn.phn import PHN
from mobench_pmtl.decomposition import Decomposition

BATCH = 256
Row = dict[str, Any]


def ratio(
    a: Callable[[], object], b: Callable[[], object], turns: int = 7, b_times: int = 1
) -> tuple[float, float, float]:
    """Median milliseconds of a and of b, and the median of their ratio; b is called `b_times` a turn."""
    a(), b()
    pairs = []
    for _ in range(turns):
        pairs.append((seconds(a), seconds(lambda: [b() for _ in range(b_times)]) / b_times))
    return (
        1e3 * statistics.median(p[0] for p in pairs),
        1e3 * statistics.median(p[1] for p in pairs),
        statistics.median(p[0] / p[1] for p in pairs),
    )


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def row(work: str, goal: float, timing: tuple[float, float, float], note: str = "") -> Row:
    straightforward_ms, mobench_ms, factor = timing
    print(f"{work}: {straightforward_ms:.2f} -> {mobench_ms:.3f} ms, {factor:.2f}x (goal {goal}) {note}", flush=True)
    return {
        "work": work,
        "straightforward_ms": straightforward_ms,
        "mobench_ms": mobench_ms,
        "ratio": factor,
        "goal": goal,
        "note": note,
    }


class Bench:
    """MultiMNIST, LeNet and both ways to train them."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.dataset = MultiMnist(source="embedded", pairs=6000, test_pairs=10_000)
        self.samples = self.dataset.load("train").take(slice(0, BATCH))
        self.x = self.dataset.prepare(self.samples).inputs.contiguous()
        sides = list(self.samples.targets)
        self.labels = (self.samples.targets[sides[0]], self.samples.targets[sides[1]])

    def problem(self, strategy: Strategy | None = None, n_sets: int = 1) -> Problem:
        problem = Problem(self.dataset, LeNet())
        problem.strategy = strategy or measured(problem, self.samples, n_sets, self.threads).strategy
        # a ratio is taken with equal threads on both sides
        problem.strategy = replace(problem.strategy, threads=self.threads)
        return problem

    def solver(self, problem: Problem, generator: Any, balancer: Any, n_rays: int = 5) -> Callable[[], object]:
        solver = GradientSolver(generator, balancer, GradientOptions())
        solver.start(problem, Setting(finite_rays(2, n_rays), Seeds(0, 0, 0, 0), 20, 10_000))
        return lambda: solver.step(problem.prepare(self.samples))

    def plain_step(self, maker: torch.nn.Module, epo: bool) -> Callable[[], object]:
        trainer, preference = plain.Trainer(maker, epo), torch.tensor([0.4, 0.6])
        return lambda: trainer.step(preference, self.x, self.labels)


def steps(bench: Bench) -> list[Row]:
    rows = []
    wide = avx512()
    for name, balancer, epo, goal in (
        ("LS", Linear, False, 1.4 if wide else 2.5),
        ("EPO", EPO, True, 2.3 if wide else 3.2),
    ):
        problem = bench.problem()
        mobench_solver = bench.solver(problem, PHN(), balancer())
        rows.append(
            row(
                f"PHN-{name} step",
                goal,
                ratio(bench.plain_step(plain.Hypernetwork(), epo), mobench_solver, 15),
                problem_note(problem),
            )
        )
    return rows


def stacks(bench: Bench) -> list[Row]:
    rows, goal = [], 1.2 if avx512() else 2.3
    for k in (4, 8):
        problem = bench.problem(n_sets=k)
        for name, balancer, epo in (("LS", Linear, False), ("EPO", EPO, True)):
            mobench_solver = bench.solver(problem, Stack(), balancer(), k)
            before = bench.plain_step(plain.Net(), epo)
            a, b, factor = ratio(lambda before=before, k=k: [before() for _ in range(k)], mobench_solver, 5)
            rows.append(row(f"{k} nets, {name}, per net", goal, (a / k, b / k, factor), problem_note(problem)))
    return rows


def evaluation(bench: Bench) -> list[Row]:
    problem = bench.problem()
    test = bench.dataset.load("test")
    x, rays = bench.dataset.prepare(test).inputs.contiguous(), dense_rays(2, 25)
    labels = tuple(test.targets.values())
    network, hypernetwork = PHN().build(problem, rays), plain.Hypernetwork()
    timing = ratio(
        lambda: plain.evaluate(hypernetwork, list(rays), x, labels),  # type: ignore[arg-type]
        lambda: evaluate(network, problem, test, rays),
        2,
    )
    return [row("25 rays × 10,000 images", 2 if avx512() else 3, timing, problem_note(problem))]


def choice(bench: Bench) -> list[Row]:
    """Compare the measured strategy with every fixed one: how much slower it is than the best."""
    rows = []
    for k in (1, 5):
        problem = bench.problem(n_sets=k)
        chosen = problem.strategy
        fixed = [
            Strategy(layout, stacking, threads=bench.threads)  # type: ignore[arg-type]
            for layout in ("channels_last", "contiguous", "batch_last")
            for stacking in (("separate",) if k == 1 else ("separate", "grouped", "split"))
        ]
        chosen_key = replace(chosen, evaluation="separate")
        run = bench.solver(problem, PHN() if k == 1 else Stack(), Linear(), k)
        times: dict[Strategy, list[float]] = {}
        for _ in range(6):
            for strategy in dict.fromkeys([*fixed, chosen_key]):
                problem.strategy = strategy
                times.setdefault(strategy, []).append(seconds(run))
        medians = {s: statistics.median(t[1:]) for s, t in times.items()}
        best = min(medians.values())
        timing = (1e3 * best, 1e3 * medians[chosen_key], best / medians[chosen_key])
        rows.append(
            row(
                f"automatic choice against the best fixed, {k} sets",
                0.97,
                timing,
                f"{chosen.layout}, {chosen.stacking}",
            )
        )
    return rows


def programs(bench: Bench) -> list[Row]:
    return [*programs_of(2), *programs_of(3)]


def programs_of(m: int) -> list[Row]:
    """Balancers' weights for 25 rays at once against a general solver, one ray after the other.

    Two variants: every program is stated again, as in a script that calls the solver in its loop; or it is
    stated once with parameters, which is the best that the general solver can do.
    """
    torch.manual_seed(m)
    k = 25
    gradients = torch.randn(k, m, 50, dtype=torch.float64) + 0.5
    gram = gradients @ gradients.transpose(1, 2)
    losses = torch.rand(k, m) + 0.1
    rays = torch.distributions.Dirichlet(torch.ones(m)).sample((k,)).clamp_min(0.02)
    rays = rays / rays.sum(1, keepdim=True)
    roots = torch.linalg.cholesky(gram).transpose(1, 2).numpy()
    context = BalancerContext(k, m, torch.full((m,), 2.0), torch.zeros(m))
    exact, decomposition = EPO(), Decomposition()
    exact.start(context)
    decomposition.start(context)
    ls, rs, gs = losses.double().numpy(), rays.double().numpy(), gram.numpy()
    epo, norm = plain.EPOProgram(m), plain.MinNormProgram(m)
    pairs: list[tuple[str, Callable[[int], object], Callable[[], object]]] = [
        (
            "EPO, stated anew",
            lambda i: plain.EPOProgram(m).solve(ls[i], rs[i], gs[i]),
            lambda: exact(losses, rays, gram),
        ),
        ("EPO, stated once", lambda i: epo.solve(ls[i], rs[i], gs[i]), lambda: exact(losses, rays, gram)),
        ("min-norm, stated anew", lambda i: plain.min_norm_anew(roots[i]), lambda: min_norm(gram)),
        ("min-norm, stated once", lambda i: norm.solve(roots[i]), lambda: min_norm(gram)),
        (
            "decomposition, stated anew",
            lambda i: plain.decomposition_anew(ls[i], rs[i], roots[i]),
            lambda: decomposition(losses, rays, gram),
        ),
    ]
    rows = []
    for name, single, stacked in pairs:
        timing = ratio(lambda single=single: [single(i) for i in range(k)], stacked, 5, 5)
        rows.append(row(f"weights of 25 rays, m = {m}: {name}", 200, timing))
    return rows


def vlmop2(bench: Bench) -> list[Row]:
    dataset = VLMOP2()
    problem = Problem(dataset, Point())
    samples = dataset.load("train")
    problem.strategy = measured(problem, samples, 25, bench.threads).strategy
    solver = GradientSolver(Stack(), EPO(), GradientOptions())
    rays = finite_rays(2, 25)
    solver.start(problem, Setting(rays, Seeds(0, 0, 0, 0), 1, 10_000))
    points = [torch.randn(20, requires_grad=True) for _ in rays]
    optimisers = [torch.optim.Adam([x], lr=1e-3, foreach=False, fused=False) for x in points]

    def before(program: plain.EPOProgram | None) -> None:
        for ray, x, optimiser in zip(rays, points, optimisers, strict=True):
            optimiser.zero_grad()
            losses = torch.stack(
                [1 - torch.exp(-((x - 20**-0.5) ** 2).sum()), 1 - torch.exp(-((x + 20**-0.5) ** 2).sum())]
            )
            rows = torch.stack([torch.autograd.grad(loss, x, retain_graph=True)[0] for loss in losses])
            alpha = (program or plain.EPOProgram(2)).solve(
                losses.detach().double().numpy(), ray.double().numpy(), (rows @ rows.T).double().numpy()
            )
            (torch.tensor(alpha, dtype=torch.float32) * losses).sum().backward()
            optimiser.step()

    def stacked_pass() -> object:
        return solver.step(problem.prepare(samples))

    return [
        row(
            f"EPO on VLMOP2, 25 preferences, an iteration, programs {program_kind}",
            100,
            ratio(lambda p=p: before(p), stacked_pass, 5, 10),
        )
        for program_kind, p in (("stated anew", None), ("stated once", plain.EPOProgram(2)))
    ]


def overhead(bench: Bench) -> list[Row]:
    """Share of the wall time that the loop, progress and trace take in addition to the steps.

    Only steps count: the cost of a job with fewer steps is subtracted, because building the networks is no step.
    """
    problem = bench.problem()
    samples = bench.dataset.load("train")

    def spent(steps: int) -> tuple[float, float]:
        """Return the wall time of a job, and the part of it outside steps."""
        solver = GradientSolver(PHN(), Linear(), GradientOptions())
        began = time.perf_counter()
        run = train(
            solver, problem, samples, limit=Limit(steps=steps), batch_size=BATCH, seeds=Seeds(0, 0, 0, 0),
            rays=finite_rays(2, 5), on_progress=lambda event: None,
        )  # fmt: skip
        wall = time.perf_counter() - began
        return wall, wall - run.seconds

    spent(5)
    (short, beside_short), (long, beside_long) = spent(20), spent(420)
    share = (beside_long - beside_short) / (long - short)
    print(f"overhead of the core around 400 steps: {100 * share:.2f} % (goal < 2 %)", flush=True)
    return [{"work": "core around a step, share of wall time", "ratio": share, "goal": 0.02, "note": "below"}]


def together(bench: Bench) -> list[Row]:
    """Two jobs at once with one thread each, against one after the other with two threads."""
    word = [sys.executable, __file__, "--train-once"]

    def run(threads: int, at_once: int) -> float:
        began = time.perf_counter()
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        crew = [subprocess.Popen([*word, str(threads)], env=environment) for _ in range(at_once)]
        for process in crew:
            process.wait()
        return time.perf_counter() - began

    one_by_one = run(2, 1) + run(2, 1)
    both_seconds = run(1, 2)
    return [
        row(
            "two jobs at once on two cores",
            1.2,
            (1e3 * one_by_one, 1e3 * both_seconds, one_by_one / both_seconds),
            "whole processes",
        )
    ]


def train_once(threads: int) -> None:
    torch.set_num_threads(threads)
    bench = Bench(threads)
    step = bench.solver(bench.problem(Strategy(threads=threads)), PHN(), Linear())
    for _ in range(250):
        step()


def start_up(bench: Bench) -> list[Row]:
    rows = []
    program = str(Path(sys.executable).parent / "mobench")
    for words in (["--help"], ["list"]):
        elapsed_seconds = statistics.median(
            seconds(lambda words=words: subprocess.run([program, *words], capture_output=True, check=True))
            for _ in range(7)
        )
        print(f"mobench {' '.join(words)}: {elapsed_seconds:.3f} s (goal 0.3)", flush=True)
        rows.append(
            {"work": f"mobench {' '.join(words)}, seconds", "ratio": elapsed_seconds, "goal": 0.3, "note": "below"}
        )
    return rows


GROUPS: dict[str, Callable[[Bench], list[Row]]] = {
    "step": steps, "stack": stacks, "evaluation": evaluation, "choice": choice, "programs": programs,
    "vlmop2": vlmop2, "overhead": overhead, "together": together, "startup": start_up,
}  # fmt: skip


def avx512() -> bool:
    return "AVX512" in torch.backends.cpu.get_cpu_capability()


def problem_note(problem: Problem) -> str:
    s = problem.strategy
    return f"{s.layout}, {s.stacking}, judging {s.evaluation}"


def write(rows: list[Row], out: Path, threads: int) -> None:
    out.mkdir(parents=True, exist_ok=True)
    about = {"processor": processor(), "threads": threads, "torch": torch.__version__, "rows": rows}
    (out / "speed.json").write_text(json.dumps(about, indent=1) + "\n")
    lines = [f"{about['processor']}, {threads} thread(s), torch {about['torch']}", ""]
    lines += [
        "| work | straightforward, ms | mobench, ms | ratio | goal | strategy |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for r in rows:
        straightforward_ms, mobench_ms = (f"{r[k]:.2f}" if k in r else "" for k in ("straightforward_ms", "mobench_ms"))
        sign = "<" if r["note"] == "below" else "≥"
        note = "" if r["note"] == "below" else r["note"]
        lines.append(
            f"| {r['work']} | {straightforward_ms} | {mobench_ms} | {r['ratio']:.3g} | {sign} {r['goal']} | {note} |"
        )
    (out / "speed.md").write_text("\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="*", help=f"of {', '.join(GROUPS)}; default all")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="folder for speed.json and speed.md")
    parser.add_argument("--train-once", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train_once:
        train_once(arguments.train_once)
        return
    unknown = set(arguments.groups) - set(GROUPS)
    if unknown:
        parser.error(f"no group {', '.join(sorted(unknown))}: give some of {', '.join(GROUPS)}")
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    bench = Bench(arguments.threads)
    rows = [r for name in arguments.groups or GROUPS for r in GROUPS[name](bench)]
    if arguments.out is not None:
        write(rows, arguments.out, arguments.threads)


if __name__ == "__main__":
    main()
