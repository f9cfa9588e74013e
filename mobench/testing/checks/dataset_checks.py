"""Conformance checks of datasets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import torch
from torch import Tensor

from mobench.errors import IncompatibleError
from mobench.interfaces import Dataset, Inputs, Samples, Split, StoredSamples, TaskSamples, seeded
from mobench.plugins import Entry
from mobench.runs.additivity import check_means
from mobench.testing.candidates import shared_dataset, shared_samples
from mobench.testing.checks.common import same_inputs, same_tensors
from mobench.testing.isolation import device, elsewhere
from mobench.testing.outcomes import Declined, demand
from mobench.testing.small import load, problem_of, small
from mobench.text import first_line

BLOCK = 256
"""Stored samples that are compared at once."""


def is_judged_by_its_protocol(entry: Entry) -> None:
    """Reference, ideal and nadir point have a value per objective, in order; a known front lies below the reference"""
    dataset: Dataset = small(entry)
    protocol, m = dataset.protocol, len(dataset.objectives)
    points = {"reference": protocol.reference, "ideal": protocol.ideal, "nadir": protocol.nadir}
    for name, point in points.items():
        demand(len(point) == m, f"the {name} point has {len(point)} values for {m} objectives: give one for each")
    demand(
        all(a < b for a, b in zip(protocol.ideal, protocol.nadir, strict=True)),
        f"ideal {protocol.ideal} is not below nadir {protocol.nadir}: the ideal holds the best value of each objective",
    )
    demand(
        protocol.subset in (None, "first", "random"),
        f"protocol.subset is {protocol.subset!r}: choose 'random' or 'first', or leave it out",
    )
    front = dataset.known_front(50)
    if front is None:
        return
    demand(
        front.ndim == 2 and front.shape[1] == m,
        f"known_front has shape {tuple(front.shape)}: return [P, {m}], a point per row",
    )
    demand(
        (front < torch.tensor(protocol.reference, dtype=front.dtype)).any(1).all(),
        "a point of known_front is worse than the reference in all objectives: choose a reference beyond the front",
    )


def loads_the_same_samples_again(entry: Entry) -> None:
    """Each split loads, and loads again the same, bit for bit; a prepared input has the shape that is stated"""
    dataset, other = shared_dataset(entry), small(entry)
    # in the opposite order, because a generator that both splits draw from would give equal samples in the same order
    again_by_split = {split: load(other, split) for split in reversed(get_args(Split))}
    for split, again in reversed(again_by_split.items()):
        samples = shared_samples(entry, split)
        demand(len(samples) > 0, f"split {split!r} is empty: put samples in it")
        demand(
            _same(samples, again),
            f"split {split!r} differs when it is loaded again: draw from a generator of a fixed seed, made in load",
        )
        for part in _parts(dataset, samples):
            shape = _shapes(dataset.prepare(part.take(slice(0, 2))).inputs)
            demand(
                shape == dataset.input_shape,
                f"a prepared input of split {split!r} has shape {shape}, input_shape is {dataset.input_shape}: "
                "make them equal",
            )


def reads_rows_and_batches_alike(entry: Entry) -> None:
    """Stored samples are the same, in dtype too, one at a time, in a batch of any order, and read by another process"""
    dataset = shared_dataset(entry)
    stored = [
        (split, part)
        for split in get_args(Split)
        for part in _parts(dataset, shared_samples(entry, split))
        if isinstance(part, StoredSamples)
    ]
    if not stored:
        raise Declined("its samples are in memory")
    for split, samples in stored:
        _check_rows(samples, split)


def _check_rows(samples: StoredSamples, split: str) -> None:
    """Compare batches with rows that `__getitem__` returns, at positions in no order, one of them twice."""
    n = len(samples.rows)
    positions = [n - 1, 0, n // 2, 0, n // 3]
    rows = [samples.read_row(position) for position in positions]
    dtypes = [_dtypes(row) for row in rows]
    demand(
        all(other == dtypes[0] for other in dtypes),
        f"rows of split {split!r} have the dtypes {dtypes[0]} and others: give all rows the same dtypes",
    )
    batch, joined = samples.take(torch.tensor(positions)), Samples.cat(rows)
    demand(
        _dtypes(batch) == dtypes[0],
        f"a batch of split {split!r} has the dtypes {_dtypes(batch)}, its rows have {dtypes[0]}: return the dtypes of "
        "__getitem__ from __getitems__",
    )
    demand(
        _same(batch, joined),
        f"a batch of split {split!r} differs from its rows: return the rows in the order of the positions, one for "
        "each position",
    )
    try:
        (elsewhere_read,) = samples.read_by(1).batches(iter([torch.tensor(positions)]))
    except Exception as error:
        raise AssertionError(
            f"split {split!r} cannot be read in another process ({first_line(error)[:120]}): open files in the methods "
            "that read, and keep no locks or open handles in the rows"
        ) from error
    demand(
        _same(elsewhere_read, joined),
        f"split {split!r} differs when another process reads it: let a row depend on its position only",
    )


def augments_by_the_generator_given(entry: Entry) -> None:
    """Augmentation draws from the generator it is given, and leaves the stored samples as they are"""
    dataset = shared_dataset(entry)
    samples = shared_samples(entry, "train").take(slice(0, 8))
    copies = samples.map(Tensor.clone)
    first, second = (_augmented(dataset, samples, seeded(7)) for _ in range(2))
    demand(_same(samples, copies), "augment changed the samples in place: return new ones")
    demand(_same(first, second), "augment returns a different batch for the same generator: draw from `random` alone")


def has_a_model_and_finite_losses(entry: Entry) -> None:
    """Some registered model serves it; its losses are finite scalars with gradients"""
    losses = _losses(entry)
    demand(torch.isfinite(losses).all(), f"the losses are {losses.tolist()}: make them finite for a new network")
    demand(losses.requires_grad, "the losses have no gradient: compute them from the outputs, with torch")


def has_losses_that_are_means(entry: Entry) -> None:
    """Losses, and metrics that are not pooled, are means over samples, so that batches of any size give a split's"""
    problem = problem_of(shared_dataset(entry))
    for split in get_args(Split):
        try:
            check_means(problem, shared_samples(entry, split), split)
        except IncompatibleError as error:
            demand(False, str(error))


