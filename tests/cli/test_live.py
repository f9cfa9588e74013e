"""The progress of a run: on a terminal, elsewhere, and with --quiet."""

from __future__ import annotations

import io
import re
import shutil
from pathlib import Path
from typing import Any

import in_process
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_process import IN_PROCESS
from rich.console import Console

from mobench.events import EvaluationProgress, JobEnded, JobStarted, NodeLost, TrainingProgress
from mobench.jobs.job import Budget, Job, Part, SeedSet, SolverPart
from mobench.output.formats import clock, duration
from mobench.output.live import LINE_SECONDS, Lines
from mobench.output.screen import picture
from mobench.output.tally import Tally, TimeLeft

Cli = Any
SUPPORT = Path(in_process.__file__).parent
COLOUR = re.compile(r"\x1b\[[0-9;]*(3[0-7]|9[0-7]|38;5|38;2)[0-9;]*m")
"""Codes for coloured text; those for bold and dim are none."""


def job(seed: int = 0, dataset: str = "data") -> Job:
    return Job(
        dataset=Part(name=dataset, version="1"), model=Part(name="point", version="1"),
        solver=SolverPart(name="solver", version="1"), budget=Budget(steps=10), seeds=SeedSet.all(seed), protocol="1",
    )  # fmt: skip


def train(fraction: float, hypervolume: float | None = None) -> TrainingProgress:
    return TrainingProgress(1, 10, fraction, 1.0, 1.0, (0.5, 0.25), hypervolume)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (65.4, "1:05"), (59.6, "1:00"), (3600, "1:00:00"), (7384, "2:03:04"), (180_000, "2 d 2 h")],
)
def test_times_read_as_clocks(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_a_time_that_is_guessed_says_so() -> None:
    assert [duration(time_left) for time_left in (TimeLeft(None), TimeLeft(65.0), TimeLeft(65.0, guessed=1))] == [
        "unknown", "1:05", "about 1:05",
    ]  # fmt: skip


def test_plain_lines_tell_beginnings_ends_and_tenths_of_long_trainings(capsys: pytest.CaptureFixture[str]) -> None:
    clock_seconds = 0.0
    first_job, second_job = job(), job(1)
    tally, lines = Tally([first_job, second_job], clock=lambda: clock_seconds), Lines()
    for seconds, event in (
        (0.0, JobStarted()),
        (1.0, train(0.1)),
        (LINE_SECONDS, train(0.3, 1.5)),
        (LINE_SECONDS + 1, train(0.35)),
        (LINE_SECONDS + 2, train(0.4)),
        (2 * LINE_SECONDS, train(0.45)),
        (31.0, JobEnded("completed", hypervolume=2.0, seconds=30.0)),
    ):
        clock_seconds = seconds
        lines.show(tally, tally.hear(first_job, event))
    assert capsys.readouterr().err.splitlines() == [
        "start   data · solver · seed 0",
        # 0.2 in nine seconds, and the other job 1 + 45; then 0.35 in nineteen, and the other job 1 + 54.3
        "  30 %  data · solver · seed 0: losses 0.5 0.25, validation HV 1.5 (ETA 1:18)",
        "  40 %  data · solver · seed 0: losses 0.5 0.25, validation HV 1.5 (ETA 1:25)",
        "[1/2] completed data · solver · seed 0: validation HV 2 (ETA 0:31)",
    ]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(20, 200),
    st.integers(8, 60),
    st.lists(st.sampled_from(["start", "train", "completed", "failed", "evaluate", "lost"]), max_size=40),
    st.text(st.characters(exclude_categories=["C", "Zl", "Zp", "Zs"]), min_size=1, max_size=60),
)
def test_the_view_fits_any_terminal(columns: int, rows: int, states: list[str], name: str) -> None:
    tally = Tally([job(seed, name) for seed in range(50)], 40, clock=lambda: 3.0)
    for view, state in zip(list(tally.jobs.values()), states, strict=False):
        tally.hear(view.job, JobStarted())
        if state in ("completed", "failed"):
            tally.hear(view.job, JobEnded(state, name, 1.0))
        elif state == "train":
            tally.hear(view.job, train(0.5, 2.0))
        elif state == "evaluate":
            tally.hear(view.job, EvaluationProgress("test", 0.0))
        elif state == "lost":
            tally.hear(view.job, NodeLost(1, name))
    console = Console(file=io.StringIO(), width=columns, height=rows, force_terminal=True)
    lines = console.render_lines(picture(tally, "run some suite", columns, rows), pad=False)
    assert len(lines) <= rows
    assert all(sum(segment.cell_length for segment in line) <= columns for line in lines)


