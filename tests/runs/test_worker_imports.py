"""Imports of a job's process, and what the record contains about them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from guests import balancer, install

import mobench_linear
from mobench.interfaces import Strategy
from mobench.jobs.job import Budget, Job
from mobench.jobs.resolve import providers, resolve
from mobench.plugins import registry
from mobench.records.record import Record, parse
from mobench.records.sources import sources
from mobench.records.store import Store
from mobench.runs.execution import execute
from mobench.runs.executors.base import Exit
from mobench.runs.executors.local import LocalExecutor
from mobench.runs.request import Request
from mobench.runs.run_options import RunOptions


def job(steps: int = 3, balancer: str = "") -> Job:
    resolved_job = resolve("vlmop2", "point", "ls", {}, Budget(steps=steps))
    if not balancer:
        return resolved_job
    content = resolved_job.model_dump()
    content["solver"]["balancer"] = {"name": balancer, "version": "1"}
    return Job.model_validate(content)


def run(job: Job, folder: Path, plugins: list[str] | None = None) -> Record:
    store = Store(folder)
    request = Request(job=job, store=str(folder), options=RunOptions(strategy=Strategy()), plugins=plugins or [])
    assert LocalExecutor(cores=1).run(request, lambda event: None) == Exit("completed")
    record = store.read(job)
    assert record is not None
    return record


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that every process started from here on searches for packages."""
    paths = [str(tmp_path / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    return tmp_path / "site"


@pytest.mark.slow
def test_nothing_is_imported_from_the_working_folder(
    tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The working folder has modules named like those of the library, another mobench and a copy of a plugin."""
    working_dir = tmp_path / "here"
    working_dir.mkdir()
    for name in ("random", "queue", "statistics", "mobench", "typing", "torch"):
        (working_dir / f"{name}.py").write_text("raise SystemExit('imported from the working folder')")
    shutil.copytree(Path(mobench_linear.__file__).parent, working_dir / "mobench_linear")
    (working_dir / "mobench_linear" / "linear.py").write_text("raise SystemExit('imported from the working folder')")
    install(site, "asked", balancer("asked"))
    # an empty part means the working folder to Python, and comes of PYTHONPATH=$PYTHONPATH:more
    monkeypatch.setenv("PYTHONPATH", os.pathsep + os.environ["PYTHONPATH"])
    monkeypatch.chdir(working_dir)
    record = run(job(balancer="asked"), tmp_path / "out")
    assert record.provenance.sources["balancer"].module == "guest_asked"
    monkeypatch.chdir(tmp_path)
    assert record.digest == run(job(balancer="asked"), tmp_path / "elsewhere").digest


@pytest.mark.slow
def test_a_record_names_the_code_of_each_part_and_its_hash(tmp_path: Path, site: Path) -> None:
    path = install(site, "hashed", balancer("hashed"))
    record = run(job(balancer="hashed"), tmp_path / "out")
    sources = record.provenance.sources
    assert set(sources) == {"mobench", "dataset", "model", "generator", "balancer"}
    balancer_source = sources["balancer"]
    assert (balancer_source.distribution, balancer_source.version, balancer_source.module) == (
        "guest-hashed",
        "1.0",
        "guest_hashed",
    )
    assert balancer_source.origin == "installed"
    assert balancer_source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert sources["dataset"].distribution == "mobench"
    assert sources["dataset"].module.partition(".")[0] == "mobench_analytic"
    text = record.provenance.model_dump_json()
    assert str(tmp_path) not in text
    assert str(Path.home()) + "/" not in text
    assert parse(record.to_json(), "x") == record


@pytest.mark.slow
def test_a_copy_that_comes_first_is_told_from_what_is_installed(tmp_path: Path, site: Path) -> None:
    """PYTHONPATH belongs to the user: a copy in it is what runs, and the record says so."""
    shutil.copytree(Path(mobench_linear.__file__).parent, site / "mobench_linear")
    with (site / "mobench_linear" / "linear.py").open("a") as file:
        file.write("\n# another version\n")
    recorded_source = run(job(), tmp_path / "out").provenance.sources["balancer"]
    installed_source = sources(job())["balancer"]
    assert (recorded_source.distribution, recorded_source.module) == (
        installed_source.distribution,
        installed_source.module,
    )
    assert (recorded_source.origin, installed_source.origin) == ("elsewhere", installed_source.origin)
    assert installed_source.origin in ("installed", "editable")
    assert recorded_source.sha256 != installed_source.sha256


def test_records_from_before_sources_were_noted_stay_as_they_are() -> None:
    record = execute(job(), threads=1)
    assert record.provenance.sources
    old = record.model_copy(update={"provenance": record.provenance.model_copy(update={"sources": {}})})
    text = old.to_json()
    assert '"sources"' not in text
    assert parse(text, "x") == old
    assert parse(text, "x").to_json() == text
    assert old.digest == record.digest


CHANGES = "import torch; torch.set_default_dtype(torch.float64); torch.set_grad_enabled(False); torch.manual_seed(3)"


@pytest.mark.slow
def test_a_worker_loads_the_plugins_of_its_job_alone(tmp_path: Path, site: Path) -> None:
    """Another plugin, which changes global state and leaves a trace, is not imported; the numbers are as without it."""
    trace = tmp_path / "imported"
    install(site, "noisy", balancer("noisy", before=f"{CHANGES}\nopen({str(trace)!r}, 'w').close()"))
    plugins = providers(job())
    assert plugins
    record = run(job(), tmp_path / "out", plugins)
    assert not trace.exists()
    assert "guest-noisy" not in record.provenance.packages
    assert record.digest == execute(job(), threads=1).digest
    # if the owners of the names are unknown, every plugin is loaded, and what one changes is restored
    record = run(job(), tmp_path / "all")
    assert trace.exists()
    assert record.digest == execute(job(), threads=1).digest
    assert "guest-noisy 1.0 (plugin 'noisy')" in str(record.notes["global_state"])
    assert "default dtype was changed" in str(record.notes["global_state"])


@pytest.mark.slow
def test_a_name_that_the_given_plugins_lack_is_looked_for_in_all(tmp_path: Path, site: Path) -> None:
    install(site, "late", balancer("late"))
    record = run(job(balancer="late"), tmp_path / "out", ["mobench:linear", "nobody:nothing"])
    assert record.provenance.packages["guest-late"] == "1.0"


def test_providers_are_the_plugins_of_the_parts_and_nothing_where_one_is_unknown() -> None:
    registered_plugins = {f"{p.distribution}:{p.name}" for p in registry().plugins}
    assert set(providers(job())) < registered_plugins
    assert providers(job(balancer="unheard-of")) == []


def test_every_process_that_mobench_starts_for_jobs_has_a_safe_path() -> None:
    """Executors share the Python command line, and submitit gets it as well."""
    from mobench.runs.executors import slurm
    from mobench.runs.executors.local import WORKER

    script = "import sys; print(sys.flags.safe_path)"
    assert WORKER[0] == "-P"
    done = subprocess.run([sys.executable, WORKER[0], "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
    assert slurm.PYTHON.split()[-1] == "-P"