def judges_in_both_precisions(entry: Entry) -> None:
    """Losses are in the precision of the outputs, float32 and float64"""
    for dtype in (torch.float32, torch.float64):
        losses = _losses(entry, dtype)
        demand(
            losses.dtype == dtype,
            f"losses are {losses.dtype} where the outputs are {dtype}: make constants in the outputs' dtype",
        )


def judges_on_another_device(entry: Entry) -> None:
    """Samples and losses can be on another device"""
    with elsewhere():
        losses = _losses(entry, device=device())
    demand(
        losses.device.type == device().type,
        f"losses are on {losses.device} where the outputs are on {device()}: make constants on the outputs' device",
    )


def _losses(entry: Entry, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu") -> Tensor:
    problem = problem_of(shared_dataset(entry), dtype, device)
    batch = problem.prepare(shared_samples(entry, "train").take(slice(0, 8)))
    return problem.losses(problem.outputs_by_task(lambda inputs: [problem.target(inputs)], batch.inputs), batch)


def _augmented(dataset: Dataset, samples: Samples, random: torch.Generator) -> Samples:
    return samples.by_task(lambda part: dataset.augment(part, random))


def _parts(dataset: Dataset, samples: Samples) -> list[Samples]:
    """Return the samples of each task; one part where all tasks have the same samples."""
    if not isinstance(samples, TaskSamples):
        return [samples]
    names = [objective.name for objective in dataset.objectives]
    demand(
        samples.tasks.keys() == set(names),
        f"the samples have the tasks {sorted(samples.tasks)}, the objectives are {sorted(names)}: give the samples of "
        "each objective under its name",
    )
    return [samples.tasks[name] for name in names]


def _dtypes(samples: Samples) -> dict[str, torch.dtype]:
    """Return the dtypes of inputs and targets by name."""
    named = samples.inputs if isinstance(samples.inputs, Mapping) else {"inputs": samples.inputs}
    return {name: tensor.dtype for name, tensor in {**named, **samples.targets}.items()}


def _same(first: Samples, second: Samples) -> bool:
    if isinstance(first, TaskSamples) and isinstance(second, TaskSamples):
        tasks, others = first.tasks, second.tasks
        return tasks.keys() == others.keys() and all(_same(tasks[name], others[name]) for name in tasks)
    if isinstance(first, StoredSamples) or isinstance(second, StoredSamples):
        blocks = [slice(start, start + BLOCK) for start in range(0, len(first), BLOCK)]
        pairs = zip(first.batches(blocks), second.batches(blocks), strict=True)
        return len(first) == len(second) and all(_same(*pair) for pair in pairs)
    return (
        same_inputs(first.inputs, second.inputs)
        and first.targets.keys() == second.targets.keys()
        and all(same_tensors(first.targets[name], second.targets[name]) for name in first.targets)
    )


def _shapes(inputs: Inputs) -> Any:
    """Return the shape of one input, name -> shape for named inputs."""
    if isinstance(inputs, Mapping):
        return {name: tuple(tensor.shape[1:]) for name, tensor in inputs.items()}
    return tuple(inputs.shape[1:])
