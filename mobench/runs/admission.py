"""Checks of a problem before training, which reject models and losses that would give wrong results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from mobench.errors import IncompatibleError
from mobench.interfaces import Outputs, Problem, Samples, Split
from mobench.random_state import seed_torch
from mobench.runs.additivity import check_means, predicted, predicted_by

N_STATE = 8
"""Number of samples in the check for state."""
OTHER_SEED = 1
"""Seed of the second network, whose predictions must equal those of the first under the state of the first."""


def check_before_training(problem: Problem, splits: Mapping[Split, Samples]) -> None:
    """Raise IncompatibleError if the model keeps unregistered state, or if a loss is not a mean over samples.

    The random state of torch and the target network are not changed.
    """
    check_state(problem, splits["train"])
    for split, samples in splits.items():
        check_means(problem, samples, split)


def check_state(problem: Problem, samples: Samples) -> None:
    """Raise IncompatibleError unless predictions depend only on weights, constants and running statistics.

    The target network predicts, makes one forward pass in training mode, is reset to its constants and statistics,
    and predicts again. The pass must not change a constant, and both predictions must agree. A second target network,
    built from another random state, receives all parameters and buffers of the first and must predict the same.
    """
    lazy = [name for name, p in problem.target.named_parameters() if isinstance(p, UninitializedParameter)]
    if lazy:
        raise IncompatibleError(
            f"parameter {lazy[0]!r} of the target network has no shape before the first pass: give its layer the "
            "sizes of its inputs, from dataset.input_shape, instead of a lazy layer"
        )
    state = problem.state
    first_part = problem.parts(samples)[0][1]  # of several tasks, the first
    inputs = problem.prepare(first_part.take(slice(0, N_STATE))).inputs
    before = state.copy()
    training = problem.target.training
    with torch.random.fork_rng(), torch.no_grad():
        try:
            first = predicted(problem, inputs)
            problem.train(True)
            with torch.enable_grad():  # some layers change only where gradients are taken
                problem.outputs_of_network(problem.target, inputs)
            now = dict([*problem.target.named_parameters(), *problem.target.named_buffers()])
            changed = [n for n in state.constants if not torch.equal(now[n], before[n])]
            state.load(before)
            second = predicted(problem, inputs)
            seed_torch(OTHER_SEED)
            rebuilt = predicted_by(problem, _with_state_of(problem.target, problem.build_target()), inputs)
        finally:
            problem.train(training)
    _decline_changed(changed)
    if moved := _moved(first, second):
        raise IncompatibleError(
            f"output {moved[0]!r} of the target network depends on the passes before it, but on no parameter or buffer "
            "that changed: keep no state in attributes of the module, or register it as a buffer"
        )
    if drawn := _moved(first, rebuilt):
        raise IncompatibleError(
            f"output {drawn[0]!r} of the target network depends on random numbers that its constructor draws and that "
            "are no parameter or buffer, so kept weights would not hold them: register what is drawn as a buffer"
        )


def check_constants(problem: Problem, before: Mapping[str, Tensor]) -> None:
    """Raise IncompatibleError where training has changed frozen parameters or constant buffers of the target network.

    before: what `TargetState.copy` gave before training.
    """
    constants = problem.state.constants
    now = dict([*problem.target.named_parameters(), *problem.target.named_buffers()])
    _decline_changed([name for name in constants if not torch.equal(now[name], before[name])])


def _decline_changed(names: Sequence[str]) -> None:
    if names:
        raise IncompatibleError(
            f"training changes {names[0]!r} of the target network, of which each set of weights would need its own: "
            "running statistics of torch's normalisation layers and tensors that stay constant are accepted; "
            "compute it from the inputs, or make it a trained parameter"
        )


def _moved(outputs: Outputs, other_outputs: Outputs) -> list[str]:
    """The names of outputs that differ."""
    return [
        name for name in outputs if not torch.allclose(outputs[name], other_outputs[name], 1e-4, 1e-6, equal_nan=True)
    ]


def _with_state_of(network: nn.Module, other: nn.Module) -> nn.Module:
    """`other` with the parameters and buffers of `network`, buffers that no state dict holds among them."""
    tensors = {**dict(other.named_parameters()), **dict(other.named_buffers())}
    for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
        tensors[name].copy_(tensor)
    return other
