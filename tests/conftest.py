"""Fixtures shared by tests of runs and of the command line."""

from __future__ import annotations

import gc
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from readmes.preloaded import Preloaded

Cli = Callable[..., "subprocess.CompletedProcess[str]"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # tests started in the background of a shell ignore Ctrl-C, and so do the programs that they start
    signal.signal(signal.SIGINT, signal.default_int_handler)

# jobs with two threads would wait for the jobs of tests that run in parallel
os.environ.setdefault("OMP_NUM_THREADS", "1")
# where a test is about threads, those that wait for each other leave the core to other tests
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

TINY = """
seeds = [0]
[budget]
steps = 20
[[entries]]
datasets = ["vlmop2"]
models = ["point"]
solvers = ["ls", "phn-ls"]
"""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return the number of processes: one per core, and one more for slow tests, which often wait for processes."""
    n_cores = len(os.sched_getaffinity(0))
    return n_cores if config.option.markexpr == "not slow" else n_cores + 1


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect tests without garbage collection; later collections leave out the modules and tests that exist then.

    They are millions of objects that are never freed, and a full collection visits each of them.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run files with slow tests first: processes that share out short tests at the end stop at the same time."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    longest = {item.path for item in items if item.get_closest_marker("timeout")}
    items.sort(key=lambda item: (item.path not in longest, item.path not in slow))


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """Return the file of a suite of two jobs that take a fraction of a second each."""
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a process that does not see the data of this machine's user."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MOBENCH", "XDG_"))}
    return {**inherited, "XDG_CACHE_HOME": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}


@pytest.fixture
def command() -> list[str]:
    """Return the installed command as the first arguments of a process."""
    return [str(Path(sys.executable).parent / "mobench")]


@pytest.fixture
def cli(preloaded: Preloaded, command: list[str], environment: dict[str, str], tmp_path: Path) -> Cli:
    """Return a function that runs the installed command in an empty folder; `env` adds environment variables.

    The command runs in a fork of a process that has imported its modules, after the function that `before` names as
    "module:function". With keywords of `subprocess.run`, such as `preexec_fn`, it runs in a fresh process.
    """

    def run(
        *words: Any, env: dict[str, str] | None = None, before: str = "", **more: Any
    ) -> subprocess.CompletedProcess[str]:
        texts = [*map(str, words)]
        variables = {**environment, **(env or {})}
        if not more:
            path = [part for part in variables.get("PYTHONPATH", "").split(os.pathsep) if part]
            return preloaded.run(texts, tmp_path, variables, path, before)
        return subprocess.run(
            [*command, *texts],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
            **more,
        )

    return run


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the output folder of a run of the tiny suite, for tests that need records: copy it."""
    # imported here, because the process that distributes the tests needs no torch
    from in_process import trained

    return trained(TINY, tmp_path_factory.mktemp("finished"))


@pytest.fixture(scope="session")
def preloaded() -> Iterator[Preloaded]:
    """Yield a runner of the installed command in forks of one process, for tests of many short commands."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MOBENCH", "XDG_"))}
    with Preloaded({**inherited, "OMP_NUM_THREADS": "1"}) as process:
        yield process


def _program(name: str, package: str) -> str:
    """Return the path of a program. If it is missing, fail the test where CI is set, else skip it with the reason."""
    path = shutil.which(name)
    if path is None:
        message = f"{name} is not installed, so whether LaTeX tables compile is NOT TESTED: install {package}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(message)
    return path


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Return a function that compiles a LaTeX document and returns the text of its PDF; overfull lines are errors."""
    latex = _program("pdflatex", "texlive-latex-base and texlive-latex-recommended")
    reader = _program("pdftotext", "poppler-utils")
    folder = tmp_path_factory.mktemp("latex")

    def run(document: str) -> str:
        (folder / "table.tex").write_text(document)
        words = [latex, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "table.tex"]
        done = subprocess.run(words, cwd=folder, capture_output=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
        log = (folder / "table.log").read_text(errors="replace")
        assert "Missing character" not in log
        assert not re.findall(r"Overfull .*|.*too large.*|LaTeX Warning: (?!.*rerun|.*Rerun|No file).*", log)
        words = [reader, "-layout", "-enc", "UTF-8", "table.pdf", "-"]
        return subprocess.run(words, cwd=folder, capture_output=True, timeout=60, check=True, text=True).stdout

    return run


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Limit torch to one thread: tests run in parallel, and the number of threads changes the order of sums."""
    import torch

    torch.set_num_threads(1)
