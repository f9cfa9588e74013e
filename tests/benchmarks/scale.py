"""Growth of time and memory with preferences, objectives, batch and target: a table and a plot.

    python tests/benchmarks/scale.py --out results/scale

Each point runs in a separate process, so that its peak of resident memory can be measured; the memory of an
empty process (torch and the data) is subtracted.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

POINTS: dict[str, list[Any]] = {
    "K nets": [1, 2, 4, 8, 16, 32, 64],
    "K preferences of one hypernetwork": [1, 2, 4, 8, 16, 32, 64],
    "objectives, EPO, 25 points": [2, 3, 4, 5, 6, 8],
    "batch": [32, 64, 128, 256, 512, 1024],
    "rays judged": [5, 25, 100],
    "target, batch 64": ["lenet", "mtl-cnn", "resnet18"],
}


@dataclass
class Case:
    """The training or evaluation that one point of the table measures."""

    problem: Any
    solver: Any
    rays: Any
    samples: Any
    n_sets: int
    n_judged: int = 0


def case(kind: str, value: Any) -> Case:
    import torch

    from mobench.interfaces import Problem
    from mobench.learning.gradient_solver import GradientOptions, GradientSolver
    from mobench.learning.preferences import dense_rays, finite_rays
    from mobench_analytic.point import Point
    from mobench_epo.epo import EPO
    from mobench_linear.linear import Linear
    from mobench_linear.stack import Stack
    from mobench_multimnist.dataset import MultiMnist
    from mobench_networks.lenet import LeNet
    from mobench_networks.mtl_cnn import MtlCnn
    from mobench_phn.phn import PHN
    from mobench_resnet18.resnet18 import ResNet18

    torch.set_num_threads(1)
    torch.manual_seed(0)
    dataset: Any = MultiMnist(source="embedded", pairs=6000, test_pairs=10_000)
    generator: Any = Stack()
    balancer: Any = Linear()
    model: Any = LeNet()
    batch, n_rays, n_preferences, n_judged = 256, 1, 1, 0
    if kind == "K nets":
        n_rays = value
    elif kind == "K preferences of one hypernetwork":
        generator, n_preferences = PHN(), value
    elif kind.startswith("objectives"):
        dataset, model, balancer, n_rays = corners(value), Point(), EPO(), 25
    elif kind == "batch":
        generator, batch = PHN(), value
    elif kind == "rays judged":
        generator, n_judged = PHN(), value
    else:
        model, batch = {"lenet": LeNet(), "mtl-cnn": MtlCnn(), "resnet18": ResNet18()}[value], 64
    m = len(dataset.objectives)
    if n_judged:
        rays = dense_rays(m, n_judged)
    elif n_rays == 1 or m > 2:
        rays = torch.distributions.Dirichlet(torch.ones(m)).sample((n_rays,))
    else:
        rays = finite_rays(m, n_rays)
    solver = GradientSolver(generator, balancer, GradientOptions(n_preferences=n_preferences))
    samples = dataset.load("train").take(slice(0, batch))
    return Case(Problem(dataset, model), solver, rays, samples, n_rays * n_preferences, n_judged)


def chosen(kind: str, value: Any) -> dict[str, Any]:
    """Return the fastest strategy; run it in a separate process, because the memory of the others would count."""
    from mobench.learning.measured_strategy import measured

    at = case(kind, value)
    return measured(at.problem, at.samples, at.n_sets, threads=1).strategy.to_dict()


def measure(kind: str, value: Any, strategy: dict[str, Any]) -> dict[str, Any]:
    from mobench.interfaces import Seeds, Setting, Strategy
    from mobench.metrics.evaluation import evaluate

    at = case(kind, value)
    problem, solver = at.problem, at.solver
    problem.strategy = Strategy.from_dict(strategy)
    test = problem.dataset.load("test") if at.n_judged else None
    base = peak()
    if test is not None:
        network = solver.generator.build(problem, at.rays)
        took = [seconds(lambda: evaluate(network, problem, test, at.rays))]
    else:
        solver.start(problem, Setting(at.rays, Seeds(0, 0, 0, 0), 20, 10_000))
        for _ in range(2):
            solver.step(problem.prepare(at.samples))
        took = [seconds(lambda: solver.step(problem.prepare(at.samples))) for _ in range(5)]
    return {
        "kind": kind,
        "value": value,
        "milliseconds": 1e3 * statistics.median(took),
        "megabytes": (peak() - base) / 2**20,
        "strategy": strategy,
    }


def corners(m: int) -> Any:
    """m objectives f_i = ‖x − e_i‖², the i-th smallest at the i-th unit vector."""
    import torch

    from mobench.interfaces import Protocol
    from mobench.learning.preferences import dense_rays
    from mobench_analytic.problems import Analytic

    class Corners(Analytic):
        n_variables, n_objectives, bounds = 20, m, None
        protocol = Protocol("corners", reference=(2.0,) * m, ideal=(0.0,) * m, nadir=(2.0,) * m)

        def values(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return tuple((x - torch.eye(m, x.shape[-1])[i]).square().sum(-1) for i in range(m))

        def known_front(self, n_points: int) -> torch.Tensor:
            # the nearest points to m corners are those of the simplex between them
            rays = dense_rays(m, n_points)
            x = torch.nn.functional.pad(rays, (0, self.n_variables - m))
            return torch.stack(self.values(x), dim=1)

    return Corners()


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def peak() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import pandas as pd
    import seaborn as sns
    from matplotlib import pyplot as plt

    table = pd.DataFrame(rows)
    sns.set_theme(style="whitegrid", palette="colorblind")
    figure, axes = plt.subplots(2, len(POINTS), figsize=(3.2 * len(POINTS), 6), layout="constrained")
    for column, kind in enumerate(POINTS):
        rows_of_kind = table[table["kind"] == kind]
        for axis, quantity, label in zip(
            axes[:, column], ("milliseconds", "megabytes"), ("ms", "MiB above an idle process"), strict=True
        ):
            if isinstance(rows_of_kind["value"].iloc[0], str):
                sns.barplot(rows_of_kind, x="value", y=quantity, ax=axis)
            else:
                sns.lineplot(rows_of_kind, x="value", y=quantity, marker="o", ax=axis)
                axis.set_xscale("log", base=2)
                axis.xaxis.set_major_formatter("{x:g}")
            axis.set_ylim(bottom=0)
            axis.set(
                xlabel=kind,
                ylabel=f"{'judging' if kind == 'rays judged' else 'a step'}, {label}"
                if quantity == "milliseconds"
                else label,
            )
    plt.rcParams["svg.hashsalt"] = "mobench"
    figure.savefig(path, metadata={"Date": None})


def write(rows: list[dict[str, Any]], out: Path) -> None:
    from mobench.records.provenance import processor

    out.mkdir(parents=True, exist_ok=True)
    (out / "scale.json").write_text(json.dumps({"processor": processor(), "threads": 1, "rows": rows}, indent=1) + "\n")
    lines = [f"{processor()}, one thread; LeNet on 36×36 pictures, batch 256, where nothing else is said.", ""]
    lines += ["| grows | value | ms a step | MiB above an idle process | chosen |", "| --- | --- | --- | --- | --- |"]
    for r in rows:
        strategy = r["strategy"]
        description = f"{strategy['layout']}, {strategy['evaluation' if r['kind'] == 'rays judged' else 'stacking']}"
        lines.append(f"| {r['kind']} | {r['value']} | {r['milliseconds']:.4g} | {r['megabytes']:.4g} | {description} |")
    lines += ["", "For rays judged: ms for all of them on 10,000 pictures. For K: ms of a step of all K together."]
    (out / "scale.md").write_text("\n".join(lines) + "\n")
    plot(rows, out / "scale.svg")


def measured_point(kind: str, *values: Any) -> dict[str, Any]:
    """Return the measurement of a point from a separate process."""
    words = [sys.executable, __file__, "--one", kind, *map(json.dumps, values)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    measurement: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measurement


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("results/scale"))
    parser.add_argument("--again", action="store_true", help="only make table and plot of the numbers that are there")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        kind, *texts = arguments.one
        values = [json.loads(text) for text in texts]
        print(json.dumps(measure(kind, *values) if len(values) == 2 else chosen(kind, *values)))
        return
    if arguments.again:
        write(json.loads((arguments.out / "scale.json").read_text())["rows"], arguments.out)
        return
    rows = []
    for kind, values in POINTS.items():
        for value in values:
            strategy = measured_point(kind, value)
            rows.append(measured_point(kind, value, strategy))
            print(rows[-1], flush=True)
    write(rows, arguments.out)


if __name__ == "__main__":
    main()
