"""Sandboxes: what a program in them can reach, and what happens when it exceeds a limit."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from mobench.board import sandboxes
from mobench.board.sandboxed_process import SandboxedResult, chosen_sandbox, run
from mobench.board.sandboxes import Sandbox, SandboxLimits, SandboxView, python_paths
from mobench.errors import OptionError, UnknownNameError

LIMITS = SandboxLimits(seconds=20, memory=2**29, processes=20, disk=2**24)
PRINTED = "print('done')"


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> SandboxView:
    folder = tmp_path_factory.mktemp("view")
    (folder / "scratch").mkdir()
    return SandboxView(python_paths(), folder / "scratch", {"PATH": os.environ["PATH"]})


@pytest.fixture(scope="module")
def sandbox(view: SandboxView) -> Sandbox:
    """Return the strongest sandbox of this machine; without one the tests are skipped, in CI they fail."""
    try:
        return chosen_sandbox("auto", view).sandbox
    except OptionError as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"sandboxes are NOT TESTED: {error}")


def ran(code: str, sandbox: Sandbox, view: SandboxView, limits: SandboxLimits = LIMITS) -> SandboxedResult:
    start = f"from mobench.board.isolated_job import limit_resources\nlimit_resources(0, {limits.disk})\n"
    paths = os.pathsep.join(map(str, sandboxes.import_folders()))
    words = ["env", f"PYTHONPATH={paths}", sys.executable, "-c", start + code]
    return run(words, sandbox, view, limits)


def test_the_description_says_what_a_program_saw(view: SandboxView, sandbox: Sandbox) -> None:
    strongest = chosen_sandbox(sandbox.name, view)
    for words in ("no network", "no files but packages and data", "writes to one folder", "no other processes"):
        assert words in strongest.description
    assert "without privileges" in strongest.description
    nothing = chosen_sandbox("none", view)
    for words in ("the network of the machine", "can be read", "can be written", "other processes are visible"):
        assert words in nothing.description


def test_what_is_no_sandbox_is_not_chosen(view: SandboxView, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that only has the name of a sandbox is noticed, because the probe reaches everything."""
    monkeypatch.setattr("mobench.board.sandboxed_process.candidates", lambda name: [Sandbox("fake", sandboxes.plain)])
    with pytest.raises(OptionError, match=r"\(fake: it hides too little\)\. Install bubblewrap"):
        chosen_sandbox("auto", view)
    missing = Sandbox("missing", lambda words, view, limits: ["no-such-program"])
    monkeypatch.setattr("mobench.board.sandboxed_process.candidates", lambda name: [missing])
    with pytest.raises(OptionError, match="no-such-program cannot be started: No such file or directory"):
        chosen_sandbox("auto", view)
    with pytest.raises(UnknownNameError, match="did you mean 'bubblewrap'"):
        chosen_sandbox("bublewrap", view)


def test_files_outside_are_neither_read_nor_written(view: SandboxView, sandbox: Sandbox, tmp_path: Path) -> None:
    secret = tmp_path / "results.json"
    secret.write_text("reference results")
    tmp_path.chmod(0o777)
    code = f"""
import os, pathlib
for act in (lambda: print(open({str(secret)!r}).read()), lambda: open({str(tmp_path / "new")!r}, "w"),
            lambda: open(os.path.join(os.path.dirname(os.__file__), "new.py"), "w"), lambda: open("/new", "w"),
            lambda: open("/dev/new", "w"), lambda: os.setuid(0), lambda: os.chroot("/")):
    try:
        act()
    except OSError as error:
        continue
    print("possible")
pathlib.Path("mine").write_text("x")
print("done")
"""
    result = ran(code, sandbox, view)
    assert (result.output.decode().split(), result.code) == (["done"], 0), result.errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.json"]
    assert list(view.scratch.iterdir()) == []


def test_a_program_that_never_ends_is_ended_with_its_children(view: SandboxView, sandbox: Sandbox) -> None:
    code = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(3600)
time.sleep(3600)
"""
    before = set(os.listdir("/proc"))
    began = time.monotonic()
    result = ran(code, sandbox, view, SandboxLimits(seconds=1.0))
    assert result.excess == "did not end within 1 seconds"
    assert time.monotonic() - began < 15
    sleeping = [pid for pid in set(os.listdir("/proc")) - before if pid.isdecimal() and b"3600" in command_of(pid)]
    assert sleeping == []


def command_of(pid: str) -> bytes:
    try:
        return Path("/proc", pid, "cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize(
    ("code", "excess"),
    [
        ("for _ in range(200):\n    if os.fork() == 0:\n        time.sleep(60)", "processes, 20 are allowed"),
        ("x = b'x' * 2**30", "MB of memory, 537 MB are allowed"),
        ("for _ in range(12): sys.stdout.write('x' * 2**20)", "printed more than 8388608 bytes"),
    ],
)
def test_processes_memory_and_output_are_bounded(
    code: str, excess: str, view: SandboxView, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mobench.board.sandboxed_process.MAX_OUTPUT_BYTES", 2**23)
    result = ran(f"import os, sys, time\n{code}\nsys.stdout.flush()\ntime.sleep(60)", sandbox, view)
    assert excess in result.excess
    assert len(result.output) <= 2**23


def test_the_disk_is_not_filled(view: SandboxView, sandbox: Sandbox) -> None:
    """One file is bounded by the size of a file, and all files together by the folder in memory."""
    code = """
written = 0
try:
    for i in range(100):
        with open(f"file-{i}", "wb") as file:
            for _ in range(4):
                file.write(bytes(2**20))
                file.flush()
                written += 2**20
except OSError as error:
    print(error.errno, written)
"""
    result = ran(code, sandbox, view)
    n_errno, written = map(int, result.output.split())
    assert (n_errno, written <= 2**24) == (28, True)
    result = ran("open('file', 'wb').write(bytes(2**25))", sandbox, view)
    assert result.code != 0
    assert list(view.scratch.iterdir()) == []


def test_processor_time_is_measured(view: SandboxView, sandbox: Sandbox) -> None:
    result = ran("import time\nwhile time.process_time() < 0.5: pass\nprint('x')", sandbox, view)
    assert 0.4 < result.core_seconds < 3, result.errors


def test_a_service_of_systemd_is_as_closed(view: SandboxView) -> None:
    """Whether the service works is tested by the probe, where there is a systemd."""
    words = sandboxes.systemd_run(["python", "x y"], view, LIMITS)
    properties = {word.partition("=")[2] for word in words if word.startswith("--property=")}
    assert {
        "PrivateNetwork=yes", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "TemporaryFileSystem=/:ro",
        f"MemoryMax={LIMITS.memory}", f"TasksMax={LIMITS.processes}", "RuntimeMaxSec=20",
        f"TemporaryFileSystem={view.scratch}:rw,size={LIMITS.disk},mode=0777", "BindReadOnlyPaths=/usr",
    } <= properties  # fmt: skip
    assert words[-3:] == ["--", "python", "x y"]


def test_of_a_checkout_only_packages_are_seen() -> None:
    import mobench

    checkout = Path(mobench.__file__).parents[1]
    seen = python_paths()
    assert any((checkout / "mobench").is_relative_to(path) for path in seen)
    if (checkout / "pyproject.toml").exists():
        for name in ("results", "tests", ".git"):
            assert not any((checkout / name).is_relative_to(path) for path in seen), name
