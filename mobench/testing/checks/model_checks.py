"""Conformance checks of models."""

from __future__ import annotations

import torch
from torch import nn

from mobench.errors import DataError, IncompatibleError, OptionError
from mobench.interfaces import Dataset, Model, Problem, head_shape
from mobench.interfaces.model import shape_text
from mobench.learning.task_parameters import declared_weights
from mobench.plugins import Entry
from mobench.random_state import seed_torch
from mobench.runs.admission import check_state
from mobench.testing.candidates import accepts, registered, served, small
from mobench.testing.checks.common import assert_reached, copied, equal_states, same_inputs
from mobench.testing.isolation import device, elsewhere, saved_and_read, watched
from mobench.testing.outcomes import demand
from mobench.testing.small import first_samples, load


def served_net(entry: Entry, seed: int = 0) -> tuple[Dataset, nn.Module]:
    """The first small dataset that a model serves, of its own distribution if there is one, and its network for it."""
    model: Model = small(entry)
    dataset = served(entry)
    seed_torch(seed)
    return dataset, model.build(dataset)


def serves_a_dataset(entry: Entry) -> None:
    """An output for each head of a dataset, one row per input; gradients reach every parameter"""
    dataset, net = served_net(entry)
    problem = Problem(dataset, small(entry))
    batch = load(dataset, "train").take(slice(0, 8)).by_task(dataset.prepare)
    outputs = net(problem.parts(batch)[0][1].inputs)
    demand(
        isinstance(outputs, dict) and set(outputs) == set(dataset.heads),
        f"forward returned {sorted(outputs) if isinstance(outputs, dict) else type(outputs).__name__}: return a dict "
        f"with a tensor for each of dataset.heads, {sorted(dataset.heads)}",
    )
    for name, size in dataset.heads.items():
        shape, axes = tuple(outputs[name].shape), head_shape(size)
        demand(
            shape[len(shape) - len(axes) :] == axes,
            f"output {name!r} has shape {shape}: its last axes are {axes}, as in dataset.heads",
        )
    outputs_of_tasks = problem.outputs_by_task(lambda inputs: [net(inputs)], batch.inputs)
    torch.autograd.backward([loss.sum() for loss in problem.each_loss(outputs_of_tasks, batch)])
    assert_reached(net)


def is_a_function_of_its_weights(entry: Entry) -> None:
    """Under given weights, the network gives that network's outputs, and inputs stay as they are"""
    model: Model = small(entry)
    problem = Problem(served(entry), model)
    seed_torch(1)
    other = problem.build_target()
    problem.target.eval()
    other.eval()
    inputs = problem.prepare(first_samples(problem.dataset, 4)).inputs
    before = copied(inputs)
    buffers = {name: buffer for name, buffer in other.named_buffers() if name in problem.state.statistics}
    weights = {name: p for name, p in other.named_parameters() if p.requires_grad}
    outputs, expected = problem.outputs({**weights, **buffers}, inputs), other(inputs)
    demand(same_inputs(before, inputs), "inputs were changed in place: work on copies, without functions ending in _")
    demand(
        all(torch.allclose(outputs[name], expected[name], rtol=1e-4, atol=1e-5) for name in expected),
        "with another network's weights it gives other outputs than that network: keep all state in parameters, "
        "and read them in forward",
    )


def keeps_no_state_of_its_own(entry: Entry) -> None:
    """A pass in training changes nothing but the running statistics of torch's normalisation layers"""
    model: Model = small(entry)
    problem = Problem(served(entry), model)
    try:
        check_state(problem, load(problem.dataset, "train"))
    except IncompatibleError as error:
        demand(False, str(error))


def heeds_the_seed(entry: Entry) -> None:
    """The same seed gives the same network, another seed another"""
    states = [served_net(entry, seed)[1].state_dict() for seed in (3, 3, 4)]
    demand(
        equal_states(states[0], states[1]),
        "the same seed gave another network: draw initial values from torch's global random state alone",
    )
    demand(
        not equal_states(states[0], states[2]),
        "every seed gives the same network: draw initial values from torch's global random state, and do not seed it",
    )


def resumes_from_its_state(entry: Entry) -> None:
    """A state dict, saved and read back, carries everything"""
    dataset, original = served_net(entry, 3)
    _, restored = served_net(entry, 4)
    restored.load_state_dict(saved_and_read(original.state_dict()))
    inputs = dataset.prepare(first_samples(dataset, 4)).inputs
    mine, its = (net.eval()(inputs) for net in (original, restored))
    demand(
        all(torch.equal(mine[name], its[name]) for name in mine),
        "with the state of another network it gives other outputs: register all that build draws as parameters or "
        "buffers",
    )


def works_in_both_precisions(entry: Entry) -> None:
    """Outputs are in the problem's precision, float32 and float64"""
    model: Model = small(entry)
    for dtype in (torch.float32, torch.float64):
        problem = Problem(served(entry), model, dtype=dtype)
        outputs = problem.target(problem.prepare(first_samples(problem.dataset, 4)).inputs)
        for name, values in outputs.items():
            demand(
                values.dtype == dtype,
                f"output {name!r} is {values.dtype} where the network is {dtype}: make tensors in the dtype of the "
                "inputs or weights",
            )


def declines_before_it_builds(entry: Entry) -> None:
    """It can be built for every dataset that its check accepts; what does not fit is declined before a job runs"""
    model: Model = small(entry)
    shapes_seen: set[str] = set()
    for dataset in registered("dataset"):
        try:
            shapes = f"inputs of shape {shape_text(dataset.input_shape)} and the heads {dict(dataset.heads)}"
        except DataError:
            continue
        if shapes in shapes_seen or not accepts(model, dataset):
            continue
        shapes_seen.add(shapes)
        try:
            model.build(dataset)
        except (IncompatibleError, DataError):
            continue
        except Exception as error:
            demand(
                False,
                f"check accepts a dataset with {shapes}, and build raises {type(error).__name__}: {error}: raise "
                "IncompatibleError with the reason in check",
            )


def declares_parameters_that_exist(entry: Entry) -> None:
    """The task-specific parameters that it declares are parameters of its network, and belong to objectives"""
    try:
        declared_weights(Problem(served(entry), small(entry)))
    except OptionError as error:
        demand(False, str(error))


def works_on_another_device(entry: Entry) -> None:
    """The network can be moved to another device and runs there"""
    model, at = small(entry), device()
    with elsewhere():
        problem = Problem(served(entry), model, device=at)
        outputs = problem.target(problem.prepare(first_samples(problem.dataset, 4)).inputs)
    for name, values in outputs.items():
        demand(
            values.device.type == at.type,
            f"output {name!r} is on {values.device} where the network is on {at}: make tensors on the inputs' device",
        )


def touches_no_test_data(entry: Entry) -> None:
    """Building and running it loads no test split"""
    model: Model = small(entry)
    dataset, loaded = watched(served(entry))
    net = model.build(dataset)
    net(dataset.prepare(first_samples(dataset, 4)).inputs)
    demand(
        "test" not in loaded,
        "the test split was loaded: build from input_shape and heads; mobench evaluates after training",
    )
