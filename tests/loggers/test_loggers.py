"""Loggers receive what happens to jobs, and never change or cost a result."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from annotated_types import Gt
from in_process import IN_PROCESS
from own_data import SMALL, small_module, table

import mobench
from mobench import LoggedJob, LoggedRun, Logger, option
from mobench.errors import OptionError, PluginError, UnknownNameError
from mobench.events import JobEnded, JobStarted, TrainingProgress
from mobench.jobs import suite as suites
from mobench.jobs.plan import plan
from mobench.plugins import Plugin, Registry, Spec, registry
from mobench.records.record import Record
from mobench.records.store import Store
from mobench.runs import loggers
from mobench.runs.loggers import Loggers, choose

Cli = Any
HERE = {"executor": "readmes.here"}
JOB = LoggedJob("0" * 16, "data · solver · seed 0", "data", "mlp", "solver", 0, ("a", "b"))
RUN = LoggedRun("suite", Path("records"))


@dataclass(eq=False)
class Recorder(Logger):
    """Keeps every call; raises at the methods named in `fails`."""

    fails: tuple[str, ...] = ()
    rate: Annotated[float, Gt(0)] = option(1.0, "an option")
    calls: list[tuple[str, Any]] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)

    def open(self, run: LoggedRun) -> None:
        self._keep("open", run)

    def start(self, job: LoggedJob) -> None:
        self._keep("start", job)

    def progress(self, job: LoggedJob, event: TrainingProgress) -> None:
        self._keep("progress", (job, event))

    def end(self, job: LoggedJob, event: JobEnded, results: Mapping[str, float]) -> None:
        self._keep("end", (job, event, results))

    def close(self) -> None:
        self._keep("close", None)

    def _keep(self, name: str, value: Any) -> None:
        self.threads.add(threading.get_ident())
        self.calls.append((name, value))
        if name in self.fails:
            raise BrokenPipeError(f"no connection in {name}")

    def of(self, name: str) -> list[Any]:
        return [value for method, value in self.calls if method == name]


@dataclass(eq=False)
class NeedsPackage(Recorder):
    packages: ClassVar[Mapping[str, str]] = {"no_such_module": "pip install no-such-module"}


def records(folder: Path) -> dict[str, Record]:
    return {record.id: record for record in Store(folder).contents().records}


def test_a_logger_receives_options_losses_checks_and_the_indicators_of_the_record(tiny: Path, tmp_path: Path) -> None:
    recorder = Recorder()
    mobench.run(tiny, out=tmp_path / "out", logger=recorder, **HERE)
    assert (recorder.calls[0][0], recorder.calls[-1][0]) == ("open", "close")
    assert recorder.of("open") == [LoggedRun("tiny", tmp_path / "out")]
    jobs = {job.id: job for job in plan(suites.load(str(tiny))).jobs}
    assert {job.id for job in recorder.of("start")} == set(jobs)
    for job in recorder.of("start"):
        assert (job.dataset, job.model, job.seed) == ("vlmop2", "point", 0)
        assert job.solver == jobs[job.id].solver.name
        assert job.options["budget.steps"] == 20
        assert job.options["solver.lr"] == jobs[job.id].solver.options["lr"]
    written = records(tmp_path / "out")
    for id, record in written.items():
        events = [event for job, event in recorder.of("progress") if job.id == id]
        checks = [event for event in events if event.is_validation_check]
        # every check of the record's trace, at its step, with its hypervolume and losses
        assert [(e.step, e.hypervolume, list(e.losses)) for e in checks] == [
            (point.step, point.hypervolume, point.train_losses) for point in record.trace
        ]
        ((job, end, results),) = [call for call in recorder.of("end") if call[0].id == id]
        assert end.status == "completed"
        assert results["test/hypervolume"] == record.indicators["test"]["hypervolume"]
        assert record.cost is not None
        assert results["cost/training_seconds"] == record.cost.training_seconds
        assert job.objectives == tuple(record.objectives)
    assert len(recorder.threads) == 1
    assert threading.get_ident() not in recorder.threads


def test_jobs_that_have_a_record_are_not_logged_and_ids_do_not_depend_on_loggers(finished: Path, tiny: Path) -> None:
    recorder = Recorder()
    mobench.run(tiny, out=finished, logger=[recorder], **HERE)
    assert [name for name, _ in recorder.calls] == ["open", "close"]


def test_a_failed_job_is_logged_with_its_reason(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mobench.runs.execution as execution

    def fail(*arguments: Any, **more: Any) -> Any:
        raise RuntimeError("the data are wet")

    monkeypatch.setattr(execution, "train", fail)
    recorder = Recorder()
    mobench.run(tiny, solver="ls", out=tmp_path / "out", logger=recorder, **HERE)
    ((_, end, results),) = recorder.of("end")
    assert (end.status, end.message, results) == ("failed", "the data are wet", {})


def test_fit_logs_one_front_of_own_data_and_warns_of_a_broken_logger() -> None:
    x, targets = table()
    data = mobench.dataset(
        x, targets, [mobench.cross_entropy("income"), mobench.demographic_parity("sex", head="income")]
    )
    recorder, broken = Recorder(), Recorder(fails=("progress",))
    with pytest.warns(UserWarning, match="'Sound' is switched off for this run: BrokenPipeError"):
        front = mobench.fit("phn-ls", data, small_module(), **SMALL, logger=[recorder, Sound(broken)])
    ((job, end, results),) = recorder.of("end")
    assert (job.objectives, end.status) == (tuple(front.objectives), "completed")
    assert job.options["budget.steps"] == 20
    assert results["val/hypervolume"] == front.record.indicators["val"]["hypervolume"]
    checks = [event for _, event in recorder.of("progress") if event.is_validation_check]
    assert [event.hypervolume for event in checks] == [point.hypervolume for point in front.record.trace]


@pytest.mark.parametrize("method", ["open", "start", "progress", "end", "close"])
def test_an_error_of_a_logger_is_one_warning_and_changes_no_result(
    method: str, tiny: Path, finished: Path, tmp_path: Path
) -> None:
    broken, sound = Recorder(fails=(method,)), Recorder()
    with pytest.warns(UserWarning, match="switched off") as warned:
        mobench.run(tiny, out=tmp_path / "out", logger=[broken, Sound(sound)], **HERE)
    assert [str(w.message) for w in warned] == [
        f"logger 'Recorder' is switched off for this run: BrokenPipeError: no connection in {method} (jobs and records "
        "are not affected)"
    ]
    assert broken.calls[-1][0] == method
    assert len(broken.of(method)) == 1
    assert len(sound.of("end")) == 2
    assert {i: r.digest for i, r in records(tmp_path / "out").items()} == {
        i: r.digest for i, r in records(finished).items()
    }


class Sound(Logger):
    """Passes every call on, under another class name."""

    def __init__(self, recorder: Recorder) -> None:
        for name in ("open", "start", "progress", "end", "close"):
            setattr(self, name, getattr(recorder, name))

    open = start = progress = end = close = lambda self: None  # type: ignore[assignment]


def test_a_logger_that_hangs_delays_neither_jobs_nor_the_end_of_the_run() -> None:
    released, messages = threading.Event(), list[str]()

    class Hangs(Recorder):
        def progress(self, job: LoggedJob, event: TrainingProgress) -> None:
            super().progress(job, event)
            released.wait(20)

    hanging = Hangs()
    began = time.monotonic()
    with Loggers({"hangs": hanging}, close_seconds=0.1).opened(RUN, messages.append) as logs:
        logs.hear(JOB, JobStarted())
        for step in range(loggers.MAX_PENDING + 50):
            logs.hear(JOB, TrainingProgress(step, None, 0.5, 1.0, 0.1, (0.5, 0.25)))
        n_before_check = logs.threads[0]._calls.qsize()
        logs.hear(JOB, TrainingProgress(9, None, 0.5, 1.0, 0.1, (0.5, 0.25), 1.0, True))
        assert logs.threads[0]._calls.qsize() == n_before_check + 1  # checks are never omitted
    assert time.monotonic() - began < 10
    assert messages == [
        "logger 'hangs' is switched off for this run: it did not write everything within 0.1 seconds after the last "
        "job (jobs and records are not affected)"
    ]
    assert n_before_check <= loggers.MAX_PENDING
    released.set()
    logs.threads[0]._thread.join(10)
    assert [name for name, _ in hanging.calls] == ["open", "start", "progress"]  # no call after it was switched off


def test_a_job_that_cannot_be_described_switches_the_loggers_off(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loggers, "logged_job", lambda job: 1 / 0)
    recorder = Recorder()
    with pytest.warns(UserWarning, match="'Recorder' is switched off for this run: ZeroDivisionError"):
        mobench.run(tiny, solver="ls", out=tmp_path / "out", logger=recorder, **HERE)
    assert [name for name, _ in recorder.calls] == ["open"]
    assert len(records(tmp_path / "out")) == 1


def test_values_have_names_and_a_check_is_logged_once() -> None:
    between = TrainingProgress(1, 2, 0.5, 1.0, 0.1, (0.5, 0.25), 1.5)
    check = TrainingProgress(2, 2, 1.0, 1.0, 0.1, (0.4, 0.2), 1.75, is_validation_check=True)
    assert JOB.training_values(between) == {"loss/a": 0.5, "loss/b": 0.25}
    assert JOB.training_values(check) == {"loss/a": 0.4, "loss/b": 0.2, "check/hypervolume": 1.75}


@pytest.fixture
def guest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register a logger of another package, which needs a package that is not installed."""
    import sys
    from types import ModuleType

    module: Any = ModuleType("guest_logger")
    module.NeedsPackage, module.Recorder = NeedsPackage, Recorder
    monkeypatch.setitem(sys.modules, "guest_logger", module)
    module.mobench_loggers = mobench.hookimpl(
        lambda: [Spec("absent", "guest_logger:NeedsPackage"), Spec("recorder", "guest_logger:Recorder")]
    )
    guests = Registry()
    for entries in (*registry().entries["logger"].values(),):
        guests._enter(entries)
    guests.add(Plugin("guest", "guest-dist", "1.0"), module)
    monkeypatch.setattr(loggers, "registry", lambda: guests)


