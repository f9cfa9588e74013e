"""The installed command, run in forks of a process that has already imported its modules.

Imports take nine tenths of a short command: 1 to 4 s for torch, pandas and others, for each of some fifty commands.
Here they are done once. All else is as on a command line: arguments, folder, environment, streams, exit code.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

from mobench.runs import job_server
from mobench.runs.job_server import is_supported

SUPPORT = Path(__file__).parents[1]
IMPORTED = (
    "torchvision", "pandas", "pymoo.indicators.igd_plus", "moocore", "scipy.stats", "rich.table",
    "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg", "matplotlib.figure",
    "mobench.cli.main", "mobench.runs.execution", "mobench.runs.runner", "mobench.runs.suite_run",
    "mobench.reports.tables.table_files",
)  # fmt: skip


class Preloaded:
    """Context manager: the process lives as long as the context."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        words = [
            sys.executable,
            "-c",
            f"import sys; sys.path.append({str(SUPPORT)!r}); import readmes.preloaded as p; p.serve()",
        ]
        self._start = partial(
            subprocess.Popen, words, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._process = self._start()

    def __enter__(self) -> Preloaded:
        return self

    def __exit__(self, *_: Any) -> None:
        self._process.communicate()

    def run(
        self, words: Sequence[str], cwd: Path, env: Mapping[str, str], path: Sequence[str] = (), before: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run `mobench WORDS` in the folder `cwd`; the folders of `path` come first on `sys.path`.

        before: "module:function" of a function of tests/support that is called before the command.
        """
        try:
            return self._answer(words, cwd, env, path, before)
        except BaseException:
            # a test that runs too long is interrupted; the answer to its command would be taken for the next one's
            self._process.kill()
            self._process.communicate()
            self._process = self._start()
            raise

    def _answer(
        self, words: Sequence[str], cwd: Path, env: Mapping[str, str], path: Sequence[str], before: str
    ) -> subprocess.CompletedProcess[str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with TemporaryDirectory() as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            request = {
                "words": list(words),
                "cwd": str(cwd),
                "env": dict(env),
                "path": list(path),
                "before": before,
                "to": [str(out), str(err)],
            }
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            code = int(self._process.stdout.readline())
            return subprocess.CompletedProcess(["mobench", *words], code, out.read_text(), err.read_text())


def serve() -> None:
    """Run the requests from standard input one after the other, each in a fork of this process."""
    for module in IMPORTED:
        importlib.import_module(module)
    # keep imported objects out of garbage collection, which would make each fork copy their memory
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _end(_run(**json.loads(line)))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _run(words: list[str], cwd: str, env: dict[str, str], path: list[str], before: str, to: list[str]) -> int:
    """Run the entry point as the script that pip installs does; return the exit code."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for stream, file in enumerate(to, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), stream)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.path[:0] = path
    if before:
        module, _, function = before.partition(":")
        getattr(importlib.import_module(module), function)()
    if words[:1] in (["run"], ["tune"], ["verify"]) and is_supported():
        _fork_job_server(env.get("PYTHONPATH"))
    sys.argv = ["mobench", *words]
    (script,) = entry_points(group="console_scripts", name="mobench")
    try:
        return int(script.load()() or 0)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)


def _fork_job_server(search_path: str | None) -> None:
    """Fork a process that becomes the command's job server when the command starts one, and save its imports of torch.

    Jobs with another PYTHONPATH have a job server as the command starts it.
    """
    ours, theirs = socket.socketpair()
    server = os.fork()
    if server == 0:
        ours.close()
        os.setsid()
        for stream in range(3):
            os.dup2(os.open(os.devnull, os.O_RDWR), stream)
        n_bytes = theirs.recv(8, socket.MSG_WAITALL)
        if n_bytes:
            folder, environment = json.loads(theirs.recv(int.from_bytes(n_bytes, "big"), socket.MSG_WAITALL))
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(environment)
            job_server.serve(theirs)
        os._exit(0)
    theirs.close()
    waiting = [ForkedServer(server)]
    launch = job_server.launch

    def use(folder: str, environment: Mapping[str, str]) -> tuple[socket.socket, Any]:
        if not waiting or environment.get("PYTHONPATH") != search_path:
            return launch(folder, environment)
        setting = json.dumps([folder, dict(environment)]).encode()
        ours.sendall(len(setting).to_bytes(8, "big") + setting)
        return ours, waiting.pop()

    job_server.launch = use  # type: ignore[assignment]


class ForkedServer:
    """A child of this process, with the part of the interface of `subprocess.Popen` that `JobServer` uses."""

    def __init__(self, pid: int) -> None:
        self._pid, self._code = pid, None

    def poll(self) -> int | None:
        if self._code is None and os.waitpid(self._pid, os.WNOHANG)[0]:
            self._code = 0  # type: ignore[assignment]
        return self._code

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)

    def wait(self) -> None:
        if self._code is None:
            os.waitpid(self._pid, 0)


def _end(code: int) -> NoReturn:
    """End this fork as the interpreter would, but skip the cleanup of modules, which takes a second."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
