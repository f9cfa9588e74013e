"""Output streams: everything that is written with `--json` can be parsed."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from mobench.cli.app import App
from mobench.cli.main import app as whole
from mobench.output.printing import JsonLines, complain, events, is_quiet, json_lines, say, warn
from mobench.output.result_lines import TrialLine


@given(st.lists(st.text()))
def test_whatever_is_printed_becomes_lines_of_json(pieces: list[str]) -> None:
    buffer = io.StringIO()
    stream = JsonLines(buffer)
    for piece in pieces:
        stream.write(piece)
    stream.finish()
    objects = [json.loads(line) for line in buffer.getvalue().split("\n")[:-1]]
    expected = [line.rstrip() for line in "".join(pieces).split("\n") if line.strip()]
    assert objects == [{"event": "line", "text": text} for text in expected]


@given(
    st.recursive(st.floats() | st.text() | st.integers() | st.none(), lambda inner: st.lists(inner) | st.tuples(inner))
)
def test_numbers_that_json_lacks_are_null(value: object) -> None:
    buffer = io.StringIO()
    JsonLines(buffer).emit(TrialLine("s", 0, "complete", None, {"value": value}))
    json.loads(buffer.getvalue(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_a_command_has_both_options_and_does_not_see_them() -> None:
    app = App()
    calls: list[tuple[str, bool, bool]] = []

    @app.command()
    def command(word: str = "x") -> None:
        calls.append((word, is_quiet(), events() is not None))
        say(f"said {word}")

    run = CliRunner().invoke
    assert run(app, []).stdout == "said x\n"
    assert run(app, ["--quiet", "--word", "y"]).stdout == "said y\n"
    assert json.loads(run(app, ["--json"]).stdout) == {"event": "line", "text": "said x"}
    assert calls == [("x", False, False), ("y", True, False), ("x", False, True)]
    assert not is_quiet()
    assert events() is None


def test_every_command_takes_both_options() -> None:
    def commands(group: object) -> list[object]:
        inner = getattr(group, "commands", None)
        return [group] if inner is None else [c for subcommand in inner.values() for c in commands(subcommand)]

    all_commands = commands(typer.main.get_command(whole))
    assert len(all_commands) > 10
    for command in all_commands:
        options = {option for parameter in command.params for option in parameter.opts}  # type: ignore[attr-defined]
        assert {"--quiet", "-q", "--json"} <= options, command


def test_warnings_and_errors_are_on_standard_error_and_among_the_events(capsys: pytest.CaptureFixture[str]) -> None:
    with json_lines():
        warn("one\ntwo")
        complain("three\nfour")
    out, err = capsys.readouterr()
    assert err == "warning: one\ntwo\nerror: three four\n"
    assert [json.loads(line) for line in out.splitlines()] == [
        {"event": "warning", "message": "one\ntwo"},
        {"event": "error", "message": "three four"},
    ]


def test_what_other_code_writes_to_the_descriptor_goes_to_standard_error() -> None:
    script = (
        "import os\nfrom mobench.output.printing import json_lines\n"
        "with json_lines():\n    os.write(1, b'loud\\n'); print('text', end='')\n"
        "print('after')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == "loud\n"
    assert done.stdout == '{"event": "line", "text": "text"}\nafter\n'


def test_a_reader_that_goes_away_ends_no_work() -> None:
    read, write = os.pipe()
    os.close(read)
    script = (
        "import sys\nfrom mobench.output.printing import json_lines\n"
        "with json_lines():\n    print('a')\n    print('b')\nprint('worked', file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "worked\n")
