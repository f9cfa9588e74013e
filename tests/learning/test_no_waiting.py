"""Training steps that do not wait for the device: no value of a tensor is read on the host."""

from __future__ import annotations

import traceback
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from mobench.interfaces import Balancer, Problem, Seeds, Setting, Solver
from mobench.jobs.job import Budget
from mobench.jobs.resolve import make_dataset, make_model, make_solver, resolve
from mobench.learning.divergence import DeferredChecks, check_losses
from mobench.learning.gradient_solver import GradientSolver
from mobench.learning.preferences import finite_rays
from mobench.plugins import registry
from mobench.testing.small import batches_of
from mobench_linear.linear import Linear

ON_THE_HOST = {
    "min-norm": "an active-set method in NumPy",
    "moo-svgd": "min-norm programs in NumPy",
    "epo": "linear programs in NumPy",
    "decomposition": "min-norm programs in NumPy",
    "upgrad": "non-negative least squares in NumPy",
    "hypervolume": "non-dominated layers in NumPy",
    "nash-mtl": "Newton steps until the programs have converged",
    "cagrad": "a root search until the programs have converged",
    "imtl-g": "eigenvectors, for which torch waits on every device",
    "imtl": "eigenvectors, as imtl-g",
    "aligned-mtl": "eigenvectors, as imtl-g",
    "config": "eigenvectors, as imtl-g",
    "fairgrad": "Newton steps until the programs have converged",
    "cr-mogm": "an active-set method in NumPy",
    "dualproj": "non-negative least squares in NumPy",
    "pmgda": "small programs in NumPy",
    "ferero": "small programs in NumPy",
}
"""Balancers that solve a program on the host in every step, and the program. No other balancer may wait."""

READING_OPERATORS = {
    "aten::_local_scalar_dense", "aten::item", "aten::is_nonzero", "aten::equal", "aten::nonzero",
    "aten::masked_select", "aten::_unique2", "aten::unique_dim", "aten::linalg_eigh", "aten::_linalg_eigh",
}  # fmt: skip
"""Operators of which the host needs a value or the number of values, or which wait by themselves."""
READING_METHODS = {
    "cpu", "item", "numpy", "tolist", "nonzero", "__array__", "__bool__", "__float__", "__int__", "__index__"
}  # fmt: skip
"""Methods of tensors that read values, some of which call no operator where the tensor is on the CPU."""


def _is_step_counter_of_torch() -> bool:
    """Whether an optimiser of torch reads its step counter, which torch keeps on the CPU."""
    files = [frame.filename for frame in traceback.extract_stack()]
    return any("torch/optim/" in file for file in files)


class Operators(TorchDispatchMode):
    """Records operators that read values and index by masks."""

    def __init__(self) -> None:
        super().__init__()
        self.recorded: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.name().partition(".")[0]
        is_masked = name == "aten::index" and any(
            index is not None and index.dtype in (torch.bool, torch.uint8) for index in args[1]
        )
        if (name in READING_OPERATORS or is_masked) and not _is_step_counter_of_torch():
            self.recorded.append(name)
        return func(*args, **(kwargs or {}))


class Methods(TorchFunctionMode):
    """Records methods of tensors that read values, and copies to another device."""

    def __init__(self) -> None:
        super().__init__()
        self.recorded: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        is_blocking_copy = (name == "to" and "device" in (kwargs or {})) or (
            name == "to" and any(isinstance(arg, torch.device | str) for arg in args[1:])
        )
        waits = name in READING_METHODS or (is_blocking_copy and not (kwargs or {}).get("non_blocking"))
        if waits and not _is_step_counter_of_torch():
            self.recorded.append(f"Tensor.{name}")
        return func(*args, **(kwargs or {}))


def recorded_in(work: Any) -> list[str]:
    """Return what a function reads from tensors, with checks deferred as on an accelerator."""
    with Methods() as methods, Operators() as operators, DeferredChecks():
        work()
    return sorted({*methods.recorded, *operators.recorded})


SERVES = {**dict.fromkeys(("input", "noise", "dropout"), ("multimnist", "lenet")), "static": ("mnist", "mnist-cnn")}
SMALL = {
    "multimnist": {"source": "embedded", "pairs": 60, "test_pairs": 5},
    "mnist": {"source": "embedded", "limit": 60},
    "dtlz2": {},
}


