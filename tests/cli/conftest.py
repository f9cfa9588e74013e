"""A pseudo-terminal for tests of the live view."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyte
import pytest


@dataclass
class Shown:
    """The output of a process: all of it as text, the screens in between, and the last screen."""

    raw: str
    frames: list[list[str]]
    screen: list[str]
    cursor_is_shown: bool
    returncode: int

    @property
    def text(self) -> str:
        """All lines that were visible at some time."""
        return "\n".join(line for frame in self.frames for line in frame)


def _lines(screen: pyte.Screen) -> list[str]:
    return [line.rstrip() for line in screen.display if line.strip()]


@pytest.fixture
def terminal(environment: dict[str, str], tmp_path: Path) -> Callable[..., Shown]:
    """Runs a process on a pseudo-terminal, whose screen a terminal emulator keeps."""

    def run(
        words: Sequence[Any],
        *,
        columns: int = 100,
        rows: int = 40,
        env: dict[str, str] | None = None,
        stdout: Any = None,
        interrupt: str | None = None,
    ) -> Shown:
        """interrupt: press Ctrl-C as soon as the screen shows this."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        terminal_env = {
            k: v for k, v in environment.items() if k not in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")
        }
        process = subprocess.Popen(
            list(map(str, words)), cwd=tmp_path, stdin=slave, stdout=slave if stdout is None else stdout,
            stderr=slave, env={**terminal_env, "TERM": "xterm-256color", **(env or {})}, start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        screen = pyte.Screen(columns, rows)
        stream = pyte.ByteStream(screen)
        raw, frames = b"", [[""]]
        pressed = False
        while part := _read(master):
            raw += part
            stream.feed(part)
            if _lines(screen) != frames[-1]:
                frames.append(_lines(screen))
            if interrupt is not None and not pressed and interrupt in "\n".join(frames[-1]):
                pressed = True
                time.sleep(0.1)
                os.killpg(process.pid, signal.SIGINT)
        os.close(master)
        assert interrupt is None or pressed, f"the screen never showed {interrupt!r}"
        return Shown(raw.decode(), frames, _lines(screen), not screen.cursor.hidden, process.wait(60))

    return run


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:
        # Linux raises this when the other end is closed
        return b""
