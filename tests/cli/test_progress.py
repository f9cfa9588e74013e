"""Progress of commands in each output mode."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from mobench.output.printing import json_lines
from mobench.output.progress import steps

WORK = """
from mobench.output.progress import steps
with steps("count", 3) as step:
    for name in ("one", "two", "[three]"):
        step(name)
        step.within(0.5)
        print("result", name)
"""


def test_elsewhere_there_is_a_line_for_each_step(capsys: pytest.CaptureFixture[str]) -> None:
    with steps("count", 2) as step:
        step("one")
        step.within(0.5)
        step("two")
    with steps("look") as step:
        step()
    assert capsys.readouterr() == ("", "[1/2] count: one\n[2/2] count: two\nlook\n")


def test_work_that_prints_its_own_lines_gets_none(capsys: pytest.CaptureFixture[str]) -> None:
    with steps("count", 1, lines=False) as step:
        step("one")
    assert capsys.readouterr() == ("", "")


def test_events_tell_each_step_what_is_within_it_and_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    with json_lines(), steps("count", 2) as step:
        step("one")
        for share in (0.001, 0.5, 0.501, 1.2):
            step.within(share)
        step("two")
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(event["label"], event["done"]) for event in events] == [
        ("one", 0), ("one", 0.5), ("one", 1.0), ("two", 1), ("", 2),
    ]  # fmt: skip
    assert {(event["event"], event["what"], event["total"]) for event in events} == {("progress", "count", 2)}


def test_an_error_goes_through_and_the_end_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        with json_lines(), steps("count", 2) as step:
            step("one")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_bar_on_a_terminal_is_gone_at_the_end_and_results_stay_out_of_it(terminal: Any, tmp_path: Path) -> None:
    results = tmp_path / "results.txt"
    with results.open("w") as file:
        terminal_run = terminal([sys.executable, "-c", WORK], stdout=file)
    assert results.read_text() == "result one\nresult two\nresult [three]\n"
    # a picture may be erased in the same breath as it is drawn
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal_run.raw)
    assert "count: [three]" in text
    assert "3/3" in text
    assert "result" not in terminal_run.text
    assert terminal_run.screen == []
    assert terminal_run.cursor_is_shown


def test_what_is_printed_appears_above_the_bar(terminal: Any) -> None:
    terminal_run = terminal([sys.executable, "-c", WORK])
    assert terminal_run.screen == ["result one", "result two", "result [three]"]


def test_a_terminal_that_cannot_be_drawn_on_gets_lines(terminal: Any) -> None:
    terminal_run = terminal([sys.executable, "-c", WORK], env={"TERM": "dumb"})
    assert "\x1b" not in terminal_run.raw
    assert terminal_run.screen[0] == "[1/3] count: one"


def test_errors_leave_the_terminal_as_it_was(terminal: Any) -> None:
    terminal_run = terminal([sys.executable, "-c", WORK + "    raise SystemExit(3)"])
    assert terminal_run.returncode == 3
    assert terminal_run.cursor_is_shown
