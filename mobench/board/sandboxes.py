"""Sandboxes for programs of unknown origin: bubblewrap, systemd-run, or namespaces of `unshare`.

In each of them a program sees the packages and data that it needs, read-only, and one empty folder in memory that it
can write to. It has no network, no other process and no privileges.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

SYSTEM_PATHS = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/alternatives", "/etc/ld.so.cache", "/etc/localtime",
)  # fmt: skip
DEVICES = ("null", "zero", "random", "urandom")
UNPRIVILEGED_USER = 65534
"""The user of systems for programs without rights."""
BECOME_OTHER_USER = (f"--reuid={UNPRIVILEGED_USER}", f"--regid={UNPRIVILEGED_USER}", "--clear-groups")
DROP_PRIVILEGES = ("--no-new-privs", "--bounding-set=-all", "--inh-caps=-all")
"""Options of `setpriv`."""
ROOT_BYTES = 16 * 2**20


@dataclass(frozen=True)
class SandboxLimits:
    """Bounds on a program: seconds of elapsed time, bytes of resident memory, processes and threads, bytes of files."""

    seconds: float = 3600.0
    memory: int = 8 * 2**30
    processes: int = 512
    disk: int = 2 * 2**30

    @property
    def text(self) -> str:
        """The limits in words."""
        memory, disk = f"{self.memory / 1e9:.3g} GB of memory", f"{self.disk / 1e9:.3g} GB of files"
        return f"at most {self.seconds:g} s, {memory}, {self.processes} processes and {disk}"


@dataclass(frozen=True)
class SandboxView:
    """What a program sees.

    readable:    files and folders, read-only, under their own paths.
    scratch:     an existing empty folder. A sandbox covers it by a folder in memory.
    environment: all environment variables.
    """

    readable: tuple[Path, ...]
    scratch: Path
    environment: dict[str, str]


Wrap = Callable[[Sequence[str], SandboxView, SandboxLimits], list[str]]


@dataclass(frozen=True)
class Sandbox:
    """name: as `--isolation` takes it. wrap: returns the command that runs a command in the sandbox."""

    name: str
    wrap: Wrap


def candidates(name: str) -> list[Sandbox]:
    """Return the sandboxes that a name stands for, strongest first; "auto" stands for all but "none".

    For root, each is tried first with an unprivileged user, which needs no namespace of users.
    """
    wraps: dict[str, tuple[Wrap, ...]] = {
        "bubblewrap": (partial(bubblewrap, as_other_user=True), bubblewrap) if _is_root() else (bubblewrap,),
        "systemd-run": (systemd_run,),
        "unshare": (partial(unshare, as_other_user=True), unshare) if _is_root() else (unshare,),
        "none": (plain,),
    }
    chosen = [other for other in wraps if other == name or (name == "auto" and other != "none")]
    return [Sandbox(other, wrap) for other in chosen for wrap in wraps[other]]


def names() -> tuple[str, ...]:
    """Return the accepted names of sandboxes."""
    return ("auto", "bubblewrap", "systemd-run", "unshare", "none")


def bubblewrap(
    words: Sequence[str], view: SandboxView, limits: SandboxLimits, as_other_user: bool = False
) -> list[str]:
    """Return a command of bubblewrap (0.7 or later).

    as_other_user: for root: become an unprivileged user instead of having a namespace of users.
    """
    options = ["--unshare-all", "--unshare-user", "--uid", str(UNPRIVILEGED_USER), "--gid", str(UNPRIVILEGED_USER)]
    if as_other_user:
        options = [f"--unshare-{kind}" for kind in ("ipc", "pid", "net", "uts", "cgroup-try")]
        words = ["setpriv", *BECOME_OTHER_USER, *DROP_PRIVILEGES, "--", *words]
    options += ["--die-with-parent", "--new-session", "--hostname", "sandbox", "--cap-drop", "ALL"]
    if as_other_user:
        options += [word for name in ("SETUID", "SETGID", "SETPCAP") for word in ("--cap-add", f"CAP_{name}")]
    options += ["--size", str(ROOT_BYTES), "--tmpfs", "/", "--proc", "/proc", "--dev", "/dev"]
    readable = _existing(view.readable)
    parents = {str(parent) for path in (*readable, str(view.scratch)) for parent in Path(path).parents}
    for folder in sorted(parents - {"/"}):
        if not any(Path(folder).is_relative_to(path) for path in readable):
            options += ["--perms", "0755", "--dir", folder]
    for path in readable:
        options += ["--ro-bind", path, path]
    for folder in (str(view.scratch), "/dev/shm"):
        options += ["--perms", "1777", "--size", str(limits.disk), "--tmpfs", folder]
    options += ["--remount-ro", "/", "--remount-ro", "/dev", "--chdir", str(view.scratch), "--"]
    return ["bwrap", *options, *words]


def systemd_run(words: Sequence[str], view: SandboxView, limits: SandboxLimits) -> list[str]:
    """Return a command of systemd-run, which also has the kernel bound memory and processes."""
    scratch = str(view.scratch)
    properties = {
        "PrivateNetwork": "yes", "PrivateDevices": "yes", "NoNewPrivileges": "yes", "CapabilityBoundingSet": "",
        "MountAPIVFS": "yes", "MemoryMax": str(limits.memory), "MemorySwapMax": "0",
        "TasksMax": str(limits.processes), "RuntimeMaxSec": f"{limits.seconds:g}", "WorkingDirectory": scratch,
    }  # fmt: skip
    options = [f"--property={name}={value}" for name, value in properties.items()]
    options += ["--property=TemporaryFileSystem=/:ro"]
    options += [f"--property=TemporaryFileSystem={scratch}:rw,size={limits.disk},mode=0777"]
    options += [f"--property=BindReadOnlyPaths={path}" for path in _existing(view.readable)]
    options += [f"--setenv={name}={value}" for name, value in view.environment.items()]
    whose = ["--property=DynamicUser=yes"] if _is_root() else ["--user", "--property=PrivateUsers=yes"]
    return ["systemd-run", "--quiet", "--pipe", "--wait", "--collect", *whose, *options, "--", *words]


def unshare(words: Sequence[str], view: SandboxView, limits: SandboxLimits, as_other_user: bool = False) -> list[str]:
    """Return a command of `unshare`, with a shell script that builds the folders and drops all privileges.

    as_other_user: as for `bubblewrap`.
    """
    root = view.scratch
    lines = ["set -e", "mount --make-rprivate /", _tmpfs(root, ROOT_BYTES)]
    for path in _existing(view.readable):
        lines += _bound(Path(path), root)
        lines.append(f"mount -o remount,bind,ro {_quoted(_below(root, path))}")
    for device in DEVICES:
        lines += _bound(Path("/dev", device), root)
    for folder in ("/proc", "/dev/shm", str(view.scratch)):
        lines.append(f"mkdir -p {_quoted(_below(root, folder))}")
    lines += [f"mount -t proc proc {_quoted(root / 'proc')}", _tmpfs(root / "dev/shm", limits.disk, "1777")]
    lines += [_tmpfs(_below(root, str(view.scratch)), limits.disk, "1777"), f"mount -o remount,bind,ro {_quoted(root)}"]
    lines += [f"cd {_quoted(root)}", "pivot_root . .", "umount -l .", f"cd {_quoted(view.scratch)}"]
    drop = [*(BECOME_OTHER_USER if as_other_user else ()), *DROP_PRIVILEGES]
    lines.append(f'exec setpriv {" ".join(drop)} -- "$@"')
    users = [] if as_other_user else ["--user", "--map-root-user"]
    options = [*users, "--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]
    return ["unshare", *options, "--", "sh", "-c", "\n".join(lines), "sh", *words]


def plain(words: Sequence[str], view: SandboxView, limits: SandboxLimits) -> list[str]:
    """Return the command itself: limits apply, but nothing is hidden from it and it has the network."""
    return list(words)


def python_paths() -> tuple[Path, ...]:
    """Return the files and folders that Python and the installed packages need, without the rest of a checkout.

    Of a folder of packages outside the interpreter's prefix, such as that of an editable installation, only packages,
    modules and metadata are included.
    """
    prefixes = {Path(prefix).resolve() for prefix in (sys.prefix, sys.base_prefix)}
    paths = {Path(path) for path in SYSTEM_PATHS} | prefixes
    for entry in import_folders():
        if any(entry.resolve().is_relative_to(prefix) for prefix in prefixes):
            paths.add(entry)
            continue
        paths |= {path for path in entry.iterdir() if _is_importable(path)}
    return tuple(sorted(paths))


def import_folders() -> list[Path]:
    """Return the folders of `sys.path` that exist, without the working folder."""
    return [path for entry in dict.fromkeys(sys.path) if entry and (path := Path(entry)).is_dir()]


def _is_importable(path: Path) -> bool:
    is_package = (path / "__init__.py").is_file()
    return is_package or path.suffix in (".py", ".so", ".dist-info", ".egg-info")


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _existing(paths: Iterable[Path]) -> list[str]:
    """Return the paths that exist, without those below another one, so that each is mounted once."""
    kept: list[Path] = []
    for path in sorted(path for path in paths if path.exists()):
        if not any(path.is_relative_to(other) for other in kept):
            kept.append(path)
    return [str(path) for path in kept]


def _below(root: Path, path: str) -> Path:
    return Path(f"{root}{path}")


def _bound(path: Path, root: Path) -> list[str]:
    """Return the lines that mount a file or folder below a root, under its own path."""
    target = _below(root, str(path))
    make = [f"mkdir -p {_quoted(target)}"]
    if not path.is_dir():
        make = [f"mkdir -p {_quoted(target.parent)}", f": > {_quoted(target)}"]
    return [*make, f"mount --rbind {_quoted(path)} {_quoted(target)}"]


def _tmpfs(path: Path, n_bytes: int, mode: str = "755") -> str:
    return f"mount -t tmpfs -o size={n_bytes},mode={mode} tmpfs {_quoted(path)}"


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