@pytest.mark.slow
def test_the_view_shows_jobs_the_time_left_and_the_best_and_ends_in_the_table(
    terminal: Any, command: list[str], tiny: Path, tmp_path: Path
) -> None:
    tiny.write_text(tiny.read_text().replace("seeds = [0]", "seeds = [0, 1]"))
    terminal_run = terminal([*command, "run", tiny, "--jobs", "2"], columns=120)
    assert terminal_run.returncode == 0
    assert "run tiny  0 of 4 jobs done, 2 running" in terminal_run.text
    assert re.search(r"run tiny  [1-3] of 4 jobs done", terminal_run.text)
    assert "gone, ETA unknown" in terminal_run.text, "before anything is known"
    assert re.search(r"gone, ETA (about )?\d+:\d\d", terminal_run.text), "once a job was through"
    # which of the short jobs is drawn in the middle of its training depends on the machine
    assert re.search(r"vlmop2 · (phn-)?ls · seed [01] +(measuring|train +\d+ %|evaluate \w+)", terminal_run.text)
    assert re.search(r"best HV +vlmop2 +0\.\d+ +(phn-)?ls, seed [01]", terminal_run.text)
    assert COLOUR.search(terminal_run.raw)
    # what remains: a line per job, the table, the written files
    ended = [line for line in terminal_run.screen if line.startswith("completed vlmop2 · ")]
    assert len(ended) == 4
    assert not [line for line in terminal_run.screen if "gone, ETA" in line]
    assert "4 jobs run, 0 already present, 0 diverged, 0 failed" in "\n".join(terminal_run.screen)
    wrote = [line for line in terminal_run.screen if line.startswith("wrote ")]
    assert wrote == [f"wrote results/tiny/{name}" for name in ("records", "leaderboard.md", "leaderboard.csv")]
    assert terminal_run.screen[terminal_run.screen.index(wrote[-1]) + 1].startswith(
        "next: `mobench report results/tiny`"
    )
    assert terminal_run.cursor_is_shown


@pytest.mark.slow
def test_sixty_columns_without_colours(terminal: Any, command: list[str], tiny: Path) -> None:
    terminal_run = terminal([*command, "run", tiny, "--solver", "ls"], columns=60, env={"NO_COLOR": "1"})
    assert terminal_run.returncode == 0
    assert "run tiny  0 of 1 jobs done, 1 running" in terminal_run.text
    assert re.search(r"vlmop2 · ls · seed 0 +(measuring|train|evaluate)", terminal_run.text)
    assert not COLOUR.search(terminal_run.raw)


@pytest.mark.slow
def test_ctrl_c_leaves_the_terminal_as_it_was(terminal: Any, command: list[str], tiny: Path) -> None:
    terminal_run = terminal([*command, "run", tiny, "--solver", "ls", "--seconds", "86400"], interrupt="train")
    assert terminal_run.returncode == 130
    assert terminal_run.cursor_is_shown
    assert any(line.startswith("error: interrupted; all written records") for line in terminal_run.screen)
    assert not [line for line in terminal_run.screen if "gone, ETA" in line]


@pytest.mark.slow
def test_quiet_is_silent_on_standard_error_and_still_ends_in_the_table(
    terminal: Any, command: list[str], cli: Cli, tiny: Path, tmp_path: Path
) -> None:
    words = ["run", tiny, "--solver", "ls", *IN_PROCESS]
    done = cli(*words, "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert "wrote results/tiny/records" in done.stdout
    shutil.rmtree(tmp_path / "results")
    terminal_run = terminal([*command, *words, "-q"], env={"PYTHONPATH": str(SUPPORT)})
    assert terminal_run.returncode == 0
    assert "\x1b[?25l" not in terminal_run.raw, "nothing is drawn"


@pytest.mark.slow
def test_a_run_that_has_nothing_to_do_draws_nothing_that_stays(
    terminal: Any, command: list[str], finished: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished, tmp_path / "out")
    terminal_run = terminal([*command, "run", finished.parent / "tiny.toml", "--out", "out"], columns=120)
    assert terminal_run.returncode == 0
    assert "nothing to do: 2 of 2 jobs have a record" in terminal_run.screen
    assert terminal_run.cursor_is_shown
