"""Jobs in bfloat16: identity, numbers close to float32, resumption, verification, comparison."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from in_process import IN_PROCESS
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import mobench
from mobench.errors import OptionError
from mobench.interfaces import Problem, Seeds, Setting, Strategy
from mobench.jobs import plan as plans
from mobench.jobs import suite as suites
from mobench.jobs.job import Budget, Job
from mobench.jobs.resolve import make_dataset, make_model, make_solver, resolve
from mobench.kernels import convolution
from mobench.kernels.batch_last import why_not
from mobench.learning.loop import Limit, train
from mobench.learning.measured_strategy import measured
from mobench.learning.preferences import finite_rays
from mobench.metrics.evaluation import evaluate
from mobench.plugins import registry
from mobench.records.record import Record, parse
from mobench.runs.execution import execute
from mobench.runs.verification import BFLOAT16, TOLERANCE, compare, verify
from mobench.testing.small import batches_of
from mobench_multimnist.dataset import MultiMnist
from mobench_networks.lenet import LeNet

pytestmark = pytest.mark.slow

Cli = Any
SMALL = {"source": "embedded", "pairs": 60, "test_pairs": 20}


def a_job(solver: str = "ls", precision: Any = "bf16", steps: int = 3, **settings: Any) -> Job:
    budget = Budget(steps=steps, batch_size=8, precision=precision)
    return resolve("multimnist", "lenet", solver, {**SMALL, **settings}, budget, n_rays=3, n_finite=2)


def problem_of(job: Job, strategy: Strategy | None = None) -> Problem:
    torch.manual_seed(0)
    return Problem(
        make_dataset(job.dataset), make_model(job.model), strategy=strategy or Strategy(),
        precision=job.budget.precision,
    )  # fmt: skip


class Kinds(TorchDispatchMode):
    """Counts the products of matrices and convolutions by the dtype of their result."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: dict[torch.dtype, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func.name().partition(".")[0] in ("aten::addmm", "aten::mm", "aten::bmm", "aten::convolution"):
            self.counts[result.dtype] = self.counts.get(result.dtype, 0) + 1
        return result


def test_float32_is_the_default_and_leaves_ids_alone() -> None:
    """An id from before there was a precision."""
    job = resolve("vlmop2", "point", "ls", {}, Budget(steps=5))
    explicit = resolve("vlmop2", "point", "ls", {}, Budget(steps=5, precision="fp32"))
    other = resolve("vlmop2", "point", "ls", {}, Budget(steps=5, precision="bf16"))
    assert "precision" not in job.model_dump_json()
    assert "precision" not in explicit.model_dump_json()
    assert job.id == explicit.id != other.id
    assert Job.model_validate_json(other.model_dump_json()) == other
    assert Job.model_validate_json(job.model_dump_json()).budget.precision == "fp32"


SUITE = """
[budget]
steps = 4
precision = "bf16"

[[entries]]
datasets = ["vlmop2"]
models = ["point"]
solvers = ["ls"]

[[entries]]
datasets = ["zdt1"]
models = ["point"]
solvers = ["ls"]
budget = { steps = 5, precision = "fp32" }
"""


def test_a_suite_sets_the_precision_and_an_entry_and_the_command_line_override_it(tmp_path: Path) -> None:
    (tmp_path / "mixed.toml").write_text(SUITE)
    suite = suites.load(tmp_path / "mixed.toml")

    def precisions(**budget: Any) -> list[str]:
        return [job.budget.precision for job in plans.plan(suites.overridden(suite, budget=budget)).jobs]

    assert precisions() == ["bf16", "fp32"]
    assert precisions(precision="bf16") == ["bf16", "bf16"]
    assert precisions(precision="fp32", steps=7) == ["fp32", "fp32"]
    with pytest.raises(OptionError, match=r"budget\.precision was given 'fp16': Input should be 'fp32' or 'bf16'"):
        suites.overridden(suite, budget={"precision": "fp16"})
    with pytest.raises(OptionError, match=r"budget\.precision was given twice, as an option and as a setting"):
        suites.overridden(suite, budget={"precision": "bf16"}, settings={"budget.precision": "fp32"})


