"""Export of preference-conditioned networks to ONNX, with an input for samples and an input `preference`."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from mobench.errors import IncompatibleError, MobenchError
from mobench.files import write_whole
from mobench.interfaces import ParetoNetwork, Predictor, Split
from mobench.interfaces.model import shape_text
from mobench.metrics.evaluation import evaluate
from mobench.metrics.subset import subset_of
from mobench.records.networks import Trained, load
from mobench.records.record import Record
from mobench.records.store import Store, writing
from mobench.reports.onnx_metadata import input_name, metadata_of, with_metadata

TOLERANCE = 1e-4
"""Largest allowed difference between the outputs of the file and of torch; relative for outputs above 1."""
LOSSES = 1e-3
"""Largest allowed relative difference between the losses of the file and of the record."""
SMALL = 1024
"""Tensors with fewer elements stay in single precision when larger ones are stored in half precision."""


def to_onnx(trained: Trained) -> bytes:
    """Return an ONNX model with the inputs `image` [batch, C, H, W] or `input` [batch, d], and `preference` [m].

    It has one output per head; its `metadata_props` say what inputs and outputs are (see
    `mobench.reports.onnx_metadata`). The model is verified with onnxruntime: its outputs are compared with torch for
    several preferences ([m + 6, m]) and two batch sizes, and its losses with those of the record.

    Raises: IncompatibleError for a set of networks, or inputs that are neither vectors nor images; MobenchError if the
        model cannot be exported, differs from torch by more than 1e-4, or gives other losses than the record has;
        DataError if the samples for the comparison are not available.
    """
    check_fits(trained, is_page=False)
    title = trained.record.job.title
    try:
        model = _exported(trained)
    except Exception as error:  # the exporter's exception types are private
        raise MobenchError(f"{title} cannot be written as ONNX: {' '.join(str(error).split())[:300]}") from error
    gap = difference(model, trained, *_trials(trained))
    if not gap <= TOLERANCE:
        raise MobenchError(f"{title} as ONNX differs from torch by {gap:.2g}, more than {TOLERANCE:g}: not written")
    check_record(model, trained)
    return with_metadata(model, metadata_of(trained))


def check_fits(trained: Trained, is_page: bool = True) -> None:
    """Raise IncompatibleError, with the reason, unless the network takes one kind of inputs and a preference.

    is_page: whether the network is for the page of a report, which draws images only.
    """
    solver, rays, shape = trained.record.job.solver.name, trained.network.rays, trained.problem.dataset.input_shape
    if rays is not None:
        raise IncompatibleError(
            f"{solver} keeps a net for each of {len(rays)} preferences, and none takes a preference as an input: "
            "choose a solver with one network for all preferences, such as those with a hypernetwork"
        )
    n_axes = (3,) if is_page else (1, 3)
    if isinstance(shape, Mapping) or len(shape) not in n_axes or 0 in shape:
        accepted = "images [channels, height, width]" if is_page else "vectors [d] and images [channels, height, width]"
        raise IncompatibleError(
            f"{solver} on {trained.record.job.dataset.name} reads inputs of shape {shape_text(shape)}: "
            f"{accepted} are accepted"
        )


def difference(model: bytes, trained: Trained, images: Tensor, preferences: Tensor) -> float:
    """Return the largest difference between the outputs of a model and of torch; NaN if an output is NaN."""
    run, worst = session(model), 0.0
    for preference in preferences:
        for batch in (images[:1], images):
            with torch.no_grad():
                expected = trained.network(batch, preference[None])[0]
            outputs = run(batch, preference)
            for name, output in expected.items():
                gap = ((outputs[name] - output).abs() / output.abs().clamp_min(1)).max().item()
                worst = float(np.maximum(worst, gap))  # unlike max(), it keeps NaN
    return worst


def check_record(model: bytes, trained: Trained) -> None:
    """Raise MobenchError unless a model reproduces the record's losses at three preferences of its smallest split."""
    record = trained.record
    split, front = min(record.fronts.items(), key=lambda item: item[1].n_samples or math.inf)
    rows = sorted({0, len(front.losses) // 2, len(front.losses) - 1})
    problem = trained.problem
    samples = problem.dataset.load(cast(Split, split))
    if front.n_samples is not None:
        samples = subset_of(samples, front.n_samples, problem.protocol)
    losses = evaluate(_Exported(session(model)), problem, samples, torch.tensor(front.preferences)[rows]).losses
    recorded = np.asarray(front.losses)[rows]
    if not np.allclose(losses, recorded, rtol=LOSSES, atol=LOSSES * np.abs(recorded).max()):
        row = int(np.abs(losses - recorded).max(1).argmax())
        raise MobenchError(
            f"{record.job.title} as ONNX has losses {losses[row].round(4).tolist()} on split {split!r} at preference "
            f"{np.asarray(front.preferences)[rows][row].round(3).tolist()}, the record has "
            f"{recorded[row].round(4).tolist()}: not written; run the job again with --keep-weights"
        )


class _Exported:
    """A Pareto set that runs a model in an onnxruntime session."""

    rays = None
    n_stored_parameters = 0

    def __init__(self, run: Callable[[Tensor, Tensor], dict[str, Tensor]]) -> None:
        self.run = run

    def serve(self, preference: Tensor) -> Predictor:
        return lambda inputs: self.run(inputs.contiguous(), preference)


def session(model: bytes) -> Callable[[Tensor, Tensor], dict[str, Tensor]]:
    """Return a function of images or vectors and a preference [m] that runs a model with onnxruntime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    opened = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in opened.get_outputs()]
    samples = opened.get_inputs()[0].name

    def run(images: Tensor, preference: Tensor) -> dict[str, Tensor]:
        outputs = opened.run(names, {samples: images.numpy(), "preference": preference.numpy()})
        return {name: torch.from_numpy(output) for name, output in zip(names, outputs, strict=True)}

    return run


def halved(model: bytes) -> bytes:
    """Return the model with large tensors stored in half precision and cast back on loading: half the size."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    graph_model = onnx.load_model_from_string(model)
    graph = graph_model.graph
    initializers, casts = [], []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or int(np.prod(tensor.dims)) < SMALL:
            initializers.append(tensor)
            continue
        half = f"{tensor.name}__half"
        initializers.append(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), half))
        casts.append(helper.make_node("Cast", [half], [tensor.name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(initializers)
    graph.node.extend(nodes)
    onnx.checker.check_model(graph_model)
    written: bytes = graph_model.SerializeToString()
    return written


def export(
    store: Store, records: list[Record], folder: Path, tell: Callable[[str], None] = lambda label: None
) -> tuple[list[Path], list[str]]:
    """Write `<record>.onnx` for every network that can be exported.

    Returns the paths of the files, and one line with the reason for each network that was declined.

    tell: called with the title of each record before it is exported.

    Raises: MobenchError if no network could be exported.
    """
    written, declined = [], []
    for record in records:
        if record.status != "completed":
            continue
        tell(record.job.title)
        try:
            model = to_onnx(load(record, store.weights(record.job)))
        except MobenchError as reason:
            declined.append(f"{record.job.title}: {reason}")
            continue
        path = folder / f"{store.path(record.job).stem}.onnx"
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, model)
        written.append(path)
    if not written:
        raise MobenchError(f"no network was written as ONNX: {'; '.join(declined) or 'no record is completed'}")
    return written, declined


class _Conditioned(nn.Module):
    """Map a batch of samples and a preference [m] to the outputs of the heads, in order."""

    def __init__(self, network: ParetoNetwork, heads: list[str]) -> None:
        super().__init__()
        self.network = network
        self.heads = heads

    def forward(self, samples: Tensor, preference: Tensor) -> tuple[Tensor, ...]:
        outputs = self.network(samples, preference[None])[0]
        return tuple(outputs[name] for name in self.heads)


def _exported(trained: Trained) -> bytes:
    heads = list(trained.problem.dataset.heads)
    images, preferences = _trials(trained)
    name = input_name(trained.problem.dataset.input_shape)
    return exported(_Conditioned(trained.network, heads), {name: images[:2], "preference": preferences[0]}, heads)


def exported(network: nn.Module, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> bytes:
    """Return a module as an ONNX model. The first axis of the first input is the batch, of any size.

    inputs: name -> example, in the order of the arguments of `forward`. outputs: names of the results, in order.
    """
    parameters = list(inspect.signature(network.forward).parameters)
    batch: list[Any] = [{0: torch.export.Dim("batch")}, *[None for _ in parameters[1:]]]
    program = torch.onnx.export(
        network.eval(),
        tuple(inputs.values()),
        dynamo=True,
        external_data=False,
        verbose=False,
        input_names=list(inputs),
        output_names=list(outputs),
        dynamic_shapes=dict(zip(parameters, batch, strict=True)),
    )
    assert program is not None
    written: bytes = program.model_proto.SerializeToString()
    return written


def _trials(trained: Trained) -> tuple[Tensor, Tensor]:
    """Return images [5, ...] and preferences [m + 6, m] for the comparison of the file with torch."""
    m = trained.problem.n_objectives
    random = np.random.default_rng(0)
    images = random.random((5, *trained.problem.dataset.input_shape))
    corners = np.full((m, m), 0.1 / max(1, m - 1))
    np.fill_diagonal(corners, 0.9 if m > 1 else 1.0)
    preferences = np.concatenate([corners, np.full((1, m), 1 / m), random.dirichlet(np.ones(m), 5)])
    return torch.from_numpy(images).float(), torch.from_numpy(preferences).float()
