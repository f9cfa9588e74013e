"""Conformance checks of models, generators and solvers in bfloat16."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import torch
from torch import Tensor

from mobench.interfaces import Problem
from mobench.plugins import Entry, Pair
from mobench.testing.candidates import served, small
from mobench.testing.outcomes import Declined, demand
from mobench.testing.small import batches_of, built, first_samples, solver_for, start

ResultT = TypeVar("ResultT")

CLOSE = 0.1
"""Largest difference between outputs in bfloat16 and float32, relative to the largest output."""


def predicts_in_bfloat16(entry: Entry) -> None:
    """Under bfloat16 autocast the network gives nearly the outputs that it gives in float32"""
    problem = Problem(served(entry), small(entry))
    problem.train(False)
    inputs = problem.prepare(first_samples(problem.dataset, 4)).inputs
    _compare(problem, lambda: problem.outputs_of_network(problem.target, inputs))


def serves_in_bfloat16(entry: Entry) -> None:
    """Under bfloat16 autocast its network gives nearly the outputs that it gives in float32"""
    problem, network, rays = built(entry)
    problem.train(False)
    network.eval()
    inputs = problem.prepare(first_samples(problem.dataset, 4)).inputs

    def outputs() -> Mapping[str, Tensor]:
        with problem.autocast():
            last = problem.outputs_by_task(lambda part: network(part, rays), inputs)[-1]
        return problem.full_precision(last)

    _compare(problem, outputs)


def trains_in_bfloat16(entry: Entry) -> None:
    """It trains where networks run under bfloat16 autocast, with losses in float32"""
    if isinstance(entry.spec, Pair):
        raise Declined("the generator of a pair is checked in bfloat16")
    solver, problem = solver_for(entry)
    problem.precision = "bf16"
    start(solver, problem)
    losses = _advised(lambda: solver.step(*batches_of(solver, problem, 0)))
    demand(
        losses.dtype == problem.dtype and bool(torch.isfinite(losses).all()),
        f"under bfloat16 autocast its losses are {losses.dtype}, {losses.tolist()}: compute them by problem.losses "
        "from problem.full_outputs(outputs), outside of problem.autocast()",
    )


def _compare(problem: Problem, outputs: Callable[[], Mapping[str, Tensor]]) -> None:
    """Compare outputs in float32 and under autocast."""
    with torch.no_grad():
        expected = {name: values.detach() for name, values in outputs().items()}
        problem.precision = "bf16"
        low = {name: values.detach() for name, values in _advised(outputs).items()}
    for name, values in expected.items():
        difference = float((low[name] - values).abs().max())
        demand(
            low[name].dtype == problem.dtype and difference <= CLOSE * float(values.abs().max()) + CLOSE / 100,
            f"output {name!r} under bfloat16 autocast differs by {difference:.2g} from that in float32: compute sums "
            "of many terms, exponentials and differences of large numbers in float32 (tensor.float())",
        )


def _advised(work: Callable[[], ResultT]) -> ResultT:
    """Return the result of work under autocast; an error becomes a failure that says what to do."""
    try:
        return work()
    except RuntimeError as error:
        demand(
            False,
            f"under bfloat16 autocast it raises {type(error).__name__}: {error}: give both tensors one dtype, with "
            "tensor.to(other.dtype), before operations that autocast leaves alone, such as index_add_",
        )
        raise
