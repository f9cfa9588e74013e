"""Guest datasets, one per seam of the interfaces: checked, trained by several solvers and judged; misfits declined."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import seams
from in_process import InProcess

import mobench.plugins
from mobench.errors import IncompatibleError
from mobench.jobs import plan as plans
from mobench.jobs import resolve
from mobench.jobs import suite as suites
from mobench.jobs.job import Budget
from mobench.plugins import Plugin, Registry
from mobench.records import provenance
from mobench.records.record import Record
from mobench.records.store import Store
from mobench.runs import runner
from mobench.testing.conformance import cases_of

DISTRIBUTION = "guest-seams"


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """The registry of the process, with the guest."""
    made = Registry.discover()
    made.add(Plugin("seams", DISTRIBUTION, "1.0", module="seams"), seams)
    monkeypatch.setattr(mobench.plugins, "_of_process", [made])
    provenance._packages.cache_clear()
    resolve._problem_of.cache_clear()
    yield made
    provenance._packages.cache_clear()
    resolve._problem_of.cache_clear()


SUITE = """
n_rays = 5
n_finite = 3
[budget]
epochs = 20
batch_size = 16
[[entries]]
datasets = ["{dataset}"]
models = ["{model}"]
solvers = [{solvers}]
set = {{ lr = 0.02 }}
"""

TRAINED = [
    ("lending", "small-dense", ["ls", "phn-ls", "upgrad"]),
    ("scene", "small-fcn", ["ls", "phn-epo", "mgda"]),
]


def run(folder: Path, dataset: str, model: str, solvers: list[str]) -> dict[str, Record]:
    """Run a suite as `mobench run` does, with jobs in this process; return its records by solver."""
    path = folder / "seams.toml"
    path.write_text(SUITE.format(dataset=dataset, model=model, solvers=", ".join(f'"{name}"' for name in solvers)))
    plan = plans.plan(suites.load(str(path)))
    assert not plan.declined
    runner.run(plan, Store(folder / "out"), InProcess())
    records = [Store(folder / "out").read(job) for job in plan.jobs]
    return {record.job.solver.name: record for record in records if record is not None}


@pytest.mark.parametrize(("dataset", "model", "solvers"), TRAINED, ids=[dataset for dataset, *_ in TRAINED])
def test_a_guest_of_every_seam_is_trained_and_judged(
    tmp_path: Path, dataset: str, model: str, solvers: list[str]
) -> None:
    records = run(tmp_path, dataset, model, solvers)
    assert sorted(records) == sorted(solvers)
    for name, record in records.items():
        assert record.status == "completed", (name, record.failure)
        first, last = record.trace[0].hypervolume, record.trace[-1].hypervolume
        assert first is not None
        assert last is not None
        assert last > first, name


@pytest.mark.parametrize("kind", ["dataset", "model"])
def test_guests_of_every_seam_pass_every_check(known: Registry, kind: str) -> None:
    entries = [e for e in known.entries[kind].values() if e.plugin.distribution == DISTRIBUTION]  # type: ignore[index]
    assert entries
    results = [(str(case), case.run()) for entry in entries for case in cases_of(entry)]
    assert [(case, result.message) for case, result in results if result.state == "failed"] == []
    declined = {result.message for _, result in results if result.state == "declined"}
    assert all(message.startswith("no CUDA device is here") for message in declined)


MISFITS = [
    ("scene", "lenet", "ls", "LeNet returns heads of a width, this dataset has a head 'segmentation' of shape"),
    ("scene", "small-fcn", "noise-ls", "averages class probabilities of images, head 'segmentation'"),
]


@pytest.mark.parametrize(("dataset", "model", "solver", "message"), MISFITS, ids=[" × ".join(m[:3]) for m in MISFITS])
def test_what_does_not_fit_is_declined_before_a_job(dataset: str, model: str, solver: str, message: str) -> None:
    with pytest.raises(IncompatibleError, match=message):
        resolve.resolve(dataset, model, solver, {}, Budget(steps=1))


def test_a_target_network_without_what_a_generator_makes_is_declined_before_a_job() -> None:
    with pytest.raises(IncompatibleError, match="no 5×5 convolution with channels in multiples of"):
        resolve.resolve("mnist", "mnist-cnn", "static", {"source": "embedded", "generator.kernel": 5}, Budget(steps=1))
    settings = {"source": "embedded", "generator.size": "1M", "generator.chunk": 6}
    with pytest.raises(IncompatibleError, match=r"makes 6,900 weights, the target has .*: set generator.size=fit"):
        resolve.resolve("multimnist", "lenet", "chunked-phn-ls", settings, Budget(steps=1))


def test_a_solver_declines_a_problem_before_a_job(known: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(IncompatibleError, match="small-solver trains at most 20 weights, the target has"):
        resolve.resolve("lending", "small-dense", "small-solver", {}, Budget(steps=1))
