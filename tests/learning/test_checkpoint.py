"""The step count that is stored with a checkpoint: correct after a kill, and harmless if it is damaged."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mobench.errors import MobenchError
from mobench.interfaces import Problem
from mobench.learning import checkpoint as checkpoints
from mobench.learning.checkpoint import StepCount, path_of
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench_analytic.point import Point
from mobench_analytic.problems import VLMOP2
from mobench_linear.linear import Linear
from mobench_linear.stack import Stack


def sealed(reached: int, repeated: int) -> bytes:
    numbers = struct.pack("<qq", reached, repeated)
    return numbers + struct.pack("<I", zlib.crc32(numbers))


def test_steps_after_the_last_checkpoint_are_repeated(tmp_path: Path) -> None:
    checkpoint = tmp_path / "a.pt"
    with StepCount(checkpoint) as count:
        assert count.go_on_from(0) == 0
        count.reach(17)
    with StepCount(checkpoint) as count:
        assert count.go_on_from(10) == 7
        count.reach(12)
    with StepCount(checkpoint) as count:
        assert count.go_on_from(10) == 9
    assert path_of(checkpoint).read_bytes() == sealed(10, 9)


DAMAGED: dict[str, bytes] = {
    "empty": b"",
    "short": b"\0" * 7,
    "long, of something else": b"x" * 40,
    "one bit": bytes([sealed(20, 3)[0] ^ 1]) + sealed(20, 3)[1:],
    "largest": b"\xff" * 7 + b"\x7f" + b"\xff" * 7 + b"\x7f",
    "largest, sealed": sealed(2**63 - 1, 2**63 - 1),
    "below zero, sealed": sealed(-5, -7),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_count_costs_the_count_alone(tmp_path: Path, case: str) -> None:
    checkpoint = tmp_path / "a.pt"
    path_of(checkpoint).write_bytes(DAMAGED[case])
    with StepCount(checkpoint) as count:
        assert count.go_on_from(10) == 0
        count.reach(11)
        assert count.go_on_from(10) == 1


@pytest.mark.parametrize("case", ["link", "link to nothing", "folder", "pipe", "device"])
def test_what_is_no_regular_file_is_left_alone_and_costs_the_count_alone(tmp_path: Path, case: str) -> None:
    checkpoint, precious = tmp_path / "a.pt", tmp_path / "precious"
    precious.write_bytes(b"0123456789abcdef0123")
    steps = path_of(checkpoint)
    make: dict[str, Callable[[], object]] = {
        "link": lambda: steps.symlink_to(precious),
        "link to nothing": lambda: steps.symlink_to(tmp_path / "nothing"),
        "folder": steps.mkdir,
        "pipe": lambda: os.mkfifo(steps),
        "device": lambda: steps.symlink_to("/dev/full"),
    }
    make[case]()
    with StepCount(checkpoint) as count:
        assert count.go_on_from(10) == 0
        count.reach(11)
    assert precious.read_bytes() == b"0123456789abcdef0123"
    assert not (tmp_path / "nothing").exists()


def test_a_checkpoint_is_not_written_through_a_link_nor_read_through_one(tmp_path: Path) -> None:
    problem = Problem(VLMOP2(), Point())
    solver = GradientSolver(Stack(), Linear(), GradientOptions())
    precious, checkpoint = tmp_path / "precious", tmp_path / "a.pt"
    precious.write_bytes(b"kept")
    checkpoint.symlink_to(precious)
    with pytest.raises(MobenchError, match=r"a\.pt cannot be loaded .*symbolic link"):
        checkpoints.load(checkpoint, solver, problem)
    torch.manual_seed(0)
    from mobench.interfaces import Seeds, Setting
    from mobench.learning.preferences import finite_rays

    solver.start(problem, Setting(finite_rays(2), Seeds(), 1, None))
    checkpoints.save(checkpoint, solver, {"steps": 3}, problem)
    assert precious.read_bytes() == b"kept"
    assert not checkpoint.is_symlink()
    assert checkpoints.load(checkpoint, solver, problem) == {"steps": 3}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.pt", "precious"]


def test_a_pipe_in_the_place_of_a_checkpoint_is_not_waited_for(tmp_path: Path) -> None:
    problem = Problem(VLMOP2(), Point())
    os.mkfifo(tmp_path / "a.pt")
    with pytest.raises(MobenchError, match="not a regular file"):
        checkpoints.load(tmp_path / "a.pt", GradientSolver(Stack(), Linear(), GradientOptions()), problem)
