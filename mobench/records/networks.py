"""Restore trained networks from their records and the stored weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.nn.parameter import UninitializedParameter

from mobench.errors import MobenchError, StoreError
from mobench.files import is_readable_file
from mobench.interfaces import ParetoNetwork, Problem, Seeds, Setting
from mobench.jobs.job import Job
from mobench.jobs.objects import JobObjects, make_objects
from mobench.jobs.rays import job_rays
from mobench.records.record import Record
from mobench.text import one_line

TARGET = "problem.target."
"""Prefix of the names of the target network's frozen parameters and buffers in a weights file."""


MOST_TARGET_NUMBERS = 2**28
"""Maximum size of a target network. It may be larger than the stored weights, which may be a compressed form."""


@dataclass(frozen=True)
class Trained:
    """The network of one record, in evaluation mode, and the problem that it was trained on."""

    record: Record
    problem: Problem
    network: ParetoNetwork


def tensors_to_keep(network: nn.Module, problem: Problem) -> dict[str, torch.Tensor]:
    """Return all tensors that determine a prediction: network state, frozen parameters and buffers of the target.

    They include buffers of the network that its state dict omits.
    """
    target = {f"{TARGET}{name}": tensor for name, tensor in problem.state.copy().items()}
    tensors = {**_unsaved_buffers(network), **network.state_dict(), **target}
    return {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}


def _unsaved_buffers(network: nn.Module) -> dict[str, torch.Tensor]:
    saved = network.state_dict(keep_vars=True)
    return {name: buffer for name, buffer in network.named_buffers() if name not in saved}


def load(record: Record, weights: Path, new_objects: Callable[[Job], JobObjects] = make_objects) -> Trained:
    """Build the network of a record's job and load its trained weights from a safetensors file.

    The header of the file is read first. It limits the memory that the job's options may allocate.

    new_objects: returns the dataset, the model and the solver of the job; by default from their registered names.

    Raises: StoreError where there are no weights, or where the file does not contain the tensors of this network;
        MobenchError for a solver without a `ParetoNetwork`, and for points without preferences.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    job = record.job
    if not is_readable_file(weights):
        raise StoreError(f"no weights of {job.title} are kept: run the suite with --keep-weights into another folder")
    if "test" in record.fronts and not record.fronts["test"].preferences:
        raise MobenchError(
            f"{job.solver.name} trains points that belong to no preference, so there is no network that takes one: "
            "choose another solver"
        )
    n_kept = _n_numbers(weights, job.title)
    with _at_most(MOST_TARGET_NUMBERS, f"the target network of {job.title}") as target:
        objects = new_objects(job)
        problem = Problem(objects.dataset, objects.new_model())
    solver = objects.new_solver()
    rays = job_rays(job, problem.n_objectives).finite
    # a solver may register a tensor twice during construction, and a stack builds whole networks with frozen parameters
    whole_nets = min(len(rays) * target.n_numbers, MOST_TARGET_NUMBERS)
    mismatch = (
        f"{one_line(weights.name)} does not hold the weights of {job.title}: it has {n_kept} numbers, the network"
    )
    building = _at_most(2 * n_kept + whole_nets, mismatch)
    with torch.random.fork_rng(devices=[]), building:
        solver.start(problem, Setting(rays, Seeds(**job.seeds.model_dump()), 1, None))
    network = solver.pareto_set
    if not isinstance(network, nn.Module) or not isinstance(network, ParetoNetwork):
        raise MobenchError(
            f"{job.solver.name} does not train a ParetoNetwork: its weights cannot be loaded into a network"
        )
    try:
        tensors = load_file(weights)
        problem.state.load({n.removeprefix(TARGET): t for n, t in tensors.items() if n.startswith(TARGET)})
        network_tensors = {name: t for name, t in tensors.items() if not name.startswith(TARGET)}
        with torch.no_grad():
            for name, buffer in _unsaved_buffers(network).items():
                if name in network_tensors:  # files of earlier versions do not hold them
                    buffer.copy_(network_tensors.pop(name))
        network.load_state_dict(network_tensors)
    except (SafetensorError, OSError, RuntimeError, ValueError) as error:
        reason = one_line(str(error))
        raise StoreError(f"{one_line(weights.name)} does not hold the weights of {job.title}: {reason}") from error
    problem.train(False)
    network.eval()
    return Trained(record, problem, network)


def _n_numbers(weights: Path, title: str) -> int:
    """Return how many numbers a safetensors file contains, from its header. Raises: StoreError."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(weights, "pt") as file:
            return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise StoreError(
            f"{one_line(weights.name)} does not hold the weights of {title}: {one_line(str(error))}"
        ) from error


@dataclass
class _Count:
    """Numbers of the parameters that modules have registered."""

    n_numbers: int = 0


@contextmanager
def _at_most(n_numbers: int, subject: str) -> Iterator[_Count]:
    """Limit the total size of the parameters that modules register in the block; yield their count.

    Raises: StoreError when a parameter exceeds the limit, before its module initialises it.
    """
    total = _Count()

    def count(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        has_shape = parameter is not None and not isinstance(parameter, UninitializedParameter)
        total.n_numbers += parameter.numel() if parameter is not None and has_shape else 0
        if total.n_numbers > n_numbers:
            raise StoreError(
                f"{subject} would have more than {n_numbers} numbers: give the record and the weights of one job"
            )

    handle = register_module_parameter_registration_hook(count)
    try:
        yield total
    finally:
        handle.remove()