@pytest.mark.usefixtures("guest")
def test_loggers_are_chosen_by_name_and_object_with_options() -> None:
    recorder = Recorder(rate=3.0)
    chosen = choose(["tensorboard,mlflow", recorder], {"mlflow.experiment": "mine", "tensorboard.folder": "here"})
    assert list(chosen.by_name) == ["tensorboard", "mlflow", "Recorder"]
    assert vars(chosen.by_name["mlflow"])["experiment"] == "mine"
    assert chosen.by_name["Recorder"] is recorder
    assert choose("recorder", {"recorder.rate": 2}).by_name["recorder"].rate == 2.0  # type: ignore[attr-defined]
    assert choose(()).by_name == choose("").by_name == {}


@pytest.mark.usefixtures("guest")
@pytest.mark.parametrize(
    ("chosen", "settings", "error", "message"),
    [
        ("tensorbord", {}, UnknownNameError, "no logger is called 'tensorbord'; did you mean 'tensorboard'"),
        ("absent", {}, OptionError, "'absent' needs the package 'no_such_module', .*: pip install no-such-module"),
        ([NeedsPackage()], {}, OptionError, "'NeedsPackage' needs the package 'no_such_module'"),
        ("recorder", {"recorder.rate": -1}, OptionError, "option 'rate' was given -1"),
        ("recorder", {"recorder.speed": 1}, OptionError, "logger 'recorder' has no option 'speed'"),
        ("recorder", {"mlflow.uri": "x"}, OptionError, r"belongs to no logger of the run: pass recorder\.OPTION"),
        ("recorder", {"rate": 1}, OptionError, r"'rate' belongs to no logger of the run: pass recorder\.OPTION"),
        ((), {"mlflow.uri": "x"}, OptionError, "pass nothing, because no logger is named"),
        (["recorder", "recorder"], {}, OptionError, "'recorder' twice"),
        ([3], {}, OptionError, "was given 3: pass a name of `mobench list loggers` or a Logger"),
        ("recorder,,", {}, OptionError, "pass comma-separated names"),
    ],
)
def test_a_wrong_choice_is_an_error_before_any_job_runs(
    chosen: Any, settings: dict[str, Any], error: type[Exception], message: str, tiny: Path, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        mobench.run(tiny, out=tmp_path / "out", logger=chosen, logger_settings=settings, **HERE)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["tensorboard", "mlflow", "wandb"])
