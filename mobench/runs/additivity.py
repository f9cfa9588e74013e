"""Check that losses and metrics of a split follow from those of its batches: means over samples, or true sums."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from mobench.errors import IncompatibleError
from mobench.interfaces import Inputs, Objective, Outputs, Problem, Samples, SummedMeasure, seeded, tensors_of
from mobench.interfaces.objective import Measure
from mobench.random_state import seed_torch

N_WIDE, MOST_NUMBERS, N_DRAWS = 1024, 2**20, 3
"""Samples in the check for means with random outputs, numbers that they may have in all, and how often it is made."""
N_HALF = 16
"""Number of samples in each half of the check for means. Even, because datasets may alternate two kinds of samples."""
RELATIVE = 1e-5
"""Largest relative difference that counts as rounding error; losses are computed in double precision."""


def check_means(problem: Problem, samples: Samples, split: str) -> None:
    """Raise IncompatibleError unless losses and metrics that are not pooled are means over samples or of true sums.

    Evaluation averages means over batches, and adds the statistics of a `SummedMeasure`. The check takes two equal
    parts of a split, its first and its last samples: the mean of the values of the parts must equal the value of both
    parts together, and their statistics must add up. The outputs come from the target network with its current
    weights, without and with noise. A group of samples may be too rare to be in these parts, so the check is repeated
    with random outputs for larger blocks of neighbouring samples.
    """
    for indices, part in problem.parts(samples):
        _check_part(problem, [problem.objectives[i] for i in indices], part, split)


def _check_part(problem: Problem, objectives: Sequence[Objective], samples: Samples, split: str) -> None:
    """Check the losses and metrics of some objectives on their samples."""
    n = min(N_HALF, len(samples) // 2)
    if n == 0:
        return
    parts = [problem.prepare(samples.take(part)) for part in (slice(0, n), slice(len(samples) - n, None))]
    joined = Samples.cat(parts)
    with torch.random.fork_rng(), torch.no_grad():
        outputs = predicted(problem, joined.inputs)
        sizes = {name: output.shape[:1] for name, output in predicted(problem, parts[0].inputs).items()}
    # an output whose length is not the batch size is the same for all batches, as a point of an analytic problem is
    by_sample = {name for name, size in sizes.items() if size == (n,) and outputs[name].shape[:1] == (2 * n,)}
    draw = seeded(0)
    noise = {name: torch.randn(outputs[name].shape, generator=draw, dtype=torch.float64) for name in sorted(by_sample)}
    for scale in (0.0, 1.0):  # outputs of an untrained network hardly vary between samples
        varied = {name: o + scale * noise[name].to(o) if name in noise else o for name, o in outputs.items()}
        _check_parts(objectives, varied, by_sample, n, joined, split)
    shapes = {name: output.shape[1:] for name, output in outputs.items() if name in by_sample}
    for seed in range(N_DRAWS):
        _check_drawn(problem, objectives, outputs, shapes, samples, split, seed)


def _check_drawn(
    problem: Problem,
    objectives: Sequence[Objective],
    outputs: Outputs,
    shapes: Mapping[str, Sequence[int]],
    samples: Samples,
    split: str,
    seed: int,
) -> None:
    """Check a block of neighbouring samples, cut in two at a random place, with normal random outputs.

    shapes: of an output for one sample, by name.
    """
    draw = seeded(seed)
    per_sample = sum(t.numel() for t in tensors_of(samples.take(slice(0, 1)).inputs)) + sum(
        math.prod(shape) for shape in shapes.values()
    )
    # even numbers, because datasets may alternate two kinds of samples, and blocks, because evaluation takes blocks
    n_pairs = min(N_WIDE, len(samples), MOST_NUMBERS // max(1, per_sample)) // 2
    if n_pairs < 2:
        return
    start = 2 * int(torch.randint(len(samples) // 2 - n_pairs + 1, (), generator=draw))
    cut = start + 2 * int(torch.randint(1, n_pairs, (), generator=draw))
    end = start + 2 * n_pairs
    parts = (problem.prepare(samples.take(block)) for block in (slice(start, cut), slice(cut, end)))
    joined = Samples.cat(list(parts))
    noise = {
        name: torch.randn(end - start, *shape, generator=draw, dtype=torch.float64).to(outputs[name])
        for name, shape in shapes.items()
    }
    _check_parts(objectives, {**outputs, **noise}, set(shapes), cut - start, joined, split)


def _check_parts(
    objectives: Sequence[Objective],
    outputs: Outputs,
    by_sample: set[str],
    n_of_first: int,
    joined: Samples,
    split: str,
) -> None:
    """Raise IncompatibleError if a loss or metric of `joined` differs from its mean over the two parts.

    Measures receive floats in double precision, converted once: the parts are views of `joined`.
    """
    n, n_first = len(joined), n_of_first
    joined = joined.map(_double)
    parts = [joined.take(slice(0, n_first)), joined.take(slice(n_first, None))]
    outputs_of_parts = [
        {name: output[at] if name in by_sample else output for name, output in outputs.items()}
        for at in (slice(0, n_first), slice(n_first, None))
    ]
    for quantity, remedy, measure in _measures(objectives):
        if isinstance(measure, SummedMeasure):
            _check_sums(quantity, measure, outputs, outputs_of_parts, parts, joined, split)
            continue
        joint = _value(measure, outputs, joined)
        separate = [_value(measure, half, part) for half, part in zip(outputs_of_parts, parts, strict=True)]
        mean = (n_first * separate[0] + (n - n_first) * separate[1]) / n
        size = max(abs(joint), *map(abs, separate))
        # values that are not finite are reported by training, which knows their step and their cause
        if math.isfinite(joint + mean) and not abs(mean - joint) <= RELATIVE * size:
            raise IncompatibleError(
                f"{quantity} is not a mean over samples: on {n} samples of split {split!r} it is {joint:.6g}, on two "
                f"parts of them {separate[0]:.6g} and {separate[1]:.6g}; evaluation averages over batches and would "
                f"record another value than that of the split: {remedy}"
            )


def _check_sums(
    quantity: str,
    measure: SummedMeasure,
    outputs: Outputs,
    outputs_of_parts: Sequence[Outputs],
    parts: Sequence[Samples],
    joined: Samples,
    split: str,
) -> None:
    """Raise IncompatibleError unless the statistics of `joined` are the sums of those of the two parts."""
    with torch.no_grad():
        joint = measure.statistics(outputs, joined)
        first, second = (
            measure.statistics(part_outputs, part) for part_outputs, part in zip(outputs_of_parts, parts, strict=True)
        )
        shapes = [{name: tuple(t.shape) for name, t in sums.items()} for sums in (joint, first, second)]
        if shapes[0] != shapes[1] or shapes[0] != shapes[2]:
            raise IncompatibleError(
                f"{quantity} has statistics of shapes {shapes[0]} on {len(joined)} samples of split {split!r}, on two "
                f"parts of them {shapes[1]} and {shapes[2]}: return the same names and shapes for every batch"
            )
        value = measure.finish({name: tensor.double() for name, tensor in joint.items()})
    if value.ndim != 0:
        raise IncompatibleError(f"{quantity} finishes with shape {tuple(value.shape)}: return a scalar from finish")
    for name, tensor in joint.items():
        total, sums = tensor.double(), first[name].double() + second[name].double()
        size = torch.maximum(first[name].double().abs(), second[name].double().abs()) + total.abs()
        wrong = total.isfinite() & sums.isfinite() & ~((total - sums).abs() <= RELATIVE * size)
        if bool(wrong.any()):
            at = int(wrong.flatten().int().argmax())
            values = [float(term.double().flatten()[at]) for term in (tensor, first[name], second[name])]
            raise IncompatibleError(
                f"{quantity} has statistics that do not add up: on {len(joined)} samples of split {split!r} {name!r} "
                f"is {values[0]:.6g}, on two parts of them {values[1]:.6g} and {values[2]:.6g}; evaluation adds them "
                "over batches: return sums over samples, and divide in finish"
            )


def _measures(objectives: Sequence[Objective]) -> Iterable[tuple[str, str, Measure]]:
    for objective in objectives:
        yield (
            f"the loss of objective {objective.name!r}",
            "divide sums by the number of samples, not by a quantity of the batch, or give a mobench.SummedMeasure "
            "with statistics that are summed over batches",
            objective.loss,
        )
        for metric in objective.metrics:
            if not metric.pooled:
                yield (
                    f"metric '{objective.name}/{metric.name}'",
                    "give a mobench.SummedMeasure with statistics that are summed over batches, or give the Metric "
                    "pooled=True",
                    metric.measure,
                )


def predicted(problem: Problem, inputs: Inputs) -> dict[str, Tensor]:
    """Return outputs of the target network in evaluation mode and double precision, for a fixed random state."""
    return predicted_by(problem, problem.target, inputs)


def predicted_by(problem: Problem, network: nn.Module, inputs: Inputs) -> dict[str, Tensor]:
    training = network.training
    network.eval()
    seed_torch(0)
    outputs = problem.outputs_of_network(network, inputs)
    network.train(training)
    return {name: _double(output.detach()) for name, output in outputs.items()}


def _value(measure: Measure, outputs: Outputs, batch: Samples) -> float:
    with torch.no_grad():
        value = measure(outputs, batch)
    return float(value) if value.ndim == 0 else math.nan  # other shapes are rejected when losses are computed


def _double(tensor: Tensor) -> Tensor:
    return tensor.double() if tensor.is_floating_point() else tensor
