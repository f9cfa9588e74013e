"""Trained networks for the page, as half-precision ONNX models with sample images."""

from __future__ import annotations

import gzip
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mobench.errors import IncompatibleError, MobenchError, StoreError
from mobench.files import is_readable_file
from mobench.interfaces import Samples
from mobench.metrics.evaluation import evaluate
from mobench.records.networks import Trained, load
from mobench.records.record import Record
from mobench.records.store import Store
from mobench.reports import onnx
from mobench.reports.analysis.leaderboard import labels_of

MAX_BYTES = 24 * 2**20
"""Maximum total size of the compressed networks of a page."""
FIRST, CHANGING, LOOKED_AT = 4, 8, 500
"""Images shown: the first of the test split, then those of the first 500 whose predictions change most."""
NO_WEIGHTS = "no weights were kept beside the records: `mobench run … --keep-weights` keeps them"
AGREEMENT = 1e-3
"""Largest allowed relative difference between the losses of the loaded network and of the record."""


@dataclass
class Live:
    """Networks of a page.

    networks: a description of each network.
    models:   record id -> gzipped ONNX model.
    samples:  dataset -> sample images with their targets.
    left_out: the networks that are not in the page, each with the reason.
    """

    networks: list[dict[str, Any]] = field(default_factory=list)
    models: dict[str, bytes] = field(default_factory=dict)
    samples: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_out: list[dict[str, str]] = field(default_factory=list)


def live(
    store: Store,
    records: Sequence[Record],
    max_bytes: int = MAX_BYTES,
    tell: Callable[[str], None] = lambda label: None,
) -> Live:
    """Return the networks of a store for the page: for each row, the run of the smallest seed with weights.

    Networks that cannot be shown are listed in `left_out` with the reason.

    max_bytes: maximum total size of the compressed networks.
    tell:      called with the name of each network before it is loaded.
    """
    result, labels = Live(), labels_of(records)
    pictures: dict[str, Samples] = {}
    for record in _one_per_row(store, records, labels):
        dataset, label = record.job.dataset.name, labels[record.id]
        tell(f"network of {label} on {dataset}")
        try:
            if not is_readable_file(store.weights(record.job)):
                raise StoreError(NO_WEIGHTS)
            trained = load(record, store.weights(record.job))
            onnx.check_fits(trained)
            classes = _classes(trained)
            _check_weights(trained)
            if dataset not in pictures:
                pictures[dataset] = _choose(trained)
            shown = pictures[dataset]
            half = onnx.halved(onnx.to_onnx(trained))
            packed = gzip.compress(half, 9, mtime=0)
            if sum(map(len, result.models.values())) + len(packed) > max_bytes:
                raise IncompatibleError(f"with it the networks of the page would exceed {max_bytes / 2**20:.0f} MiB")
        except MobenchError as reason:
            result.left_out.append({"dataset": dataset, "name": label, "reason": str(reason)})
            continue
        result.samples.setdefault(dataset, _samples(shown, classes))
        result.models[record.id] = packed
        result.networks.append(
            {
                "id": record.id,
                "dataset": dataset,
                "name": label,
                "seed": record.job.seeds.solver,
                "objectives": trained.problem.n_objectives,
                "parameters": trained.network.n_stored_parameters,
                "bytes": len(packed),
                "difference": _difference(half, trained, shown.inputs),
            }
        )
    return result


def _one_per_row(store: Store, records: Sequence[Record], labels: dict[str, str]) -> list[Record]:
    """Return one completed record per dataset, model and row: the smallest seed, if possible with saved weights."""
    chosen: dict[tuple[str, str, str], Record] = {}
    for record in sorted(records, key=lambda r: (not is_readable_file(store.weights(r.job)), r.job.seeds.solver)):
        if record.status == "completed":
            chosen.setdefault((record.job.dataset.name, record.job.model.name, labels[record.id]), record)
    return [chosen[key] for key in sorted(chosen)]


def _classes(trained: Trained) -> dict[str, int]:
    """Return head -> number of classes. Raises: IncompatibleError if a head is not a classifier."""
    dataset = trained.problem.dataset
    targets = dataset.load("test").take(slice(0, 1)).targets
    for head in dataset.heads:
        target = targets.get(head)
        if target is None or target.ndim != 1 or target.is_floating_point():
            raise IncompatibleError(f"head {head!r} has no class labels to compare its answer with")
    return dict(dataset.heads)


def _check_weights(trained: Trained) -> None:
    """Raise MobenchError unless the network reproduces the losses of the record at its middle ray."""
    front = trained.record.fronts["test"]
    middle = len(front.preferences) // 2
    test = trained.problem.dataset.load("test")
    now = evaluate(trained.network, trained.problem, test, torch.tensor(front.preferences[middle : middle + 1]))
    recorded, losses = np.array(front.losses[middle]), np.asarray(now.losses)[0]
    if not np.allclose(losses, recorded, rtol=AGREEMENT, atol=1e-6):
        raise MobenchError(
            f"its kept weights have test losses {losses.round(4).tolist()} where the record has "
            f"{recorded.round(4).tolist()}: they are not this record's; remove both and run again"
        )


def _choose(trained: Trained) -> Samples:
    """Return prepared images: the first ones, then those whose predictions differ most between the front's ends."""
    test = trained.problem.dataset.load("test")
    batch = trained.problem.prepare(test.take(slice(0, LOOKED_AT)))
    ends = torch.tensor(trained.record.fronts["test"].preferences)[[0, -1]]
    first, other = (_probabilities(trained, batch.inputs, end) for end in ends)
    changes = torch.stack([(first[h] - other[h]).abs().sum(1) for h in first]).sum(0)
    changes[:FIRST] = -1.0
    most = changes.topk(max(0, min(CHANGING, len(batch) - FIRST))).indices.sort().values
    return batch.take(torch.cat([torch.arange(min(FIRST, len(batch))), most]))


def _probabilities(trained: Trained, images: Tensor, preference: Tensor) -> dict[str, Tensor]:
    with torch.no_grad():
        return {h: o.softmax(1) for h, o in trained.network(images, preference[None])[0].items()}


def _difference(half: bytes, trained: Trained, images: Tensor) -> float:
    """Return the largest difference in a probability between the half-precision network and torch."""
    run, worst = onnx.session(half), 0.0
    for preference in torch.tensor(trained.record.fronts["test"].preferences):
        outputs = run(images, preference)
        for head, expected in _probabilities(trained, images, preference).items():
            worst = max(worst, (outputs[head].softmax(1) - expected).abs().max().item())
    return worst


def _samples(shown: Samples, classes: dict[str, int]) -> dict[str, Any]:
    pixels = shown.inputs.contiguous().numpy().astype("<f4").tobytes()
    return {
        "shape": list(shown.inputs.shape),
        "images": b64encode(pixels).decode(),
        "targets": {head: shown.targets[head].tolist() for head in classes},
        "classes": classes,
        "first": min(FIRST, len(shown)),
    }
