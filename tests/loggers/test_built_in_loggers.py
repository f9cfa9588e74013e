"""What the built-in loggers write is read back with the package of each, and equals the records."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

import mobench
from mobench.records.record import Record
from mobench.records.store import Store
from mobench.runs import loggers

BLOCK = 1 << 15
"""Bytes of a block of the files of wandb, which have the format of LevelDB's log."""


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run with all three loggers: one job completes, one diverges."""
    folder = tmp_path_factory.mktemp("logged")
    suite = folder / "pair.toml"
    suite.write_text(
        '[budget]\nsteps = 20\n[[entries]]\ndatasets = ["vlmop2"]\nmodels = ["point"]\nsolvers = ["ls", "phn-ls"]\n'
        "[solvers.ls]\nlr = 1e300\n"
    )
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.filterwarnings("ignore", ".*loader strategy is deprecated")  # mlflow's own use of SQLAlchemy 2.1
        for name in ("MLFLOW_TRACKING_URI", "WANDB_MODE", "WANDB_DIR", "WANDB_PROJECT"):
            patch.delenv(name, raising=False)
        patch.setattr(loggers, "CLOSE_SECONDS", 200.0)  # of a machine with other load
        mobench.run(
            suite,
            out=folder / "out",
            executor="readmes.here",
            logger="tensorboard,mlflow,wandb",
            logger_settings={"mlflow.experiment": "mine"},
        )
    assert {path.name for path in folder.iterdir()} == {"pair.toml", "out"}
    return folder / "out"


@pytest.fixture(scope="module")
def records(out: Path) -> dict[str, Record]:
    """Return the records by the name of their solver."""
    by_solver = {record.job.solver.name: record for record in Store(out).contents().records}
    assert {name: record.status for name, record in by_solver.items()} == {"phn-ls": "completed", "ls": "diverged"}
    return by_solver


@pytest.mark.slow
def test_tensorboard_reads_scalars_options_and_results(out: Path, records: dict[str, Record]) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    record = records["phn-ls"]
    (folder,) = (out / "tensorboard").glob(f"vlmop2-phn-ls-s0-{record.id}")
    events = EventAccumulator(str(folder)).Reload()
    checks = [(event.step, event.value) for event in events.Scalars("check/hypervolume")]
    assert checks == [(point.step, pytest.approx(point.hypervolume, rel=1e-6)) for point in record.trace]
    for index, name in enumerate(record.objectives):
        losses = {event.step: event.value for event in events.Scalars(f"loss/{name}")}
        for point in record.trace:
            assert losses[point.step] == pytest.approx(point.train_losses[index], rel=1e-6)
    (volume,) = events.Scalars("test/hypervolume")
    assert volume.value == pytest.approx(record.indicators["test"]["hypervolume"], rel=1e-6)
    text = events.Tensors("options/text_summary")[0].tensor_proto.string_val[0].decode()
    assert "| budget.steps | 20 |" in text
    plugin = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    assert b"solver.lr" in plugin
    (failed,) = (out / "tensorboard").glob("vlmop2-ls-*")
    status = EventAccumulator(str(failed)).Reload().Tensors("status/text_summary")[0]
    assert status.tensor_proto.string_val[0].decode().startswith("diverged: ")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*loader strategy is deprecated")  # mlflow's own use of SQLAlchemy 2.1
def test_mlflow_reads_runs_with_parameters_metrics_and_status(out: Path, records: dict[str, Record]) -> None:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{out / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("mine")
    assert experiment is not None
    runs = {run.data.tags["mobench.solver"]: run for run in client.search_runs([experiment.experiment_id])}
    assert {name: run.info.status for name, run in runs.items()} == {"phn-ls": "FINISHED", "ls": "FAILED"}
    run, record = runs["phn-ls"], records["phn-ls"]
    assert run.data.tags["mobench.job"] == record.id
    assert run.data.params["budget.steps"] == "20"
    assert float(run.data.params["solver.lr"]) == record.job.solver.options["lr"]
    assert run.data.metrics["test/hypervolume"] == record.indicators["test"]["hypervolume"]
    history = client.get_metric_history(run.info.run_id, "check/hypervolume")
    assert [(metric.step, metric.value) for metric in history] == [(p.step, p.hypervolume) for p in record.trace]
    assert records["ls"].failure is not None
    assert runs["ls"].data.tags["mobench.message"] == records["ls"].failure.message[:500]


@pytest.mark.slow
def test_wandb_reads_offline_runs(out: Path, records: dict[str, Record]) -> None:
    import json

    by_name = {}
    for path in (out / "wandb").glob("offline-run-*/*.wandb"):
        messages = list(messages_of(path))
        (run,) = [m.run for m in messages if m.WhichOneof("record_type") == "run"][:1]
        by_name[run.display_name] = (run, messages)
    assert sorted(by_name) == ["vlmop2 · ls · seed 0", "vlmop2 · phn-ls · seed 0"]
    run, messages = by_name["vlmop2 · phn-ls · seed 0"]
    record = records["phn-ls"]
    assert run.project == "pair"
    config = {item.key or item.nested_key[0]: item.value_json for item in run.config.update}
    assert json.loads(config["budget.steps"]) == 20
    rows = [
        {item.key or item.nested_key[0]: json.loads(item.value_json) for item in message.history.item}
        for message in messages
        if message.WhichOneof("record_type") == "history"
    ]
    checks = [(row["_step"], row["check/hypervolume"]) for row in rows if "check/hypervolume" in row]
    assert checks == [(point.step, point.hypervolume) for point in record.trace]
    summary = {
        item.key or item.nested_key[0]: json.loads(item.value_json)
        for message in messages
        if message.WhichOneof("record_type") == "summary"
        for item in message.summary.update
    }
    assert summary["test/hypervolume"] == record.indicators["test"]["hypervolume"]
    assert summary["status"] == "completed"
    exits = {
        name: [m.exit.exit_code for m in messages if m.WhichOneof("record_type") == "exit"]
        for name, (_, messages) in by_name.items()
    }
    assert exits == {"vlmop2 · ls · seed 0": [1], "vlmop2 · phn-ls · seed 0": [0]}


def messages_of(path: Path) -> Iterator[object]:
    """Yield the messages of a file of wandb: records of LevelDB's log format after a header of seven bytes."""
    from wandb.proto import wandb_internal_pb2

    data, position, parts = path.read_bytes(), 7, b""
    assert data.startswith(b":W&B")
    while position < len(data):
        if BLOCK - position % BLOCK < 7:  # too short for a header: filled with zeros
            position += BLOCK - position % BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", data[position : position + 7])
        parts += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # a whole message, or the last part of one
            message = wandb_internal_pb2.Record()
            message.ParseFromString(parts)
            parts = b""
            yield message
