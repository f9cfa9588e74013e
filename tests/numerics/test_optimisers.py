"""Optimisers against torch's own, to the bit, and what they leave out."""

from __future__ import annotations

import subprocess
import sys
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor

from mobench.numerics import SGD, Adam, Optimiser, RMSprop

PENALISED = {"momentum": 0.9, "weight_decay": 0.1}
CASES: dict[str, tuple[type[Optimiser], dict[str, Any], type[torch.optim.Optimizer], dict[str, Any]]] = {
    "adam": (Adam, {}, torch.optim.Adam, {"fused": True}),
    "adam with a penalty": (Adam, {"weight_decay": 0.1}, torch.optim.Adam, {"weight_decay": 0.1, "fused": True}),
    "adam tensor by tensor": (Adam, {"fused": False}, torch.optim.Adam, {}),
    "sgd": (SGD, {}, torch.optim.SGD, {}),
    "sgd with momentum": (SGD, PENALISED, torch.optim.SGD, PENALISED),
    "rmsprop": (RMSprop, {}, torch.optim.RMSprop, {}),
    "rmsprop with momentum": (RMSprop, PENALISED, torch.optim.RMSprop, PENALISED),
}  # fmt: skip


def tensors(dtype: torch.dtype) -> list[Tensor]:
    draw = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=draw, dtype=dtype).requires_grad_() for shape in ((3, 4), (5,), (2, 2, 2))]


def train(optimiser: Any, parameters: list[Tensor], steps: range) -> None:
    """Take steps along random gradients; the last tensor has one only in every second step."""
    for step in steps:
        optimiser.zero_grad()
        draw = torch.Generator().manual_seed(step + 1)
        for i, parameter in enumerate(parameters):
            gradient = torch.randn(parameter.shape, generator=draw, dtype=parameter.dtype)
            if i < 2 or step % 2:
                parameter.grad = gradient
        optimiser.param_groups[0]["lr"] = 0.01 / (1 + step)
        optimiser.step()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("case", CASES)
def test_weights_and_states_are_those_of_torch_to_the_bit(case: str, dtype: torch.dtype) -> None:
    cls, options, torch_cls, torch_options = CASES[case]
    ours, expected = tensors(dtype), tensors(dtype)
    optimiser, torch_optimiser = cls(ours, lr=0.01, **options), torch_cls(expected, lr=0.01, **torch_options)
    for steps in (range(4), range(4, 7)):
        train(optimiser, ours, steps)
        train(torch_optimiser, expected, steps)
        assert all(map(torch.equal, ours, expected))
        # both go on from the state that torch's optimiser saved
        state = deepcopy(torch_optimiser.state_dict())
        for i, saved in state["state"].items():
            saved_tensors = {name: value for name, value in saved.items() if value is not None}
            assert optimiser.state_dict()["state"].get(i, {}).keys() == saved_tensors.keys()
            assert all(
                torch.equal(optimiser.state_dict()["state"][i][name], value) for name, value in saved_tensors.items()
            )
        optimiser = cls(ours, lr=1.0, **options)
        optimiser.load_state_dict(deepcopy(state))
        torch_optimiser = torch_cls(expected, lr=1.0, **torch_options)
        torch_optimiser.load_state_dict(state)


def test_torch_loads_the_state_of_ours() -> None:
    ours = tensors(torch.float32)
    optimiser = Adam(ours, lr=0.01)
    train(optimiser, ours, range(3))
    expected = [parameter.detach().clone().requires_grad_() for parameter in ours]
    torch_optimiser = torch.optim.Adam(expected, lr=0.01, fused=True)
    defaults = torch_optimiser.state_dict()["param_groups"][0]
    state = optimiser.state_dict()
    torch_optimiser.load_state_dict(
        {"state": deepcopy(state["state"]), "param_groups": [{**defaults, **state["param_groups"][0]}]}
    )
    train(optimiser, ours, range(3, 5))
    train(torch_optimiser, expected, range(3, 5))
    assert all(map(torch.equal, ours, expected))


def test_gradients_are_removed_or_zeroed() -> None:
    (parameter, *_) = tensors(torch.float32)
    parameter.grad = torch.ones_like(parameter)
    SGD([parameter], lr=0.1).zero_grad(set_to_none=False)
    assert torch.equal(parameter.grad, torch.zeros_like(parameter))
    SGD([parameter], lr=0.1).zero_grad()
    assert parameter.grad is None


def test_the_state_of_another_network_is_rejected() -> None:
    state = Adam(tensors(torch.float32), lr=0.1).state_dict()
    with pytest.raises(ValueError, match="this state is of 3 parameters, the optimiser has 1"):
        Adam(tensors(torch.float32)[:1], lr=0.1).load_state_dict(state)


@pytest.mark.slow
@pytest.mark.parametrize("optimiser", ["adam", "sgd", "rmsprop"])
def test_training_does_not_import_torch_s_compiler_or_sympy(optimiser: str) -> None:
    """It takes more than a second in every process that trains."""
    program = (
        "import sys\n"
        "from mobench.jobs.resolve import resolve\n"
        "from mobench.jobs.job import Budget\n"
        "from mobench.runs.execution import execute\n"
        f"job = resolve('vlmop2', 'point', 'phn-ls', {{'optimiser': '{optimiser}'}}, Budget(steps=3))\n"
        "assert execute(job, threads=1).status == 'completed'\n"
        "for name in ('torch._dynamo', 'sympy'): assert name not in sys.modules, name\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