def started(generator: str, balancer: str, other: Balancer | None = None, **more: Any) -> tuple[Solver, Problem]:
    """Return a solver after its first steps, in which it may prepare on the host.

    other: balancer that replaces the registered one.
    """
    dataset, model = SERVES.get(generator, ("dtlz2", "point"))
    small = {f"generator.{k}": v for k, v in getattr(registry().get("generator", generator).spec, "small", {}).items()}
    settings = {**SMALL[dataset], **small, **more}
    job = resolve(dataset, model, f"{generator}+{balancer}", settings, Budget(steps=10, batch_size=8))
    torch.manual_seed(0)
    problem = Problem(make_dataset(job.dataset), make_model(job.model))
    solver = make_solver(job.solver)
    assert isinstance(solver, GradientSolver)
    solver.balancer = solver.balancer if other is None else other
    solver.start(problem, Setting(finite_rays(problem.n_objectives, 3), Seeds(), 2, 10))
    for step in range(5):  # DWA begins to weigh in its third epoch
        solver.step(*batches_of(solver, problem, step))
    return solver, problem


def a_step(solver: Solver, problem: Problem) -> list[str]:
    batches = batches_of(solver, problem, 5)

    def step() -> None:
        losses = solver.step(*batches)
        check_losses(losses, [objective.name for objective in problem.objectives])

    return recorded_in(step)


@pytest.mark.parametrize("balancer", sorted({*registry().names("balancer"), *ON_THE_HOST}))
def test_a_step_waits_only_for_balancers_that_solve_a_program_on_the_host(balancer: str) -> None:
    reads = a_step(*started("stack", balancer))
    assert bool(reads) == (balancer in ON_THE_HOST), reads


@pytest.mark.parametrize("generator", registry().names("generator"))
def test_a_step_waits_for_no_generator(generator: str) -> None:
    assert a_step(*started(generator, "linear")) == []


class ByLength(Linear):
    """Preferences divided by the lengths of the gradients, in float64."""

    needs_gram = True

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        assert gram is not None
        return preferences / gram.diagonal(dim1=1, dim2=2).sqrt().clamp_min(1e-12)


@pytest.mark.parametrize("scope", ["all", "shared"])
@pytest.mark.parametrize("generator", registry().names("generator"))
def test_gram_matrices_are_not_waited_for(generator: str, scope: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ByLength, "scope", scope)
    assert a_step(*started(generator, "linear", ByLength())) == []


@pytest.mark.parametrize("sampler", registry().names("sampler"))
def test_a_step_waits_for_no_sampler(sampler: str) -> None:
    more = {"n_preferences": 3} if sampler == "annealed" else {}
    assert a_step(*started("phn", "linear", sampler=sampler, **more)) == []


@pytest.mark.parametrize("optimiser", ["adam", "sgd", "rmsprop"])
def test_a_step_waits_for_no_optimiser(optimiser: str) -> None:
    assert a_step(*started("phn", "linear", optimiser=optimiser, milestones=(0.5,))) == []


def test_what_waits_is_recorded() -> None:
    """The recorder notices every way to read a value."""
    x, mask = torch.arange(3.0), torch.tensor([True, False, True])
    ways = {
        "float": lambda: float(x[0]),
        "int": lambda: int(x[1]),
        "bool": lambda: bool(x[1] > 0),
        "if": lambda: 1 if mask.any() else 0,
        "item": lambda: x.sum().item(),
        "tolist": lambda: x.tolist(),
        "numpy": lambda: x.numpy(),
        "cpu": lambda: x.cpu(),
        "to": lambda: x.to("cpu"),
        "mask": lambda: x[mask],
        "nonzero": lambda: mask.nonzero(),
        "equal": lambda: torch.equal(x, x),
        "unique": lambda: x.unique(),
    }
    assert [name for name, read in ways.items() if not recorded_in(read)] == []
    assert recorded_in(lambda: (x * 2).clamp_min(1).where(mask, x).sum().to(torch.float64)) == []


def test_immediate_checks_wait() -> None:
    """Outside `DeferredChecks`, the same step reads the losses: that is what is deferred."""
    solver, problem = started("phn", "linear")
    batches = batches_of(solver, problem, 5)
    with Operators() as operators:
        solver.step(*batches)
    assert "aten::_local_scalar_dense" in operators.recorded


def test_marks_of_deferred_checks() -> None:
    checks, fine = DeferredChecks(), torch.ones(2, 2)
    with checks:
        check_losses(fine, ["a", "b"])
    assert not checks.have_failed()
    with checks:
        check_losses(torch.tensor([[1.0, torch.nan]]), ["a", "b"])
        check_losses(fine, ["a", "b"])
    assert checks.have_failed()
