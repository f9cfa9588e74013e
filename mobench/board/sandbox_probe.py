"""A program that runs in a sandbox and prints, as JSON, what it can reach. It needs the standard library alone."""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path


def connects(kind: socket.SocketKind, host: str, port: int) -> bool:
    """Return whether a socket can be connected. A datagram socket sends nothing, but needs a route."""
    try:
        with socket.socket(socket.AF_INET, kind) as connection:
            connection.settimeout(2)
            connection.connect((host, port))
    except OSError:
        return False
    return True


def can_read(path: str) -> bool:
    try:
        return bool(Path(path).read_bytes())
    except OSError:
        return False


def can_write(folder: str) -> bool:
    try:
        path = Path(folder, "probe")
        path.write_bytes(b"x")
        path.unlink()
    except OSError:
        return False
    return True


def main() -> None:
    """Print what this process can reach. Arguments: a port, a file and a folder of the caller, and its namespace."""
    port, file, folder, pid_namespace, scratch = sys.argv[1:]
    status = Path("/proc/self/status").read_text()
    capabilities = next(line.split()[1] for line in status.splitlines() if line.startswith("CapEff:"))
    size = os.statvfs(scratch)
    print(
        json.dumps(
            {
                "has_network": connects(socket.SOCK_STREAM, "127.0.0.1", int(port))
                or connects(socket.SOCK_DGRAM, "192.0.2.1", 9),
                "reads_files": can_read(file),
                "writes_files": can_write(folder),
                "writes_scratch": can_write(scratch),
                "scratch_bytes": size.f_blocks * size.f_frsize,
                "sees_processes": os.readlink("/proc/self/ns/pid") == pid_namespace,
                "user": os.getuid(),
                "user_map": Path("/proc/self/uid_map").read_text(),
                "has_privileges": int(capabilities, 16) != 0,
            }
        )
    )


if __name__ == "__main__":
    main()