def test_a_run_in_bfloat16_is_recorded_and_not_mixed_with_float32(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    """Two records in bfloat16 and one in float32: the table has the two and names the other."""
    words = ("run", tiny, "--solver", "phn-ls", "--out", "both", "--steps", 6, *IN_PROCESS)
    assert "steps 6, batch_size 256, precision bf16" in cli(*words, "--precision", "bf16", "--dry-run").stdout
    done = cli(*words, "--precision", "bf16", "--seeds", "0,1")
    assert done.returncode == 0, done.stderr
    assert cli(*words, "--seeds", "0").returncode == 0
    paths = sorted((tmp_path / "both" / "records").glob("*.json"))
    records = {path.stem: parse(path.read_bytes(), path.name) for path in paths}
    assert sorted(r.job.budget.precision for r in records.values()) == ["bf16", "bf16", "fp32"]
    (single,) = [r for r in records.values() if r.job.budget.precision == "fp32"]
    table = cli("leaderboard", "both")
    assert f"({single.id}): vlmop2: budget is" in table.stderr + table.stdout
    refused = cli(*words, "--precision", "half")
    assert refused.returncode == 2
    assert "budget.precision was given 'half': Input should be 'fp32' or 'bf16'" in refused.stderr


def test_a_run_from_python_takes_the_precision(tiny: Path, tmp_path: Path) -> None:
    mobench.run(tiny, solver="ls", precision="bf16", out=tmp_path / "out", executor=IN_PROCESS[1])
    (path,) = (tmp_path / "out" / "records").glob("*.json")
    assert json.loads(path.read_text())["job"]["budget"]["precision"] == "bf16"


PAIRS = ["stack+linear", "phn+linear", "chunked-phn+linear", "cpmtl+linear", "input+linear", "endpoints+linear",
         "task+linear", "noise+linear", "dropout+linear",
         *(f"stack+{name}" for name in registry().names("balancer") if name != "linear"), "phn+epo",
         "phn+hypervolume"]  # fmt: skip


@pytest.mark.parametrize("pair", PAIRS)
def test_every_part_trains_in_bfloat16_with_losses_close_to_float32(pair: str) -> None:
    """Products are in bfloat16; losses, trained tensors and their gradients in float32."""
    generator = registry().get("generator", pair.partition("+")[0])
    settings = {f"generator.{name}": value for name, value in getattr(generator.spec, "small", {}).items()}
    settings |= {"n_preferences": 2} if "hypervolume" in pair and "phn" in pair else {}
    losses = {}
    for precision in ("fp32", "bf16"):
        job = a_job(pair, precision, **settings)
        problem, solver = problem_of(job), make_solver(job.solver)
        solver.start(problem, Setting(finite_rays(2, 2), Seeds(), 4, 4))
        with Kinds() as kinds:
            losses[precision] = [solver.step(*batches_of(solver, problem, step)) for step in range(3)]
        is_low = kinds.counts.get(torch.bfloat16, 0) > 0
        assert is_low == (precision == "bf16"), kinds.counts
        network = solver.pareto_set
        assert isinstance(network, torch.nn.Module)
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        assert {t.dtype for t in [*network.parameters(), *gradients, *losses[precision]]} == {torch.float32}
    for low, full in zip(losses["bf16"], losses["fp32"], strict=True):
        torch.testing.assert_close(low, full, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("stacking", ["separate", "grouped", "split"])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last", "batch_last"])
def test_every_strategy_gives_the_losses_of_float32_to_the_precision_of_bfloat16(stacking: Any, layout: Any) -> None:
    strategy = Strategy(layout=layout, stacking=stacking)
    losses = {}
    for precision in ("fp32", "bf16"):
        problem = problem_of(a_job(precision=precision), strategy)
        nets = [problem.new_weights() for _ in range(3)]
        weights = {name: torch.stack([net[name] for net in nets]).requires_grad_() for name in problem.shapes}
        batch = problem.prepare(problem.dataset.load("train").take(slice(0, 16)))
        outputs = problem.outputs_of_sets(weights, batch.inputs)
        losses[precision] = problem.losses(outputs, batch)
        gradients = torch.autograd.grad(losses[precision].sum(), list(weights.values()))
        assert {tensor.dtype for tensor in (losses[precision], *gradients)} == {torch.float32}
        losses[precision] = torch.cat([losses[precision].flatten(), *(g.norm()[None] for g in gradients)])
    torch.testing.assert_close(losses["bf16"], losses["fp32"], rtol=0.03, atol=0.003)


def test_kernels_for_float32_step_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The C convolutions run in float32 only, and the measured strategy does not choose their layout."""
    assert why_not() == "", "the kernels cannot be compiled"
    calls: list[torch.dtype] = []
    convolve = convolution._convolve

    def counted(x: Tensor, *more: Any, **named: Any) -> None:
        calls.append(x.dtype)
        convolve(x, *more, **named)

    monkeypatch.setattr(convolution, "_convolve", counted)
    n_calls = {}
    for precision in ("fp32", "bf16"):
        problem = problem_of(a_job(precision=precision), Strategy(layout="batch_last"))
        batch = problem.prepare(problem.dataset.load("train").take(slice(0, 16)))
        with torch.no_grad():
            problem.outputs(problem.new_weights(), batch.inputs)
        n_calls[precision] = len(calls)
        calls.clear()
        choice = measured(problem, problem.dataset.load("train").take(slice(0, 16)), 2, 1, 100_000)
        assert precision == "fp32" or choice.strategy.layout != "batch_last"
        assert bool(calls) == (precision == "fp32")
        calls.clear()
    assert n_calls["fp32"] > 0
    assert n_calls["bf16"] == 0


def test_outputs_that_do_not_go_through_the_problem_are_in_bfloat16_too() -> None:
    """In training and in evaluation, also for a module of its own."""
    seen: set[torch.dtype] = set()
    problem = Problem(MultiMnist(**SMALL), LeNet(), precision="bf16")

    class Own(torch.nn.Module):
        rays = None
        n_stored_parameters = 1

        def serve(self, preference: Tensor) -> Any:
            def predict(inputs: Tensor) -> dict[str, Tensor]:
                outputs: dict[str, Tensor] = problem.target(inputs)
                seen.update(output.dtype for output in outputs.values())
                return outputs

            return predict

    front = evaluate(Own(), problem, problem.dataset.load("val"), finite_rays(2, 2))
    assert seen == {torch.bfloat16}
    assert front.losses.shape == (2, 2)
    assert set(front.metrics) == {"left/accuracy", "right/accuracy"}


@pytest.fixture(scope="module")
def records() -> dict[str, Record]:
    """One job in both precisions."""
    return {precision: execute(a_job("phn-ls", precision, steps=15, lr=0.003)) for precision in ("fp32", "bf16")}


def test_a_training_in_bfloat16_is_close_to_float32_and_not_the_same(records: dict[str, Record]) -> None:
    low, full = (records[p].fronts["test"].losses for p in ("bf16", "fp32"))
    assert low != full
    torch.testing.assert_close(torch.tensor(low), torch.tensor(full), rtol=0.03, atol=0.0)


@pytest.mark.slow
def test_a_record_in_bfloat16_is_verified(records: dict[str, Record]) -> None:
    result = verify(records["bf16"])
    assert result.identical, result.comparisons
    tolerances = {c.name: c.tolerance for c in compare(records["bf16"], records["bf16"]).comparisons}
    assert tolerances["losses, test"] == BFLOAT16 * TOLERANCE
    tolerances = {c.name: c.tolerance for c in compare(records["fp32"], records["fp32"]).comparisons}
    assert tolerances["losses, test"] == TOLERANCE


def test_a_training_in_bfloat16_resumes_exactly(tmp_path: Path) -> None:
    def trained(*limits: int) -> tuple[list[float], Tensor]:
        path = tmp_path / f"{len(limits)}.pt"
        for steps in limits:
            job = a_job()
            problem, solver = problem_of(job), make_solver(job.solver)
            training = train(
                solver, problem, problem.dataset.load("train"), limit=Limit(steps=steps), batch_size=8,
                seeds=Seeds(1, 1, 1, 1), rays=finite_rays(2, 2), checkpoint=path, checkpoint_seconds=0,
            )  # fmt: skip
        network = solver.pareto_set
        assert isinstance(network, torch.nn.Module)
        return training.recent_losses, torch.cat([p.detach().flatten() for p in network.parameters()])

    (losses, weights), (resumed_losses, resumed_weights) = trained(8), trained(3, 8)
    assert resumed_losses == losses
    assert torch.equal(resumed_weights, weights)