def test_a_missing_package_of_a_built_in_logger_names_its_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loggers, "find_spec", lambda package: None)
    message = f"logger '{name}' needs the package '{name}', which is not installed: pip install 'mobench\\[{name}\\]'"
    with pytest.raises(OptionError, match=message):
        choose(name)


def test_a_name_of_two_plugins_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from types import ModuleType

    both = Registry()
    for distribution in ("first", "second"):
        module: Any = ModuleType(distribution)
        module.mobench_loggers = mobench.hookimpl(lambda: [Spec("twice", "a:B")])
        both.add(Plugin(distribution, distribution, "1.0"), module)
    monkeypatch.setattr(loggers, "registry", lambda: both)
    with pytest.raises(PluginError, match=r"logger 'twice' is offered by first 1.0 .* and second 1.0"):
        choose("twice")


def test_the_command_line_reports_wrong_loggers_and_failures(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    wrong = cli("run", tiny, "--logger", "tensorbord", *IN_PROCESS)
    assert wrong.returncode == 2
    assert "did you mean 'tensorboard'" in wrong.stderr
    assert not (tmp_path / "results").exists()
    (tmp_path / "a file").touch()
    done = cli(
        "run", tiny, "--solver", "ls", "--logger", "tensorboard", "--logger-set", "tensorboard.folder=a file",
        "--quiet", "--json", *IN_PROCESS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    warnings = [line for line in done.stderr.splitlines() if "switched off" in line]
    assert len(warnings) == 1
    assert warnings[0].startswith("warning: logger 'tensorboard' is switched off for this run: ")
    assert [line for line in done.stdout.splitlines() if '"warning"' in line and "switched off" in line]
